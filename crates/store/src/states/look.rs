//! Looks at some labels of the log and finds what becomes of them. Writes nothing.

use super::row::{self, LabelRow};
use super::{News, Progress, progress};
use crate::convert::event_id;
use crate::index::{self, Entry, Filters, Keys};
use crate::rows::Names;
use crate::{StoreError, log};
use label::{EventId, LabelState, Millis};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashSet;

/// Labels looked at in one read: some 10 ms.
const LABELS: usize = 100;

/// Labels that run out in one read.
const RUN_OUT: usize = 200;

/// How many takings back of one key are looked behind for what they took back.
const BEHIND: usize = 100;

/// What was found.
#[derive(Debug)]
pub(crate) struct Looked {
    /// From where on it was looked.
    pub(crate) progress: Progress,
    /// Every label up to here was looked at.
    pub(crate) read: EventId,
    /// There is no other one in the log, which ends there.
    pub(crate) end: Option<EventId>,
    pub(crate) news: Vec<News>,
    /// When these were to run out is no longer of interest: they are gone.
    pub(crate) vanished: Vec<(i64, EventId)>,
}

impl Looked {
    const fn nothing(progress: Progress, read: EventId) -> Self {
        Self { progress, read, end: None, news: Vec::new(), vanished: Vec::new() }
    }

    /// Whether there is anything to be written down. Where the log ends need not be.
    pub(crate) fn is_any(&self) -> bool {
        self.end.is_none() || !self.news.is_empty() || !self.vanished.is_empty()
    }

    /// Whether there may be more to be found at once.
    pub(crate) const fn is_more(&self) -> bool {
        self.end.is_none()
    }
}

/// Looks on from where recording has come; `None`: nobody asks for it. What has run out goes
/// first, so that time passes for a label before what is said after its end.
pub(crate) fn look(
    db: &mut Connection,
    filters: &Filters,
    now: Millis,
) -> Result<Option<Looked>, StoreError> {
    let snapshot = db.transaction()?;
    let Some(progress) = progress(&snapshot)? else { return Ok(None) };
    index::ready(&snapshot)?;
    let read = EventId::new(progress.next - 1).unwrap_or_default();
    let looked = Looked::nothing(progress, read);
    match run_out(&snapshot, looked, now)? {
        Found::Some(run_out) => Ok(Some(run_out)),
        Found::Nothing(looked) => Walk::begin(&snapshot, filters, looked, now)?.go().map(Some),
    }
}

enum Found {
    Some(Looked),
    Nothing(Looked),
}

/// Those whose end has come.
fn run_out(db: &Connection, mut looked: Looked, now: Millis) -> Result<Found, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT at, label FROM states_due WHERE at <= ?1 ORDER BY at, label LIMIT ?2",
    )?;
    let mut due = select.query(params![now.0, RUN_OUT as i64])?;
    let mut names = Names::default();
    while let Some(row) = due.next()? {
        let (at, label) = (row.get(0)?, event_id(row, 1)?);
        match row::one(db, &mut names, label)? {
            Some(row) => looked.news.push(row.news(LabelState::Expired, Some(at))),
            None => looked.vanished.push((at, label)),
        }
    }
    let any = !looked.news.is_empty() || !looked.vanished.is_empty();
    Ok(if any { Found::Some(looked) } else { Found::Nothing(looked) })
}

struct Walk<'a> {
    db: &'a Connection,
    now: Millis,
    keys: Keys,
    names: Names,
    /// Labels that came to apply on this walk, and run out later.
    lasting: HashSet<EventId>,
    looked: Looked,
}

impl<'a> Walk<'a> {
    fn begin(
        db: &'a Connection,
        filters: &Filters,
        looked: Looked,
        now: Millis,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            db,
            now,
            keys: Keys::of(db, filters)?,
            names: Names::default(),
            lasting: HashSet::new(),
            looked,
        })
    }

    fn go(mut self) -> Result<Looked, StoreError> {
        let end = log::last(self.db)?;
        let rows = row::some(self.db, &mut self.names, self.looked.read, LABELS)?;
        for row in &rows.labels {
            if row.event.id.get() <= self.looked.progress.from {
                self.see_standing(row)?;
            } else {
                self.see_new(row)?;
            }
        }
        match rows.read {
            Some(read) => self.looked.read = read,
            None => (self.looked.read, self.looked.end) = (end, Some(end)),
        }
        Ok(self.looked)
    }

    /// A label that was there when recording began: told if it stood then.
    fn see_standing(&mut self, row: &LabelRow) -> Result<(), StoreError> {
        let from = self.looked.progress.from;
        let mut key = self.key(row)?;
        key.retain(|entry| entry.id <= from);
        if self.newest(&key, row)? != Some(row.event.id) {
            return Ok(());
        }
        if !row.event.label.negates() {
            self.stands(row);
            return Ok(());
        }
        let mut taken_back = row.event.id;
        for _ in 0..BEHIND {
            key.retain(|entry| entry.id != taken_back.get());
            let Some(before) = self.newest(&key, row)? else { return Ok(()) };
            let Some(before) = row::one(self.db, &mut self.names, before)? else {
                return Ok(());
            };
            if !before.event.label.negates() {
                self.looked.news.push(before.news(LabelState::Negated, None));
                return Ok(());
            }
            taken_back = before.event.id;
        }
        Ok(())
    }

    /// A label that came since: it ends what applied, unless that is newer.
    fn see_new(&mut self, row: &LabelRow) -> Result<(), StoreError> {
        let mut key = self.key(row)?;
        key.retain(|entry| entry.id <= row.event.id.get());
        if self.newest(&key, row)? != Some(row.event.id) {
            return Ok(());
        }
        key.retain(|entry| entry.id < row.event.id.get());
        if let Some(before) = self.newest(&key, row)?
            && let Some(before) = row::one(self.db, &mut self.names, before)?
            && self.applied(&before)?
        {
            let negated = row.event.label.negates();
            let state = if negated { LabelState::Negated } else { LabelState::Superseded };
            self.lasting.remove(&before.event.id);
            self.looked.news.push(before.news(state, before.due()));
        }
        if !row.event.label.negates() {
            self.stands(row);
        }
        Ok(())
    }

    /// This is the newest of its key, and takes nothing back.
    fn stands(&mut self, row: &LabelRow) {
        let due = row.due().filter(|_| !row.event.label.has_run_out(self.now));
        if row.event.label.has_run_out(self.now) {
            self.looked.news.push(row.news(LabelState::Expired, None));
            return;
        }
        if due.is_some() {
            self.lasting.insert(row.event.id);
        }
        self.looked.news.push(row.news(LabelState::Applies, due));
    }

    /// Whether a label that was the newest of its key was told to apply, and not told to have
    /// run out.
    fn applied(&self, row: &LabelRow) -> Result<bool, StoreError> {
        if row.event.label.negates() {
            return Ok(false);
        }
        let Some(due) = row.due() else { return Ok(true) };
        if self.lasting.contains(&row.event.id) {
            return Ok(true);
        }
        let mut select =
            self.db.prepare_cached("SELECT 1 FROM states_due WHERE at = ?1 AND label = ?2")?;
        let found = select.query_row(params![due, row.event.id.get()], |_| Ok(())).optional()?;
        Ok(found.is_some())
    }

    fn key(&mut self, row: &LabelRow) -> Result<Vec<Entry>, StoreError> {
        let label = &row.event.label;
        self.keys.find(self.db, row.labeler(), (&label.uri, &label.val))
    }

    fn newest(&mut self, key: &[Entry], row: &LabelRow) -> Result<Option<EventId>, StoreError> {
        let label = &row.event.label;
        let meant = |uri: &str, val: &str| (uri, val) == (label.uri.as_str(), label.val.as_str());
        let newest = index::newest(self.db, &mut self.names, key, meant)?;
        Ok(newest.and_then(EventId::new))
    }
}
