//! What is held of frames that came before: whether a frame that comes again is a repeat.

use crate::StoreError;
use crate::labelers::Interned;
use crate::rows;
use label::{Did, Epoch, Label, Millis, Seq};
use rusqlite::{Connection, OptionalExtension, params};

/// A label that is held, and its place in its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its frame.
    pub seq: Seq,
    /// Its place in the frame.
    pub place: u32,
    /// What it says.
    pub label: Label,
}

/// What is held of these labels of a labeler, in its present epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFrames {
    /// Those that are.
    pub labels: Vec<Held>,
    /// Of frames up to this one labels may have been taken away, since they no longer apply,
    pub swept: Seq,
    /// none of which was made later than this.
    pub swept_made: Millis,
}

/// Looks for each of these labels, by frame and place. Costs a look at the index for each.
pub(crate) fn held(
    db: &mut Connection,
    did: &Did,
    epoch: Epoch,
    asked: &[(Seq, u32)],
) -> Result<HeldFrames, StoreError> {
    let snapshot = db.transaction()?;
    let mut select =
        snapshot.prepare_cached("SELECT id, swept, swept_made FROM labelers WHERE did = ?1")?;
    let found = select.query_row([did.as_str()], |row| {
        Ok((Interned(row.get(0)?), crate::convert::seq(row, 1)?, Millis(row.get(2)?)))
    });
    let Some((labeler, swept, swept_made)) = found.optional()? else {
        let (labels, swept, swept_made) = (Vec::new(), Seq::START, Millis(0));
        return Ok(HeldFrames { labels, swept, swept_made });
    };
    let mut labels = Vec::new();
    let mut select = snapshot.prepare_cached(&format!(
        "SELECT {} FROM labels WHERE labeler = ?1 AND epoch = ?2 AND seq = ?3 AND place = ?4
         LIMIT 1",
        rows::LABEL
    ))?;
    for (seq, place) in asked {
        let read = |row: &rusqlite::Row<'_>| rows::label(row, did.clone());
        let at = params![labeler.0, epoch.0, seq.get(), place];
        if let Some(event) = select.query_row(at, read).optional()? {
            labels.push(Held { seq: *seq, place: *place, label: event.label });
        }
    }
    Ok(HeldFrames { labels, swept, swept_made })
}

/// Whether this label is held.
pub(crate) fn is_held(
    db: &Connection,
    labeler: Interned,
    epoch: Epoch,
    (seq, place): (Seq, u32),
) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT 1 FROM labels WHERE labeler = ?1 AND epoch = ?2 AND seq = ?3 AND place = ?4",
    )?;
    Ok(select.exists(params![labeler.0, epoch.0, seq.get(), place])?)
}

/// The frame of the labeler's label before its newest `back` ones; [`Seq::START`] if it has not
/// so many. Costs a walk over so many entries of the index.
pub(crate) fn rewound(db: &Connection, did: &Did, back: u32) -> Result<Seq, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT seq FROM labels JOIN labelers ON labelers.id = labels.labeler
         WHERE did = ?1 AND labels.epoch = labelers.epoch AND seq <= labelers.cursor
         ORDER BY seq DESC LIMIT 1 OFFSET ?2",
    )?;
    let found = select.query_row(params![did.as_str(), back], |row| crate::convert::seq(row, 0));
    Ok(found.optional()?.unwrap_or(Seq::START))
}
