//! Which keys have their multiples laid up, and for how long.
//!
//! A table pays for itself within some fifty labels and takes 563 KB, so whoever says much gets
//! one, within a bound on the memory of all of them. Nothing here knows the time: whoever owns
//! the tables calls [`KeyTables::end_period`] every half minute, and a table that was hardly
//! used in a period ends with it.
//!
//! When there is no room, no table makes way for another. Of a thousand labelers that all
//! send their history, each would find that the others had taken its table before its next
//! turn. They get a smaller table for the labels at hand instead, which is thrown away
//! afterwards; from some tens of labels on that is nearly as good. Few labels of a key
//! without a table are checked one by one.

use crate::Key;
use crate::multiples::{Multiples, Table};
use crate::shelf::Shelf;
use k256::AffinePoint;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// A key that has said so much within a period gets a table.
const ENOUGH: usize = 512;

/// A table that was used for fewer labels in a period is not kept.
const HARDLY: usize = 64;

/// For fewer labels not even a passing table is made.
const SOME: usize = 32;

/// Bits of a digit: of a table that is kept, and of one that is not.
const KEPT: u32 = 10;
const PASSING: u32 = 6;

/// The tables of those keys that are asked most. Shared by all who check signatures.
#[derive(Debug)]
pub struct KeyTables {
    most_bytes: usize,
    /// Locked before `state` where both are: places are right only while it is.
    shelf: RwLock<Shelf>,
    state: Mutex<State>,
}

/// How many tables there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Tables that are kept now.
    pub tables: usize,
    /// The memory they take, in bytes.
    pub bytes: usize,
    /// Tables that were ever built in order to be kept.
    pub built: u64,
}

#[derive(Debug, Default)]
struct State {
    keys: HashMap<[u8; 33], Use>,
    held: Held,
}

/// What a key was asked in this period.
#[derive(Debug, Default)]
struct Use {
    labels: usize,
    table: Whereabouts,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    #[default]
    Nowhere,
    /// Somebody is at it; the room is taken.
    Coming,
    /// At a place of the shelf.
    At(usize),
}

/// What to check some labels with.
#[derive(Debug, PartialEq, Eq)]
enum Means {
    /// The table at this place.
    Kept(usize),
    /// One to be built, and kept.
    New,
    /// One to be built for these labels only.
    Passing,
    /// None.
    Stock,
}

impl KeyTables {
    /// Tables that take so many bytes at most; 0: none are ever built.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, shelf: RwLock::new(Shelf::new(KEPT)), state: Mutex::default() }
    }

    /// Whether many labels of this key are checked faster together than one by one.
    #[must_use]
    pub fn serve(&self, key: &Key) -> bool {
        self.most_bytes > 0 && key.k256().is_some()
    }

    /// To be called every half minute: lets go of tables that were hardly used since.
    pub fn end_period(&self) {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        let before = state.places().len();
        state.keys.retain(|_, used| {
            let labels = std::mem::take(&mut used.labels);
            labels >= HARDLY && used.table != Whereabouts::Nowhere
        });
        let places = state.places();
        if places.len() < before {
            shelf.keep(&places);
            state.move_to(&places);
        }
        state.count();
    }

    /// How many there are.
    #[must_use]
    pub fn held(&self) -> Held {
        self.state().held
    }

    /// Checks so many labels with the table of a key's point; `None` where none would pay.
    pub(crate) fn with<T>(
        &self,
        id: &[u8; 33],
        point: &AffinePoint,
        labels: usize,
        check: impl FnOnce(Table<'_>) -> T,
    ) -> Option<T> {
        if self.most_bytes == 0 {
            return None;
        }
        let shelf = self.shelf.read().unwrap_or_else(PoisonError::into_inner);
        let means = self.state().means(id, labels, self.most_bytes);
        let bits = match means {
            Means::Kept(place) => return shelf.table(place).map(check),
            Means::New => KEPT,
            Means::Passing => PASSING,
            Means::Stock => return None,
        };
        // Nobody waits while a table is built.
        drop(shelf);
        let built = Multiples::new(point, bits);
        if means == Means::New {
            self.keep(id, &built);
        }
        Some(check(built.table()))
    }

    /// Keeps a table, unless the key was let go while it was built.
    fn keep(&self, id: &[u8; 33], table: &Multiples) {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = self.state().keys.get_mut(id)
            && used.table == Whereabouts::Coming
        {
            used.table = Whereabouts::At(shelf.put(table.table()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn means(&mut self, id: &[u8; 33], labels: usize, most_bytes: usize) -> Means {
        let has_room = self.held.bytes + Multiples::bytes(KEPT) <= most_bytes;
        let used = self.keys.entry(*id).or_default();
        used.labels = used.labels.saturating_add(labels);
        match used.table {
            Whereabouts::At(place) => Means::Kept(place),
            Whereabouts::Nowhere if used.labels >= ENOUGH && has_room => {
                used.table = Whereabouts::Coming;
                self.held.built += 1;
                self.count();
                Means::New
            }
            _ if labels >= SOME => Means::Passing,
            _ => Means::Stock,
        }
    }

    /// The places in use, in their order.
    fn places(&self) -> Vec<usize> {
        let mut places: Vec<usize> =
            self.keys.values().filter_map(|used| used.table.place()).collect();
        places.sort_unstable();
        places
    }

    /// Notes that what was at these places is at 0, 1, … now.
    fn move_to(&mut self, places: &[usize]) {
        for used in self.keys.values_mut() {
            if let Some(place) = used.table.place() {
                let now = places.binary_search(&place);
                used.table = now.map_or(Whereabouts::Nowhere, Whereabouts::At);
            }
        }
    }

    fn count(&mut self) {
        let held = |used: &&Use| used.table != Whereabouts::Nowhere;
        self.held.tables = self.keys.values().filter(held).count();
        self.held.bytes = self.held.tables * Multiples::bytes(KEPT);
    }
}

impl Whereabouts {
    const fn place(self) -> Option<usize> {
        match self {
            Self::At(place) => Some(place),
            Self::Nowhere | Self::Coming => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::{ProjectivePoint, Scalar};

    const ROOM_FOR_TWO: usize = 2 * Multiples::bytes(KEPT) + 1;

    struct Rig(KeyTables);

    impl Rig {
        fn new(most: usize) -> Self {
            Self(KeyTables::new(most))
        }

        /// Has labels checked under a key, and says what with: bytes of the table, or 0.
        fn ask(&self, key: u8, labels: usize) -> usize {
            let point = (ProjectivePoint::GENERATOR * Scalar::from(u64::from(key))).to_affine();
            let size = |table: Table<'_>| {
                assert_eq!(table.points().first(), Some(&point), "another key's");
                size_of_val(table.points())
            };
            self.0.with(&[key; 33], &point, labels, size).unwrap_or(0)
        }
    }

    #[test]
    fn whoever_says_much_has_a_table_while_it_is_used() {
        let rig = Rig::new(1 << 20);
        let kept = Multiples::bytes(KEPT);
        assert_eq!(rig.ask(1, SOME - 1), 0);
        assert_eq!(rig.ask(1, ENOUGH - SOME + 1), kept, "that is enough");
        assert_eq!(rig.ask(1, 1), kept, "for a single label too, now that it is there");
        assert_eq!(rig.0.held(), Held { tables: 1, bytes: kept, built: 1 });
        rig.0.end_period();
        assert_eq!(rig.ask(1, HARDLY), kept);
        rig.0.end_period();
        assert_eq!(rig.ask(1, HARDLY - 1), kept);
        rig.0.end_period();
        assert_eq!(rig.0.held(), Held { tables: 0, bytes: 0, built: 1 });
        assert_eq!(rig.ask(1, 1), 0);
    }

    #[test]
    fn little_by_little_is_not_enough() {
        let rig = Rig::new(1 << 20);
        for _ in 0..10 {
            assert_eq!(rig.ask(1, SOME - 1), 0);
            rig.0.end_period();
        }
        assert!(rig.0.state().keys.is_empty(), "nothing is remembered of who said little");
    }

    #[test]
    fn where_there_is_no_room_nobody_makes_way() {
        let rig = Rig::new(ROOM_FOR_TWO);
        let (kept, passing) = (Multiples::bytes(KEPT), Multiples::bytes(PASSING));
        for _ in 0..5 {
            let got: Vec<usize> = (1..=4).map(|key| rig.ask(key, ENOUGH)).collect();
            assert_eq!(got, [kept, kept, passing, passing]);
        }
        assert_eq!(rig.ask(3, SOME - 1), 0);
        assert_eq!(rig.0.held(), Held { tables: 2, bytes: 2 * kept, built: 2 });
        rig.0.end_period();
        rig.0.end_period();
        assert_eq!(rig.ask(3, ENOUGH), kept, "there is room again");
    }

    #[test]
    fn those_who_stay_keep_their_own_table_when_others_go() {
        let rig = Rig::new(1 << 30);
        let kept = Multiples::bytes(KEPT);
        for key in 1..=70 {
            assert_eq!(rig.ask(key, ENOUGH), kept);
        }
        for round in 1..=3 {
            rig.0.end_period();
            let staying = || (1..=70).filter(|key| key % (1 << round) == 0);
            for key in staying() {
                assert_eq!(rig.ask(key, HARDLY), kept);
            }
            rig.0.end_period();
            for key in staying() {
                assert_eq!(rig.ask(key, ENOUGH), kept, "{key} still has its own");
            }
        }
    }

    #[test]
    fn with_no_memory_none_are_built() {
        let rig = Rig::new(0);
        assert_eq!(rig.ask(1, 100_000), 0);
        assert!(rig.0.state().keys.is_empty());
    }

    #[test]
    fn a_table_that_comes_too_late_takes_no_room() {
        let tables = KeyTables::new(ROOM_FOR_TWO);
        assert!(matches!(tables.state().means(&[1; 33], ENOUGH, ROOM_FOR_TWO), Means::New));
        assert!(
            matches!(tables.state().means(&[1; 33], ENOUGH, ROOM_FOR_TWO), Means::Passing),
            "it is not built twice"
        );
        assert_eq!(tables.held().tables, 1, "its room is taken");
        tables.end_period();
        tables.end_period();
        tables.keep(&[1; 33], &Multiples::new(&AffinePoint::GENERATOR, KEPT));
        assert_eq!(tables.held(), Held { tables: 0, bytes: 0, built: 1 });
        assert!(tables.shelf.read().unwrap().table(0).is_none());
    }
}
