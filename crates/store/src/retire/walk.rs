//! Reads a labeler's labels for a sweep, a stretch at a time.

use super::is_terminal;
use super::pile::{Pile, Seen};
use crate::convert::{count, event_id};
use crate::{StoreError, made, short};
use label::Millis;
use rusqlite::{Connection, Row, params};
use std::hash::{BuildHasher as _, RandomState};

/// Rows looked at by one read: some 10 ms.
const STRETCH: i64 = 5000;

/// Where a walk stands: epoch, frame and event id of the last row.
pub(crate) type Place = (u32, i64, i64);

/// What a walk looks at.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// `labelers.id`.
    pub(crate) labeler: i64,
    /// Labels received after this are young.
    pub(crate) cutoff: Millis,
    /// Keys whose hash leaves this…
    pub(crate) part: u64,
    /// …when divided by this.
    pub(crate) parts: u64,
    /// Not to be guessed by labelers.
    pub(crate) hasher: RandomState,
}

/// Labelers of which something is stored, and how many labels.
pub(crate) fn labelers(db: &Connection) -> Result<Vec<(i64, u64)>, StoreError> {
    let mut select = db.prepare_cached("SELECT id, labels FROM labelers WHERE labels > 0")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts what belongs to the part on the pile. Answers where to go on, also when the pile is
/// full; `None` at the end.
pub(crate) fn walk(
    db: &Connection,
    part: &Part,
    after: Option<Place>,
    pile: &mut Pile,
) -> Result<Option<Place>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, epoch, seq, flags, received_at, uri, val, cts, exp FROM labels
         WHERE labeler = ?1 AND (epoch, seq, id) > (?2, ?3, ?4)
         ORDER BY epoch, seq, id LIMIT ?5",
    )?;
    let (epoch, seq, id) = after.unwrap_or((0, 0, 0));
    let mut found = select.query(params![part.labeler, epoch, seq, id, STRETCH])?;
    let (mut place, mut rows) = (after, 0);
    while !pile.is_full() {
        let Some(row) = found.next()? else { return Ok(place.filter(|_| rows == STRETCH)) };
        rows += 1;
        place = Some((row.get(1)?, row.get(2)?, row.get(0)?));
        if let Some(seen) = see(row, part)? {
            pile.add(&seen);
        }
    }
    Ok(place)
}

fn see(row: &Row<'_>, part: &Part) -> rusqlite::Result<Option<Seen>> {
    let text = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?);
    let key = part.hasher.hash_one((text(5)?, text(6)?));
    if key % part.parts != part.part {
        return Ok(None);
    }
    let (flags, received_at): (i64, i64) = (row.get(3)?, row.get(4)?);
    let old = received_at <= part.cutoff.0;
    let exp = row.get_ref(8)?.as_str_or_null()?;
    Ok(Some(Seen {
        key,
        made_at: made::believed(short::read_instant(row, 7)?, received_at),
        id: event_id(row, 0)?,
        old,
        terminal: old && is_terminal(flags, exp, part.cutoff.0),
    }))
}
