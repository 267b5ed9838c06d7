//! The filters of a consumer's connections, and the number each one has at the desk.

use super::types::Types;
use crate::desk::{Conn, MOST_FILTERS, Takers};
use crate::taste::Taste;
use std::collections::HashMap;
use std::sync::Arc;

/// Equal filters share a number. One that nobody has any more keeps its number until it is
/// needed, since whoever had it often comes back.
#[derive(Debug, Default)]
pub(super) struct Filters {
    slots: Vec<Slot>,
    of: HashMap<Conn, u8>,
    present: Arc<[(Takers, Taste)]>,
}

#[derive(Debug)]
struct Slot {
    taste: Taste,
    connections: usize,
}

/// The number a connection's filter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) number: u8,
    /// It belonged to another filter before.
    pub(super) reused: bool,
}

impl Filters {
    /// A connection comes. `None`: there are too many different filters.
    pub(super) fn open(&mut self, conn: Conn, taste: Taste) -> Option<Number> {
        let known = self.slots.iter().position(|slot| slot.taste == taste);
        let (at, reused) = match known {
            Some(at) => (at, false),
            None if self.slots.len() < MOST_FILTERS => {
                self.slots.push(Slot { taste, connections: 0 });
                (self.slots.len() - 1, false)
            }
            None => {
                let free = self.slots.iter().position(|slot| slot.connections == 0)?;
                self.slots.get_mut(free)?.taste = taste;
                (free, true)
            }
        };
        self.slots.get_mut(at)?.connections += 1;
        let number = u8::try_from(at).ok()?;
        self.of.insert(conn, number);
        self.tidy();
        Some(Number { number, reused })
    }

    /// A connection goes.
    pub(super) fn close(&mut self, conn: Conn) {
        let Some(number) = self.of.remove(&conn) else { return };
        if let Some(slot) = self.slots.get_mut(usize::from(number)) {
            slot.connections -= 1;
        }
        self.tidy();
    }

    /// Those that somebody has.
    pub(super) fn present(&self) -> Arc<[(Takers, Taste)]> {
        Arc::clone(&self.present)
    }

    /// What they ask for besides labels.
    pub(super) fn types(&self) -> Types {
        let all = self.present.iter().map(|(_, taste)| Types::of(taste));
        all.fold(Types::default(), Types::and)
    }

    fn tidy(&mut self) {
        let numbered = (0u8..).zip(&self.slots).filter(|(_, slot)| slot.connections > 0);
        self.present =
            numbered.map(|(number, slot)| (Takers::one(number), slot.taste.clone())).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::{Filter, Hosts};

    fn val(text: &str) -> Taste {
        Taste::labels(Filter::read([("val", vec![text])], Hosts::Public).unwrap())
    }

    #[test]
    fn numbers_are_shared_kept_and_reused_last() {
        let mut filters = Filters::default();
        let mut open = |conn, text: &str| filters.open(Conn(conn), val(text));
        assert_eq!(open(1, "a"), Some(Number { number: 0, reused: false }));
        assert_eq!(open(2, "a"), Some(Number { number: 0, reused: false }));
        for conn in 3..66 {
            let number = (conn - 2) as u8;
            assert_eq!(open(conn, &format!("v{conn}")), Some(Number { number, reused: false }));
        }
        assert_eq!(open(66, "b"), None);
        filters.close(Conn(1));
        assert_eq!(filters.open(Conn(67), val("b")), None, "one of the two is still there");
        filters.close(Conn(2));
        assert_eq!(filters.present().len(), 63);
        let reused = filters.open(Conn(68), val("b"));
        assert_eq!(reused, Some(Number { number: 0, reused: true }));
    }
}
