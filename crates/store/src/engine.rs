//! The threads behind the handles: started together, ended in order (readers, writer, lock),
//! and whoever holds a handle hears why they ended.

use crate::desk::Job;
use crate::index::Filters;
use crate::open::{self, Opened};
use crate::readers::{self, Read, ReadQueue};
use crate::room::{self, Disk, Limits, Room, Seen};
use crate::writer::{Signs, Writer};
use crate::{Archive, Head, OpenError, StoreError};
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, watch};

/// Jobs that may wait for the writer: one transaction's worth of small ones. When it is
/// full, callers wait, and with them the sockets they read from.
const JOBS: usize = 256;

/// Reads that may wait; there are few callers, and they wait likewise.
const READS: usize = 64;

/// The ways in; dropping them is what ends the threads.
#[derive(Debug, Clone)]
struct Queues {
    jobs: mpsc::Sender<Job>,
    reads: mpsc::Sender<Read<Connection>>,
    /// Reads that may be long, which others must not wait for.
    asks: mpsc::Sender<Read<Connection>>,
    /// Studies of all there is, one at a time.
    studies: mpsc::Sender<Read<Archive>>,
}

/// How the writer ended; `None` while it runs.
type Outcome = Option<Result<(), StoreError>>;

/// The running store.
#[derive(Debug)]
pub(crate) struct Engine {
    queues: Mutex<Option<Queues>>,
    head: watch::Receiver<Head>,
    roster: watch::Receiver<u64>,
    states: watch::Receiver<bool>,
    filters: Arc<Filters>,
    accepts: watch::Receiver<bool>,
    refusal: watch::Receiver<Option<StoreError>>,
    outcome: watch::Receiver<Outcome>,
    /// Tells a study that it is to end.
    closing: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
    path: PathBuf,
    min_free: u64,
    free: Seen,
}

/// Opens the database and starts its threads.
pub(crate) fn start(path: &Path, keep_rejected: u64, limits: Limits) -> Result<Engine, OpenError> {
    describe();
    let Opened { writer: db, readers, lock } = open::open(path)?;
    let unusable =
        |reason: String| OpenError::Unusable { path: path.display().to_string(), reason };
    let (head_told, head) = watch::channel(Head::default());
    let (roster_told, roster) = watch::channel(0);
    let (states_told, states) = watch::channel(false);
    let (ended, outcome) = watch::channel(None);
    let (accepts_told, accepts) = watch::channel(true);
    let (refusal_told, refusal) = watch::channel(None);
    let signs = Signs {
        head: head_told,
        roster: roster_told,
        states: states_told,
        accepts: accepts_told,
        refusal: refusal_told,
    };
    let path = std::path::absolute(path).map_err(|e| unusable(e.to_string()))?;
    let room = Room::new(limits, room::of_file(path.clone()));
    let (min_free, free) = (limits.min_free, room.seen());
    let writer =
        Writer::prepare(db, keep_rejected, signs, room).map_err(|e| unusable(e.to_string()))?;
    let (jobs, inbox) = mpsc::channel(JOBS);
    let (reads, asked) = mpsc::channel(READS);
    let (asks, questions) = mpsc::channel(READS);
    let (studies, studied) = mpsc::channel(READS);
    let closing = Arc::new(AtomicBool::new(false));
    let mut connections = readers;
    let patient = connections.pop().into_iter().collect();
    let archive = |db| Archive::of(db, closing.clone());
    let studious = connections.pop().into_iter().map(archive).collect();
    let failed = |error: std::io::Error| unusable(error.to_string());
    let mut readers = start_readers(connections, asked, &lock).map_err(failed)?;
    readers.extend(start_readers(patient, questions, &lock).map_err(failed)?);
    readers.extend(start_readers(studious, studied, &lock).map_err(failed)?);
    let life = Life { writer, inbox, readers, ended, lock };
    let writer = std::thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || life.live())
        .map_err(|e| unusable(e.to_string()))?;
    let queues = Mutex::new(Some(Queues { jobs, reads, asks, studies }));
    let (writer, filters) = (Some(writer), Arc::default());
    Ok(Engine {
        queues,
        head,
        roster,
        states,
        filters,
        accepts,
        refusal,
        outcome,
        closing,
        writer,
        path,
        min_free,
        free,
    })
}

fn describe() {
    metrics::describe_counter!("labeltap_store_commits_total", "transactions on disk");
    metrics::describe_counter!("labeltap_store_failed_commits_total", "transactions that failed");
    metrics::describe_counter!("labeltap_store_rows_total", "rows written");
    metrics::describe_histogram!(
        "labeltap_store_commit_seconds",
        metrics::Unit::Seconds,
        "from the first job of a transaction until it is on disk"
    );
    metrics::describe_gauge!("labeltap_store_queue_jobs", "jobs left waiting for the writer");
    metrics::describe_counter!(
        "labeltap_store_retired_total",
        "labels taken away since they no longer applied"
    );
    metrics::describe_gauge!(
        "labeltap_store_free_bytes",
        metrics::Unit::Bytes,
        "room for more: free where the database is, and inside its file"
    );
    metrics::describe_gauge!("labeltap_index_runs", "sorted runs of the index");
    metrics::describe_counter!("labeltap_index_merges_total", "times two of them became one");
    // Shown from the beginning: what appears with its first count has not grown.
    metrics::counter!("labeltap_store_failed_commits_total").increment(0);
}

fn start_readers<T: Send + 'static>(
    connections: Vec<T>,
    asked: mpsc::Receiver<Read<T>>,
    lock: &Arc<File>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let queue: ReadQueue<T> = Arc::new(Mutex::new(asked));
    let start = |db: T| {
        let (queue, lock) = (queue.clone(), lock.clone());
        std::thread::Builder::new().name("store-reader".into()).spawn(move || {
            readers::serve(db, &queue);
            drop(lock); // after the connection, which `serve` has closed
        })
    };
    connections.into_iter().map(start).collect()
}

/// What the writer's thread owns.
struct Life {
    writer: Writer,
    inbox: mpsc::Receiver<Job>,
    readers: Vec<JoinHandle<()>>,
    ended: watch::Sender<Outcome>,
    lock: Arc<File>,
}

impl Life {
    fn live(self) {
        let Self { mut writer, mut inbox, readers, ended, lock } = self;
        let outcome = work(&mut writer, &mut inbox);
        if let Err(error) = &outcome {
            tracing::error!(%error, "the store has stopped");
            // Told before the inbox goes, so that whoever waits in it hears the reason.
            ended.send_replace(Some(outcome.clone()));
        }
        drop(inbox);
        // The writer's connection is the last to close: it is the one that can fold the
        // write-ahead log into the file.
        for reader in readers {
            if reader.join().is_err() {
                tracing::error!("a reader of the store panicked");
            }
        }
        close(writer.db, outcome.is_ok());
        drop(lock);
        ended.send_replace(Some(outcome));
    }
}

/// The writer waits for jobs and for time, so it brings a small runtime of its own.
fn work(writer: &mut Writer, inbox: &mut mpsc::Receiver<Job>) -> Result<(), StoreError> {
    match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(writer.run(inbox)),
        Err(error) => {
            tracing::error!(%error, "the store's writer could not start");
            Err(StoreError::Closed)
        }
    }
}

/// Folds the write-ahead log into the file, unless the database is in doubt: then it is
/// left as it is for whoever looks into it.
fn close(db: Connection, sound: bool) {
    let folded = if sound {
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    } else {
        open::checkpoint_on_close(&db, false)
    };
    if let Err(error) = folded.and_then(|()| db.close().map_err(|(_, error)| error)) {
        tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
    }
}

impl Engine {
    /// Lets no more in. What is queued is still done, but studies end early.
    pub(crate) fn stop_taking(&self) {
        self.closing.store(true, Ordering::Relaxed);
        let _dropped = self.lock_queues().take();
    }

    pub(crate) async fn ended(&self) -> Result<(), StoreError> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            Err(_writer_panicked) => Err(StoreError::Closed),
        }
    }

    /// What a caller hears whose job or read was not taken.
    pub(crate) fn why_ended(&self) -> StoreError {
        match &*self.outcome.borrow() {
            Some(Err(error)) => error.clone(),
            _ => StoreError::Closed,
        }
    }

    pub(crate) fn accepts_writes(&self) -> bool {
        *self.accepts.borrow() && self.queues().is_ok()
    }

    pub(crate) fn accepting(&self) -> watch::Receiver<bool> {
        self.accepts.clone()
    }

    pub(crate) fn refusal(&self) -> Option<StoreError> {
        self.queues().err().or_else(|| self.refusal.borrow().clone())
    }

    pub(crate) fn disk(&self) -> Disk {
        Disk { file: room::size(&self.path), free: self.free.get(), min_free: self.min_free }
    }

    pub(crate) fn head(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    pub(crate) fn roster(&self) -> watch::Receiver<u64> {
        self.roster.clone()
    }

    pub(crate) fn filters(&self) -> Arc<Filters> {
        Arc::clone(&self.filters)
    }

    pub(crate) fn states(&self) -> watch::Receiver<bool> {
        self.states.clone()
    }

    pub(crate) fn jobs(&self) -> Result<mpsc::Sender<Job>, StoreError> {
        self.queues().map(|queues| queues.jobs)
    }

    pub(crate) fn reads(&self) -> Result<mpsc::Sender<Read<Connection>>, StoreError> {
        self.queues().map(|queues| queues.reads)
    }

    pub(crate) fn asks(&self) -> Result<mpsc::Sender<Read<Connection>>, StoreError> {
        self.queues().map(|queues| queues.asks)
    }

    pub(crate) fn studies(&self) -> Result<mpsc::Sender<Read<Archive>>, StoreError> {
        self.queues().map(|queues| queues.studies)
    }

    fn queues(&self) -> Result<Queues, StoreError> {
        if self.outcome.borrow().is_some() || self.outcome.has_changed().is_err() {
            return Err(self.why_ended());
        }
        self.lock_queues().clone().ok_or(StoreError::Closed)
    }

    fn lock_queues(&self) -> std::sync::MutexGuard<'_, Option<Queues>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    /// Waits for the threads, so that the file is free again once the last handle is gone.
    fn drop(&mut self) {
        self.stop_taking();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}
