//! A labeler's numberings (contract section 6): a new one begins, and what is held of the
//! present one is read a second time.

use crate::desk::Desk;
use crate::{StoreError, happenings, labelers};
use label::{Change, Did, Epoch, LabelerEvent, Millis, Seq};
use rusqlite::params;

/// How long what comes is compared with what was said before, in milliseconds: a week, since an
/// operator who has lost a database may restore it some days later.
const COMPARES: i64 = 7 * 24 * 3_600_000;

/// Begins a new epoch, if the labeler is still in the one that was looked at.
pub(crate) fn reset(
    desk: &mut Desk<'_>,
    did: &Did,
    epoch: Epoch,
    state: &str,
    now: Millis,
) -> Result<Option<LabelerEvent>, StoreError> {
    let row = labelers::one(desk.db, did)?.filter(|row| row.tracked);
    let row = row.ok_or_else(|| StoreError::NotTracked(did.clone()))?;
    if row.epoch != epoch {
        return Err(StoreError::Moved { epoch: row.epoch, cursor: row.cursor });
    }
    let mut update = desk.db.prepare_cached(
        "UPDATE labelers SET epoch = epoch + 1, cursor = 0, caught_up = 0, settled = 0, swept = 0,
             swept_made = 0,
             comparing = 1, compares_until = ?2 WHERE did = ?1",
    )?;
    update.execute(params![did.as_str(), now.0.saturating_add(COMPARES)])?;
    happenings::add(desk, did, Change::SequenceReset, state, now)
}

/// Remembers that frames up to this one have been read twice.
pub(crate) fn settled(
    desk: &mut Desk<'_>,
    did: &Did,
    epoch: Epoch,
    frame: Seq,
) -> Result<(), StoreError> {
    let mut update =
        desk.db.prepare_cached("UPDATE labelers SET settled = ?3 WHERE did = ?1 AND epoch = ?2")?;
    update.execute(params![did.as_str(), epoch.0, frame.get()])?;
    Ok(())
}
