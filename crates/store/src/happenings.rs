//! What happened to labelers, as events of the log. Written in the transaction that makes it
//! true, the newest of each labeler kept.

use crate::convert::{epoch, event_id, seq, unreadable};
use crate::desk::Desk;
use crate::{StoreError, labelers};
use label::{Change, Did, EventId, LabelerEvent, Millis};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// How many are kept for each labeler: one that hangs up all the time does so some hundred
/// times a day, and nobody may fill the disk by it.
const KEPT: i64 = 1000;

/// Adds one, with what is known of the labeler now. `None` when there is nothing to add.
pub(crate) fn add(
    desk: &mut Desk<'_>,
    did: &Did,
    change: Change,
    state: &str,
    now: Millis,
) -> Result<Option<LabelerEvent>, StoreError> {
    let Some(row) = labelers::one(desk.db, did)? else { return Ok(None) };
    // Whoever is gone is found so again and again.
    if change == Change::Gone && last(desk.db, did)? == Some(Change::Gone) {
        return Ok(None);
    }
    let id = desk.next_id()?;
    let mut insert = desk.db.prepare_cached(
        "INSERT INTO happenings (id, did, change, state, service_url, cursor, epoch, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        id.get(),
        did.as_str(),
        change.as_str(),
        state,
        row.noted.service_url,
        row.cursor.get(),
        row.epoch.0,
        now.0,
    ])?;
    prune(desk.db, did)?;
    Ok(Some(LabelerEvent {
        id,
        labeler: did.clone(),
        change,
        state: state.to_owned(),
        service_url: row.noted.service_url,
        cursor: row.cursor,
        epoch: row.epoch,
        at: now,
    }))
}

/// What happened last.
fn last(db: &Connection, did: &Did) -> rusqlite::Result<Option<Change>> {
    let mut select =
        db.prepare_cached("SELECT change FROM happenings WHERE did = ?1 ORDER BY id DESC LIMIT 1")?;
    let name: Option<String> = select.query_row([did.as_str()], |row| row.get(0)).optional()?;
    Ok(name.and_then(|name| Change::from_name(&name)))
}

fn prune(db: &Connection, did: &Did) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached(
        "DELETE FROM happenings WHERE did = ?1 AND id <=
             (SELECT id FROM happenings WHERE did = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?;
    delete.execute(params![did.as_str(), KEPT])?;
    Ok(())
}

/// Tells of everybody who is tracked and was not when this was last told, and the other way
/// round.
pub(crate) fn announce(desk: &mut Desk<'_>, now: Millis) -> Result<Vec<LabelerEvent>, StoreError> {
    let mut told = Vec::new();
    let mut select =
        desk.db.prepare_cached("SELECT did, tracked FROM labelers WHERE tracked != announced")?;
    let rows = select.query_map([], |row| Ok((labelers::did(row, 0)?, row.get(1)?)))?;
    let news: Vec<(Did, bool)> = rows.collect::<Result<_, _>>()?;
    for (did, tracked) in news {
        let change = if tracked { Change::Added } else { Change::Removed };
        told.extend(add(desk, &did, change, "pending", now)?);
        let mut update =
            desk.db.prepare_cached("UPDATE labelers SET announced = tracked WHERE did = ?1")?;
        update.execute([did.as_str()])?;
    }
    Ok(told)
}

/// One labeler's, newest first, below `before`.
pub(crate) fn of(
    db: &Connection,
    did: &Did,
    before: Option<EventId>,
    limit: usize,
) -> Result<Vec<LabelerEvent>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, did, change, state, service_url, cursor, epoch, at FROM happenings
         WHERE did = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let before = before.map_or(i64::MAX, EventId::get);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map(params![did.as_str(), before, limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One of them, if it is still there.
pub(crate) fn one(db: &Connection, id: EventId) -> rusqlite::Result<Option<LabelerEvent>> {
    let mut select = db.prepare_cached(
        "SELECT id, did, change, state, service_url, cursor, epoch, at FROM happenings
         WHERE id = ?1",
    )?;
    select.query_row([id.get()], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<LabelerEvent> {
    let change = Change::from_name(row.get_ref(2)?.as_str()?);
    Ok(LabelerEvent {
        id: event_id(row, 0)?,
        labeler: labelers::did(row, 1)?,
        change: change.ok_or_else(|| unreadable(2, "a change"))?,
        state: row.get(3)?,
        service_url: row.get(4)?,
        cursor: seq(row, 5)?,
        epoch: epoch(row, 6)?,
        at: Millis(row.get(7)?),
    })
}
