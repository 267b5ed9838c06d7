//! What wakes the sink.

use store::{Head, Store};
use tokio::sync::watch;

/// What has to be heard of.
pub(crate) struct Watch {
    head: watch::Receiver<Head>,
    roster: watch::Receiver<u64>,
    /// Whether labelers are to be looked at although nobody came or went.
    pub(crate) look_again: bool,
}

impl Watch {
    pub(crate) fn new(store: &Store) -> Self {
        Self { head: store.head(), roster: store.roster(), look_again: false }
    }

    /// Whether somebody came or went since this was last asked.
    pub(crate) fn roster_has_changed(&mut self) -> bool {
        // Seen before the log is read, so that nothing comes in between unnoticed.
        self.head.mark_unchanged();
        let changed = self.roster.has_changed().unwrap_or(false);
        self.roster.mark_unchanged();
        std::mem::take(&mut self.look_again) || changed
    }

    /// Returns when the log has grown, or somebody came or went.
    pub(crate) async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.head.changed() => self.head.mark_changed(),
            Ok(()) = self.roster.changed() => self.roster.mark_changed(),
            // The store has ended: whoever asks it next is told.
            else => {}
        }
    }
}
