//! The log of labels: rows in, events out.
//!
//! A row whose labeler was purged belongs to nobody: it is passed over here from that
//! moment on, and the sweep takes it away when there is time.

use crate::convert::event_id;
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::rows::{self, Names};
use crate::{StoreError, happenings, index, labelers::counts, short, states};
use label::{Epoch, Event, EventId, Label, LabelEvent, Millis, RejectedEvent, Seq, Verdict};
use rusqlite::{Connection, Row, params};

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
        rows::flags(arrival.live, label.neg, verdict),
        arrival.received_at.0,
        label.uri,
        label.val,
        short::datetime(&label.cts),
        label.cid.as_deref().map(short::cid),
        label.exp,
        label.sig,
        raw,
    ])?;
    index::add(desk, arrival.labeler, label, arrival.received_at, id)?;
    desk.ledger.added += 1;
    Ok(())
}

/// These events, labels and rejected ones, in order of id, until they are [`LARGE`]; those
/// that are no more are left out.
pub(crate) fn some(db: &mut Connection, mut ids: Vec<EventId>) -> Result<Vec<Event>, StoreError> {
    ids.sort_unstable();
    ids.dedup();
    let snapshot = db.transaction()?;
    let mut names = Names::default();
    let mut events = Vec::with_capacity(ids.len());
    let mut weight = 0;
    for id in ids {
        let event = match label_event(&snapshot, &mut names, id)? {
            Some(event) => Event::Label(event),
            None => match rejected_event(&snapshot, &mut names, id)? {
                Some(event) => Event::Rejected(event),
                None => match happenings::one(&snapshot, id)? {
                    Some(event) => Event::Labeler(event),
                    None => match states::one(&snapshot, &mut names, id)? {
                        Some(event) => Event::State(event),
                        None => continue,
                    },
                },
            },
        };
        weight += event.weight();
        events.push(event);
        if weight >= LARGE {
            break;
        }
    }
    Ok(events)
}

fn label_event(
    db: &Connection,
    names: &mut Names,
    id: EventId,
) -> rusqlite::Result<Option<LabelEvent>> {
    let mut select =
        db.prepare_cached(&format!("SELECT {} FROM labels WHERE id = ?1", rows::LABEL))?;
    let mut found = select.query([id.get()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let labeler = names.of(db, Interned(row.get(1)?))?;
    labeler.map(|labeler| rows::label(row, labeler.clone())).transpose()
}

/// One rejected label, if it is kept.
pub(crate) fn rejected_event(
    db: &Connection,
    names: &mut Names,
    id: EventId,
) -> rusqlite::Result<Option<RejectedEvent>> {
    let mut select =
        db.prepare_cached(&format!("SELECT {} FROM rejected WHERE id = ?1", rows::REJECTED))?;
    let mut found = select.query([id.get()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let labeler = names.of(db, Interned(row.get(1)?))?;
    labeler.map(|labeler| rows::rejected(row, labeler.clone())).transpose()
}

/// The highest id ever given out: the end of the log.
pub(crate) fn last(db: &Connection) -> rusqlite::Result<EventId> {
    db.prepare_cached("SELECT last_id FROM meta")?.query_row([], |row| event_id(row, 0))
}

/// Counts some labels above `after` and not above `until`, and says where to count on.
pub(crate) fn count_some(
    db: &mut Connection,
    after: EventId,
    until: EventId,
) -> Result<(u64, Option<EventId>), StoreError> {
    let snapshot = db.transaction()?;
    if after == EventId::START && until >= last(&snapshot)? {
        return Ok((counts(&snapshot)?.labels, None));
    }
    let mut select = snapshot.prepare_cached(
        "SELECT count(*) FILTER (WHERE labeler IN (SELECT id FROM labelers)), max(id) FROM
             (SELECT id, labeler FROM labels WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3)",
    )?;
    let read = |row: &Row<'_>| Ok((crate::convert::count(row, 0)?, row.get::<_, Option<i64>>(1)?));
    let (found, last) = select.query_row([after.get(), until.get(), COUNTED], read)?;
    Ok((found, last.and_then(EventId::new)))
}

/// When the first label above `after` was received; or, after many purged rows, where to
/// look on.
pub(crate) fn received_after(
    db: &mut Connection,
    after: EventId,
) -> Result<(Option<Millis>, Option<EventId>), StoreError> {
    let snapshot = db.transaction()?;
    let mut select = snapshot
        .prepare_cached("SELECT id, labeler, received_at FROM labels WHERE id > ?1 ORDER BY id")?;
    let mut found = select.query([after.get()])?;
    let mut names = Names::default();
    let mut more_after = None;
    for _ in 0..PASSED_OVER {
        let Some(row) = found.next()? else { return Ok((None, None)) };
        if names.of(&snapshot, Interned(row.get(1)?))?.is_some() {
            return Ok((Some(Millis(row.get(2)?)), None));
        }
        more_after = Some(event_id(row, 0)?);
    }
    Ok((None, more_after))
}
