//! Who reads the log, and what was set aside for them.

use super::Store;
use crate::{ConsumerRow, DeadRow, StoreError, consumers, dead, ranges};
use label::{EventId, Millis};
use std::ops::RangeInclusive;

impl Store {
    /// A consumer; a new one is created and begins at the beginning.
    ///
    /// # Errors
    /// The general ones.
    pub async fn consumer(&self, name: String) -> Result<ConsumerRow, StoreError> {
        if let Some(known) = self.find_consumer(name.clone()).await? {
            return Ok(known);
        }
        self.write(1, move |desk| consumers::ensure(desk, &name)).await
    }

    /// A consumer, if it is known.
    ///
    /// # Errors
    /// The general ones.
    pub async fn find_consumer(&self, name: String) -> Result<Option<ConsumerRow>, StoreError> {
        self.read(move |db| consumers::one(db, &name)).await
    }

    /// Every consumer, ordered by name.
    ///
    /// # Errors
    /// The general ones.
    pub async fn consumers(&self) -> Result<Vec<ConsumerRow>, StoreError> {
        self.read(|db| consumers::all(db)).await
    }

    /// Keeps a consumer's position and acks. One that was removed meanwhile stays so.
    ///
    /// # Errors
    /// The general ones.
    pub async fn save_progress(
        &self,
        name: String,
        position: EventId,
        ahead: Vec<RangeInclusive<i64>>,
    ) -> Result<(), StoreError> {
        // Here and not by the writer, for whom everybody waits.
        let ahead = ranges::encode(position.get(), &ahead);
        self.write(1, move |desk| consumers::save_progress(desk, &name, position, &ahead)).await
    }

    /// Which event types besides labels somebody has ever asked of this consumer for, comma
    /// separated. What becomes of labels is recorded while one of them asks for `label-state`.
    ///
    /// # Errors
    /// The general ones.
    pub async fn consumer_types(&self, name: String) -> Result<String, StoreError> {
        self.read(move |db| consumers::types(db, &name)).await
    }

    /// Keeps them. They only grow: a list that is no longer than the one that is kept is not.
    ///
    /// # Errors
    /// The general ones.
    pub async fn set_consumer_types(&self, name: String, types: String) -> Result<(), StoreError> {
        self.write(1, move |desk| consumers::set_types(desk, &name, &types)).await
    }

    /// Keeps everything about a consumer, known or new. When it begins anew, somewhere else than
    /// where it was, it asks for these `types` besides labels from then on, and its dead letters
    /// above that are forgotten: they are owed again.
    ///
    /// # Errors
    /// The general ones.
    pub async fn set_consumer(
        &self,
        row: ConsumerRow,
        types: Option<String>,
    ) -> Result<(), StoreError> {
        let ahead = ranges::encode(row.position.get(), &row.ahead);
        self.write(1, move |desk| consumers::set(desk, &row, &ahead, types.as_deref())).await
    }

    /// Forgets a consumer and what was set aside for it. False if it was not known.
    ///
    /// # Errors
    /// The general ones.
    pub async fn remove_consumer(&self, name: String) -> Result<bool, StoreError> {
        self.write(1, move |desk| consumers::remove(desk, &name)).await
    }

    /// Sets events aside for a consumer. Where one is already, what is said now counts; a
    /// consumer that was removed meanwhile gets none. The acks are another matter: see
    /// [`Store::save_progress`].
    ///
    /// # Errors
    /// The general ones.
    pub async fn set_aside(
        &self,
        name: String,
        rows: Vec<DeadRow>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(rows.len(), move |desk| dead::set_aside(desk, &name, &rows, now)).await
    }

    /// Up to `limit` events that are set aside for a consumer, above `after`, ascending.
    ///
    /// # Errors
    /// The general ones.
    pub async fn dead(
        &self,
        name: String,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<DeadRow>, StoreError> {
        let after = after.unwrap_or(EventId::START);
        self.read(move |db| dead::page(db, &name, after, limit)).await
    }

    /// Which of these events are set aside for a consumer, ascending.
    ///
    /// # Errors
    /// The general ones.
    pub async fn dead_among(
        &self,
        name: String,
        ids: Vec<EventId>,
    ) -> Result<Vec<EventId>, StoreError> {
        self.read(move |db| dead::among(db, &name, ids)).await
    }

    /// Events that were set aside are no more, and the position and acks that owe them again
    /// are kept: both or neither.
    ///
    /// # Errors
    /// The general ones.
    pub async fn retry_dead(
        &self,
        name: String,
        position: EventId,
        ahead: Vec<RangeInclusive<i64>>,
        ids: Vec<EventId>,
    ) -> Result<(), StoreError> {
        let ahead = ranges::encode(position.get(), &ahead);
        self.write(ids.len(), move |desk| dead::retry(desk, &name, position, &ahead, &ids)).await
    }
}
