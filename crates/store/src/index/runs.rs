//! Runs: sorted entries in blocks, written once, read until they have been merged.
//!
//! A block's row number is its run's slot and, below that, the highest bits of the first entry's
//! subject; so the block in which a subject begins is found by one step in the table. If two
//! blocks begin with the same bits, the later one has the next number: a number is never below
//! those bits, and never below the number before.

use super::Entry;
use super::block::{self, Packer};
use super::filter::{self, Filter};
use crate::convert::{count, signed, unreadable};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Slots that there are.
pub(crate) const SLOTS: i64 = 127;

/// Bits of a row number below the slot. The highest of them is for blocks of which each begins
/// with the last subject there can be.
const BITS: u32 = 56;

/// Bits of a subject that are not in the number.
const LEFT_OUT: u32 = 63 - (BITS - 1);

/// A run in use.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) slot: i64,
    /// No two runs ever have the same.
    pub(crate) born: i64,
    pub(crate) entries: u64,
    /// What it has nothing of, where that is at hand.
    pub(crate) filter: Option<Arc<Filter>>,
}

impl Run {
    /// False where it has nothing of these.
    fn may_have(&self, subjects: &RangeInclusive<i64>) -> bool {
        let filter = self.filter.as_ref().filter(|_| subjects.start() == subjects.end());
        filter.is_none_or(|filter| filter.may_have(*subjects.start()))
    }
}

/// What a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Writing = 0,
    InUse = 1,
    Leaving = 2,
}

/// Those in use, the oldest first.
pub(crate) fn in_use(db: &Connection) -> rusqlite::Result<Vec<Run>> {
    let mut select = db.prepare_cached(
        "SELECT slot, entries, born FROM index_runs WHERE state = ?1 ORDER BY born",
    )?;
    let rows = select.query_map([State::InUse as i64], |row| {
        Ok(Run { slot: row.get(0)?, entries: count(row, 1)?, born: row.get(2)?, filter: None })
    })?;
    rows.collect()
}

/// The first one in that state, if there is one.
pub(crate) fn first(db: &Connection, state: State) -> rusqlite::Result<Option<i64>> {
    let mut select = db.prepare_cached("SELECT min(slot) FROM index_runs WHERE state = ?1")?;
    select.query_row([state as i64], |row| row.get(0))
}

/// Puts a run into another state.
pub(crate) fn turn(db: &Connection, slot: i64, state: State) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE index_runs SET state = ?2 WHERE slot = ?1")?;
    update.execute([slot, state as i64]).map(|_| ())
}

/// Takes away some blocks of a run, and the run with the last of them. Whether it is gone.
pub(crate) fn clear(db: &Connection, slot: i64, blocks: usize) -> rusqlite::Result<bool> {
    let mut delete = db.prepare_cached(
        "DELETE FROM index_blocks WHERE place IN
             (SELECT place FROM index_blocks WHERE place BETWEEN ?1 AND ?2 LIMIT ?3)",
    )?;
    let deleted =
        delete.execute(params![place(slot, 0), last_place(slot), signed(blocks as u64)])?;
    if deleted == blocks {
        return Ok(false);
    }
    db.prepare_cached("DELETE FROM index_runs WHERE slot = ?1")?.execute([slot])?;
    filter::forget(db, slot)?;
    Ok(true)
}

const fn place(slot: i64, subject: i64) -> i64 {
    slot << BITS | subject >> LEFT_OUT
}

const fn last_place(slot: i64) -> i64 {
    place(slot + 1, 0) - 1
}

/// A run that is being written.
#[derive(Debug)]
pub(crate) struct Writing {
    slot: i64,
    packer: Packer,
    /// The number of the block before.
    before: i64,
    entries: u64,
    filter: Option<Filter>,
}

impl Writing {
    /// Begins one, of about so many entries; `None` if no slot is free.
    pub(crate) fn begin(db: &Connection, entries: u64) -> rusqlite::Result<Option<Self>> {
        let mut taken = db.prepare_cached("SELECT slot FROM index_runs")?;
        let taken: Vec<i64> = taken.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let Some(slot) = (0..SLOTS).find(|slot| !taken.contains(slot)) else { return Ok(None) };
        let mut insert = db.prepare_cached(
            "INSERT INTO index_runs (slot, state, born, entries)
             VALUES (?1, ?2, (SELECT coalesce(max(born), 0) + 1 FROM index_runs), 0)",
        )?;
        insert.execute([slot, State::Writing as i64])?;
        let before = place(slot, 0) - 1;
        let filter = Filter::of(entries);
        Ok(Some(Self { slot, packer: Packer::default(), before, entries: 0, filter }))
    }

    /// Adds an entry, after all those before.
    pub(crate) fn push(&mut self, db: &Connection, entry: &Entry) -> rusqlite::Result<()> {
        if !self.packer.has_space() {
            self.put_down(db)?;
        }
        self.packer.push(entry);
        self.entries += 1;
        if let Some(filter) = &mut self.filter {
            filter.add(entry.subject);
        }
        Ok(())
    }

    fn put_down(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let Some((first, block)) = self.packer.take() else { return Ok(()) };
        self.before = place(self.slot, first).max(self.before + 1);
        let mut insert =
            db.prepare_cached("INSERT INTO index_blocks (place, data) VALUES (?1, ?2)")?;
        insert.execute(params![self.before, block]).map(|_| ())
    }

    /// From here on it is in use.
    pub(crate) fn finish(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.put_down(db)?;
        if let Some(filter) = &self.filter {
            filter.keep(db, self.slot)?;
        }
        let mut update = db.prepare_cached("UPDATE index_runs SET entries = ?2 WHERE slot = ?1")?;
        update.execute([self.slot, signed(self.entries)])?;
        turn(db, self.slot, State::InUse)
    }
}

/// Reads a run block by block.
#[derive(Debug)]
pub(crate) struct Reading {
    slot: i64,
    /// The number of the next block, or a lower one.
    next: i64,
}

impl Reading {
    /// From its beginning.
    pub(crate) const fn all(slot: i64) -> Self {
        Self { slot, next: place(slot, 0) }
    }

    /// From the block in which this subject begins, if it is in the run.
    pub(crate) fn from(db: &Connection, slot: i64, subject: i64) -> rusqlite::Result<Self> {
        let mut select = db.prepare_cached(
            "SELECT place FROM index_blocks WHERE place BETWEEN ?1 AND ?2
             ORDER BY place DESC LIMIT 1",
        )?;
        // One below: the block that begins with the same bits may not be the first with them.
        let at = [place(slot, 0), place(slot, subject) - 1];
        let found = select.query_row(at, |row| row.get(0)).optional()?;
        Ok(Self { slot, next: found.unwrap_or(place(slot, 0)) })
    }

    /// The entries of the next block; `None` at the end.
    pub(crate) fn block(&mut self, db: &Connection) -> rusqlite::Result<Option<Vec<Entry>>> {
        let mut select = db.prepare_cached(
            "SELECT place, data FROM index_blocks WHERE place BETWEEN ?1 AND ?2
             ORDER BY place LIMIT 1",
        )?;
        let mut rows = select.query([self.next, last_place(self.slot)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let place: i64 = row.get(0)?;
        self.next = place + 1;
        let entries = block::unpack(row.get_ref(1)?.as_blob()?);
        entries.map(Some).ok_or_else(|| unreadable(1, "a block of the index"))
    }
}

/// Shows the entries of a run that have these subjects, in order.
pub(crate) fn gather(
    db: &Connection,
    run: &Run,
    subjects: &RangeInclusive<i64>,
    mut see: impl FnMut(Entry),
) -> rusqlite::Result<()> {
    if !run.may_have(subjects) {
        return Ok(());
    }
    let slot = run.slot;
    let mut look = |row: &Row<'_>| {
        let past = block::pick(row.get_ref(1)?.as_blob()?, subjects, &mut see);
        past.ok_or_else(|| unreadable(1, "a block of the index"))
    };
    // One below: the block that begins with the same bits may not be the first with them.
    let at = [place(slot, 0), place(slot, *subjects.start()) - 1];
    let mut select = db.prepare_cached(
        "SELECT place, data FROM index_blocks WHERE place BETWEEN ?1 AND ?2
         ORDER BY place DESC LIMIT 1",
    )?;
    let mut rows = select.query(at)?;
    let mut next = place(slot, 0);
    if let Some(row) = rows.next()? {
        if look(row)? {
            return Ok(());
        }
        next = row.get::<_, i64>(0)? + 1;
    }
    let mut select = db.prepare_cached(
        "SELECT place, data FROM index_blocks WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
    )?;
    let mut rows = select.query([next, last_place(slot)])?;
    while let Some(row) = rows.next()? {
        if look(row)? {
            break;
        }
    }
    Ok(())
}
