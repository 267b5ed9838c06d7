//! The memory of the tables that are kept: one piece for each curve, given back when they go.
//!
//! Freed one by one, between all the small things that are made meanwhile, tables would leave
//! holes that no allocator hands back, so that a service that has read its backfill would
//! look as large as in the middle of it. A piece of more than 32 MiB is what glibc always asks
//! the system for by itself and gives back at once (mallopt(3), `M_MMAP_THRESHOLD`); until
//! they are written to, pages of it take no memory.

use crate::group::Group;
use crate::multiples::{Multiples, Table};
use k256::Secp256k1;
use k256::elliptic_curve::AffinePoint;
use p256::NistP256;
use std::sync::RwLock;

/// What a piece has room for at least.
const LEAST_BYTES: usize = 33 << 20;

/// One for each curve.
#[derive(Debug, Default)]
pub(crate) struct Shelves {
    pub(crate) k256: RwLock<Shelf<Secp256k1>>,
    pub(crate) p256: RwLock<Shelf<NistP256>>,
}

/// Tables of one size, one after the other.
#[derive(Debug)]
pub(crate) struct Shelf<C: Group> {
    points: Vec<AffinePoint<C>>,
}

impl<C: Group> Default for Shelf<C> {
    /// Takes no memory while there are no tables.
    fn default() -> Self {
        Self { points: Vec::new() }
    }
}

impl<C: Group> Shelf<C> {
    /// Points of a table.
    const LENGTH: usize = Multiples::<C>::count(C::KEPT);

    /// Puts a copy of a table up, and says at which place.
    pub(crate) fn put(&mut self, table: Table<'_, C>) -> usize {
        let place = self.count();
        if self.points.is_empty() {
            self.points.reserve_exact(LEAST_BYTES / size_of::<AffinePoint<C>>());
        }
        self.points.extend_from_slice(table.points());
        place
    }

    /// The table at a place.
    pub(crate) fn table(&self, place: usize) -> Option<Table<'_, C>> {
        let points = self.points.chunks_exact(Self::LENGTH).nth(place)?;
        Some(Table::new(points, C::KEPT))
    }

    /// How many tables there are.
    pub(crate) const fn count(&self) -> usize {
        self.points.len() / Self::LENGTH
    }

    /// Keeps the tables at these places, which are theirs in the same order from now on as
    /// 0, 1, …, and gives the memory of the others back.
    pub(crate) fn keep(&mut self, places: &[usize]) {
        let mut kept = Self::default();
        for table in places.iter().filter_map(|place| self.table(*place)) {
            kept.put(table);
        }
        *self = kept;
    }
}
