//! How many look-ups wait on disk, for those who add to them and for the one who does them.

use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Look-ups that may wait, some 100 MB of them. When there are more nothing is dropped, but
/// nobody who could find others goes on reading until there is room.
pub(super) const MOST: u64 = 1_000_000;

/// The count. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Backlog {
    waiting: Arc<watch::Sender<u64>>,
    bell: Arc<Notify>,
}

impl Backlog {
    /// As counted in the store.
    pub(super) fn new(waiting: u64) -> Self {
        let backlog = Self { waiting: Arc::new(watch::Sender::new(waiting)), bell: Arc::default() };
        backlog.show();
        backlog
    }

    pub(super) fn waiting(&self) -> u64 {
        *self.waiting.borrow()
    }

    /// So many more wait; or as many as before, but some of them with a new hint.
    pub(super) fn added(&self, count: u64) {
        self.waiting.send_modify(|waiting| *waiting += count);
        self.show();
        self.bell.notify_one();
    }

    /// One was done with.
    pub(super) fn settled(&self) {
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
        self.show();
    }

    /// Returns when there is room for more.
    pub(super) async fn room(&self) {
        let mut waiting = self.waiting.subscribe();
        // The sender is ours, so it cannot be gone.
        let _room = waiting.wait_for(|waiting| *waiting < MOST).await.is_ok();
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting() < MOST
    }

    /// Returns when some were added since this was last heard.
    pub(super) async fn called(&self) {
        self.bell.notified().await;
    }

    fn show(&self) {
        metrics::gauge!("labeltap_discovery_backlog").set(self.waiting() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn when_it_is_full_those_who_add_wait() {
        let backlog = Backlog::new(MOST - 1);
        assert!(backlog.room().now_or_never().is_some());
        backlog.added(1);
        assert!(!backlog.has_room() && backlog.room().now_or_never().is_none());
        assert!(backlog.called().now_or_never().is_some());
        backlog.settled();
        assert!(backlog.room().now_or_never().is_some());
        assert!(backlog.called().now_or_never().is_none());
    }
}
