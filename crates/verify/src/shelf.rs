//! The memory of the tables that are kept: one piece, given back when they go.
//!
//! Freed one by one, between all the small things that are made meanwhile, tables would leave
//! holes that no allocator hands back, so that a service that has read its backfill would
//! look as large as in the middle of it. A piece of more than 32 MiB is what glibc always asks
//! the system for by itself and gives back at once (mallopt(3), `M_MMAP_THRESHOLD`); until
//! they are written to, pages of it take no memory.

use crate::multiples::{Multiples, Table};
use k256::AffinePoint;

/// Points that the piece has room for at least: more than 32 MiB of them.
const LEAST: usize = (33 << 20) / size_of::<AffinePoint>();

/// Tables of one size, one after the other.
#[derive(Debug)]
pub(crate) struct Shelf {
    bits: u32,
    points: Vec<AffinePoint>,
}

impl Shelf {
    /// For tables with digits of so many bits. Takes no memory while there are none.
    pub(crate) const fn new(bits: u32) -> Self {
        Self { bits, points: Vec::new() }
    }

    /// Puts a copy of a table up, and says at which place.
    pub(crate) fn put(&mut self, table: Table<'_>) -> usize {
        let place = self.points.len() / self.length();
        if self.points.is_empty() {
            self.points.reserve_exact(LEAST);
        }
        self.points.extend_from_slice(table.points());
        place
    }

    /// The table at a place.
    pub(crate) fn table(&self, place: usize) -> Option<Table<'_>> {
        let points = self.points.chunks_exact(self.length()).nth(place)?;
        Some(Table::new(points, self.bits))
    }

    /// Keeps the tables at these places, which are theirs in the same order from now on as
    /// 0, 1, …, and gives the memory of the others back.
    pub(crate) fn keep(&mut self, places: &[usize]) {
        let mut kept = Self::new(self.bits);
        for table in places.iter().filter_map(|place| self.table(*place)) {
            kept.put(table);
        }
        *self = kept;
    }

    /// Points of a table.
    const fn length(&self) -> usize {
        Multiples::count(self.bits)
    }
}
