//! Who is tracked, how far each one was read, and what its document said: the rows of
//! `labelers`. The labels themselves are the log's.

use crate::convert::{count, epoch, seq, unreadable};
use crate::desk::Desk;
use crate::{
    Counts, LabelerRow, Noted, Source, StoreError, declarations, frames, happenings, sweep,
    verdicts,
};
use label::{Change, Did, LabelerEvent, Millis};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use std::collections::HashSet;

/// The database's own number for a labeler; never given twice, also after a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Interned(pub(crate) i64);

/// How many of the newest labels are read a second time after a labeler was caught up with:
/// what servers lose in the moment between what was and what is (facts 3.3) lies among them.
const UNSETTLED: u32 = 1000;

/// Tracks these and answers those that were not tracked before.
pub(crate) fn add(
    desk: &mut Desk<'_>,
    dids: &[Did],
    source: Source,
    now: Millis,
) -> Result<Vec<Did>, StoreError> {
    let mut fresh = Vec::new();
    for did in dids {
        if add_one(desk.db, did, source, now)? {
            fresh.push(did.clone());
        }
    }
    if !fresh.is_empty() {
        desk.ledger.roster += 1;
    }
    Ok(fresh)
}

/// Whether the labeler is tracked now and was not before.
fn add_one(
    db: &Connection,
    did: &Did,
    source: Source,
    now: Millis,
) -> Result<bool, rusqlite::Error> {
    let Some((id, tracked, sources)) = standing(db, did)? else {
        let mut insert = db.prepare_cached(
            "INSERT INTO labelers (did, tracked, sources, added_at) VALUES (?1, 1, ?2, ?3)",
        )?;
        insert.execute(params![did.as_str(), source.as_str(), now.0])?;
        return Ok(true);
    };
    // The operator's removal outlasts whatever discovery or the command line says.
    if !tracked && source != Source::Api {
        return Ok(false);
    }
    let known = sources.split(',').any(|name| name == source.as_str());
    if !tracked || !known {
        let sources = match (known, sources.is_empty()) {
            (true, _) => sources,
            (false, true) => source.as_str().to_owned(),
            (false, false) => format!("{sources},{}", source.as_str()),
        };
        let mut update =
            db.prepare_cached("UPDATE labelers SET tracked = 1, sources = ?2 WHERE id = ?1")?;
        update.execute(params![id, sources])?;
        // What became of the account while nobody listened is not known.
        if !tracked {
            let mut update =
                db.prepare_cached("UPDATE labelers SET account_deleted = 0 WHERE id = ?1")?;
            update.execute([id])?;
        }
    }
    Ok(!tracked)
}

fn standing(db: &Connection, did: &Did) -> rusqlite::Result<Option<(i64, bool, String)>> {
    let mut select =
        db.prepare_cached("SELECT id, tracked, sources FROM labelers WHERE did = ?1")?;
    select.query_row([did.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
}

/// Whether somebody is tracked; `None`: was never heard of.
pub(crate) fn tracking(db: &Connection, did: &Did) -> rusqlite::Result<Option<bool>> {
    Ok(standing(db, did)?.map(|(_, tracked, _)| tracked))
}

/// Stops tracking; with `purge`, forgets all but that it was removed.
pub(crate) fn remove(desk: &mut Desk<'_>, dids: &[Did], purge: bool) -> Result<(), StoreError> {
    for did in dids {
        let Some((_, tracked, _)) = standing(desk.db, did)? else { continue };
        if purge {
            orphan(desk, did)?;
        } else if tracked {
            let mut update =
                desk.db.prepare_cached("UPDATE labelers SET tracked = 0 WHERE did = ?1")?;
            update.execute([did.as_str()])?;
        }
        // Whoever keeps a copy of what a labeler said has to hear that it is forgotten.
        desk.ledger.roster += u64::from(tracked || purge);
    }
    Ok(())
}

/// Gives the labeler a new, empty row. What carries the old row's number belongs to nobody
/// from here on: it is not read any more, and the sweep takes it away.
fn orphan(desk: &mut Desk<'_>, did: &Did) -> Result<(), rusqlite::Error> {
    let mut delete = desk.db.prepare_cached(
        "DELETE FROM labelers WHERE did = ?1 RETURNING added_at, labels + rejected_kept,
             announced, id",
    )?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let (added_at, rows, announced, id): (i64, i64, i64, i64) =
        delete.query_row([did.as_str()], read)?;
    verdicts::forget(desk.db, id)?;
    let mut insert = desk.db.prepare_cached(
        "INSERT INTO labelers (did, tracked, added_at, announced) VALUES (?1, 0, ?2, ?3)",
    )?;
    insert.execute(params![did.as_str(), added_at, announced])?;
    declarations::forget(desk.db, did)?;
    if rows > 0 {
        sweep::order(desk)?;
    }
    Ok(())
}

/// From here on what this labeler sends is live.
pub(crate) fn caught_up(
    desk: &mut Desk<'_>,
    did: &Did,
    state: &str,
    now: Millis,
) -> Result<Option<LabelerEvent>, StoreError> {
    let row = one(desk.db, did)?.filter(|row| row.tracked);
    let row = row.ok_or_else(|| StoreError::NotTracked(did.clone()))?;
    if row.caught_up {
        return Ok(None);
    }
    let settled = frames::rewound(desk.db, did, UNSETTLED)?;
    let mut update =
        desk.db.prepare_cached("UPDATE labelers SET caught_up = 1, settled = ?2 WHERE did = ?1")?;
    update.execute(params![did.as_str(), settled.get()])?;
    happenings::add(desk, did, Change::CaughtUp, state, now)
}

/// Remembers what the DID document says, and tells if that is another endpoint or key than
/// the last one.
pub(crate) fn note(
    desk: &mut Desk<'_>,
    did: &Did,
    noted: &Noted,
    state: &str,
    now: Millis,
) -> Result<Vec<LabelerEvent>, StoreError> {
    let mut told = Vec::new();
    let before = one(desk.db, did)?.map(|row| row.noted).unwrap_or_default();
    let update = desk.db.prepare_cached(
        "UPDATE labelers SET handle = ?2, service_url = ?3, key = ?4,
             rejudge = rejudge OR (key IS NOT NULL AND key IS NOT ?4)
         WHERE did = ?1 AND tracked",
    )?;
    hit_one(update, params![did.as_str(), noted.handle, noted.service_url, noted.key], did)?;
    let differs = |old: &Option<String>, new: &Option<String>| old.is_some() && old != new;
    if differs(&before.service_url, &noted.service_url) {
        told.extend(happenings::add(desk, did, Change::ServiceChanged, state, now)?);
    }
    if differs(&before.key, &noted.key) {
        told.extend(happenings::add(desk, did, Change::KeyChanged, state, now)?);
    }
    Ok(told)
}

/// Remembers that an account was deleted, or that it is there again. Whether it is that of a
/// labeler that is tracked, and that is news.
pub(crate) fn account_is(db: &Connection, did: &Did, deleted: bool) -> rusqlite::Result<bool> {
    let mut update = db.prepare_cached(
        "UPDATE labelers SET account_deleted = ?2
         WHERE did = ?1 AND tracked AND account_deleted != ?2",
    )?;
    Ok(update.execute(params![did.as_str(), deleted])? > 0)
}

fn hit_one(
    mut update: CachedStatement<'_>,
    values: &[&dyn rusqlite::ToSql],
    did: &Did,
) -> Result<(), StoreError> {
    match update.execute(values)? {
        0 => Err(StoreError::NotTracked(did.clone())),
        _ => Ok(()),
    }
}

const COLUMNS: &str = "did, tracked, sources, handle, service_url, key, epoch, cursor, caught_up,
    labels, rejected, last_label_at, id, account_deleted, settled, rejudge, comparing = 1";

/// One labeler, tracked or removed.
pub(crate) fn one(db: &Connection, did: &Did) -> Result<Option<LabelerRow>, StoreError> {
    let mut select =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM labelers WHERE did = ?1"))?;
    Ok(select.query_row([did.as_str()], read).optional()?)
}

/// Every tracked labeler, ordered by DID.
pub(crate) fn tracked(db: &Connection) -> Result<Vec<LabelerRow>, StoreError> {
    let mut select =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM labelers WHERE tracked ORDER BY did"))?;
    let rows = select.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The DIDs of the tracked ones, ordered.
pub(crate) fn tracked_dids(db: &Connection) -> Result<Vec<Did>, StoreError> {
    let mut select = db.prepare_cached("SELECT did FROM labelers WHERE tracked ORDER BY did")?;
    let rows = select.query_map([], |row| did(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every labeler that is tracked or was removed, ordered by DID.
pub(crate) fn known(db: &Connection) -> Result<Vec<LabelerRow>, StoreError> {
    let mut select = db.prepare_cached(&format!("SELECT {COLUMNS} FROM labelers ORDER BY did"))?;
    let rows = select.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<LabelerRow> {
    let sources: String = row.get(2)?;
    Ok(LabelerRow {
        did: did(row, 0)?,
        row: row.get(12)?,
        tracked: row.get(1)?,
        sources: sources.split(',').filter_map(Source::from_name).collect(),
        noted: Noted { handle: row.get(3)?, service_url: row.get(4)?, key: row.get(5)? },
        epoch: epoch(row, 6)?,
        cursor: seq(row, 7)?,
        caught_up: row.get(8)?,
        labels: count(row, 9)?,
        rejected: count(row, 10)?,
        last_label_at: row.get::<_, Option<i64>>(11)?.map(Millis),
        account_deleted: row.get(13)?,
        settled: seq(row, 14)?,
        rejudge: row.get(15)?,
        gathering: row.get(16)?,
    })
}

pub(crate) fn did(row: &Row<'_>, column: usize) -> rusqlite::Result<Did> {
    let text = row.get_ref(column)?.as_str()?;
    Did::parse(text).map_err(|_| unreadable(column, "a DID"))
}

/// The numbers of these, as far as they are known.
pub(crate) fn numbers(db: &Connection, dids: &[Did]) -> rusqlite::Result<HashSet<Interned>> {
    let mut select = db.prepare_cached("SELECT id FROM labelers WHERE did = ?1")?;
    let mut numbers = HashSet::new();
    for did in dids {
        numbers
            .extend(select.query_row([did.as_str()], |row| row.get(0)).optional()?.map(Interned));
    }
    Ok(numbers)
}

/// The DID behind a number; `None` when that labeler was purged.
pub(crate) fn did_of(db: &Connection, labeler: Interned) -> rusqlite::Result<Option<Did>> {
    let mut select = db.prepare_cached("SELECT did FROM labelers WHERE id = ?1")?;
    select.query_row([labeler.0], |row| did(row, 0)).optional()
}

/// Totals, from the counters in the rows.
pub(crate) fn counts(db: &Connection) -> Result<Counts, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT count(*) FILTER (WHERE tracked), coalesce(sum(labels), 0) FROM labelers",
    )?;
    let read = |row: &Row<'_>| Ok(Counts { labelers: count(row, 0)?, labels: count(row, 1)? });
    Ok(select.query_row([], read)?)
}
