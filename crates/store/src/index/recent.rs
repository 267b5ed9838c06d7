//! The newest entries, not yet in any run.

use super::{Entry, runs};
use crate::convert::signed;
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::{StoreError, made};
use label::{EventId, Label, Millis, syntax};
use rusqlite::{Connection, Row, params};
use std::ops::RangeInclusive;

/// So many are written down as a run: some 10 ms of the writer.
pub(crate) const FULL: u64 = 16 << 10;

/// Puts a label into the index.
pub(crate) fn add(
    desk: &mut Desk<'_>,
    labeler: Interned,
    label: &Label,
    received_at: Millis,
    id: EventId,
) -> Result<(), StoreError> {
    let made = made::believed(syntax::instant(&label.cts), received_at.0);
    let said = (label.uri.as_str(), label.val.as_str());
    insert(desk, &Entry::of(desk.salt, labeler, said, made, id.get()))
}

/// Takes a label out of it, whose row is being taken out of the log. `made` as it is believed,
/// in microseconds since 1970.
pub(crate) fn take_away(
    desk: &mut Desk<'_>,
    labeler: Interned,
    said: (&str, &str),
    made: i64,
    id: EventId,
) -> Result<(), StoreError> {
    let entry = Entry::of(desk.salt, labeler, said, made, id.get());
    insert(desk, &Entry { gone: true, ..entry })
}

pub(super) fn insert(desk: &mut Desk<'_>, entry: &Entry) -> Result<(), StoreError> {
    let mut insert = desk.db.prepare_cached(
        "INSERT OR IGNORE INTO index_recent (subject, labeler, val, made, id, gone)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let Entry { subject, labeler, val, made, id, gone } = *entry;
    let added = insert.execute(params![subject, labeler, val, made, id, gone])?;
    desk.ledger.recent += added as u64;
    desk.ledger.indexing |= desk.ledger.recent >= FULL;
    Ok(())
}

/// How many there are.
pub(crate) fn count(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT count(*) FROM index_recent", [], |row| crate::convert::count(row, 0))
}

/// Those with these subjects, in order.
pub(super) fn of(db: &Connection, subjects: &RangeInclusive<i64>) -> rusqlite::Result<Vec<Entry>> {
    let mut select = db.prepare_cached(
        "SELECT subject, labeler, val, made, id, gone FROM index_recent
         WHERE subject BETWEEN ?1 AND ?2 ORDER BY subject, labeler, val, made, id, gone",
    )?;
    let found = select.query_map([subjects.start(), subjects.end()], read)?;
    found.collect()
}

/// Those above this one, in order, at most so many.
pub(super) fn above(
    db: &Connection,
    after: Option<Entry>,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let after =
        after.unwrap_or(Entry { subject: -1, labeler: 0, val: 0, made: 0, id: 0, gone: true });
    let mut select = db.prepare_cached(
        "SELECT subject, labeler, val, made, id, gone FROM index_recent
         WHERE (subject, labeler, val, made, id, gone) > (?1, ?2, ?3, ?4, ?5, ?6)
         ORDER BY subject, labeler, val, made, id, gone LIMIT ?7",
    )?;
    let Entry { subject, labeler, val, made, id, gone } = after;
    let limit = signed(limit as u64);
    let found = select.query_map(params![subject, labeler, val, made, id, gone, limit], read)?;
    found.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        subject: row.get(0)?,
        labeler: row.get(1)?,
        val: row.get(2)?,
        made: row.get(3)?,
        id: row.get(4)?,
        gone: row.get(5)?,
    })
}

/// Writes them down as a run, if there is a slot for it: all of them, or when there was none for a
/// long time the first ones.
pub(super) fn settle(desk: &mut Desk<'_>) -> Result<bool, StoreError> {
    let Some(mut run) = runs::Writing::begin(desk.db, desk.ledger.recent.min(4 * FULL))? else {
        return Ok(false);
    };
    let mut select = desk.db.prepare_cached(
        "SELECT subject, labeler, val, made, id, gone FROM index_recent
         ORDER BY subject, labeler, val, made, id, gone LIMIT ?1",
    )?;
    let entries = select.query_map([signed(4 * FULL)], read)?;
    let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
    for entry in &entries {
        run.push(desk.db, entry)?;
    }
    run.finish(desk.db)?;
    let settled = entries.len() as u64;
    if settled >= desk.ledger.recent {
        // Without a condition SQLite lets the table's pages go as they are.
        desk.db.prepare_cached("DELETE FROM index_recent")?.execute([])?;
    } else if let Some(Entry { subject, labeler, val, made, id, gone }) = entries.last() {
        let mut delete = desk.db.prepare_cached(
            "DELETE FROM index_recent WHERE (subject, labeler, val, made, id, gone)
                 <= (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        delete.execute(params![subject, labeler, val, made, id, gone])?;
    }
    desk.ledger.recent = desk.ledger.recent.saturating_sub(settled);
    Ok(true)
}
