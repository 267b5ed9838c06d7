//! How many events the default consumer has not acked, without asking the store each time.
//!
//! `unacked = added - gone`, where `added` is the store's count of label events ever added
//! and `gone` is ours: it starts as whatever makes the first count true, and grows with
//! each event that leaves the desk.

use label::EventId;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicI64, Ordering};
use store::{Head, Store, StoreError};
use tokio::sync::{SetOnce, watch};

/// The number, readable by anybody at any time.
#[derive(Debug)]
pub(crate) struct Count {
    head: watch::Receiver<Head>,
    gone: AtomicI64,
    counted: SetOnce<()>,
}

impl Count {
    pub(crate) fn new(head: watch::Receiver<Head>) -> Self {
        Self { head, gone: AtomicI64::new(i64::MAX), counted: SetOnce::new() }
    }

    /// Events added and not gone; 0 until the first count is made.
    pub(crate) fn unacked(&self) -> u64 {
        let added = signed(self.head.borrow().added);
        u64::try_from(added.saturating_sub(self.gone.load(Ordering::Relaxed))).unwrap_or(0)
    }

    /// Sets `gone`.
    pub(crate) fn set(&self, gone: i64) {
        self.gone.store(gone, Ordering::Relaxed);
    }

    /// Says that the first count is made.
    pub(crate) fn is_counted(&self) {
        let _more_than_once = self.counted.set(());
    }

    /// Returns when the first count is made.
    pub(crate) async fn counted(&self) {
        self.counted.wait().await;
    }
}

/// What is `gone` for a consumer that stands at `position` with these acks ahead.
///
/// The gaps between ranges are exactly the events that were held when they were kept, so
/// only what is beyond the last range has to be counted by the store. What is added while
/// we count is left out by counting up to one moment's head.
pub(crate) async fn gone(
    store: &Store,
    position: i64,
    ahead: &[RangeInclusive<i64>],
) -> Result<i64, StoreError> {
    let mut gaps = 0;
    let mut last = position;
    for range in ahead {
        gaps += range.start() - last - 1;
        last = *range.end();
    }
    let head = *store.head().borrow();
    let beyond = store.count_after(EventId::new(last).unwrap_or_default()).await?;
    let later = store.count_after(head.last).await?;
    let owed = gaps + signed(beyond.saturating_sub(later));
    Ok(signed(head.added) - owed)
}

/// Counts of events stay far below 2^63.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
