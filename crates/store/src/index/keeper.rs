//! Keeps the index in order, in short pieces between the writer's jobs.

use super::merge::Merge;
use super::runs::{self, Run, State};
use super::{Entry, Salt, recent};
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::{StoreError, made, short};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;

/// Entries merged in one piece: some 3 ms.
const STRETCH: usize = 12_000;

/// Blocks taken away in one piece.
const CLEARED: usize = 300;

/// Labels from before there was an index that are put into it in one piece.
const BUILT: i64 = 2000;

/// So many runs of about the same size are merged. Fewer would have to be written more often,
/// more would have to be looked through.
const TOGETHER: usize = 4;

/// What is in hand.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    /// Merges of runs of each level. Those of the smallest runs go first, or a large one would
    /// keep many small runs waiting.
    merges: BTreeMap<u32, Merge>,
}

impl Keeper {
    /// Does one piece of what there is to be done; marks in the ledger when that was all. If the
    /// transaction does not land the keeper must not be used again.
    pub(crate) fn piece(&mut self, desk: &mut Desk<'_>) -> Result<(), StoreError> {
        let db = desk.db;
        if desk.ledger.recent >= recent::FULL && recent::settle(desk)? {
            desk.ledger.indexing = true;
        } else if let Some((level, merge)) = self.due(db)? {
            self.merges.insert(level, merge);
        } else if let Some(mut first) = self.merges.first_entry() {
            if first.get_mut().stretch(db, STRETCH)? {
                first.remove();
                metrics::counter!("labeltap_index_merges_total").increment(1);
            }
        } else if let Some(slot) = runs::first(db, State::Leaving)? {
            runs::clear(db, slot, CLEARED)?;
        } else if let Some(slot) = runs::first(db, State::Writing)? {
            // Of a merge that was broken off.
            runs::clear(db, slot, CLEARED)?;
        } else if !build(desk)? {
            desk.ledger.indexing = false;
        }
        Ok(())
    }

    /// Begins to merge where there are runs enough of about the same size, and none of them is
    /// being merged.
    fn due(&self, db: &Connection) -> rusqlite::Result<Option<(u32, Merge)>> {
        let runs = runs::in_use(db)?;
        metrics::gauge!("labeltap_index_runs").set(runs.len() as f64);
        let mut levels: BTreeMap<u32, Vec<Run>> = BTreeMap::new();
        for run in runs {
            levels.entry(level(run.entries)).or_default().push(run);
        }
        for (level, runs) in levels {
            if runs.len() >= TOGETHER && !self.merges.contains_key(&level) {
                return Ok(Merge::begin(db, &runs)?.map(|merge| (level, merge)));
            }
        }
        Ok(None)
    }
}

/// Whether there is anything to be done in a database that was just opened.
pub(crate) fn has_work(db: &Connection) -> rusqlite::Result<bool> {
    let unfinished = runs::first(db, State::Writing)?.or(runs::first(db, State::Leaving)?);
    let built = "SELECT index_next IS NULL FROM meta";
    Ok(unfinished.is_some() || !db.query_row(built, [], |row| row.get::<_, bool>(0))?)
}

/// Four times as many entries are one level more.
fn level(entries: u64) -> u32 {
    // What was cancelled or belongs to nobody makes a merged run somewhat smaller.
    let about = entries + entries / 4;
    (about / recent::FULL).checked_ilog(TOGETHER as u64).map_or(0, |level| level + 1)
}

/// Puts some labels from before there was an index into it. False when all are in.
fn build(desk: &mut Desk<'_>) -> Result<bool, StoreError> {
    let db = desk.db;
    let mut select = db.prepare_cached("SELECT index_next, index_until FROM meta")?;
    let part: (Option<i64>, Option<i64>) =
        select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(next), Some(until)) = part else { return Ok(false) };
    let mut select = db.prepare_cached(
        "SELECT id, labeler, uri, val, cts, received_at FROM labels
         WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
    )?;
    let mut found = select.query([next, until, BUILT])?;
    let (mut last, mut rows) = (next, 0);
    while let Some(row) = found.next()? {
        let entry = entry(row, desk.salt)?;
        recent::insert(desk, &entry)?;
        (last, rows) = (entry.id, rows + 1);
    }
    let next = (rows == BUILT).then_some(last + 1);
    db.prepare_cached("UPDATE meta SET index_next = ?1")?.execute(params![next])?;
    Ok(true)
}

/// Of a row with the columns that [`build`] reads.
fn entry(row: &Row<'_>, salt: Salt) -> rusqlite::Result<Entry> {
    let said = (row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
    let made = made::believed(short::read_instant(row, 4)?, row.get(5)?);
    Ok(Entry::of(salt, Interned(row.get(1)?), said, made, row.get(0)?))
}
