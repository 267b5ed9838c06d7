//! Takes away labels that no longer apply and have not for a while (contract section 2,
//! `--retain-superseded`).
//!
//! A label is **ended** by a newer one of its key, in the order of contract section 7, and is
//! taken away once that one was received long enough ago. A label that is the newest of its
//! key, and takes back or has run out, goes as well, counted from its receipt or its end; but
//! only when nothing older of its key is held any more, or that would apply again.
//!
//! Nothing is taken away that some consumer has not passed yet, or that is set aside for one
//! (contract G3): a consumer that never comes holds everything above its position.
//!
//! There is no index on keys. So a sweep walks a labeler's labels in short reads, puts what
//! matters of each into a [`Pile`] of bounded size (`pile`, which decides), a part of the keys
//! at a time when there are many, and has what was found ended looked at once more, and
//! deleted, by the writer (`take`), in short jobs. Whatever comes meanwhile is too young to
//! matter; a sweep that is dropped half way is made up for by the next one.

use crate::StoreError;
use crate::convert::event_id;
use label::EventId;
use rusqlite::Connection;

mod pile;
mod take;
mod walk;

pub(crate) use pile::{Ended, LABELS_AT_ONCE, Pile};
pub(crate) use take::{floor, take};
pub(crate) use walk::{Part, Place, labelers, walk};

/// Rows deleted by one job.
pub(crate) const DELETED_AT_ONCE: usize = 500;

/// Labels up to here may have been taken away.
pub(crate) fn retired(db: &Connection) -> Result<EventId, StoreError> {
    let mut select = db.prepare_cached("SELECT retired FROM meta")?;
    Ok(select.query_row([], |row| event_id(row, 0))?)
}

/// Whether a label takes back, or has run out by `cutoff` (milliseconds since 1970).
fn is_terminal(flags: i64, exp: Option<&str>, cutoff: i64) -> bool {
    let ends_at = exp.and_then(label::syntax::instant);
    crate::rows::negates(flags) || ends_at.is_some_and(|ends| ends <= cutoff.saturating_mul(1000))
}
