//! What one labeler has said, in the order of its frames: few columns, and no index of subjects
//! is needed for it.

use super::Archive;
use crate::convert::{epoch, seq, small};
use crate::{StoreError, made, rows, short};
use label::{Did, Epoch, Seq};
use rusqlite::{OptionalExtension as _, params};

/// Rows of one read of some ten milliseconds.
const ROWS: u32 = 20_000;

/// A label, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'a> {
    /// What it says.
    pub val: &'a str,
    /// When it was made, as far as its labeler is believed (contract section 7), in
    /// microseconds since 1970.
    pub made: i64,
    /// Whether it takes back.
    pub negates: bool,
}

/// Where such a walk stands: behind this label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind(Epoch, Seq, u32);

impl Archive {
    /// Shows a stretch of what this labeler has said, in one short transaction: `look` must not
    /// wait for anything. Answers where to go on; `None`: there is no more.
    ///
    /// # Errors
    /// The general ones.
    pub fn said(
        &mut self,
        labeler: &Did,
        after: Option<Behind>,
        mut look: impl FnMut(Said<'_>),
    ) -> Result<Option<Behind>, StoreError> {
        self.goes_on()?;
        let snapshot = self.db.transaction()?;
        let mut select = snapshot.prepare_cached("SELECT id FROM labelers WHERE did = ?1")?;
        let row = select.query_row([labeler.as_str()], |row| row.get::<_, i64>(0)).optional()?;
        let Some(row) = row else { return Ok(None) };
        let Behind(behind_epoch, behind_seq, behind_place) =
            after.unwrap_or(Behind(Epoch(0), Seq::START, 0));
        let mut select = snapshot.prepare_cached(
            "SELECT epoch, seq, place, flags, received_at, val, cts FROM labels
             WHERE labeler = ?1 AND (epoch, seq, place) > (?2, ?3, ?4)
             ORDER BY epoch, seq, place LIMIT ?5",
        )?;
        let place = params![row, behind_epoch.0, behind_seq.get(), behind_place, ROWS];
        let mut found = select.query(place)?;
        let (mut behind, mut looked) = (None, 0);
        while let Some(row) = found.next()? {
            let made = made::believed(short::read_instant(row, 6)?, row.get(4)?);
            let val = row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?;
            look(Said { val, made, negates: rows::negates(row.get(3)?) });
            behind = Some(Behind(epoch(row, 0)?, seq(row, 1)?, small(row, 2)?));
            looked += 1;
        }
        Ok(behind.filter(|_| looked == ROWS))
    }
}
