//! Dead letters: events that were delivered as often as the rules allow and never acked.
//!
//! An event leaves its lane only when the store has kept it as a dead letter, so a crash in
//! between brings it back and loses nothing.

use super::{Desk, Stage};

/// An event to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) id: i64,
    /// How often it was delivered.
    pub(crate) deliveries: u32,
    /// Why the last delivery did not count.
    pub(crate) error: String,
}

impl Desk {
    /// What is to be kept as dead letters now. Each is told once.
    pub(crate) fn take_aside(&mut self) -> Vec<Aside> {
        std::mem::take(&mut self.aside)
    }

    /// These are dead letters now, and their lanes go on.
    pub(crate) fn set_aside(&mut self, ids: impl IntoIterator<Item = i64>) {
        for id in ids {
            if self.held.get(&id).is_some_and(|held| held.stage == Stage::Aside) {
                self.settle(id);
            }
        }
    }

    /// These dead letters are owed again.
    pub(crate) fn owe_again(&mut self, ids: impl IntoIterator<Item = i64>) {
        for id in ids {
            if id >= 1 && id <= self.pass.frontier && self.done.contains(id) {
                self.done.remove(id);
                self.left_again(id);
            }
        }
        self.changed = true;
        self.look_again();
    }
}
