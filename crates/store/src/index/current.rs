//! Which labels are the newest of their keys, found in the order of the index.
//!
//! The rule is that of [`super::find`]. A key with one entry needs no look at its row. Rows of
//! other keys are looked at many at a time and in the order of the log, since the order of the
//! index would touch another page for each.

use super::find::{TIED, order};
use super::{Entry, Marks};
use crate::StoreError;
use rusqlite::Connection;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// Entries whose rows are looked at together.
const TOGETHER: usize = 10_000;

/// A label's place in the order of contract section 7, and its id.
type Order = ((i64, i64, i64, i64), i64);

/// Is shown all entries in order, and marks the newest label of each key.
#[derive(Debug, Default)]
pub(crate) struct Current {
    marks: Marks,
    /// The key at hand: its last entries.
    key: VecDeque<Entry>,
    /// Entries of keys that have several, one key after the other.
    contested: Vec<Entry>,
    hasher: RandomState,
}

impl Current {
    pub(crate) fn see(&mut self, db: &Connection, entry: &Entry) -> Result<(), StoreError> {
        if self.key.back().is_some_and(|last| of(last) != of(entry)) {
            self.settle();
            if self.contested.len() >= TOGETHER {
                self.decide(db)?;
            }
        }
        if self.key.len() >= TIED {
            self.key.pop_front();
        }
        self.key.push_back(*entry);
        Ok(())
    }

    /// The newest labels, once everything was shown.
    pub(crate) fn marks(mut self, db: &Connection) -> Result<Marks, StoreError> {
        self.settle();
        self.decide(db)?;
        Ok(self.marks)
    }

    /// The key at hand is whole.
    fn settle(&mut self) {
        match (self.key.len(), self.key.front()) {
            (1, Some(only)) => self.marks.insert(only.id),
            _ => self.contested.extend(&self.key),
        }
        self.key.clear();
    }

    fn decide(&mut self, db: &Connection) -> Result<(), StoreError> {
        let rows = self.rows(db)?;
        for key in self.contested.chunk_by(|one, other| of(one) == of(other)) {
            // Hashes may have put several into one key, of which each has its newest.
            let mut newest: HashMap<u64, Order> = HashMap::new();
            for (said, order) in key.iter().filter_map(|entry| rows.get(&entry.id)) {
                let best = newest.entry(*said).or_insert(*order);
                *best = (*best).max(*order);
            }
            for (_, id) in newest.into_values() {
                self.marks.insert(id);
            }
        }
        self.contested.clear();
        Ok(())
    }

    /// What the rows of the contested entries say, as a hash, and their order.
    fn rows(&self, db: &Connection) -> Result<HashMap<i64, (u64, Order)>, StoreError> {
        let mut ids: Vec<i64> = self.contested.iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        let mut select = db.prepare_cached(
            "SELECT uri, val, cts, received_at, epoch, seq, place FROM labels WHERE id = ?1",
        )?;
        let mut rows = HashMap::with_capacity(ids.len());
        for id in ids {
            let mut found = select.query([id])?;
            let Some(row) = found.next()? else { continue };
            let mut said = 0;
            let order = order(row, &mut |uri, val| {
                said = self.hasher.hash_one((uri, val));
                true
            })?;
            rows.extend(order.map(|order| (id, (said, (order, id)))));
        }
        Ok(rows)
    }
}

fn of(entry: &Entry) -> (i64, i64, i64) {
    (entry.subject, entry.labeler, entry.val)
}
