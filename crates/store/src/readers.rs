//! The threads that read. Each has a connection of its own and sees the last transaction
//! that landed, whatever the writer is doing; they share one queue.
//!
//! Reads must be short: as long as one runs, the write-ahead log cannot start over.

use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// A read, which also sends its answer.
pub(crate) type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// The queue that all readers take from.
pub(crate) type ReadQueue = Arc<Mutex<mpsc::Receiver<Read>>>;

/// Serves reads until every handle is dropped and the queue is empty.
pub(crate) fn serve(mut db: Connection, queue: &ReadQueue) {
    while let Some(read) = next(queue) {
        read(&mut db);
    }
}

/// One reader waits in the queue, the other ones wait for it.
fn next(queue: &ReadQueue) -> Option<Read> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}
