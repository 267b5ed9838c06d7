//! The one transaction: the labels of a batch, its rejected ones, and the labeler's cursor,
//! if the labeler is still where the batch begins.

use crate::convert::{epoch, seq, signed};
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::log::{self, Arrival};
use crate::{Batch, Committed, Entry, StoreError, rejected};
use label::{Did, Epoch, Seq};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What of a labeler's row decides about a batch.
struct Place {
    labeler: Interned,
    tracked: bool,
    epoch: Epoch,
    cursor: Seq,
    caught_up: bool,
}

/// Stores the batch and moves the cursor, or changes nothing and says why.
pub(crate) fn commit(desk: &mut Desk<'_>, batch: &Batch) -> Result<Committed, StoreError> {
    let place = place(desk.db, &batch.labeler)?
        .filter(|place| place.tracked)
        .ok_or_else(|| StoreError::NotTracked(batch.labeler.clone()))?;
    let Place { labeler, epoch, cursor, caught_up, .. } = place;
    if (epoch, cursor) != (batch.epoch, batch.after) {
        return Err(StoreError::Moved { epoch, cursor });
    }
    let arrival = Arrival { labeler, epoch, received_at: batch.received_at, live: caught_up };
    let (mut labels, mut refused) = (0, 0);
    for entry in &batch.entries {
        match entry {
            Entry::Label { seq, place, label, verdict, raw } => {
                log::insert(desk, &arrival, *seq, *place, label, *verdict, raw.as_deref())?;
                labels += 1;
            }
            Entry::Rejected(one) => {
                rejected::insert(desk, &arrival, one)?;
                refused += 1;
            }
        }
    }
    advance(desk.db, &arrival, batch.cursor.max(cursor), labels, refused)?;
    if refused > 0 {
        rejected::prune(desk, labeler)?;
    }
    Ok(Committed { labels, rejected: refused, head: desk.ledger.last })
}

fn place(db: &Connection, did: &Did) -> rusqlite::Result<Option<Place>> {
    let mut select = db.prepare_cached(
        "SELECT id, tracked, epoch, cursor, caught_up FROM labelers WHERE did = ?1",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Place {
            labeler: Interned(row.get(0)?),
            tracked: row.get(1)?,
            epoch: epoch(row, 2)?,
            cursor: seq(row, 3)?,
            caught_up: row.get(4)?,
        })
    };
    select.query_row([did.as_str()], read).optional()
}

fn advance(
    db: &Connection,
    arrival: &Arrival,
    cursor: Seq,
    labels: u64,
    rejected: u64,
) -> Result<(), StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE labelers SET cursor = ?2, labels = labels + ?3, rejected = rejected + ?4,
             rejected_kept = rejected_kept + ?4, last_label_at = coalesce(?5, last_label_at)
         WHERE id = ?1",
    )?;
    let last_label_at = (labels > 0).then_some(arrival.received_at.0);
    update.execute(params![
        arrival.labeler.0,
        cursor.get(),
        signed(labels),
        signed(rejected),
        last_label_at
    ])?;
    Ok(())
}
