//! Bodies that were read and not sent yet, so that most are read once.
//!
//! A desk holds up to 16 Ki ids; the bodies of those that wait long are let go here and
//! read again when their turn comes.

use label::LabelEvent;
use std::collections::BTreeMap;

/// Two pages and what their lanes still hold back. At about 600 bytes each some 1.5 MB.
const MOST: usize = 2048;

/// A bounded store of bodies by id.
#[derive(Debug, Default)]
pub(crate) struct Shelf(BTreeMap<i64, LabelEvent>);

impl Shelf {
    /// Keeps bodies. When it is full the lowest ids are let go: they have waited longest,
    /// so they are behind something that stands still.
    pub(crate) fn put(&mut self, events: impl IntoIterator<Item = LabelEvent>) {
        self.0.extend(events.into_iter().map(|event| (event.id.get(), event)));
        while self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// Takes a body out, if it is still here.
    pub(crate) fn take(&mut self, id: i64) -> Option<LabelEvent> {
        self.0.remove(&id)
    }
}
