//! The threads that read. Each has a connection of its own and sees the last transaction
//! that landed, whatever the writer is doing; they share one queue.
//!
//! Reads must be short: as long as one runs, the write-ahead log cannot start over.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// A read, which also sends its answer. It is given a connection, or what is made of one.
pub(crate) type Read<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The queue that all readers take from.
pub(crate) type ReadQueue<T> = Arc<Mutex<mpsc::Receiver<Read<T>>>>;

/// Serves reads until every handle is dropped and the queue is empty.
pub(crate) fn serve<T>(mut db: T, queue: &ReadQueue<T>) {
    while let Some(read) = next(queue) {
        read(&mut db);
    }
}

/// One reader waits in the queue, the other ones wait for it.
fn next<T>(queue: &ReadQueue<T>) -> Option<Read<T>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}
