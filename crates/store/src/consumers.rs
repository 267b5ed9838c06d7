//! Who reads the log, what each one wants, and how far it has come.

use crate::convert::{event_id, unreadable};
use crate::desk::Desk;
use crate::{ConsumerRow, StoreError, dead, ranges, states};
use label::EventId;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// One consumer, if it is known.
pub(crate) fn one(db: &Connection, name: &str) -> Result<Option<ConsumerRow>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT name, position, ahead, filter, webhook FROM consumers WHERE name = ?1",
    )?;
    Ok(select.query_row([name], read).optional()?)
}

/// Every consumer, ordered by name.
pub(crate) fn all(db: &Connection) -> Result<Vec<ConsumerRow>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT name, position, ahead, filter, webhook FROM consumers ORDER BY name",
    )?;
    let rows = select.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A new one begins at the beginning; a known one stays as it is.
pub(crate) fn ensure(desk: &mut Desk<'_>, name: &str) -> Result<ConsumerRow, StoreError> {
    let mut insert = desk.db.prepare_cached(
        "INSERT INTO consumers (name, position, ahead) VALUES (?1, 0, x'') ON CONFLICT DO NOTHING",
    )?;
    insert.execute([name])?;
    one(desk.db, name)?.ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
}

/// Event types that somebody asked of it for, besides labels: comma separated.
pub(crate) fn types(db: &Connection, name: &str) -> Result<String, StoreError> {
    let mut select = db.prepare_cached("SELECT types FROM consumers WHERE name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// Keeps them. They only grow, so of two that come the wrong way round the longer one counts.
pub(crate) fn set_types(desk: &mut Desk<'_>, name: &str, types: &str) -> Result<(), StoreError> {
    let mut update = desk.db.prepare_cached(
        "UPDATE consumers SET types = ?2 WHERE name = ?1 AND length(types) < length(?2)",
    )?;
    update.execute([name, types])?;
    states::follow(desk)
}

/// Keeps everything about one, known or not. Whoever begins anew, as one who asks for these
/// `types`, has no dead letters above that: they are owed again.
pub(crate) fn set(
    desk: &mut Desk<'_>,
    row: &ConsumerRow,
    ahead: &[u8],
    types: Option<&str>,
) -> Result<(), StoreError> {
    let mut upsert = desk.db.prepare_cached(
        "INSERT INTO consumers (name, position, ahead, filter, webhook)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET position = excluded.position, ahead = excluded.ahead,
             filter = excluded.filter, webhook = excluded.webhook",
    )?;
    upsert.execute(params![row.name, row.position.get(), ahead, row.filter, row.webhook])?;
    if let Some(types) = types {
        dead::forget_after(desk, &row.name, row.position)?;
        let mut update =
            desk.db.prepare_cached("UPDATE consumers SET types = ?2 WHERE name = ?1")?;
        update.execute([row.name.as_str(), types])?;
        states::follow(desk)?;
    }
    Ok(())
}

/// Keeps position and acks of one that is known, and of nobody else.
pub(crate) fn save_progress(
    desk: &mut Desk<'_>,
    name: &str,
    position: EventId,
    ahead: &[u8],
) -> Result<(), StoreError> {
    let mut update =
        desk.db.prepare_cached("UPDATE consumers SET position = ?2, ahead = ?3 WHERE name = ?1")?;
    update.execute(params![name, position.get(), ahead])?;
    Ok(())
}

/// Forgets one and what was set aside for it. Whether it was known.
pub(crate) fn remove(desk: &mut Desk<'_>, name: &str) -> Result<bool, StoreError> {
    dead::forget(desk, name)?;
    let mut delete = desk.db.prepare_cached("DELETE FROM consumers WHERE name = ?1")?;
    let known = delete.execute([name])? > 0;
    states::follow(desk)?;
    Ok(known)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ConsumerRow> {
    let position = event_id(row, 1)?;
    let ahead = ranges::decode(position.get(), row.get_ref(2)?.as_blob()?);
    Ok(ConsumerRow {
        name: row.get(0)?,
        position,
        ahead: ahead.ok_or_else(|| unreadable(2, "ranges of ids"))?,
        filter: row.get(3)?,
        webhook: row.get(4)?,
    })
}
