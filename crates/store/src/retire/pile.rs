//! Labels of one labeler, as far as it matters which of them have ended. Pure: no database.
//!
//! One label takes 24 bytes. A pile that is full is sorted, what has ended is found, and then
//! it is thinned to one label for each key, so that one key said a million times takes no more
//! room than another.

use label::EventId;

/// Labels a pile holds: 30 MiB.
const HOLDS: usize = 1_310_720;

/// Of a labeler that has more labels than this, only a part of the keys is looked at at once.
/// Below what a pile holds, so that one that was thinned always has space again.
pub(crate) const LABELS_AT_ONCE: u64 = 1_000_000;

/// Received before the cutoff.
const OLD: u64 = 1;
/// Takes back, or has run out.
const TERMINAL: u64 = 2;
/// Something older of its key was there and was thinned away.
const CROWDED: u64 = 4;
/// What the flags take of a number; ids have 53 bits.
const BITS: u32 = 3;

/// A label. In the order of this type, one that ends another comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// Hash of its key.
    key: u64,
    made_at: i64,
    /// Its event id, and flags.
    id: u64,
}

impl Entry {
    const fn is(self, flag: u64) -> bool {
        self.id & flag != 0
    }

    fn id(self) -> EventId {
        let id = i64::try_from(self.id >> BITS).ok().and_then(EventId::new);
        id.unwrap_or_default()
    }
}

/// What is to be known of a label.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Hash of its key.
    pub(crate) key: u64,
    /// Microseconds since 1970.
    pub(crate) made_at: i64,
    pub(crate) id: EventId,
    /// Received before the cutoff.
    pub(crate) old: bool,
    /// Takes back, or had run out by the cutoff.
    pub(crate) terminal: bool,
}

/// A label that seems to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) id: EventId,
    /// The label that has ended it; `None`: it takes back or has run out, and nothing older of
    /// its key is left.
    pub(crate) by: Option<EventId>,
}

/// Some labels.
#[derive(Debug)]
pub(crate) struct Pile {
    entries: Vec<Entry>,
    holds: usize,
}

impl Pile {
    /// For about so many labels.
    pub(crate) fn of(labels: u64) -> Self {
        Self::holding(HOLDS, labels)
    }

    fn holding(holds: usize, labels: u64) -> Self {
        let expected = usize::try_from(labels).unwrap_or(holds);
        Self { entries: Vec::with_capacity(expected.saturating_add(1000).min(holds)), holds }
    }

    /// Puts one on top. There has to be space.
    pub(crate) fn add(&mut self, seen: &Seen) {
        let flags = if seen.old { OLD } else { 0 } | if seen.terminal { TERMINAL } else { 0 };
        let id = u64::try_from(seen.id.get()).unwrap_or_default() << BITS | flags;
        if self.entries.len() == self.entries.capacity() {
            // Not doubled beyond what it holds.
            let space = self.holds.saturating_sub(self.entries.len());
            self.entries.reserve_exact(space.min(self.entries.len()));
        }
        self.entries.push(Entry { key: seen.key, made_at: seen.made_at, id });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.holds
    }

    /// After it was thinned: whether so little space is left that it is of no use.
    pub(crate) fn is_cramped(&self) -> bool {
        self.entries.len() > self.holds - self.holds / 8
    }

    /// To be done before the next two.
    pub(crate) fn sort(&mut self) {
        self.entries.sort_unstable();
    }

    /// Up to `limit` labels that have ended, not above `floor`, from this place of the pile on,
    /// and where to look on.
    pub(crate) fn ended(
        &self,
        from: usize,
        floor: EventId,
        limit: usize,
    ) -> (Vec<Ended>, Option<usize>) {
        let mut ended = Vec::new();
        let mut at = from;
        let mut before = from.checked_sub(1).and_then(|before| self.entries.get(before));
        let rest = self.entries.get(from..).unwrap_or_default();
        for key in rest.chunk_by(|one, other| one.key == other.key) {
            let newest = key.iter().rposition(|entry| entry.is(OLD));
            let by = newest.and_then(|newest| key.get(newest));
            for (place, entry) in key.iter().take(newest.map_or(0, |newest| newest + 1)).enumerate()
            {
                if ended.len() >= limit {
                    return (ended, Some(at + place));
                }
                let is_first = before.is_none_or(|before| before.key != entry.key);
                before = Some(entry);
                if entry.id() > floor {
                    continue;
                }
                if Some(place) != newest {
                    if entry.is(OLD) {
                        ended.push(Ended { id: entry.id(), by: by.map(|by| by.id()) });
                    }
                } else if entry.is(TERMINAL) && is_first && !entry.is(CROWDED) {
                    ended.push(Ended { id: entry.id(), by: None });
                }
            }
            before = key.last();
            at += key.len();
        }
        (ended, None)
    }

    /// Keeps of each key the newest of the old ones; if there is none, the oldest of the young
    /// ones.
    pub(crate) fn thin(&mut self) {
        self.entries.dedup_by(|next, kept| {
            if next.key != kept.key {
                return false;
            }
            if next.is(OLD) {
                *kept = Entry { id: next.id | CROWDED, ..*next };
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A label of this key, made then; `o` old, `t` terminal, `y` young.
    fn seen(key: u64, made_at: i64, id: i64, kind: char) -> Seen {
        let id = EventId::new(id).unwrap();
        Seen { key, made_at, id, old: kind != 'y', terminal: kind == 't' }
    }

    fn pile(labels: &[(u64, i64, i64, char)]) -> Pile {
        let mut pile = Pile::of(labels.len() as u64);
        for (key, made_at, id, kind) in labels {
            pile.add(&seen(*key, *made_at, *id, *kind));
        }
        pile.sort();
        pile
    }

    /// All that has ended, looked for a few at a time.
    fn ended(pile: &Pile, floor: i64, limit: usize) -> Vec<(i64, Option<i64>)> {
        let (mut all, mut from) = (Vec::new(), Some(0));
        while let Some(at) = from {
            let (some, next) = pile.ended(at, EventId::new(floor).unwrap(), limit);
            assert!(some.len() <= limit);
            all.extend(some.iter().map(|one| (one.id.get(), one.by.map(EventId::get))));
            from = next;
        }
        all
    }

    #[test]
    fn a_label_is_ended_by_the_newest_old_one_of_its_key() {
        let pile = pile(&[
            (1, 10, 1, 'o'),
            (1, 20, 2, 'o'),
            (1, 15, 3, 't'), // said later, made earlier
            (1, 30, 4, 'y'), // ends the second one, but not long enough ago
            (2, 10, 5, 'o'),
            (3, 10, 6, 'y'),
            (3, 20, 7, 'o'), // the older one is not held for long enough
        ]);
        for limit in 1..4 {
            assert_eq!(ended(&pile, 9, limit), [(1, Some(2)), (3, Some(2))]);
        }
        assert_eq!(ended(&pile, 2, 9), [(1, Some(2))], "not what is owed");
    }

    #[test]
    fn what_takes_back_goes_last() {
        let alone = pile(&[(1, 10, 1, 't'), (2, 10, 2, 't'), (2, 20, 3, 'y')]);
        assert_eq!(ended(&alone, 9, 1), [(1, None), (2, None)]);
        for older in ['o', 't', 'y'] {
            let pile = pile(&[(1, 10, 1, older), (1, 20, 2, 't')]);
            for limit in [1, 2] {
                let all = ended(&pile, 9, limit);
                assert!(all.iter().all(|(id, _)| *id != 2), "{older}: {all:?}");
            }
        }
        // What is owed keeps it, too.
        assert_eq!(ended(&pile(&[(1, 10, 8, 'o'), (1, 20, 2, 't')]), 7, 9), []);
    }

    #[test]
    fn thinned_it_still_knows_what_came_before() {
        let mut pile = pile(&[
            (1, 10, 1, 'o'),
            (1, 20, 2, 't'),
            (2, 10, 3, 't'),
            (3, 10, 4, 'y'),
            (3, 11, 5, 'y'),
            (4, 10, 6, 't'),
            (4, 20, 7, 'y'),
        ]);
        pile.thin();
        assert_eq!(pile.entries.len(), 4);
        assert_eq!(ended(&pile, 99, 9), [(3, None), (6, None)], "not what had something below it");
        pile.add(&seen(3, 20, 8, 't'));
        pile.add(&seen(2, 5, 9, 'o'));
        pile.add(&seen(1, 30, 10, 'o'));
        pile.sort();
        assert_eq!(ended(&pile, 99, 9), [(2, Some(10)), (9, Some(3)), (6, None)]);
    }

    #[test]
    fn one_key_said_for_ever_takes_no_room() {
        let mut pile = Pile::holding(1000, u64::MAX);
        let mut found = 0;
        for id in 1..=10_000 {
            pile.add(&seen(7, id, id, 'o'));
            if pile.is_full() {
                pile.sort();
                found += ended(&pile, 99_999, 100).len();
                pile.thin();
                assert!(!pile.is_cramped());
            }
        }
        assert!(found > 9_900, "{found}");
        assert!(pile.entries.capacity() <= 1000);
    }

    #[test]
    fn a_pile_is_no_larger_than_said() {
        assert!(HOLDS * size_of::<Entry>() <= 30 << 20);
        assert!(LABELS_AT_ONCE < (HOLDS - HOLDS / 8) as u64);
    }
}
