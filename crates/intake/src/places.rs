//! The places for open connections, `--labeler-parallelism` of them, handed out in turn.
//!
//! Who wants to dial waits in line for a place. Who has held one for a turn gives it back
//! when somebody waits, and goes to the end of the line, so that more labelers than places
//! are all read, one turn after the other (contract 3, state `paused`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a place is held at least, once somebody else waits for one.
pub(crate) const TURN: Duration = Duration::from_secs(60);

/// The places. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// One place, given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Counts somebody in line for as long as they stand there.
struct InLine<'a>(&'a AtomicUsize);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(count)), waiting: Arc::default() }
    }

    /// A place, if one is free and nobody waits.
    pub(crate) fn try_take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Place { _permit: Some(permit) })
    }

    /// Waits in line for a place.
    pub(crate) async fn take(&self) -> Place {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _in_line = InLine(&self.waiting);
        // The semaphore is never closed, so there is always a permit in the end.
        Place { _permit: Arc::clone(&self.free).acquire_owned().await.ok() }
    }

    /// Whether somebody waits for a place.
    pub(crate) fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_go_round_in_the_order_of_the_line() {
        let places = Places::new(1);
        let held = places.try_take().unwrap();
        assert!(places.try_take().is_none());
        assert!(!places.somebody_waits());
        let next = tokio::spawn({
            let places = places.clone();
            async move { places.take().await }
        });
        while !places.somebody_waits() {
            tokio::task::yield_now().await;
        }
        drop(held);
        let held = next.await.unwrap();
        assert!(!places.somebody_waits());
        assert!(places.try_take().is_none());
        drop(held);
        assert!(places.try_take().is_some());
    }

    #[tokio::test]
    async fn who_leaves_the_line_is_no_longer_counted() {
        let places = Places::new(1);
        let _held = places.try_take();
        let waiting = tokio::time::timeout(Duration::from_millis(10), places.take());
        assert!(waiting.await.is_err());
        assert!(!places.somebody_waits());
    }
}
