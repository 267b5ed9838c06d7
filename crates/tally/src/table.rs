//! Rows by their keys, of which there are no more than a bound.

use crate::Sums;
use crate::answer::Reaction;
use crate::delays::Delays;
use serde::Serialize;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its heading.
    pub key: String,
    /// What was counted.
    #[serde(flatten)]
    pub sums: Sums,
    /// How soon labels came, where it was possible to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaction: Option<Reaction>,
}

/// A table, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The rows.
    pub rows: Vec<Row>,
    /// What belongs to rows that there was no room for.
    pub rest: Option<Sums>,
}

/// A row in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open {
    pub(crate) sums: Sums,
    pub(crate) delays: Delays,
}

impl Open {
    pub(crate) fn add(&mut self, sums: Sums, delay: Option<u64>) {
        self.sums += sums;
        if let Some(delay) = delay {
            self.delays.add(delay);
        }
    }
}

/// A table in the making.
#[derive(Debug, Clone)]
pub(crate) struct Rows<K> {
    rows: HashMap<K, Open>,
    rest: Sums,
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self { rows: HashMap::new(), rest: Sums::default() }
    }
}

impl<K: Hash + Eq + ToString> Rows<K> {
    /// Adds to a row. If it is a new one, `room` says whether there is to be one more.
    pub(crate) fn add<Q>(
        &mut self,
        key: &Q,
        sums: Sums,
        delay: Option<u64>,
        room: impl FnOnce(usize) -> bool,
    ) where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(row) = self.rows.get_mut(key) {
            row.add(sums, delay);
        } else if room(self.rows.len()) {
            self.rows.entry(key.to_owned()).or_default().add(sums, delay);
        } else {
            self.rest += sums;
        }
    }

    /// The table, with most labels first.
    pub(crate) fn most_first(self) -> Table {
        let mut table = self.finish(|key| key.to_string());
        table.rows.sort_unstable_by(|one, other| {
            other.sums.labels.cmp(&one.sums.labels).then_with(|| one.key.cmp(&other.key))
        });
        table
    }

    /// The table in the order of its keys.
    pub(crate) fn by_key(self, name: impl Fn(&K) -> String) -> Table {
        let mut table = self.finish(name);
        table.rows.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        table
    }

    fn finish(self, name: impl Fn(&K) -> String) -> Table {
        let row = |(key, open): (K, Open)| Row {
            key: name(&key),
            sums: open.sums,
            reaction: Reaction::of(&open.delays),
        };
        let rest = Some(self.rest).filter(|rest| rest.labels > 0);
        Table { rows: self.rows.into_iter().map(row).collect(), rest }
    }
}
