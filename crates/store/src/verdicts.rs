//! How many labels were rejected, by verdict: for each labeler, ever; of what was stored before
//! schema 8 only what was still kept then. Written with the number that is in its row.

use crate::StoreError;
use crate::convert::{count, signed};
use crate::labelers::Interned;
use crate::rows::verdict;
use label::{Did, Verdict};
use rusqlite::{Connection, Row, params};

/// Counts so many more.
pub(crate) fn add(
    db: &Connection,
    labeler: Interned,
    verdict: Verdict,
    labels: u64,
) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO verdicts (labeler, verdict, labels) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET labels = labels + excluded.labels",
    )?;
    insert.execute(params![labeler.0, verdict.as_str(), signed(labels)])?;
    Ok(())
}

/// So many were none after all.
pub(crate) fn take_back(
    db: &Connection,
    labeler: Interned,
    verdict: Verdict,
    labels: u64,
) -> Result<(), StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE verdicts SET labels = max(labels - ?3, 0) WHERE labeler = ?1 AND verdict = ?2",
    )?;
    update.execute(params![labeler.0, verdict.as_str(), signed(labels)])?;
    Ok(())
}

/// The labeler is purged.
pub(crate) fn forget(db: &Connection, labeler: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM verdicts WHERE labeler = ?1")?.execute([labeler])?;
    Ok(())
}

/// Those of one labeler; of all that are tracked, if none is named. Only verdicts that were
/// found, in the order of their names.
pub(crate) fn of(db: &Connection, did: Option<&Did>) -> Result<Vec<(Verdict, u64)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT verdict, sum(verdicts.labels) FROM verdicts
             JOIN labelers ON labelers.id = verdicts.labeler
         WHERE CASE WHEN ?1 IS NULL THEN tracked ELSE did = ?1 END
         GROUP BY verdict HAVING sum(verdicts.labels) > 0 ORDER BY verdict",
    )?;
    let rows = select.query_map([did.map(Did::as_str)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Verdict, u64)> {
    Ok((verdict(row, 0)?, count(row, 1)?))
}
