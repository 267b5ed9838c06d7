//! Where labels become durable, and the only crate that knows SQL.
//!
//! # The one transaction
//!
//! [`Store::commit`] writes the labels of a batch and the labeler's new cursor, all or
//! nothing. Its answer means "on disk". So after a crash the cursor is never ahead of the
//! labels, and a frame that is read twice is stored once.
//!
//! The log of labels is the event log: delivery reads it by id ([`Store::events_after`]),
//! and a consumer is a position in it and the acks ahead of that position.

mod error;
mod model;

pub use error::{OpenError, Remedy, StoreError};
pub use model::{
    Batch, Committed, ConsumerRow, Counts, Entry, Head, LabelerRow, Noted, Rejected, RejectedRow,
    Source,
};

use label::{Did, EventId, LabelEvent, Millis};
use std::path::Path;
use tokio::sync::watch;

/// A handle on the database. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens or creates the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// See [`OpenError`]; in each case the file is as it was before.
    pub fn open(_path: &Path) -> Result<Self, OpenError> {
        todo!()
    }

    /// Finishes what is queued, folds the write-ahead log into the file, and closes.
    pub async fn close(&self) {
        todo!()
    }

    /// Returns when the writer has ended, and why: because of [`Store::close`], or because
    /// the database can no longer be trusted.
    pub async fn ended(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Whether the last write landed. Tried anew every second while it did not.
    pub fn accepts_writes(&self) -> bool {
        todo!()
    }

    /// Tracks these labelers and answers those that were not tracked before. A labeler
    /// that was removed is taken up again only when `source` is the operator's word
    /// ([`Source::Api`]); its cursor is where it was. Known ones gain the source.
    pub async fn add_labelers(
        &self,
        _dids: Vec<Did>,
        _source: Source,
        _now: Millis,
    ) -> Result<Vec<Did>, StoreError> {
        todo!()
    }

    /// Stops tracking. From the moment this answers, no commit for them succeeds. With
    /// `purge` their labels and cursors are forgotten too (swept in the background).
    pub async fn remove_labelers(&self, _dids: Vec<Did>, _purge: bool) -> Result<(), StoreError> {
        todo!()
    }

    /// Stores one labeler's labels and moves its cursor, in one transaction.
    pub async fn commit(&self, _batch: Batch) -> Result<Committed, StoreError> {
        todo!()
    }

    /// From here on what this labeler sends is live.
    pub async fn caught_up(&self, _did: Did) -> Result<(), StoreError> {
        todo!()
    }

    /// Remembers what the DID document says.
    pub async fn note(&self, _did: Did, _noted: Noted) -> Result<(), StoreError> {
        todo!()
    }

    /// One labeler, tracked or removed.
    pub async fn labeler(&self, _did: Did) -> Result<Option<LabelerRow>, StoreError> {
        todo!()
    }

    /// Every tracked labeler, ordered by DID.
    pub async fn labelers(&self) -> Result<Vec<LabelerRow>, StoreError> {
        todo!()
    }

    /// Changes whenever the set of tracked labelers does.
    pub fn roster(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Where the log ends. Changes after each transaction that added to it.
    pub fn head(&self) -> watch::Receiver<Head> {
        todo!()
    }

    /// Up to `limit` events above `after`, in order. Fewer only at the end of the log.
    pub async fn events_after(
        &self,
        _after: EventId,
        _limit: usize,
    ) -> Result<Vec<LabelEvent>, StoreError> {
        todo!()
    }

    /// These events, in order of id; those that are no more are left out.
    pub async fn events(&self, _ids: Vec<EventId>) -> Result<Vec<LabelEvent>, StoreError> {
        todo!()
    }

    /// How many label events are above `after`.
    pub async fn count_after(&self, _after: EventId) -> Result<u64, StoreError> {
        todo!()
    }

    /// Rejected labels of one labeler, newest first, below `before` (all when `None`).
    pub async fn rejected(
        &self,
        _did: Did,
        _before: Option<EventId>,
        _limit: usize,
    ) -> Result<Vec<RejectedRow>, StoreError> {
        todo!()
    }

    /// Numbers for the stats routes; costs the same however much is stored.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        todo!()
    }

    /// A consumer's position; a new one is created at the beginning.
    pub async fn consumer(&self, _name: String) -> Result<ConsumerRow, StoreError> {
        todo!()
    }

    /// Every consumer, ordered by name.
    pub async fn consumers(&self) -> Result<Vec<ConsumerRow>, StoreError> {
        todo!()
    }

    /// Keeps a consumer's position and acks.
    pub async fn save_consumer(&self, _row: ConsumerRow) -> Result<(), StoreError> {
        todo!()
    }
}
