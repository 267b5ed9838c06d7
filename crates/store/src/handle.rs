//! The handle everybody holds: each method puts a job or a read into a queue and waits for
//! the answer.

use crate::desk::{Desk, Job};
use crate::engine::{self, Engine};
use crate::{
    Batch, Committed, ConsumerRow, Counts, Head, LabelerRow, Noted, OpenError, RejectedRow, Source,
    StoreError, commit, consumers, labelers, log, rejected,
};
use label::{Did, EventId, LabelEvent, Millis};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// How many rejected labels of each labeler are kept (contract section 8).
const KEEP_REJECTED: u64 = 10_000;

/// A handle on the database. Cloning it is cheap. When the last one is dropped, what is
/// queued is still finished and the database closed; that drop waits for it.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Arc<Engine>,
}

impl Store {
    /// Opens or creates the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// See [`OpenError`]; in each case the file is as it was before.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { engine: Arc::new(engine::start(path, KEEP_REJECTED)?) })
    }

    /// Finishes what is queued, folds the write-ahead log into the file, and closes.
    pub async fn close(&self) {
        self.engine.stop_taking();
        let _how_it_ended = self.ended().await;
    }

    /// Returns when the writer has ended, and why: because of [`Store::close`], or because
    /// the database can no longer be trusted.
    ///
    /// # Errors
    /// [`StoreError::Broken`] in the latter case.
    pub async fn ended(&self) -> Result<(), StoreError> {
        self.engine.ended().await
    }

    /// Whether the last write landed. Tried anew every second while it did not.
    #[must_use]
    pub fn accepts_writes(&self) -> bool {
        self.engine.accepts_writes()
    }

    /// Tracks these labelers and answers those that were not tracked before. A labeler
    /// that was removed is taken up again only when `source` is the operator's word
    /// ([`Source::Api`]); its cursor is where it was. Known ones gain the source.
    ///
    /// # Errors
    /// Any but `Moved` and `NotTracked`; then none was added.
    pub async fn add_labelers(
        &self,
        dids: Vec<Did>,
        source: Source,
        now: Millis,
    ) -> Result<Vec<Did>, StoreError> {
        self.write(dids.len(), move |desk| labelers::add(desk, &dids, source, now)).await
    }

    /// Stops tracking. From the moment this answers, no commit for them succeeds. With
    /// `purge` their labels and cursors are forgotten too (swept in the background).
    ///
    /// # Errors
    /// Any but `Moved` and `NotTracked`: unknown ones are left alone.
    pub async fn remove_labelers(&self, dids: Vec<Did>, purge: bool) -> Result<(), StoreError> {
        self.write(dids.len(), move |desk| labelers::remove(desk, &dids, purge)).await
    }

    /// Stores one labeler's labels and moves its cursor, in one transaction.
    ///
    /// # Errors
    /// `Moved` when the labeler's cursor is not where the batch begins, `NotTracked` when
    /// it was removed, and the general ones. Nothing was written then.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.write(batch.entries.len(), move |desk| commit::commit(desk, &batch)).await
    }

    /// From here on what this labeler sends is live.
    ///
    /// # Errors
    /// `NotTracked`, and the general ones.
    pub async fn caught_up(&self, did: Did) -> Result<(), StoreError> {
        self.write(1, move |desk| labelers::caught_up(desk, &did)).await
    }

    /// Remembers what the DID document says.
    ///
    /// # Errors
    /// `NotTracked`, and the general ones.
    pub async fn note(&self, did: Did, noted: Noted) -> Result<(), StoreError> {
        self.write(1, move |desk| labelers::note(desk, &did, &noted)).await
    }

    /// One labeler, tracked or removed.
    ///
    /// # Errors
    /// The general ones.
    pub async fn labeler(&self, did: Did) -> Result<Option<LabelerRow>, StoreError> {
        self.read(move |db| labelers::one(db, &did)).await
    }

    /// Every tracked labeler, ordered by DID.
    ///
    /// # Errors
    /// The general ones.
    pub async fn labelers(&self) -> Result<Vec<LabelerRow>, StoreError> {
        self.read(|db| labelers::tracked(db)).await
    }

    /// Changes whenever the set of tracked labelers does.
    #[must_use]
    pub fn roster(&self) -> watch::Receiver<u64> {
        self.engine.roster()
    }

    /// Where the log ends. Changes after each transaction that added to it.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Head> {
        self.engine.head()
    }

    /// Up to `limit` events above `after`, in order. Fewer at the end of the log, and also
    /// when they are large: they stop soon after 1 MiB. None only at the end of the log
    /// (or when `limit` is 0).
    ///
    /// # Errors
    /// The general ones.
    pub async fn events_after(
        &self,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<LabelEvent>, StoreError> {
        let mut events = Vec::new();
        let (mut from, mut room) = (Some(after), log::LARGE);
        while let Some(after) = from
            && events.len() < limit
            && room > 0
        {
            let wanted = limit - events.len();
            let page = self.read(move |db| log::page_after(db, after, wanted, room)).await?;
            events.extend(page.events);
            from = page.more_after;
            room = room.saturating_sub(page.weight);
        }
        Ok(events)
    }

    /// These events, in order of id; those that are no more are left out.
    ///
    /// When they are large they stop soon after 1 MiB. So what was asked for above the last
    /// one answered may be there all the same, and has to be asked for again. When the
    /// answer is empty, none of them is.
    ///
    /// # Errors
    /// The general ones.
    pub async fn events(&self, ids: Vec<EventId>) -> Result<Vec<LabelEvent>, StoreError> {
        self.read(move |db| log::some(db, ids)).await
    }

    /// How many label events are above `after`. Costs a look at each of them, in short
    /// reads, unless it is from the beginning.
    ///
    /// # Errors
    /// The general ones.
    pub async fn count_after(&self, after: EventId) -> Result<u64, StoreError> {
        let mut total = 0;
        let mut from = Some(after);
        while let Some(after) = from {
            let (found, more) = self.read(move |db| log::count_some(db, after)).await?;
            total += found;
            from = more;
        }
        Ok(total)
    }

    /// Rejected labels of one labeler, newest first, below `before` (all when `None`).
    ///
    /// # Errors
    /// The general ones.
    pub async fn rejected(
        &self,
        did: Did,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<RejectedRow>, StoreError> {
        self.read(move |db| rejected::of(db, &did, before, limit)).await
    }

    /// Numbers for the stats routes; costs the same however much is stored.
    ///
    /// # Errors
    /// The general ones.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.read(|db| labelers::counts(db)).await
    }

    /// A consumer's position; a new one is created at the beginning.
    ///
    /// # Errors
    /// The general ones.
    pub async fn consumer(&self, name: String) -> Result<ConsumerRow, StoreError> {
        let asked = name.clone();
        if let Some(known) = self.read(move |db| consumers::one(db, &asked)).await? {
            return Ok(known);
        }
        self.write(1, move |desk| consumers::ensure(desk, &name)).await
    }

    /// Every consumer, ordered by name.
    ///
    /// # Errors
    /// The general ones.
    pub async fn consumers(&self) -> Result<Vec<ConsumerRow>, StoreError> {
        self.read(|db| consumers::all(db)).await
    }

    /// Keeps a consumer's position and acks.
    ///
    /// # Errors
    /// The general ones.
    pub async fn save_consumer(&self, row: ConsumerRow) -> Result<(), StoreError> {
        self.write(1, move |desk| consumers::save(desk, &row)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, heard) = oneshot::channel();
        let jobs = self.engine.jobs()?;
        if jobs.send(Job::new(weight, work, answer)).await.is_err() {
            return Err(self.engine.why_ended());
        }
        drop(jobs);
        heard.await.unwrap_or_else(|_| Err(self.engine.why_ended()))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, heard) = oneshot::channel();
        let reads = self.engine.reads()?;
        let read = move |db: &mut Connection| {
            let _caller_may_be_gone = answer.send(work(db));
        };
        if reads.send(Box::new(read)).await.is_err() {
            return Err(self.engine.why_ended());
        }
        drop(reads);
        heard.await.unwrap_or_else(|_| Err(self.engine.why_ended()))
    }
}
