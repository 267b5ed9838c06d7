//! Current labels by patterns of URIs, in the order of the log (`com.atproto.label.queryLabels`).
//!
//! Where the patterns name subjects or accounts, the index says which labels there are. Where
//! they do not, as with `*`, the log itself is walked, a stretch at a time.

use super::find::{entries, event, keys, newest, ready, salt};
use super::runs::Run;
use super::stretch::{self, Standing};
use super::{Entry, Filters, Salt, entry};
use crate::StoreError;
use crate::convert::event_id;
use crate::labelers::Interned;
use crate::log::{self, LARGE};
use crate::rows::Names;
use label::{Did, EventId, Label, LabelEvent, Millis, Parts};
use rusqlite::{Connection, Transaction, params};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Rows of the log that one read passes over, and those of them that it looks for in the index.
const ROWS: usize = 20_000;
const LOOKED_FOR: usize = 1000;

/// Entries that are gathered and put in order. Where there are more, as of an account of which
/// everything was labeled, the log is walked instead.
const GATHERED: usize = 300_000;

/// Which URIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This one.
    Is(String),
    /// All that begin like this.
    Begins(String),
}

impl Pattern {
    /// Whether it takes this URI.
    #[must_use]
    pub fn takes(&self, uri: &str) -> bool {
        match self {
            Self::Is(whole) => whole == uri,
            Self::Begins(with) => uri.starts_with(with.as_str()),
        }
    }

    /// Where all its labels are, if that can be said.
    fn subjects(&self, salt: Salt) -> Option<RangeInclusive<i64>> {
        match self {
            Self::Is(uri) => {
                let subject = salt.subject(uri);
                Some(subject..=subject)
            }
            // An account, and what comes after its name: so the name is whole.
            Self::Begins(with) => {
                let rest = with.strip_prefix("at://")?;
                let account = entry::account(with);
                (account.len() < rest.len()).then(|| salt.account(account))
            }
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// One of these takes the URI.
    pub patterns: Vec<Pattern>,
    /// One of these has said it; empty: anybody.
    pub sources: Vec<Did>,
    /// Also what takes back.
    pub negated: bool,
    /// Also what has run out.
    pub expired: bool,
    /// Now.
    pub now: Millis,
}

impl Query {
    fn wants(&self, label: &Label) -> bool {
        self.patterns.iter().any(|pattern| pattern.takes(&label.uri))
            && (self.negated || !label.negates())
            && (self.expired || !label.has_run_out(self.now))
    }

    fn is_from(&self, labeler: &Did) -> bool {
        self.sources.is_empty() || self.sources.contains(labeler)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The labels, in the order of the log.
    pub labels: Vec<LabelEvent>,
    /// Everything up to here was looked at; `None`: there is no more.
    pub read: Option<EventId>,
}

/// Looks for labels above `after`, at most so many.
pub(crate) fn query(
    db: &mut Connection,
    filters: &Filters,
    query: &Query,
    after: EventId,
    limit: usize,
) -> Result<Found, StoreError> {
    let snapshot = db.transaction()?;
    ready(&snapshot)?;
    let looking = Looking { query, after, limit };
    let salt = salt(&snapshot)?;
    let subjects = query.patterns.iter().map(|pattern| pattern.subjects(salt));
    if let Some(subjects) = subjects.collect::<Option<Vec<_>>>()
        && let Some(found) = gathered(&snapshot, &filters.runs(&snapshot)?, &subjects)?
    {
        return looking.in_the_index(&snapshot, &found);
    }
    looking.in_the_log(&snapshot)
}

/// All entries of these subjects, unless there are too many.
fn gathered(
    db: &Connection,
    runs: &[Run],
    subjects: &[RangeInclusive<i64>],
) -> Result<Option<Vec<Entry>>, StoreError> {
    let mut found = Vec::new();
    for subjects in disjoint(subjects) {
        found.extend(entries(db, runs, &subjects)?);
        if found.len() > GATHERED {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

struct Looking<'a> {
    query: &'a Query,
    after: EventId,
    limit: usize,
}

impl Looking<'_> {
    fn in_the_index(&self, db: &Connection, found: &[Entry]) -> Result<Found, StoreError> {
        let keys = keys(found).flat_map(|key| key.iter().map(move |entry| (entry, key)));
        let mut keys: Vec<(&Entry, &[Entry])> =
            keys.filter(|(entry, _)| entry.id > self.after.get()).collect();
        keys.sort_unstable_by_key(|(entry, _)| entry.id);
        let mut names = Names::default();
        let mut decided: HashMap<(Did, String, String), Option<i64>> = HashMap::new();
        let (mut labels, mut read, mut weight) = (Vec::new(), self.after, 0);
        for (place, (entry, key)) in keys.into_iter().enumerate() {
            if labels.len() >= self.limit || weight >= LARGE || place >= ROWS {
                return Ok(Found { labels, read: Some(read) });
            }
            read = EventId::new(entry.id).unwrap_or(read);
            let event = event(db, &mut names, Interned(entry.labeler), entry.id)?;
            let Some(event) = event.filter(|event| self.wants(event)) else { continue };
            let Parts { uri, val, .. } = &*event.label;
            let said = (event.labeler.clone(), uri.clone(), val.clone());
            let newest = match decided.get(&said) {
                Some(known) => *known,
                None => {
                    let newest = newest(db, &mut names, key, |u, v| (u, v) == (uri, val))?;
                    decided.insert(said, newest);
                    newest
                }
            };
            if newest == Some(entry.id) {
                weight += event.weight();
                labels.push(event);
            }
        }
        Ok(Found { labels, read: None })
    }

    fn wants(&self, event: &LabelEvent) -> bool {
        self.query.is_from(&event.labeler) && self.query.wants(&event.label)
    }

    fn in_the_log(&self, db: &Transaction<'_>) -> Result<Found, StoreError> {
        let mut names = Names::default();
        let (said, read) = self.said(db, &mut names)?;
        let mut current = stretch::current(db, &mut names, said)?;
        let more = current.len() > self.limit;
        current.truncate(self.limit);
        let labels: Vec<LabelEvent> = current.into_iter().map(|one| one.event).collect();
        let read = if more { labels.last().map(|last| last.id) } else { read };
        Ok(Found { labels, read })
    }

    /// What is asked for, current or not, and up to where; `None`: that is all there is.
    fn said(
        &self,
        db: &Transaction<'_>,
        names: &mut Names,
    ) -> Result<(Vec<Standing>, Option<EventId>), StoreError> {
        let (mut said, mut weight, mut read) = (Vec::new(), 0, self.after);
        let mut select = db.prepare_cached(
            "SELECT id, labeler, uri FROM labels WHERE id > ?1 AND id <= ?2 ORDER BY id",
        )?;
        let mut found = select.query(params![self.after.get(), log::last(db)?.get()])?;
        for _ in 0..ROWS {
            if said.len() >= LOOKED_FOR || weight >= LARGE {
                break;
            }
            let Some(row) = found.next()? else { return Ok((said, None)) };
            read = event_id(row, 0)?;
            let uri = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
            if !self.query.patterns.iter().any(|pattern| pattern.takes(uri)) {
                continue;
            }
            let life = row.get(1)?;
            let event = event(db, names, Interned(life), read.get())?;
            if let Some(event) = event.filter(|event| self.wants(event)) {
                weight += event.weight();
                said.push(Standing { event, life });
            }
        }
        Ok((said, Some(read)))
    }
}

/// The same ranges, none of which meets another: they are equal, or one holds the other.
fn disjoint(ranges: &[RangeInclusive<i64>]) -> Vec<RangeInclusive<i64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| (*range.start(), -*range.end()));
    sorted.dedup_by(|next, kept| next.end() <= kept.end());
    sorted
}
