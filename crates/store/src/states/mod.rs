//! What becomes of labels, as events of the log (contract section 7, `label-state`).
//!
//! Recorded from the moment a consumer first asks for them until none does any more. Whatever is
//! recorded is said of one label, and said once: it **applies**; or it no longer does, since a
//! newer one of its key **negated** or **superseded** it, or since it has **expired** (which is
//! all that is said of one that comes when it has run out). Of a label that never stood, because
//! a newer one was there first, nothing is said. Where two
//! things happen at once, what ended comes before what began; so whoever keeps a table by key
//! does what each event says and is right.
//!
//! The log is walked label by label (`look`) by a read of its own, behind the writer, which is
//! not held up; what was found is written together with how far the walk has come. Labels that
//! were there when the first consumer asked are looked at as they were then: of each key only
//! what stands is told. When a label that applies is to run out is kept in a table, so that a
//! restart forgets none.

mod look;
mod row;

pub(crate) use look::{Looked, look};

use crate::convert::{event_id, unreadable};
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::rows::{self, Names};
use crate::{StoreError, sweep};
use label::{Did, EventId, LabelState, Millis, StateEvent};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The event type, as consumers ask for it.
const TYPE: &str = "label-state";

/// How far recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The first label that was not looked at.
    pub(crate) next: i64,
    /// Where the log ended when recording began.
    pub(crate) from: i64,
}

/// Something that became of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) labeler: Interned,
    pub(crate) label: EventId,
    pub(crate) flags: i64,
    pub(crate) uri: String,
    pub(crate) val: String,
    pub(crate) state: LabelState,
    /// When a label runs out, in milliseconds since 1970: from now on, or until now.
    pub(crate) due: Option<i64>,
}

/// How far recording has come; `None`: nobody asks.
pub(crate) fn progress(db: &Connection) -> rusqlite::Result<Option<Progress>> {
    let mut select = db.prepare_cached("SELECT states_next, states_from FROM meta")?;
    let (next, from): (Option<i64>, i64) =
        select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(next.map(|next| Progress { next, from }))
}

/// Begins or ends recording, if consumers ask for it now and did not before, or the other way
/// round.
pub(crate) fn follow(desk: &mut Desk<'_>) -> Result<(), StoreError> {
    let mut select = desk.db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM consumers WHERE ',' || types || ',' LIKE ?1)",
    )?;
    let asked: bool = select.query_row([format!("%,{TYPE},%")], |row| row.get(0))?;
    if asked == progress(desk.db)?.is_some() {
        return Ok(());
    }
    let next = asked.then_some(1);
    let mut update =
        desk.db.prepare_cached("UPDATE meta SET states_next = ?1, states_from = ?2")?;
    update.execute(params![next, desk.ledger.last.get()])?;
    desk.db.prepare_cached("DELETE FROM states_due")?.execute([])?;
    desk.ledger.states = asked;
    sweep::order(desk)?;
    Ok(())
}

/// Writes down what was found, unless somebody else has come further meanwhile. Whether it did.
pub(crate) fn record(
    desk: &mut Desk<'_>,
    looked: &Looked,
    now: Millis,
) -> Result<bool, StoreError> {
    if progress(desk.db)? != Some(looked.progress) {
        return Ok(false);
    }
    let last = desk.ledger.last;
    for news in &looked.news {
        if let (LabelState::Expired, Some(at)) = (news.state, news.due)
            && !await_no_end(desk.db, at, news.label)?
        {
            // Somebody else has told it.
            continue;
        }
        let id = desk.next_id()?;
        let mut insert = desk.db.prepare_cached(
            "INSERT INTO states (id, labeler, label, state, flags, at, uri, val)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let News { labeler, label, flags, uri, val, state, due } = news;
        insert.execute(params![
            id.get(),
            labeler.0,
            label.get(),
            state.as_str(),
            flags,
            now.0,
            uri,
            val
        ])?;
        match due {
            Some(at) if *state == LabelState::Applies => await_end(desk.db, *at, *label)?,
            Some(at) => drop(await_no_end(desk.db, *at, *label)?),
            None => {}
        }
    }
    for (at, label) in &looked.vanished {
        await_no_end(desk.db, *at, *label)?;
    }
    // What was just written is not to be looked at again.
    let next = if looked.end == Some(last) { desk.ledger.last } else { looked.read };
    let mut update = desk.db.prepare_cached("UPDATE meta SET states_next = ?1")?;
    update.execute([looked.progress.next.max(next.get() + 1)])?;
    Ok(true)
}

fn await_end(db: &Connection, at: i64, label: EventId) -> rusqlite::Result<()> {
    let mut insert =
        db.prepare_cached("INSERT OR IGNORE INTO states_due (at, label) VALUES (?1, ?2)")?;
    insert.execute(params![at, label.get()])?;
    Ok(())
}

/// Whether its end was waited for.
fn await_no_end(db: &Connection, at: i64, label: EventId) -> rusqlite::Result<bool> {
    let mut delete = db.prepare_cached("DELETE FROM states_due WHERE at = ?1 AND label = ?2")?;
    Ok(delete.execute(params![at, label.get()])? > 0)
}

/// The columns [`read`] reads, of `states`.
pub(crate) const STATE: &str = "id, labeler, label, state, flags, at, uri, val";

/// One event, if it is still there and its labeler is.
pub(crate) fn one(
    db: &Connection,
    names: &mut Names,
    id: EventId,
) -> rusqlite::Result<Option<StateEvent>> {
    let mut select = db.prepare_cached(&format!("SELECT {STATE} FROM states WHERE id = ?1"))?;
    let mut found = select.query([id.get()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let labeler = names.of(db, Interned(row.get(1)?))?;
    labeler.map(|labeler| read(row, labeler.clone())).transpose()
}

fn read(row: &Row<'_>, labeler: Did) -> rusqlite::Result<StateEvent> {
    let state = LabelState::from_name(row.get_ref(3)?.as_str()?);
    Ok(StateEvent {
        id: event_id(row, 0)?,
        labeler,
        label_id: event_id(row, 2)?,
        state: state.ok_or_else(|| unreadable(3, "a state"))?,
        verdict: rows::verdict_of(row.get(4)?),
        at: Millis(row.get(5)?),
        uri: row.get(6)?,
        val: row.get(7)?,
    })
}

/// Whether something that was so at this time is still to be told.
pub(crate) fn is_behind(db: &Connection, time: Millis) -> Result<bool, StoreError> {
    let Some(Progress { next, .. }) = progress(db)? else { return Ok(false) };
    let mut select = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM states_due WHERE at <= ?1)
             OR coalesce((SELECT received_at <= ?1 FROM labels WHERE id >= ?2 ORDER BY id LIMIT 1),
                 0)",
    )?;
    Ok(select.query_row([time.0, next], |row| row.get(0))?)
}

/// When the next label runs out.
pub(crate) fn next_due(db: &Connection) -> rusqlite::Result<Option<Millis>> {
    let mut select = db.prepare_cached("SELECT at FROM states_due ORDER BY at LIMIT 1")?;
    select.query_row([], |row| row.get(0).map(Millis)).optional()
}
