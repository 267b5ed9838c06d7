//! Who reads the log and how far each one has come.

use crate::convert::{event_id, unreadable};
use crate::desk::Desk;
use crate::{ConsumerRow, StoreError, ranges};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// One consumer, if it is known.
pub(crate) fn one(db: &Connection, name: &str) -> Result<Option<ConsumerRow>, StoreError> {
    let mut select =
        db.prepare_cached("SELECT name, position, ahead FROM consumers WHERE name = ?1")?;
    Ok(select.query_row([name], read).optional()?)
}

/// Every consumer, ordered by name.
pub(crate) fn all(db: &Connection) -> Result<Vec<ConsumerRow>, StoreError> {
    let mut select =
        db.prepare_cached("SELECT name, position, ahead FROM consumers ORDER BY name")?;
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

/// Keeps position and acks.
pub(crate) fn save(desk: &mut Desk<'_>, row: &ConsumerRow) -> Result<(), StoreError> {
    let mut upsert = desk.db.prepare_cached(
        "INSERT INTO consumers (name, position, ahead) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET position = excluded.position, ahead = excluded.ahead",
    )?;
    let position = row.position.get();
    upsert.execute(params![row.name, position, ranges::encode(position, &row.ahead)])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ConsumerRow> {
    let position = event_id(row, 1)?;
    let ahead = ranges::decode(position.get(), row.get_ref(2)?.as_blob()?);
    Ok(ConsumerRow {
        name: row.get(0)?,
        position,
        ahead: ahead.ok_or_else(|| unreadable(2, "ranges of ids"))?,
    })
}
