//! Deletes labels that have ended, in a job of the writer. What was found outside of it is
//! looked at once more: a hash may mislead, and positions, dead letters and rows may be others
//! by now.

use super::{Ended, is_terminal};
use crate::convert::event_id;
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::{StoreError, index, made, short, states};
use label::{EventId, Millis};
use rusqlite::{Connection, OptionalExtension, params};

/// Every consumer has passed what is up to here; nothing, as long as there is none, or while what
/// became of labels before `cutoff` is still to be told.
pub(crate) fn floor(db: &Connection, cutoff: Millis) -> Result<EventId, StoreError> {
    if states::is_behind(db, cutoff)? {
        return Ok(EventId::START);
    }
    let mut select = db.prepare_cached("SELECT coalesce(min(position), 0) FROM consumers")?;
    Ok(select.query_row([], |row| event_id(row, 0))?)
}

/// What decides about a row.
struct Held {
    epoch: u32,
    seq: i64,
    place: i64,
    flags: i64,
    received_at: i64,
    uri: String,
    val: String,
    /// In microseconds since 1970.
    cts: Option<i64>,
    exp: Option<String>,
}

impl Held {
    /// The order of contract section 7.
    fn order(&self) -> (i64, u32, i64, i64) {
        (made::believed(self.cts, self.received_at), self.epoch, self.seq, self.place)
    }

    /// Whether it belongs to the same key and comes before that one.
    fn is_ended_by(&self, other: &Self) -> bool {
        (&self.uri, &self.val) == (&other.uri, &other.val) && self.order() < other.order()
    }
}

/// Deletes those that have ended after all. Answers how many.
pub(crate) fn take(
    desk: &mut Desk<'_>,
    labeler: i64,
    cutoff: Millis,
    ended: &[Ended],
) -> Result<u64, StoreError> {
    let db = desk.db;
    let floor = floor(db, cutoff)?;
    let mut select = db.prepare_cached("SELECT epoch FROM labelers WHERE id = ?1")?;
    let epoch: Option<u32> = select.query_row([labeler], |row| row.get(0)).optional()?;
    let Some(epoch) = epoch else { return Ok(0) }; // purged meanwhile
    let mut delete = db.prepare_cached("DELETE FROM labels WHERE id = ?1")?;
    let (mut taken, mut swept, mut made) = (0, 0, 0);
    for one in ended.iter().filter(|one| one.id <= floor) {
        let Some(held) = held(db, labeler, one.id, cutoff)? else { continue };
        let has_ended = match one.by {
            Some(by) => {
                self::held(db, labeler, by, cutoff)?.is_some_and(|by| held.is_ended_by(&by))
            }
            None => is_terminal(held.flags, held.exp.as_deref(), cutoff.0),
        };
        if !has_ended || is_set_aside(db, one.id)? {
            continue;
        }
        delete.execute([one.id.get()])?;
        let said = (held.uri.as_str(), held.val.as_str());
        let made_at = made::believed(held.cts, held.received_at);
        index::take_away(desk, Interned(labeler), said, made_at, one.id)?;
        taken += 1;
        if held.epoch == epoch {
            swept = swept.max(held.seq);
            made = made.max(made::said(held.cts));
        }
    }
    let highest = ended.iter().map(|one| one.id.get()).max().unwrap_or_default();
    if taken > 0 {
        db.prepare_cached("UPDATE meta SET retired = max(retired, ?1)")?.execute([highest])?;
    }
    let mut update = db.prepare_cached(
        "UPDATE labelers SET labels = labels - ?2, swept = max(swept, ?3),
             swept_made = max(swept_made, ?4) WHERE id = ?1",
    )?;
    update.execute(params![labeler, taken, swept, made])?;
    Ok(u64::try_from(taken).unwrap_or_default())
}

/// A label of this labeler, if it is there and was received by the cutoff.
fn held(
    db: &Connection,
    labeler: i64,
    id: EventId,
    cutoff: Millis,
) -> Result<Option<Held>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT epoch, seq, place, flags, received_at, uri, val, cts, exp FROM labels
         WHERE id = ?1 AND labeler = ?2 AND received_at <= ?3",
    )?;
    let found = select.query_row(params![id.get(), labeler, cutoff.0], |row| {
        Ok(Held {
            epoch: row.get(0)?,
            seq: row.get(1)?,
            place: row.get(2)?,
            flags: row.get(3)?,
            received_at: row.get(4)?,
            uri: row.get(5)?,
            val: row.get(6)?,
            cts: short::read_instant(row, 7)?,
            exp: row.get(8)?,
        })
    });
    Ok(found.optional()?)
}

/// Whether some consumer may still ask for it.
fn is_set_aside(db: &Connection, id: EventId) -> Result<bool, StoreError> {
    // CROSS keeps the order: a few consumers, and for each a look at the key of `dead`.
    let mut select = db.prepare_cached(
        "SELECT 1 FROM consumers CROSS JOIN dead ON dead.consumer = consumers.name AND dead.id = ?1",
    )?;
    Ok(select.exists([id.get()])?)
}
