//! Rows of the log as events.

use crate::convert::{epoch, event_id, seq, small, unreadable};
use crate::labelers::{self, Interned};
use crate::short;
use label::{Did, Label, LabelEvent, Millis, Parts, RejectedEvent, Verdict};
use rusqlite::{Connection, Row};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Bits of `labels.flags`; frozen with the schema.
const LIVE: i64 = 1;
const NEG_PRESENT: i64 = 2;
const NEG_TRUE: i64 = 4;
const OLD_KEY: i64 = 8;

/// What is kept of a label in one number.
pub(crate) fn flags(live: bool, neg: Option<bool>, verdict: Verdict) -> i64 {
    let neg = match neg {
        None => 0,
        Some(false) => NEG_PRESENT,
        Some(true) => NEG_PRESENT | NEG_TRUE,
    };
    let live = if live { LIVE } else { 0 };
    let old_key = if verdict == Verdict::VerifiedOldKey { OLD_KEY } else { 0 };
    live | neg | old_key
}

/// The verdict that such a number keeps.
pub(crate) const fn verdict_of(flags: i64) -> Verdict {
    if flags & OLD_KEY != 0 { Verdict::VerifiedOldKey } else { Verdict::Verified }
}

/// Whether such a number is of a label that takes back.
pub(crate) const fn negates(flags: i64) -> bool {
    flags & NEG_TRUE != 0
}

/// The columns [`label()`] reads, of `labels`.
pub(crate) const LABEL: &str =
    "id, labeler, epoch, seq, place, flags, received_at, uri, val, cts, cid, exp, sig, raw";

/// A row of `labels` with the columns of [`LABEL`].
pub(crate) fn label(row: &Row<'_>, labeler: Did) -> rusqlite::Result<LabelEvent> {
    let flags: i64 = row.get(5)?;
    let has = |flag| flags & flag != 0;
    Ok(LabelEvent {
        id: event_id(row, 0)?,
        epoch: epoch(row, 2)?,
        seq: seq(row, 3)?,
        place: small(row, 4)?,
        received_at: Millis(row.get(6)?),
        live: has(LIVE),
        verdict: verdict_of(flags),
        label: Label::vouched(Parts {
            src: labeler.clone(),
            uri: row.get(7)?,
            val: row.get(8)?,
            cts: short::read_datetime(row, 9)?,
            cid: short::read_cid(row, 10)?,
            exp: row.get(11)?,
            neg: has(NEG_PRESENT).then_some(has(NEG_TRUE)),
            sig: row.get(12)?,
        }),
        labeler,
        raw: row.get(13)?,
    })
}

/// The columns [`rejected()`] reads, of `rejected`.
pub(crate) const REJECTED: &str =
    "id, labeler, seq, place, verdict, reason, received_at, live, raw";

/// A row of `rejected` with the columns of [`REJECTED`].
pub(crate) fn rejected(row: &Row<'_>, labeler: Did) -> rusqlite::Result<RejectedEvent> {
    Ok(RejectedEvent {
        id: event_id(row, 0)?,
        labeler,
        seq: seq(row, 2)?,
        place: small(row, 3)?,
        verdict: verdict(row, 4)?,
        reason: row.get(5)?,
        received_at: Millis(row.get(6)?),
        live: row.get(7)?,
        raw: row.get(8)?,
    })
}

/// A verdict that is kept by its name.
pub(crate) fn verdict(row: &Row<'_>, column: usize) -> rusqlite::Result<Verdict> {
    let verdict = Verdict::from_name(row.get_ref(column)?.as_str()?);
    verdict.ok_or_else(|| unreadable(column, "a verdict"))
}

/// The DIDs behind the numbers, each looked up once per read.
#[derive(Default)]
pub(crate) struct Names(HashMap<Interned, Option<Did>>);

impl Names {
    /// `None` when that labeler was purged.
    pub(crate) fn of(
        &mut self,
        db: &Connection,
        labeler: Interned,
    ) -> rusqlite::Result<Option<&Did>> {
        let name = match self.0.entry(labeler) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(labelers::did_of(db, labeler)?),
        };
        Ok(name.as_ref())
    }
}
