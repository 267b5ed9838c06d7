//! The one thread that writes. It turns waiting jobs into transactions: whatever is queued
//! shares one, and everybody is answered after it has landed. Between jobs it sweeps what
//! was purged, and while nothing can be written it tries once a second.
//!
//! What the jobs do is theirs (`commit`, `labelers`, …); this knows only whether they may
//! keep what they did, and whether there is room for them.

use crate::convert::{count, event_id, signed};
use crate::desk::{Desk, Job, Ledger, Reply};
use crate::index::{self, Keeper, Salt};
use crate::room::Room;
use crate::{Head, StoreError, probe, sweep};
use rusqlite::{Connection, DropBehavior, Transaction, TransactionBehavior, params};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// About how many rows share a transaction. More gains nothing (2.6 us a row at 1000,
/// 3.5 at 100), and everybody in it waits for the last one.
const TOGETHER: usize = 1000;

/// Labels for which a piece of work on the index is done. One piece puts some twelve thousand
/// entries in order, and each label is put in order some ten times in all.
const INDEXED: u64 = 800;

/// How often a write is tried while none lands.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What the writer lets others see.
#[derive(Debug)]
pub(crate) struct Signs {
    pub(crate) head: watch::Sender<Head>,
    pub(crate) roster: watch::Sender<u64>,
    /// Whether what becomes of labels is recorded.
    pub(crate) states: watch::Sender<bool>,
    /// Whether the last write landed and there is room for more.
    pub(crate) accepts: watch::Sender<bool>,
    /// Why not, if not.
    pub(crate) refusal: watch::Sender<Option<StoreError>>,
}

/// The connection that writes, and what goes with it.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) db: Connection,
    ledger: Ledger,
    keep_rejected: u64,
    salt: Salt,
    keeper: Keeper,
    signs: Signs,
    room: Room,
    /// Why the last write did not land, if it did not.
    failure: Option<StoreError>,
    /// When a write last failed.
    failed_at: Instant,
    /// Labels added since the index was last worked on.
    unindexed: u64,
}

impl Writer {
    /// Takes over an opened database.
    pub(crate) fn prepare(
        db: Connection,
        keep_rejected: u64,
        signs: Signs,
        room: Room,
    ) -> rusqlite::Result<Self> {
        let ledger = db.query_row(
            "SELECT last_id, added,
                     sweep_next IS NOT NULL OR EXISTS (SELECT 1 FROM contents),
                     states_next IS NOT NULL FROM meta",
            [],
            |row| {
                Ok(Ledger {
                    last: event_id(row, 0)?,
                    added: count(row, 1)?,
                    roster: 0,
                    states: row.get(3)?,
                    sweeping: row.get(2)?,
                    recent: 0,
                    indexing: false,
                })
            },
        )?;
        let recent = index::count(&db)?;
        let ledger = Ledger { recent, indexing: index::has_work(&db)?, ..ledger };
        let salt = index::salt(&db)?;
        signs.head.send_replace(Head { last: ledger.last, added: ledger.added });
        signs.states.send_replace(ledger.states);
        let (failure, failed_at) = (None, Instant::now());
        let keeper = Keeper::default();
        let mut writer = Self {
            db,
            ledger,
            keep_rejected,
            salt,
            keeper,
            signs,
            room,
            failure,
            failed_at,
            unindexed: 0,
        };
        writer.look_for_room();
        Ok(writer)
    }

    /// Runs until every handle is dropped and the queue is empty, or until the database can
    /// no longer be trusted.
    pub(crate) async fn run(&mut self, inbox: &mut mpsc::Receiver<Job>) -> Result<(), StoreError> {
        let mut jobs = VecDeque::new();
        while self.gather(inbox, &mut jobs).await {
            self.look_for_room();
            self.turn_away(&mut jobs);
            if !jobs.is_empty() {
                self.serve(&mut jobs)?;
            }
            self.tidy()?;
        }
        Ok(())
    }

    /// Takes what is queued; waits for it if there is nothing better to do. False at the end.
    async fn gather(&self, inbox: &mut mpsc::Receiver<Job>, jobs: &mut VecDeque<Job>) -> bool {
        let first = match self.patience() {
            None => inbox.recv().await,
            Some(limit) => match tokio::time::timeout(limit, inbox.recv()).await {
                Ok(first) => first,
                Err(_nothing_came) => return true,
            },
        };
        let Some(first) = first else { return false };
        let mut weight = first.weight;
        jobs.push_back(first);
        while weight < TOGETHER
            && let Ok(job) = inbox.try_recv()
        {
            weight += job.weight;
            jobs.push_back(job);
        }
        let waiting = u32::try_from(inbox.len()).unwrap_or(u32::MAX);
        metrics::gauge!("labeltap_store_queue_jobs").set(waiting);
        true
    }

    /// How long to wait for a job; `None` is for as long as it takes.
    fn patience(&self) -> Option<Duration> {
        if self.failure.is_some() {
            Some(PROBE_EVERY.saturating_sub(self.failed_at.elapsed()))
        } else if self.ledger.sweeping || self.indexes() {
            Some(Duration::ZERO)
        } else {
            self.room.patience(Instant::now())
        }
    }

    /// Finds out how much room there is, now and then.
    fn look_for_room(&mut self) {
        let now = Instant::now();
        if !self.room.is_due(now) {
            return;
        }
        match free_inside(&self.db) {
            Ok(inside) => self.room.look(now, inside),
            // What waits will meet the same error and say so.
            Err(error) => tracing::debug!(%error, "free pages are not counted"),
        }
        self.tell();
    }

    /// Refuses what there is no room for.
    fn turn_away(&self, jobs: &mut VecDeque<Job>) {
        let Some(error) = self.room.refusal() else { return };
        let (refused, kept): (VecDeque<Job>, _) = jobs.drain(..).partition(|job| job.grows);
        *jobs = kept;
        for job in refused {
            job.refuse(error.clone());
        }
    }

    /// Lets others see whether writes are accepted.
    fn tell(&self) {
        let refusal = self.failure.clone().or_else(|| self.room.refusal());
        let accepts = refusal.is_none();
        self.signs.refusal.send_replace(refusal);
        self.signs.accepts.send_if_modified(|seen| std::mem::replace(seen, accepts) != accepts);
    }

    /// What is to be done between jobs, in short pieces.
    fn tidy(&mut self) -> Result<(), StoreError> {
        if self.failure.is_some() {
            if self.failed_at.elapsed() < PROBE_EVERY {
                return Ok(());
            }
            self.alone(probe::fill)?;
            if self.failure.is_none() {
                self.alone(probe::clear)?;
            }
            return Ok(());
        }
        if self.ledger.sweeping {
            self.alone(sweep::stretch)?;
        }
        self.index()
    }

    /// Whether the index is worked on. Merging takes room before it gives some back.
    fn indexes(&self) -> bool {
        self.ledger.indexing && self.room.refusal().is_none()
    }

    /// Works on the index, the more the more was written, so that it keeps up.
    fn index(&mut self) -> Result<(), StoreError> {
        let mut pieces = 1 + self.unindexed / INDEXED;
        self.unindexed %= INDEXED;
        while pieces > 0 && self.indexes() && self.failure.is_none() {
            pieces -= 1;
            let mut keeper = std::mem::take(&mut self.keeper);
            let done = self.alone(move |desk| keeper.piece(desk).map(|()| keeper))?;
            // Else its transaction did not land, and a new one begins.
            self.keeper = done.unwrap_or_default();
        }
        Ok(())
    }

    /// Does a job of the writer's own. One that cannot be done, though the disk is willing,
    /// would be tried for ever: the database is not what we think it is. `None`: it did not land.
    fn alone<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let (answer, mut heard) = oneshot::channel();
        self.serve(&mut VecDeque::from([Job::new(1, work, answer)]))?;
        match heard.try_recv() {
            Ok(Err(error @ StoreError::Broken(_))) => Err(error),
            Ok(Ok(done)) => Ok(Some(done)),
            _ => Ok(None),
        }
    }

    /// Does the jobs in one transaction and answers only after it has landed. An error is
    /// one after which the writer must not go on.
    fn serve(&mut self, jobs: &mut VecDeque<Job>) -> Result<(), StoreError> {
        let started = Instant::now();
        let mut replies = Vec::with_capacity(jobs.len());
        let landed = self.land(jobs, &mut replies);
        let outcome = match landed {
            Ok((ledger, rows)) => {
                self.landed(ledger, rows, started);
                Ok(())
            }
            Err(error) => {
                self.failed(&error);
                Err(error)
            }
        };
        for reply in replies {
            reply(outcome.clone());
        }
        for unreached in jobs.drain(..) {
            unreached.refuse(outcome.clone().err().unwrap_or(StoreError::Closed));
        }
        match outcome {
            Err(StoreError::Busy(_)) => Ok(()),
            outcome => outcome,
        }
    }

    /// The transaction. Answers the new ledger and how many rows were written.
    fn land(
        &mut self,
        jobs: &mut VecDeque<Job>,
        replies: &mut Vec<Reply>,
    ) -> Result<(Ledger, u64), StoreError> {
        let (mut ledger, mut rows) = (self.ledger, 0);
        // IMMEDIATE: whoever else holds the lock is met here, before any work is done.
        let mut shared = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        while !jobs.is_empty() {
            let before = shared.total_changes();
            // A job that fails half way takes back only its own writes.
            let mut own = shared.savepoint()?;
            own.set_drop_behavior(DropBehavior::Rollback);
            let Some(job) = jobs.pop_front() else { break };
            let mut desk =
                Desk { db: &own, ledger, keep_rejected: self.keep_rejected, salt: self.salt };
            let done = job.perform(&mut desk);
            let after = desk.ledger;
            replies.push(done.reply);
            match done.failure {
                None => {
                    own.commit()?;
                    ledger = after;
                    rows += shared.total_changes() - before;
                }
                // SQLite takes back the whole transaction by itself after some errors.
                Some(error) if error.spoils_the_transaction() || own.is_autocommit() => {
                    return Err(error);
                }
                Some(_) => own.finish()?,
            }
        }
        keep(&shared, &self.ledger, &ledger)?;
        shared.commit()?;
        Ok((ledger, rows))
    }

    fn landed(&mut self, ledger: Ledger, rows: u64, started: Instant) {
        self.unindexed += ledger.added - self.ledger.added;
        self.ledger = ledger;
        let head = Head { last: ledger.last, added: ledger.added };
        self.signs.head.send_if_modified(|seen| std::mem::replace(seen, head) != head);
        let roster = ledger.roster;
        self.signs.roster.send_if_modified(|seen| std::mem::replace(seen, roster) != roster);
        let states = ledger.states;
        self.signs.states.send_if_modified(|seen| std::mem::replace(seen, states) != states);
        // A transaction that wrote nothing does not show that the disk takes anything.
        if rows > 0 {
            metrics::counter!("labeltap_store_commits_total").increment(1);
            metrics::counter!("labeltap_store_rows_total").increment(rows);
            metrics::histogram!("labeltap_store_commit_seconds").record(started.elapsed());
            if self.failure.take().is_some() {
                tracing::info!("writes land again");
                self.tell();
            }
        }
    }

    fn failed(&mut self, error: &StoreError) {
        self.failed_at = Instant::now();
        metrics::counter!("labeltap_store_failed_commits_total").increment(1);
        if self.failure.replace(error.clone()).is_none() {
            tracing::warn!(%error, "the store does not accept writes");
        }
        self.tell();
    }
}

/// Bytes of pages inside the file that hold nothing.
fn free_inside(db: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma| db.pragma_query_value(None, pragma, |row| count(row, 0));
    Ok(number("freelist_count")? * number("page_size")?)
}

/// Writes down where the log ends, in the transaction that moved it.
fn keep(db: &Transaction<'_>, before: &Ledger, after: &Ledger) -> rusqlite::Result<()> {
    if (before.last, before.added) != (after.last, after.added) {
        let mut update = db.prepare_cached("UPDATE meta SET last_id = ?1, added = ?2")?;
        update.execute(params![after.last.get(), signed(after.added)])?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
