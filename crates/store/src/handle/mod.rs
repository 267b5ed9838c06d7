//! The handle everybody holds: each method puts a job or a read into a queue and waits for
//! the answer. What concerns the log and its readers has files of its own.

mod consumers;
mod discovery;
mod index;
mod lives;
mod log;
mod retire;
mod states;

use crate::desk::{Desk, Job};
use crate::engine::{self, Engine};
use crate::readers::Read;
use crate::room::{Disk, Limits};
use crate::{
    Archive, Batch, Committed, Counts, Head, LabelerRow, Noted, OpenError, RejectedRow, Source,
    StoreError, commit, happenings, labelers, rejected, verdicts,
};
use label::{Change, Did, EventId, LabelerEvent, Millis, Verdict};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

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
        Self::open_with(path, Limits::default())
    }

    /// The same, within limits.
    ///
    /// # Errors
    /// See [`OpenError`]; in each case the file is as it was before.
    pub fn open_with(path: &Path, limits: Limits) -> Result<Self, OpenError> {
        Ok(Self { engine: Arc::new(engine::start(path, KEEP_REJECTED, limits)?) })
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

    /// Whether the last write landed (tried anew every second while it did not) and there is
    /// room for more.
    #[must_use]
    pub fn accepts_writes(&self) -> bool {
        self.engine.accepts_writes()
    }

    /// The same, to wait for. Its sender is dropped when the store ends.
    #[must_use]
    pub fn accepting(&self) -> watch::Receiver<bool> {
        self.engine.accepting()
    }

    /// Why writes are not accepted, if they are not.
    #[must_use]
    pub fn refusal(&self) -> Option<StoreError> {
        self.engine.refusal()
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
        self.grow(dids.len(), move |desk| labelers::add(desk, &dids, source, now)).await
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
        self.grow(batch.entries.len(), move |desk| commit::commit(desk, &batch)).await
    }

    /// From here on what this labeler sends is live.
    ///
    /// # Errors
    /// `NotTracked`, and the general ones.
    pub async fn caught_up(
        &self,
        did: Did,
        state: &'static str,
        now: Millis,
    ) -> Result<Option<LabelerEvent>, StoreError> {
        self.write(1, move |desk| labelers::caught_up(desk, &did, state, now)).await
    }

    /// Remembers what the DID document says. Answers what that changed, as it was told.
    ///
    /// # Errors
    /// `NotTracked`, and the general ones.
    pub async fn note(
        &self,
        did: Did,
        noted: Noted,
        state: &'static str,
        now: Millis,
    ) -> Result<Vec<LabelerEvent>, StoreError> {
        self.write(1, move |desk| labelers::note(desk, &did, &noted, state, now)).await
    }

    /// Adds to the log that something happened to a labeler, which then was in this state.
    /// Answers it, if it is news.
    ///
    /// # Errors
    /// The general ones.
    pub async fn happened(
        &self,
        did: Did,
        change: Change,
        state: &'static str,
        now: Millis,
    ) -> Result<Option<LabelerEvent>, StoreError> {
        self.write(1, move |desk| happenings::add(desk, &did, change, state, now)).await
    }

    /// Adds to the log who is tracked and who no longer is, as far as that is not there yet.
    /// Answers what was added.
    ///
    /// # Errors
    /// The general ones.
    pub async fn announce(&self, now: Millis) -> Result<Vec<LabelerEvent>, StoreError> {
        self.write(1, move |desk| happenings::announce(desk, now)).await
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

    /// The DIDs of the tracked ones, ordered.
    ///
    /// # Errors
    /// The general ones.
    pub async fn tracked(&self) -> Result<Vec<Did>, StoreError> {
        self.read(|db| labelers::tracked_dids(db)).await
    }

    /// Every labeler that is tracked or was removed, ordered by DID.
    ///
    /// # Errors
    /// The general ones.
    pub async fn known_labelers(&self) -> Result<Vec<LabelerRow>, StoreError> {
        self.read(|db| labelers::known(db)).await
    }

    /// Changes whenever the set of tracked labelers does, or one of those removed is purged.
    #[must_use]
    pub fn roster(&self) -> watch::Receiver<u64> {
        self.engine.roster()
    }

    /// Where the log ends. Changes after each transaction that added to it.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Head> {
        self.engine.head()
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

    /// How many labels of this labeler, or of all that are tracked, were rejected, by verdict;
    /// ever. Only verdicts that were found.
    ///
    /// # Errors
    /// The general ones.
    pub async fn verdicts(&self, did: Option<Did>) -> Result<Vec<(Verdict, u64)>, StoreError> {
        self.read(move |db| verdicts::of(db, did.as_ref())).await
    }

    /// What happened to one labeler, newest first, below `before` (all when `None`).
    ///
    /// # Errors
    /// The general ones.
    pub async fn happenings(
        &self,
        did: Did,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<LabelerEvent>, StoreError> {
        self.read(move |db| happenings::of(db, &did, before, limit)).await
    }

    /// What the database takes on disk and how much more may come. Looks at the files.
    #[must_use]
    pub fn disk(&self) -> Disk {
        self.engine.disk()
    }

    /// Numbers for the stats routes; costs the same however much is stored.
    ///
    /// # Errors
    /// The general ones.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.read(|db| labelers::counts(db)).await
    }

    /// Has something written that takes room without bound: it is refused while there is none.
    async fn grow<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, heard) = oneshot::channel();
        self.send(Job::new(weight, work, answer).growing(), heard).await
    }

    /// Has something written that makes room, changes a row, or adds rows whose number has a
    /// bound (contract section 2: the limit is to stop labelers, not those who take away).
    async fn write<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, heard) = oneshot::channel();
        self.send(Job::new(weight, work, answer), heard).await
    }

    async fn send<T>(
        &self,
        job: Job,
        heard: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let jobs = self.engine.jobs()?;
        if jobs.send(job).await.is_err() {
            return Err(self.engine.why_ended());
        }
        drop(jobs);
        heard.await.unwrap_or_else(|_| Err(self.engine.why_ended()))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_by(self.engine.reads()?, work).await
    }

    /// The same for reads that may be long: they wait for one another, and nobody else does.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_by(self.engine.asks()?, work).await
    }

    /// Has somebody look at all that is stored, on a thread that does nothing else. Studies wait
    /// for one another, and nobody waits for them; when the store closes they end early.
    ///
    /// # Errors
    /// Those of the study, and the general ones.
    pub async fn study<T: Send + 'static>(
        &self,
        study: impl FnOnce(&mut Archive) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_by(self.engine.studies()?, study).await
    }

    async fn read_by<T: Send + 'static, D: 'static>(
        &self,
        reads: mpsc::Sender<Read<D>>,
        work: impl FnOnce(&mut D) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, heard) = oneshot::channel();
        let read = move |db: &mut D| {
            let _caller_may_be_gone = answer.send(work(db));
        };
        if reads.send(Box::new(read)).await.is_err() {
            return Err(self.engine.why_ended());
        }
        drop(reads);
        heard.await.unwrap_or_else(|_| Err(self.engine.why_ended()))
    }
}
