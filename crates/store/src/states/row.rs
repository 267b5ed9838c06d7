//! Labels of the log, with what only the database knows of them.

use super::News;
use crate::StoreError;
use crate::convert::event_id;
use crate::labelers::Interned;
use crate::rows::{self, Names};
use label::{EventId, LabelEvent, LabelState};
use rusqlite::{Connection, Row, params};

/// A label of the log, and whose it is in the database.
#[derive(Debug)]
pub(super) struct LabelRow {
    pub(super) event: LabelEvent,
    labeler: Interned,
    flags: i64,
}

impl LabelRow {
    /// What became of it; with when it runs out.
    pub(super) fn news(&self, state: LabelState, due: Option<i64>) -> News {
        News {
            labeler: self.labeler,
            label: self.event.id,
            flags: self.flags,
            uri: self.event.label.uri.clone(),
            val: self.event.label.val.clone(),
            state,
            due,
        }
    }

    pub(super) const fn labeler(&self) -> Interned {
        self.labeler
    }

    /// When it runs out, if ever, in milliseconds since 1970: the first in which it has.
    pub(super) fn due(&self) -> Option<i64> {
        let ends = self.event.label.exp.as_deref().and_then(label::syntax::instant)?;
        Some(ends.div_euclid(1000) + i64::from(ends.rem_euclid(1000) > 0))
    }
}

/// Some labels.
pub(super) struct Portion {
    pub(super) labels: Vec<LabelRow>,
    /// The last one, those of purged labelers counted; `None`: there are no more.
    pub(super) read: Option<EventId>,
}

/// One label, if it is still there and its labeler is.
pub(super) fn one(
    db: &Connection,
    names: &mut Names,
    id: EventId,
) -> Result<Option<LabelRow>, StoreError> {
    let mut select =
        db.prepare_cached(&format!("SELECT {} FROM labels WHERE id = ?1", rows::LABEL))?;
    let mut found = select.query([id.get()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    Ok(read(db, names, row)?)
}

/// Labels above `after`, at most so many.
pub(super) fn some(
    db: &Connection,
    names: &mut Names,
    after: EventId,
    limit: usize,
) -> Result<Portion, StoreError> {
    let mut select = db.prepare_cached(&format!(
        "SELECT {} FROM labels WHERE id > ?1 ORDER BY id LIMIT ?2",
        rows::LABEL
    ))?;
    let mut found = select.query(params![after.get(), limit as i64])?;
    let (mut labels, mut last, mut count) = (Vec::new(), after, 0);
    while let Some(row) = found.next()? {
        (last, count) = (event_id(row, 0)?, count + 1);
        labels.extend(read(db, names, row)?);
    }
    Ok(Portion { labels, read: (count == limit).then_some(last) })
}

fn read(db: &Connection, names: &mut Names, row: &Row<'_>) -> rusqlite::Result<Option<LabelRow>> {
    let (labeler, flags) = (Interned(row.get(1)?), row.get(5)?);
    let Some(did) = names.of(db, labeler)? else { return Ok(None) };
    Ok(Some(LabelRow { event: rows::label(row, did.clone())?, labeler, flags }))
}
