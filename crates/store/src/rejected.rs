//! Labels that do not hold, kept aside for whoever wants to know what is wrong with a
//! labeler: the newest of each, as many as the desk says.

use crate::convert::{event_id, seq, signed};
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::log::Arrival;
use crate::rows::verdict;
use crate::{Rejected, RejectedRow, StoreError};
use label::{Did, EventId, Millis};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Larger ones are kept without their bytes: 10,000 of a frame's size (5 MB) each would be
/// 50 GB for one hostile labeler.
pub(crate) const RAW_KEPT: usize = 16 * 1024;

/// Adds one; its id comes from the log's sequence.
pub(crate) fn insert(
    desk: &mut Desk<'_>,
    arrival: &Arrival,
    rejected: &Rejected,
) -> Result<(), StoreError> {
    let id = desk.next_id()?;
    let mut insert = desk.db.prepare_cached(
        "INSERT INTO rejected (id, labeler, seq, place, verdict, reason, received_at, raw, live,
             epoch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    insert.execute(params![
        id.get(),
        arrival.labeler.0,
        rejected.seq.get(),
        rejected.place,
        rejected.verdict.as_str(),
        rejected.reason,
        arrival.received_at.0,
        (rejected.raw.len() <= RAW_KEPT).then_some(&rejected.raw),
        arrival.live,
        arrival.epoch.0,
    ])?;
    Ok(())
}

/// Takes away the oldest ones above the bound: as many as were just added, at most.
pub(crate) fn prune(desk: &mut Desk<'_>, labeler: Interned) -> Result<(), StoreError> {
    let mut select = desk.db.prepare_cached("SELECT rejected_kept FROM labelers WHERE id = ?1")?;
    let kept: i64 = select.query_row([labeler.0], |row| row.get(0))?;
    let over = kept - signed(desk.keep_rejected);
    if over <= 0 {
        return Ok(());
    }
    let mut delete = desk.db.prepare_cached(
        "DELETE FROM rejected WHERE id IN
             (SELECT id FROM rejected WHERE labeler = ?1 ORDER BY id LIMIT ?2)",
    )?;
    delete.execute([labeler.0, over])?;
    let mut update = desk
        .db
        .prepare_cached("UPDATE labelers SET rejected_kept = rejected_kept - ?2 WHERE id = ?1")?;
    update.execute([labeler.0, over])?;
    Ok(())
}

/// One labeler's, newest first, below `before`.
pub(crate) fn of(
    db: &Connection,
    did: &Did,
    before: Option<EventId>,
    limit: usize,
) -> Result<Vec<RejectedRow>, StoreError> {
    let mut select = db.prepare_cached("SELECT id FROM labelers WHERE did = ?1")?;
    let labeler = select.query_row([did.as_str()], |row| row.get::<_, i64>(0)).optional()?;
    let Some(labeler) = labeler else { return Ok(Vec::new()) };
    let mut select = db.prepare_cached(
        "SELECT id, seq, verdict, reason, received_at, raw FROM rejected
         WHERE labeler = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let before = before.map_or(i64::MAX, EventId::get);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map([labeler, before, limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<RejectedRow> {
    Ok(RejectedRow {
        id: event_id(row, 0)?,
        seq: seq(row, 1)?,
        verdict: verdict(row, 2)?,
        reason: row.get(3)?,
        received_at: Millis(row.get(4)?),
        raw: row.get(5)?,
    })
}
