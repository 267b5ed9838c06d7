//! Judging again what was rejected before its key was known (contract section 8).

use crate::convert::{event_id, seq, signed, small};
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::log::{self, Arrival};
use crate::{StoreError, frames, labelers, verdicts};
use label::{Did, Epoch, EventId, Label, Millis, Verdict};
use rusqlite::{Connection, OptionalExtension, params};

/// A label with a bad signature that was rejected lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubtful {
    /// Its place in our log.
    pub id: EventId,
    /// The CBOR as received.
    pub raw: Vec<u8>,
}

/// One that holds after all.
#[derive(Debug, Clone)]
pub struct Readmitted {
    /// The place of the rejected label.
    pub id: EventId,
    /// What it says.
    pub label: Label,
    /// [`Verdict::Verified`] or [`Verdict::VerifiedOldKey`].
    pub verdict: Verdict,
    /// The CBOR as received, only where it cannot be made again from the fields.
    pub raw: Option<Vec<u8>>,
}

/// Some of a labeler's, received at or after `since` and above `after`, in order.
pub(crate) fn doubtful(
    db: &Connection,
    did: &Did,
    since: Millis,
    after: EventId,
    limit: usize,
) -> Result<Vec<Doubtful>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, raw FROM rejected
         WHERE labeler = (SELECT id FROM labelers WHERE did = ?1) AND id > ?2
             AND received_at >= ?3 AND verdict = ?4 AND raw IS NOT NULL
         ORDER BY id LIMIT ?5",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let verdict = Verdict::BadSignature.as_str();
    let rows = select
        .query_map(params![did.as_str(), after.get(), since.0, verdict, limit], |row| {
            Ok(Doubtful { id: event_id(row, 0)?, raw: row.get(1)? })
        })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes these out of the rejected ones and puts them at the end of the log, under new event
/// ids, with the frames they came in. One that is no longer there is passed over.
pub(crate) fn readmit(
    desk: &mut Desk<'_>,
    did: &Did,
    labels: &[Readmitted],
) -> Result<u64, StoreError> {
    let row = labelers::one(desk.db, did)?.filter(|row| row.tracked);
    let row = row.ok_or_else(|| StoreError::NotTracked(did.clone()))?;
    let labeler = Interned(row.row);
    let (mut readmitted, mut gone) = (0, 0);
    for one in labels {
        let mut delete = desk.db.prepare_cached(
            "DELETE FROM rejected WHERE id = ?1 AND labeler = ?2
             RETURNING epoch, seq, place, received_at, live",
        )?;
        let found = delete.query_row(params![one.id.get(), labeler.0], |row| {
            let arrival = Arrival {
                labeler,
                epoch: Epoch(small(row, 0)?),
                received_at: Millis(row.get(3)?),
                live: row.get(4)?,
            };
            Ok((arrival, seq(row, 1)?, small(row, 2)?))
        });
        let Some((arrival, seq, place)) = found.optional()? else { continue };
        let raw = one.raw.as_deref();
        // It may have been found by a second reading meanwhile.
        if frames::is_held(desk.db, labeler, arrival.epoch, (seq, place))? {
            gone += 1;
            continue;
        }
        log::insert(desk, &arrival, seq, place, &one.label, one.verdict, raw)?;
        readmitted += 1;
    }
    let mut update = desk.db.prepare_cached(
        "UPDATE labelers SET labels = labels + ?2, rejected = rejected - ?3,
             rejected_kept = rejected_kept - ?3 WHERE id = ?1",
    )?;
    update.execute(params![labeler.0, signed(readmitted), signed(readmitted + gone)])?;
    verdicts::take_back(desk.db, labeler, Verdict::BadSignature, readmitted + gone)?;
    Ok(readmitted)
}

/// Remembers that this was done under the key that is noted now, if it is still this one.
pub(crate) fn rejudged(desk: &mut Desk<'_>, did: &Did, key: &str) -> Result<(), StoreError> {
    let mut update =
        desk.db.prepare_cached("UPDATE labelers SET rejudge = 0 WHERE did = ?1 AND key = ?2")?;
    update.execute(params![did.as_str(), key])?;
    Ok(())
}
