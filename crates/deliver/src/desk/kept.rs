//! What a desk keeps across restarts: a position, and what is acked ahead of it.
//!
//! Everything up to `read` is either held or done, so nothing else has to be remembered:
//! what is done are the gaps between held ids, ids that no event has included. There are
//! never more gaps than held ids, so what is kept is bounded too.

use super::{Crowd, Desk, Rules};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

impl Desk {
    /// A desk that goes on where another one stopped.
    pub(crate) fn new(rules: Rules, position: i64, ahead: Vec<RangeInclusive<i64>>) -> Self {
        let mut desk = Self {
            rules,
            read: 0,
            skip: ahead.into_iter().filter(|range| *range.end() > position).collect(),
            held: BTreeMap::new(),
            tails: HashMap::new(),
            ready: BTreeSet::new(),
            written: BTreeSet::new(),
            crowd: Crowd::new(&rules),
            settled: 0,
            changed: false,
        };
        desk.read_to(position);
        desk
    }

    /// Marks everything up to `id` as read, and jumps over what is known to be done.
    pub(super) fn read_to(&mut self, id: i64) {
        self.read = self.read.max(id);
        while let Some(range) = self.skip.front() {
            if *range.start() > self.read + 1 {
                return;
            }
            self.read = self.read.max(*range.end());
            self.skip.pop_front();
        }
    }

    /// Where to read on.
    pub(crate) fn read(&self) -> i64 {
        self.read
    }

    /// Read and not acked.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// How many events have left this desk.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Every event up to here is acked or passed over.
    pub(crate) fn position(&self) -> i64 {
        self.held.first_key_value().map_or(self.read, |(first, _)| first - 1)
    }

    /// What is done above the position: disjoint, ascending.
    pub(crate) fn ahead(&self) -> Vec<RangeInclusive<i64>> {
        let mut ranges = Vec::new();
        let mut last = self.position();
        let end = self.read + 1;
        for id in self.held.keys().copied().chain((!self.held.is_empty()).then_some(end)) {
            if id > last + 1 {
                ranges.push(last + 1..=id - 1);
            }
            last = id;
        }
        ranges.extend(self.skip.iter().cloned());
        ranges
    }

    /// Whether there is something to keep that was not there at the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether [`Desk::take_changed`] would say so.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }
}
