//! Which events a consumer is done with: acked, passed over, or never there.
//!
//! Everything up to a position, and ranges of ids above it. What is in no range is owed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A set of ids, all of them up to [`Done::position`] included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    position: i64,
    /// Start and end of each range above the position. They neither touch each other nor it.
    above: BTreeMap<i64, i64>,
}

impl Done {
    /// Everything up to `position`, and these ranges.
    pub(crate) fn new(position: i64, above: impl IntoIterator<Item = RangeInclusive<i64>>) -> Self {
        let mut done = Self { position, above: BTreeMap::new() };
        for range in above {
            done.insert(range);
        }
        done
    }

    /// Every id up to here is done.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    /// What is done above the position: ascending, disjoint, not touching.
    pub(crate) fn ahead(&self) -> Vec<RangeInclusive<i64>> {
        self.above.iter().map(|(start, end)| *start..=*end).collect()
    }

    /// How many ranges that are.
    pub(crate) fn ranges(&self) -> usize {
        self.above.len()
    }

    /// The last id that is done.
    pub(crate) fn last(&self) -> i64 {
        self.above.last_key_value().map_or(self.position, |(_, end)| *end)
    }

    pub(crate) fn contains(&self, id: i64) -> bool {
        id <= self.position
            || self.above.range(..=id).next_back().is_some_and(|(_, end)| *end >= id)
    }

    /// Adds a range of ids; an empty one adds nothing.
    pub(crate) fn insert(&mut self, range: RangeInclusive<i64>) {
        let (mut start, mut end) = range.into_inner();
        if start > end || end <= self.position {
            return;
        }
        while let Some((from, to)) = self.touching(start, end) {
            self.above.remove(&from);
            start = start.min(from);
            end = end.max(to);
        }
        if start <= self.position + 1 {
            self.position = end;
        } else {
            self.above.insert(start, end);
        }
    }

    fn touching(&self, start: i64, end: i64) -> Option<(i64, i64)> {
        let (from, to) = self.above.range(..=end.saturating_add(1)).next_back()?;
        (*to >= start - 1).then_some((*from, *to))
    }

    /// Takes one id out again.
    pub(crate) fn remove(&mut self, id: i64) {
        if id <= self.position {
            let end = std::mem::replace(&mut self.position, id - 1);
            if end > id {
                self.above.insert(id + 1, end);
            }
        } else if let Some((&start, &end)) = self.above.range(..=id).next_back()
            && end >= id
        {
            self.above.remove(&start);
            if start < id {
                self.above.insert(start, id - 1);
            }
            if end > id {
                self.above.insert(id + 1, end);
            }
        }
    }

    /// The last id of what is done from `after + 1` on without a gap; `after` if that one
    /// is not.
    pub(crate) fn jump(&self, after: i64) -> i64 {
        if after < self.position {
            return self.position;
        }
        match self.above.range(..=after.saturating_add(1)).next_back() {
            Some((_, end)) => after.max(*end),
            None => after,
        }
    }

    /// The next ranges above `after` that begin no later than `until`: at most so many, and
    /// none from the first on that has at least `long` ids.
    pub(crate) fn next_ranges(
        &self,
        after: i64,
        until: i64,
        most: usize,
        long: i64,
    ) -> Vec<RangeInclusive<i64>> {
        let next = self.above.range(after.saturating_add(1)..).take(most);
        let next = next.take_while(|(start, end)| **start <= until && *end - *start < long);
        next.map(|(start, end)| *start..=*end).collect()
    }

    /// Where the first range above `after` begins.
    pub(crate) fn next_start(&self, after: i64) -> Option<i64> {
        self.above.range(after.saturating_add(1)..).next().map(|(start, _)| *start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_the_set_it_says(
            position in 0i64..20,
            steps in prop::collection::vec((prop::bool::weighted(0.8), 0i64..60, 0i64..8), 0..40),
        ) {
            let mut done = Done::new(position, []);
            let mut ids: BTreeSet<i64> = (-1..=position).collect();
            for (add, start, more) in steps {
                if add {
                    done.insert(start..=start + more - 1);
                    ids.extend(start..start + more);
                } else if start > 0 {
                    done.remove(start);
                    ids.remove(&start);
                }
                for id in 0..80 {
                    prop_assert_eq!(done.contains(id), ids.contains(&id), "{}", id);
                    let end = (id + 1..).take_while(|id| ids.contains(id)).last().unwrap_or(id);
                    prop_assert_eq!(done.jump(id), end);
                }
                let first_gap = (0..).find(|id| !ids.contains(id)).unwrap();
                prop_assert_eq!(done.position(), first_gap - 1);
                let mut last = done.position();
                for range in done.ahead() {
                    prop_assert!(*range.start() > last + 1 && range.end() >= range.start());
                    last = *range.end();
                }
                prop_assert_eq!((done.last(), done.ranges()), (last, done.ahead().len()));
                prop_assert_eq!(&Done::new(done.position(), done.ahead()), &done);
            }
        }
    }

    #[test]
    fn ranges_are_told_up_to_a_long_one() {
        let done = Done::new(2, [5..=5, 9..=30, 40..=40]);
        assert_eq!(done.next_ranges(2, 100, 9, 10), [5..=5]);
        assert_eq!(done.next_ranges(2, 100, 9, 100), [5..=5, 9..=30, 40..=40]);
        assert_eq!(done.next_ranges(2, 39, 9, 100), [5..=5, 9..=30]);
        assert_eq!(done.next_ranges(2, 100, 1, 100), [5..=5]);
        assert_eq!((done.next_start(5), done.next_start(40)), (Some(9), None));
    }
}
