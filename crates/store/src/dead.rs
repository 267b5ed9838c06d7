//! Events set aside for one consumer, because they were delivered too often without an ack.

use crate::convert::{event_id, small};
use crate::desk::Desk;
use crate::{DeadRow, StoreError, consumers};
use label::{EventId, Millis};
use rusqlite::{Connection, Row, params};

/// Sets these aside, unless there is no such consumer (any more).
pub(crate) fn set_aside(
    desk: &mut Desk<'_>,
    name: &str,
    rows: &[DeadRow],
    now: Millis,
) -> Result<(), StoreError> {
    let mut upsert = desk.db.prepare_cached(
        "INSERT INTO dead (consumer, id, deliveries, last_error, set_aside_at)
         SELECT name, ?2, ?3, ?4, ?5 FROM consumers WHERE name = ?1
         ON CONFLICT DO UPDATE SET deliveries = excluded.deliveries,
             last_error = excluded.last_error, set_aside_at = excluded.set_aside_at",
    )?;
    for row in rows {
        upsert.execute(params![name, row.id.get(), row.deliveries, row.last_error, now.0])?;
    }
    Ok(())
}

/// Takes these back and keeps the position and acks that owe them again.
pub(crate) fn retry(
    desk: &mut Desk<'_>,
    name: &str,
    position: EventId,
    ahead: &[u8],
    ids: &[EventId],
) -> Result<(), StoreError> {
    let mut delete = desk.db.prepare_cached("DELETE FROM dead WHERE consumer = ?1 AND id = ?2")?;
    for id in ids {
        delete.execute(params![name, id.get()])?;
    }
    consumers::save_progress(desk, name, position, ahead)
}

/// Forgets all of a consumer's.
pub(crate) fn forget(desk: &mut Desk<'_>, name: &str) -> Result<(), StoreError> {
    desk.db.prepare_cached("DELETE FROM dead WHERE consumer = ?1")?.execute([name])?;
    Ok(())
}

/// Forgets those above a position.
pub(crate) fn forget_after(
    desk: &mut Desk<'_>,
    name: &str,
    position: EventId,
) -> Result<(), StoreError> {
    let mut delete = desk.db.prepare_cached("DELETE FROM dead WHERE consumer = ?1 AND id > ?2")?;
    delete.execute(params![name, position.get()])?;
    Ok(())
}

/// Up to `limit` above `after`, ascending.
pub(crate) fn page(
    db: &Connection,
    name: &str,
    after: EventId,
    limit: usize,
) -> Result<Vec<DeadRow>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, deliveries, last_error FROM dead
         WHERE consumer = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map(params![name, after.get(), limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Which of these are set aside, ascending.
pub(crate) fn among(
    db: &Connection,
    name: &str,
    mut ids: Vec<EventId>,
) -> Result<Vec<EventId>, StoreError> {
    ids.sort_unstable();
    ids.dedup();
    let mut select = db.prepare_cached("SELECT 1 FROM dead WHERE consumer = ?1 AND id = ?2")?;
    let mut found = Vec::new();
    for id in ids {
        if select.exists(params![name, id.get()])? {
            found.push(id);
        }
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeadRow> {
    Ok(DeadRow { id: event_id(row, 0)?, deliveries: small(row, 1)?, last_error: row.get(2)? })
}
