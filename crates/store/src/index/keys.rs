//! One key after the other, for whoever walks the log: what was found of a subject is kept for a
//! while, since much is said of the same ones in a row.

use super::find::{entries_of, salt};
use super::runs::Run;
use super::{Entry, Filters, Salt};
use crate::StoreError;
use crate::labelers::Interned;
use rusqlite::Connection;
use std::collections::HashMap;

/// Entries kept at most; then it begins anew.
const KEPT: usize = 100_000;

/// What one snapshot of the index says of keys.
#[derive(Debug)]
pub(crate) struct Keys {
    salt: Salt,
    runs: Vec<Run>,
    known: HashMap<(i64, i64, i64), Vec<Entry>>,
    kept: usize,
}

impl Keys {
    /// Of the index as this transaction sees it.
    pub(crate) fn of(db: &Connection, filters: &Filters) -> Result<Self, StoreError> {
        let (salt, runs) = (salt(db)?, filters.runs(db)?);
        Ok(Self { salt, runs, known: HashMap::new(), kept: 0 })
    }

    /// All entries of a labeler's key, in order; hashes may have brought others along.
    pub(crate) fn find(
        &mut self,
        db: &Connection,
        labeler: Interned,
        (uri, val): (&str, &str),
    ) -> Result<Vec<Entry>, StoreError> {
        let (subject, val) = (self.salt.subject(uri), self.salt.val(val));
        if self.kept > KEPT {
            self.known.clear();
            self.kept = 0;
        }
        let key = (subject, labeler.0, val);
        if !self.known.contains_key(&key) {
            let meant = |entry: &Entry| entry.labeler == labeler.0 && entry.val == val;
            let found = entries_of(db, &self.runs, &(subject..=subject), meant)?;
            self.kept += found.len();
            self.known.insert(key, found);
        }
        Ok(self.known.get(&key).cloned().unwrap_or_default())
    }
}
