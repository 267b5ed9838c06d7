//! Which keys have their multiples laid up, and for how long.
//!
//! A table pays for itself within some hundred labels and takes half a megabyte, so whoever
//! says much gets one, within a bound on the memory of all of them. Nothing here knows the time: whoever owns
//! the tables calls [`KeyTables::end_period`] every half minute, and a table that was hardly
//! used in a period ends with it.
//!
//! When there is no room, no table makes way for another. Of a thousand labelers that all
//! send their history, each would find that the others had taken its table before its next
//! turn. They get a smaller table for the labels at hand instead, which is thrown away
//! afterwards; from [`Group::SOME`] labels on that is nearly as good. Few labels of a key
//! without a table are checked one by one.

use crate::group::Group;
use crate::multikey::Curve;
use crate::multiples::{Multiples, Table};
use crate::shelf::{Shelf, Shelves};
use k256::elliptic_curve::AffinePoint;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A key's curve and its compressed point: the same bytes can be a point on both curves.
type Id = (Curve, [u8; 33]);

/// A key that has said so much within a period gets a table.
const ENOUGH: usize = 512;

/// A table that was used for fewer labels in a period is not kept.
const HARDLY: usize = 64;

/// The tables of those keys that are asked most. Shared by all who check signatures.
#[derive(Debug)]
pub struct KeyTables {
    most_bytes: usize,
    /// Locked before `state` where both are: places are right only while it is. Where both
    /// shelves are, k256 is first.
    shelves: Shelves,
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
    keys: HashMap<Id, Use>,
    held: Held,
}

/// What a key was asked in this period.
#[derive(Debug, Default)]
struct Use {
    labels: usize,
    table: Whereabouts,
    /// What its table takes, if it has one.
    bytes: usize,
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
        Self { most_bytes, shelves: Shelves::default(), state: Mutex::default() }
    }

    /// Whether many labels of a key are checked together.
    #[must_use]
    pub const fn serve(&self) -> bool {
        self.most_bytes > 0
    }

    /// To be called every half minute: lets go of tables that were hardly used since.
    pub fn end_period(&self) {
        let mut k256 = self.shelves.k256.write().unwrap_or_else(PoisonError::into_inner);
        let mut p256 = self.shelves.p256.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        state.keys.retain(|_, used| {
            let labels = std::mem::take(&mut used.labels);
            labels >= HARDLY && used.table != Whereabouts::Nowhere
        });
        state.clear(&mut k256);
        state.clear(&mut p256);
        state.count();
    }

    /// How many there are.
    #[must_use]
    pub fn held(&self) -> Held {
        self.state().held
    }

    /// Checks so many labels with the table of a key's point; `None` where none would pay.
    pub(crate) fn with<C: Group, T>(
        &self,
        point: &[u8; 33],
        affine: &AffinePoint<C>,
        labels: usize,
        check: impl FnOnce(Table<'_, C>) -> T,
    ) -> Option<T> {
        if !self.serve() {
            return None;
        }
        let id = (C::CURVE, *point);
        let shelf = C::shelf(&self.shelves).read().unwrap_or_else(PoisonError::into_inner);
        let means = self.state().means::<C>(id, labels, self.most_bytes);
        let bits = match means {
            Means::Kept(place) => return shelf.table(place).map(check),
            Means::New => C::KEPT,
            Means::Passing => C::PASSING,
            Means::Stock => return None,
        };
        // Nobody waits while a table is built.
        drop(shelf);
        let built = Multiples::new(affine, bits);
        if means == Means::New {
            self.keep(&id, &built);
        }
        Some(check(built.table()))
    }

    /// Keeps a table, unless the key was let go while it was built.
    fn keep<C: Group>(&self, id: &Id, table: &Multiples<C>) {
        let mut shelf = C::shelf(&self.shelves).write().unwrap_or_else(PoisonError::into_inner);
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
    fn means<C: Group>(&mut self, id: Id, labels: usize, most_bytes: usize) -> Means {
        let bytes = Multiples::<C>::bytes(C::KEPT);
        let has_room = self.held.bytes + bytes <= most_bytes;
        let used = self.keys.entry(id).or_default();
        used.labels = used.labels.saturating_add(labels);
        match used.table {
            Whereabouts::At(place) => Means::Kept(place),
            Whereabouts::Nowhere if used.labels >= ENOUGH && has_room => {
                (used.table, used.bytes) = (Whereabouts::Coming, bytes);
                self.held.built += 1;
                self.count();
                Means::New
            }
            _ if labels >= C::SOME => Means::Passing,
            _ => Means::Stock,
        }
    }

    /// Takes what nobody has any more from a shelf.
    fn clear<C: Group>(&mut self, shelf: &mut Shelf<C>) {
        let places = |(id, used): (&Id, &Use)| used.table.place().filter(|_| id.0 == C::CURVE);
        let mut places: Vec<usize> = self.keys.iter().filter_map(places).collect();
        if places.len() < shelf.count() {
            places.sort_unstable();
            shelf.keep(&places);
            self.move_to(C::CURVE, &places);
        }
    }

    /// Notes that what was at these places is at 0, 1, … now.
    fn move_to(&mut self, curve: Curve, places: &[usize]) {
        for (_, used) in self.keys.iter_mut().filter(|(id, _)| id.0 == curve) {
            if let Some(place) = used.table.place() {
                let now = places.binary_search(&place);
                used.table = now.map_or(Whereabouts::Nowhere, Whereabouts::At);
            }
        }
    }

    fn count(&mut self) {
        let held = || self.keys.values().filter(|used| used.table != Whereabouts::Nowhere);
        (self.held.tables, self.held.bytes) = (held().count(), held().map(|used| used.bytes).sum());
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
    use k256::Secp256k1;
    use k256::elliptic_curve::{Group as _, ProjectivePoint, Scalar};
    use p256::NistP256;

    const KEPT: usize = Multiples::<Secp256k1>::bytes(Secp256k1::KEPT);
    const PASSING: usize = Multiples::<Secp256k1>::bytes(Secp256k1::PASSING);
    const SOME: usize = Secp256k1::SOME;
    const ROOM_FOR_TWO: usize = 2 * KEPT + 1;

    struct Rig(KeyTables);

    impl Rig {
        fn new(most: usize) -> Self {
            Self(KeyTables::new(most))
        }

        /// Has labels checked under a key, and says what with: bytes of the table, or 0.
        fn ask(&self, key: u8, labels: usize) -> usize {
            self.ask_of::<Secp256k1>(key, labels)
        }

        fn ask_of<C: Group>(&self, key: u8, labels: usize) -> usize {
            let secret = Scalar::<C>::from(u64::from(key));
            let point: AffinePoint<C> = (ProjectivePoint::<C>::generator() * secret).into();
            let size = |table: Table<'_, C>| {
                assert_eq!(table.points().first(), Some(&point), "another key's");
                size_of_val(table.points())
            };
            self.0.with(&[key; 33], &point, labels, size).unwrap_or(0)
        }
    }

    #[test]
    fn whoever_says_much_has_a_table_while_it_is_used() {
        let rig = Rig::new(1 << 20);
        assert_eq!(rig.ask(1, SOME - 1), 0);
        assert_eq!(rig.ask(1, ENOUGH - SOME + 1), KEPT, "that is enough");
        assert_eq!(rig.ask(1, 1), KEPT, "for a single label too, now that it is there");
        assert_eq!(rig.0.held(), Held { tables: 1, bytes: KEPT, built: 1 });
        rig.0.end_period();
        assert_eq!(rig.ask(1, HARDLY), KEPT);
        rig.0.end_period();
        assert_eq!(rig.ask(1, HARDLY - 1), KEPT);
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
        for _ in 0..5 {
            let got: Vec<usize> = (1..=4).map(|key| rig.ask(key, ENOUGH)).collect();
            assert_eq!(got, [KEPT, KEPT, PASSING, PASSING]);
        }
        assert_eq!(rig.ask(3, SOME - 1), 0);
        assert_eq!(rig.0.held(), Held { tables: 2, bytes: 2 * KEPT, built: 2 });
        rig.0.end_period();
        rig.0.end_period();
        assert_eq!(rig.ask(3, ENOUGH), KEPT, "there is room again");
    }

    #[test]
    fn those_who_stay_keep_their_own_table_when_others_go() {
        let rig = Rig::new(1 << 30);
        for key in 1..=70 {
            assert_eq!(rig.ask(key, ENOUGH), KEPT);
        }
        for round in 1..=3 {
            rig.0.end_period();
            let staying = || (1..=70).filter(|key| key % (1 << round) == 0);
            for key in staying() {
                assert_eq!(rig.ask(key, HARDLY), KEPT);
            }
            rig.0.end_period();
            for key in staying() {
                assert_eq!(rig.ask(key, ENOUGH), KEPT, "{key} still has its own");
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
        let (id, tables) = ((Curve::K256, [1; 33]), KeyTables::new(ROOM_FOR_TWO));
        assert!(matches!(tables.state().means::<Secp256k1>(id, ENOUGH, ROOM_FOR_TWO), Means::New));
        assert!(
            matches!(tables.state().means::<Secp256k1>(id, ENOUGH, ROOM_FOR_TWO), Means::Passing),
            "it is not built twice"
        );
        assert_eq!(tables.held().tables, 1, "its room is taken");
        tables.end_period();
        tables.end_period();
        let table = Multiples::<Secp256k1>::new(&k256::AffinePoint::GENERATOR, Secp256k1::KEPT);
        tables.keep(&id, &table);
        assert_eq!(tables.held(), Held { tables: 0, bytes: 0, built: 1 });
        assert!(tables.shelves.k256.read().unwrap().table(0).is_none());
    }
    #[test]
    fn the_curves_share_the_room_and_nothing_else() {
        let p256_kept = Multiples::<NistP256>::bytes(NistP256::KEPT);
        let rig = Rig::new(2 * (KEPT + p256_kept));
        for round in 0..3 {
            for key in 1..=2 {
                assert_eq!(rig.ask_of::<Secp256k1>(key, ENOUGH), KEPT);
                assert_eq!(rig.ask_of::<NistP256>(key, ENOUGH), p256_kept);
            }
            let bytes = 2 * (KEPT + p256_kept);
            assert_eq!(rig.0.held(), Held { tables: 4, bytes, built: 4 }, "in round {round}");
            let passing = Multiples::<NistP256>::bytes(NistP256::PASSING);
            assert_eq!(rig.ask_of::<NistP256>(3, ENOUGH), passing, "there is no more");
            rig.0.end_period();
        }
        rig.ask_of::<Secp256k1>(2, ENOUGH);
        rig.ask_of::<NistP256>(1, ENOUGH);
        rig.0.end_period();
        let bytes = KEPT + p256_kept;
        assert_eq!(rig.0.held(), Held { tables: 2, bytes, built: 4 });
        let Shelves { k256, p256 } = &rig.0.shelves;
        assert_eq!((k256.read().unwrap().count(), p256.read().unwrap().count()), (1, 1));
        assert_eq!(rig.ask_of::<Secp256k1>(2, 1), KEPT);
        assert_eq!(rig.ask_of::<NistP256>(1, 1), p256_kept);
        assert_eq!((rig.ask_of::<Secp256k1>(1, 1), rig.ask_of::<NistP256>(2, 1)), (0, 0));
    }

    #[test]
    fn few_labels_are_left_to_others_on_either_curve() {
        let rig = Rig::new(1);
        let passing = Multiples::<NistP256>::bytes(NistP256::PASSING);
        assert_eq!((rig.ask(1, SOME - 1), rig.ask(1, SOME)), (0, PASSING));
        let some = NistP256::SOME;
        assert_eq!(rig.ask_of::<NistP256>(1, some - 1), 0);
        assert_eq!(rig.ask_of::<NistP256>(1, some), passing);
    }
}
