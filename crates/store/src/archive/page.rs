//! A stretch of the log, row by row. Of a row nothing is made but what is asked for.

use super::Archive;
use crate::convert::event_id;
use crate::labelers::Interned;
use crate::log::LARGE;
use crate::rows::{self, Names};
use crate::{StoreError, made, short};
use label::{Did, EventId, LabelEvent, Millis, Verdict};
use rusqlite::Row;

/// Rows of one page: a read of some ten milliseconds.
const ROWS: usize = 20_000;

/// How much is looked at in one page, in bytes: URIs may be long.
const LOOKED: usize = 16 * LARGE;

/// How far a stretch of the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Everything up to here was looked at; `None`: there is no more.
    pub read: Option<EventId>,
    /// How many labels were looked at.
    pub looked: u64,
}

/// A label where it lies.
#[derive(Debug)]
pub struct Glance<'a> {
    /// Its place in the log.
    pub id: EventId,
    /// Who says it.
    pub labeler: &'a Did,
    /// What it is about.
    pub uri: &'a str,
    /// What it says.
    pub val: &'a str,
    /// What was found when it was judged.
    pub verdict: Verdict,
    /// Whether it takes back.
    pub negates: bool,
    row: &'a Row<'a>,
}

impl Glance<'_> {
    /// When it was made, as far as its labeler is believed (contract section 7), in
    /// microseconds since 1970.
    ///
    /// # Errors
    /// Where the row does not read back.
    pub fn made(&self) -> Result<i64, StoreError> {
        let received_at = self.row.get(6)?;
        Ok(made::believed(short::read_instant(self.row, 9)?, received_at))
    }

    /// All of it.
    ///
    /// # Errors
    /// Where the row does not read back.
    pub fn read(&self) -> Result<LabelEvent, StoreError> {
        Ok(rows::label(self.row, self.labeler.clone())?)
    }

    /// Whether it has an end, and that is past at this time.
    ///
    /// # Errors
    /// Where the row does not read back.
    pub fn has_run_out(&self, now: Millis) -> Result<bool, StoreError> {
        let exp = self.row.get_ref(11)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        Ok(label::has_run_out(exp, now))
    }
}

impl Archive {
    /// Shows a stretch of the log above `after` and up to `until`, in one short transaction:
    /// `look` must not wait for anything. Labels of purged labelers are passed over.
    ///
    /// # Errors
    /// Those of `look`, and the general ones.
    pub fn page(
        &mut self,
        after: EventId,
        until: EventId,
        mut look: impl FnMut(&Glance<'_>) -> Result<(), StoreError>,
    ) -> Result<Page, StoreError> {
        self.goes_on()?;
        let snapshot = self.db.transaction()?;
        let mut names = Names::default();
        let mut select = snapshot.prepare_cached(&format!(
            "SELECT {} FROM labels WHERE id > ?1 AND id <= ?2 ORDER BY id",
            rows::LABEL
        ))?;
        let mut found = select.query([after.get(), until.get()])?;
        let (mut read, mut looked, mut bytes) = (after, 0, 0);
        for _ in 0..ROWS {
            if bytes >= LOOKED {
                break;
            }
            let Some(row) = found.next()? else { return Ok(Page { read: None, looked }) };
            read = event_id(row, 0)?;
            let Some(labeler) = names.of(&snapshot, Interned(row.get(1)?))? else { continue };
            let glance = glance(row, read, labeler)?;
            looked += 1;
            // What labelers add to their labels is kept as it came, and may be most of it.
            let raw = row.get_ref(13)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
            bytes += glance.uri.len() + glance.val.len() + raw.map_or(0, <[u8]>::len);
            look(&glance)?;
        }
        Ok(Page { read: Some(read), looked })
    }
}

/// A row with the columns of [`rows::LABEL`].
fn glance<'a>(row: &'a Row<'a>, id: EventId, labeler: &'a Did) -> rusqlite::Result<Glance<'a>> {
    let flags = row.get(5)?;
    Ok(Glance {
        id,
        labeler,
        uri: row.get_ref(7)?.as_str()?,
        val: row.get_ref(8)?.as_str()?,
        verdict: rows::verdict_of(flags),
        negates: rows::negates(flags),
        row,
    })
}
