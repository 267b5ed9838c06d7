//! Which subjects a run may have something of, so that most runs are not looked into for one: a
//! Bloom filter whose bits for one subject lie in one word.

use super::runs::{self, Run};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bits for each entry. With four of them set, three of a hundred subjects that a run has not got
/// are looked for in vain.
const BITS: u64 = 10;

/// Bits set for one subject.
const SET: u32 = 4;

/// Entries of a run that has a filter. The few runs that are larger hold most of what there is, so
/// they have to be looked into anyway; and all filters together take some 5 MB.
const MOST: u64 = 2 << 20;

/// The filter of one run.
#[derive(Debug)]
pub(crate) struct Filter(Vec<u64>);

impl Filter {
    /// For about so many entries; `None` for more than it is worth.
    pub(super) fn of(entries: u64) -> Option<Self> {
        let words = usize::try_from((entries * BITS).div_ceil(64)).ok()?;
        (entries <= MOST).then(|| Self(vec![0; words.max(1)]))
    }

    pub(super) fn add(&mut self, subject: i64) {
        let (place, bits) = self.place(subject);
        if let Some(word) = self.0.get_mut(place) {
            *word |= bits;
        }
    }

    /// False where the run has nothing of it.
    pub(super) fn may_have(&self, subject: i64) -> bool {
        let (place, bits) = self.place(subject);
        self.0.get(place).is_none_or(|word| word & bits == bits)
    }

    /// A word, and bits of it. Subjects are hashes, but of one account they begin alike.
    fn place(&self, subject: i64) -> (usize, u64) {
        let mixed = subject.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let place = (u128::from(mixed) * self.0.len() as u128) >> 64;
        let bit = |number: u32| 1u64 << (mixed >> (6 * number) & 63);
        (usize::try_from(place).unwrap_or(0), (0..SET).map(bit).fold(0, |bits, bit| bits | bit))
    }

    /// Keeps it beside the run in this slot.
    pub(super) fn keep(&self, db: &Connection, slot: i64) -> rusqlite::Result<()> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut insert =
            db.prepare_cached("INSERT OR REPLACE INTO index_filters (slot, data) VALUES (?1, ?2)")?;
        insert.execute(params![slot, bytes]).map(|_| ())
    }

    fn read(db: &Connection, slot: i64) -> rusqlite::Result<Option<Self>> {
        let mut select = db.prepare_cached("SELECT data FROM index_filters WHERE slot = ?1")?;
        let bytes: Option<Vec<u8>> = select.query_row([slot], |row| row.get(0)).optional()?;
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let words = bytes.map(|bytes| bytes.as_chunks().0.iter().map(word).collect());
        Ok(words.map(Self))
    }
}

/// Takes the filter of a run away.
pub(super) fn forget(db: &Connection, slot: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM index_filters WHERE slot = ?1")?.execute([slot]).map(|_| ())
}

/// The filters of the runs in use, kept in memory for those who ask.
#[derive(Debug, Default)]
pub(crate) struct Filters(Mutex<HashMap<i64, Option<Arc<Filter>>>>);

impl Filters {
    /// The runs in use, with their filters.
    pub(crate) fn runs(&self, db: &Connection) -> rusqlite::Result<Vec<Run>> {
        let mut runs = runs::in_use(db)?;
        // A panic while holding the lock cannot leave more behind than a filter too few.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|born, _| runs.iter().any(|run| run.born == *born));
        for run in &mut runs {
            run.filter = match known.get(&run.born) {
                Some(filter) => filter.clone(),
                None => {
                    let filter = Filter::read(db, run.slot)?.map(Arc::new);
                    known.insert(run.born, filter.clone());
                    filter
                }
            };
        }
        Ok(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_and_most_of_the_rest_is_not() {
        // As the subjects of few accounts are: they begin alike.
        let subject = |number: i64| (number % 7) << 32 | number.wrapping_mul(2_654_435_761) >> 3;
        let mut filter = Filter::of(20_000).unwrap();
        (0..20_000).for_each(|number| filter.add(subject(number)));
        assert!((0..20_000).all(|number| filter.may_have(subject(number))));
        let others = (20_000..120_000).map(subject);
        let in_vain = others.filter(|subject| filter.may_have(*subject)).count();
        assert!(in_vain < 6_000, "{in_vain} of 100,000");
        assert!(Filter::of(MOST + 1).is_none());
        assert!(Filter::of(0).is_some_and(|filter| !filter.may_have(7)));
    }
}
