//! The one transaction: the labels of a batch, its rejected ones, and the labeler's cursor,
//! if the labeler is still where the batch begins.

use crate::convert::{epoch, seq, signed};
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::log::{self, Arrival};
use crate::{Batch, Committed, Entry, StoreError, contents, frames, rejected, verdicts};
use label::{Did, Epoch, Seq, Verdict};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// What of a labeler's row decides about a batch.
struct Place {
    labeler: Interned,
    tracked: bool,
    epoch: Epoch,
    cursor: Seq,
    caught_up: bool,
    /// How long what comes is compared with what was said before the labeler started over.
    compares_until: Option<i64>,
}

/// What a batch adds to its labeler's row.
struct Added {
    labels: u64,
    rejected: u64,
    /// Of those rejected.
    kept: u64,
}

/// Stores the batch and moves the cursor, or changes nothing and says why.
pub(crate) fn commit(desk: &mut Desk<'_>, batch: &Batch) -> Result<Committed, StoreError> {
    let place = place(desk.db, &batch.labeler)?
        .filter(|place| place.tracked)
        .ok_or_else(|| StoreError::NotTracked(batch.labeler.clone()))?;
    let Place { labeler, epoch, cursor, caught_up, compares_until, .. } = place;
    let compares = compares_until.is_some_and(|until| batch.received_at.0 < until);
    if compares_until.is_some() && !compares {
        contents::forget(desk, labeler)?;
    }
    if (epoch, cursor) != (batch.epoch, batch.after) {
        return Err(StoreError::Moved { epoch, cursor });
    }
    let arrival = Arrival { labeler, epoch, received_at: batch.received_at, live: caught_up };
    let is_rejected = |entry: &&Entry| matches!(entry, Entry::Rejected(_));
    let rejected = batch.entries.iter().filter(is_rejected).count() as u64;
    // The oldest ones of a flood would be taken away again at once.
    let mut in_vain = rejected.saturating_sub(desk.keep_rejected);
    let kept = rejected - in_vain;
    let mut labels = 0;
    for entry in &batch.entries {
        match entry {
            Entry::Label { seq, place, label, verdict, raw } => {
                let (at, raw) = ((*seq, *place), raw.as_deref());
                // What is published late may be found in more than one way.
                let late = *seq <= batch.after;
                if late && frames::is_held(desk.db, labeler, epoch, at)? {
                    continue;
                }
                if compares && contents::is_known(desk, &arrival, at, label, *verdict, raw)? {
                    continue;
                }
                log::insert(desk, &arrival, *seq, *place, label, *verdict, raw)?;
                labels += 1;
            }
            Entry::Rejected(_) if in_vain > 0 => {
                desk.next_id()?;
                in_vain -= 1;
            }
            Entry::Rejected(one) => rejected::insert(desk, &arrival, one)?,
        }
    }
    let cursor = batch.cursor.max(cursor);
    advance(desk.db, &arrival, cursor, &Added { labels, rejected, kept })?;
    if kept > 0 {
        rejected::prune(desk, labeler)?;
    }
    for (verdict, labels) in refused(batch) {
        verdicts::add(desk.db, labeler, verdict, labels)?;
    }
    Ok(Committed { labels, rejected, head: desk.ledger.last })
}

/// How many of the batch were rejected, by verdict.
fn refused(batch: &Batch) -> BTreeMap<Verdict, u64> {
    let mut refused = BTreeMap::new();
    for entry in &batch.entries {
        if let Entry::Rejected(one) = entry {
            *refused.entry(one.verdict).or_default() += 1;
        }
    }
    refused
}

fn place(db: &Connection, did: &Did) -> rusqlite::Result<Option<Place>> {
    let mut select = db.prepare_cached(
        "SELECT id, tracked, epoch, cursor, caught_up,
             CASE comparing WHEN 2 THEN compares_until END
         FROM labelers WHERE did = ?1",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Place {
            labeler: Interned(row.get(0)?),
            tracked: row.get(1)?,
            epoch: epoch(row, 2)?,
            cursor: seq(row, 3)?,
            caught_up: row.get(4)?,
            compares_until: row.get(5)?,
        })
    };
    select.query_row([did.as_str()], read).optional()
}

fn advance(
    db: &Connection,
    arrival: &Arrival,
    cursor: Seq,
    added: &Added,
) -> Result<(), StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE labelers SET cursor = ?2, labels = labels + ?3, rejected = rejected + ?4,
             rejected_kept = rejected_kept + ?5, last_label_at = coalesce(?6, last_label_at)
         WHERE id = ?1",
    )?;
    let last_label_at = (added.labels > 0).then_some(arrival.received_at.0);
    update.execute(params![
        arrival.labeler.0,
        cursor.get(),
        signed(added.labels),
        signed(added.rejected),
        signed(added.kept),
        last_label_at
    ])?;
    Ok(())
}
