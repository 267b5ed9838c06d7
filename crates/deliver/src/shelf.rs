//! Bodies that were read and not sent yet, so that most are read once.
//!
//! A desk holds up to 16 Ki ids; the bodies of those that wait long are let go here and
//! read again when their turn comes.

use crate::sheet::Sheet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Two pages and what their lanes still hold back. At about 600 bytes each some 1.5 MB.
const MOST: usize = 2048;
/// And in bytes, for events can be large: of the largest, some sixty.
pub(crate) const LARGEST: usize = 4 << 20;

/// A bounded store of bodies by id.
#[derive(Debug)]
pub(crate) struct Shelf {
    bodies: BTreeMap<i64, Arc<Sheet>>,
    /// Of all of them together, in bytes, as if nobody else had them too.
    weight: usize,
    /// The most that may be.
    bound: usize,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { bodies: BTreeMap::new(), weight: 0, bound: LARGEST }
    }
}

impl Shelf {
    /// At most so many bytes from now on.
    pub(crate) fn bound(&mut self, bytes: usize) {
        if bytes < self.bound {
            self.bound = bytes;
            self.make_room();
        }
        self.bound = bytes;
    }

    /// Lets everything go.
    pub(crate) fn clear(&mut self) {
        self.bodies.clear();
        self.weight = 0;
    }

    /// Keeps bodies. When it is full the lowest ids are let go: they have waited longest,
    /// so they are behind something that stands still.
    pub(crate) fn put(&mut self, sheets: impl IntoIterator<Item = Arc<Sheet>>) {
        for sheet in sheets {
            let weight = sheet.weight();
            if let Some(known) = self.bodies.insert(sheet.id(), sheet) {
                self.weight -= known.weight();
            }
            self.weight += weight;
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while (self.bodies.len() > MOST || self.weight > self.bound)
            && let Some((_, gone)) = self.bodies.pop_first()
        {
            self.weight -= gone.weight();
        }
    }

    /// Takes a body out, if it is still here.
    pub(crate) fn take(&mut self, id: i64) -> Option<Arc<Sheet>> {
        let sheet = self.bodies.remove(&id)?;
        self.weight -= sheet.weight();
        Some(sheet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packer::tests::{body, sheet};
    use label::{Event, LabelEvent};

    #[test]
    fn it_is_bounded_by_count() {
        let mut shelf = Shelf::default();
        shelf.put((1..=3000).map(sheet));
        assert_eq!(shelf.bodies.len(), MOST);
        assert!(shelf.take(3000 - MOST as i64).is_none() && shelf.take(3000).is_some());
    }

    #[test]
    fn it_is_bounded_by_bytes() {
        let large = |id| match body(id) {
            Event::Label(event) => {
                Event::Label(LabelEvent { raw: Some(vec![7; 1 << 20]), ..event })
            }
            other => other,
        };
        let mut shelf = Shelf::default();
        for _ in 0..3 {
            shelf.put((1..=9).map(large).map(Sheet::new).map(Arc::new));
            assert_eq!(shelf.bodies.keys().copied().collect::<Vec<_>>(), [7, 8, 9]);
        }
        shelf.put((10..=12).map(sheet));
        for id in 7..=12 {
            assert!(shelf.take(id).is_some(), "{id}");
        }
        assert_eq!(shelf.weight, 0);
    }
}
