//! What could be sent now, by who takes it. The lowest id goes first, so what comes back
//! goes first.

use super::takers::Takers;
use std::collections::{BTreeMap, BTreeSet};

/// Ids, sorted, under the filters that take them. There are few different sets of filters.
#[derive(Debug, Default)]
pub(super) struct Ready(BTreeMap<Takers, BTreeSet<i64>>);

impl Ready {
    pub(super) fn insert(&mut self, takers: Takers, id: i64) {
        self.0.entry(takers).or_default().insert(id);
    }

    pub(super) fn remove(&mut self, takers: Takers, id: i64) {
        if let Some(ids) = self.0.get_mut(&takers)
            && ids.remove(&id)
            && ids.is_empty()
        {
            self.0.remove(&takers);
        }
    }

    /// The lowest id that one of these takes.
    pub(super) fn first(&self, wanted: Takers) -> Option<i64> {
        let fits = self.0.iter().filter(|(takers, _)| takers.meet(wanted));
        fits.filter_map(|(_, ids)| ids.first().copied()).min()
    }

    /// All that one of these takes.
    pub(super) fn ids(&self, wanted: Takers) -> impl Iterator<Item = i64> {
        let fits = self.0.iter().filter(move |(takers, _)| takers.meet(wanted));
        fits.flat_map(|(_, ids)| ids.iter().copied())
    }

    /// How many this one takes.
    pub(super) fn count(&self, wanted: Takers) -> usize {
        let fits = self.0.iter().filter(|(takers, _)| takers.meet(wanted));
        fits.map(|(_, ids)| ids.len()).sum()
    }

    #[cfg(test)]
    pub(super) fn total(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
