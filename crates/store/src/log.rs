//! The log of labels: rows in, events out.
//!
//! A row whose labeler was purged belongs to nobody: it is passed over here from that
//! moment on, and the sweep takes it away when there is time.

use crate::convert::{epoch, event_id, seq, small};
use crate::desk::Desk;
use crate::labelers::{self, Interned};
use crate::{StoreError, labelers::counts};
use label::{Did, Epoch, EventId, Label, LabelEvent, Millis, Parts, Seq, Verdict};
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;

/// Bits of `labels.flags`; frozen with the schema.
const LIVE: i64 = 1;
const NEG_PRESENT: i64 = 2;
const NEG_TRUE: i64 = 4;
const OLD_KEY: i64 = 8;

/// How many rows of purged labelers one read passes over at most. Keeps a read short (some
/// milliseconds), so that the write-ahead log can start over and other readers get on.
const PASSED_OVER: usize = 10_000;

/// How much is read before it is handed out, in bytes: a page of usual labels, or a few of
/// the largest. Callers hold a page of each reader at once.
pub(crate) const LARGE: usize = 1 << 20;

/// How many rows one read counts, for the same reason.
const COUNTED: i64 = 50_000;

/// What the labels of one batch have in common.
pub(crate) struct Arrival {
    pub(crate) labeler: Interned,
    pub(crate) epoch: Epoch,
    pub(crate) received_at: Millis,
    pub(crate) live: bool,
}

/// Adds one label to the end of the log.
pub(crate) fn insert(
    desk: &mut Desk<'_>,
    arrival: &Arrival,
    seq: Seq,
    place: u32,
    label: &Label,
    verdict: Verdict,
    raw: Option<&[u8]>,
) -> Result<(), StoreError> {
    let id = desk.next_id()?;
    let mut insert = desk.db.prepare_cached(
        "INSERT INTO labels (id, labeler, epoch, seq, place, flags, received_at,
             uri, val, cts, cid, exp, sig, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    insert.execute(params![
        id.get(),
        arrival.labeler.0,
        arrival.epoch.0,
        seq.get(),
        place,
        flags(arrival.live, label.neg, verdict),
        arrival.received_at.0,
        label.uri,
        label.val,
        label.cts,
        label.cid,
        label.exp,
        label.sig,
        raw,
    ])?;
    desk.ledger.added += 1;
    Ok(())
}

fn flags(live: bool, neg: Option<bool>, verdict: Verdict) -> i64 {
    let neg = match neg {
        None => 0,
        Some(false) => NEG_PRESENT,
        Some(true) => NEG_PRESENT | NEG_TRUE,
    };
    let live = if live { LIVE } else { 0 };
    let old_key = if verdict == Verdict::VerifiedOldKey { OLD_KEY } else { 0 };
    live | neg | old_key
}

/// What one short read found.
pub(crate) struct Page {
    pub(crate) events: Vec<LabelEvent>,
    /// Where to read on when this page is not enough; `None` at the end of the log.
    pub(crate) more_after: Option<EventId>,
    /// What the events take in memory.
    pub(crate) weight: usize,
}

const COLUMNS: &str =
    "id, labeler, epoch, seq, place, flags, received_at, uri, val, cts, cid, exp, sig, raw";

/// Events above `after`, in order: up to `limit`, or fewer after many purged rows, or when
/// they reach `room` bytes.
pub(crate) fn page_after(
    db: &mut Connection,
    after: EventId,
    limit: usize,
    room: usize,
) -> Result<Page, StoreError> {
    let snapshot = db.transaction()?;
    let mut select = snapshot
        .prepare_cached(&format!("SELECT {COLUMNS} FROM labels WHERE id > ?1 ORDER BY id"))?;
    let mut rows = select.query([after.get()])?;
    let mut names = Names::default();
    let events = Vec::with_capacity(limit.min(1024));
    let mut page = Page { events, more_after: Some(after), weight: 0 };
    let mut passed_over = 0;
    while page.events.len() < limit && page.weight < room && passed_over < PASSED_OVER {
        let Some(row) = rows.next()? else {
            page.more_after = None;
            break;
        };
        page.more_after = Some(event_id(row, 0)?);
        match names.of(&snapshot, Interned(row.get(1)?))? {
            Some(labeler) => {
                let event = read(row, labeler)?;
                page.weight += event.weight();
                page.events.push(event);
            }
            None => passed_over += 1,
        }
    }
    Ok(page)
}

/// These events, in order of id, until they are [`LARGE`]; those that are no more are left
/// out.
pub(crate) fn some(
    db: &mut Connection,
    mut ids: Vec<EventId>,
) -> Result<Vec<LabelEvent>, StoreError> {
    ids.sort_unstable();
    ids.dedup();
    let snapshot = db.transaction()?;
    let mut select =
        snapshot.prepare_cached(&format!("SELECT {COLUMNS} FROM labels WHERE id = ?1"))?;
    let mut names = Names::default();
    let mut events = Vec::with_capacity(ids.len());
    let mut weight = 0;
    for id in ids {
        let mut rows = select.query([id.get()])?;
        let Some(row) = rows.next()? else { continue };
        if let Some(labeler) = names.of(&snapshot, Interned(row.get(1)?))? {
            let event = read(row, labeler)?;
            weight += event.weight();
            events.push(event);
            if weight >= LARGE {
                break;
            }
        }
    }
    Ok(events)
}

/// Counts some events above `after`, and says where to count on.
pub(crate) fn count_some(
    db: &mut Connection,
    after: EventId,
) -> Result<(u64, Option<EventId>), StoreError> {
    if after == EventId::START {
        return Ok((counts(db)?.labels, None));
    }
    let mut select = db.prepare_cached(
        "SELECT count(*) FILTER (WHERE labeler IN (SELECT id FROM labelers)), max(id)
         FROM (SELECT id, labeler FROM labels WHERE id > ?1 ORDER BY id LIMIT ?2)",
    )?;
    let read = |row: &Row<'_>| Ok((crate::convert::count(row, 0)?, row.get::<_, Option<i64>>(1)?));
    let (found, last) = select.query_row([after.get(), COUNTED], read)?;
    Ok((found, last.and_then(EventId::new)))
}

/// The DIDs behind the numbers, each looked up once per read.
#[derive(Default)]
struct Names(HashMap<Interned, Option<Did>>);

impl Names {
    fn of(&mut self, db: &Connection, labeler: Interned) -> rusqlite::Result<Option<Did>> {
        if let Some(known) = self.0.get(&labeler) {
            return Ok(known.clone());
        }
        let did = labelers::did_of(db, labeler)?;
        self.0.insert(labeler, did.clone());
        Ok(did)
    }
}

fn read(row: &Row<'_>, labeler: Did) -> rusqlite::Result<LabelEvent> {
    let flags: i64 = row.get(5)?;
    let has = |flag| flags & flag != 0;
    Ok(LabelEvent {
        id: event_id(row, 0)?,
        epoch: epoch(row, 2)?,
        seq: seq(row, 3)?,
        place: small(row, 4)?,
        received_at: Millis(row.get(6)?),
        live: has(LIVE),
        verdict: if has(OLD_KEY) { Verdict::VerifiedOldKey } else { Verdict::Verified },
        label: Label::vouched(Parts {
            src: labeler.clone(),
            uri: row.get(7)?,
            val: row.get(8)?,
            cts: row.get(9)?,
            cid: row.get(10)?,
            exp: row.get(11)?,
            neg: has(NEG_PRESENT).then_some(has(NEG_TRUE)),
            sig: row.get(12)?,
        }),
        labeler,
        raw: row.get(13)?,
    })
}
