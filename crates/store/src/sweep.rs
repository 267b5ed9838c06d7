//! Takes away what purged labelers left behind, a little at a time.
//!
//! A purge only cuts the rows loose (`labelers::remove`); this walks the log from its
//! beginning, one short stretch of ids per call, and deletes the rows of no labeler, and events of states that nobody asks for any more. Where
//! it stands is in the database, so it goes on after a restart. A purge while it walks
//! makes it walk once more; however many come, that is one more.

use crate::desk::Desk;
use crate::{StoreError, contents};
use rusqlite::{Connection, OptionalExtension};

/// Ids per stretch: a few milliseconds of the writer at most.
pub(crate) const STRETCH: i64 = 2000;

/// Asks for a sweep, in the transaction that cut the rows loose.
pub(crate) fn order(desk: &mut Desk<'_>) -> rusqlite::Result<()> {
    let mut update = desk.db.prepare_cached(
        "UPDATE meta SET sweep_again = (sweep_next IS NOT NULL), sweep_next = coalesce(sweep_next, 0)",
    )?;
    update.execute([])?;
    desk.ledger.sweeping = true;
    Ok(())
}

/// Sweeps one stretch.
pub(crate) fn stretch(desk: &mut Desk<'_>) -> Result<(), StoreError> {
    if contents::sweep(desk.db)? {
        return Ok(());
    }
    let mut select = desk.db.prepare_cached("SELECT sweep_next, sweep_again FROM meta")?;
    let (next, again): (Option<i64>, bool) =
        select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let from = next.map(|next| first_id(desk.db, next)).transpose()?.flatten();
    if let Some(from) = from {
        let until = from.saturating_add(STRETCH);
        delete(desk.db, from, until)?;
        stand(desk.db, Some(until), again)?;
    } else {
        stand(desk.db, again.then_some(0), false)?;
        desk.ledger.sweeping = again;
    }
    Ok(())
}

/// The first row at or above `next`, so that empty stretches cost nothing.
fn first_id(db: &Connection, next: i64) -> rusqlite::Result<Option<i64>> {
    let first = |sql| {
        let mut select = db.prepare_cached(sql)?;
        select.query_row([next], |row| row.get::<_, i64>(0)).optional()
    };
    let label = first("SELECT id FROM labels WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    let rejected = first("SELECT id FROM rejected WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    let state = first("SELECT id FROM states WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    Ok(label.into_iter().chain(rejected).chain(state).min())
}

fn delete(db: &Connection, from: i64, until: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM labels WHERE id >= ?1 AND id < ?2
             AND NOT EXISTS (SELECT 1 FROM labelers WHERE labelers.id = labels.labeler)",
        "DELETE FROM rejected WHERE id >= ?1 AND id < ?2
             AND NOT EXISTS (SELECT 1 FROM labelers WHERE labelers.id = rejected.labeler)",
        "DELETE FROM states WHERE id >= ?1 AND id < ?2
             AND (NOT EXISTS (SELECT 1 FROM labelers WHERE labelers.id = states.labeler)
                 OR (SELECT states_next IS NULL OR states_from >= states.id FROM meta))",
    ] {
        db.prepare_cached(sql)?.execute([from, until])?;
    }
    Ok(())
}

fn stand(db: &Connection, next: Option<i64>, again: bool) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE meta SET sweep_next = ?1, sweep_again = ?2")?;
    update.execute(rusqlite::params![next, again])?;
    Ok(())
}
