//! Current labels by patterns of URIs, in the order of the log (`com.atproto.label.queryLabels`).
//!
//! Where the patterns name subjects or accounts, the index says which labels there are. Where
//! they do not, as with `*`, the log itself is walked, a stretch at a time.

use super::find::{entries, event, is_current, keys, newest, salt};
use super::runs::{self, Run};
use super::{Entry, Salt, entry};
use crate::convert::event_id;
use crate::labelers::Interned;
use crate::rows::{self, Names};
use crate::{StoreError, log};
use label::{Did, EventId, Label, LabelEvent, Millis};
use rusqlite::{Connection, params};
use std::ops::RangeInclusive;

/// Rows of the log that one read looks at.
const ROWS: usize = 20_000;

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
            // An account that is named to its end.
            Self::Begins(with) => {
                let rest = with.strip_prefix("at://")?;
                let account = entry::account(with);
                let ends = account.len() < rest.len() || is_whole_plc(account);
                ends.then(|| salt.account(account))
            }
        }
    }
}

/// A did:plc has 24 characters after its method, so nothing can follow on it.
fn is_whole_plc(did: &str) -> bool {
    did.strip_prefix("did:plc:").is_some_and(|rest| rest.len() == 24)
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
    query: &Query,
    after: EventId,
    limit: usize,
) -> Result<Found, StoreError> {
    let snapshot = db.transaction()?;
    let looking = Looking { query, after, limit };
    let salt = salt(&snapshot)?;
    let runs = runs::in_use(&snapshot)?;
    let subjects = query.patterns.iter().map(|pattern| pattern.subjects(salt));
    match subjects.collect::<Option<Vec<_>>>() {
        Some(subjects) => looking.in_the_index(&snapshot, &runs, &subjects),
        None => looking.in_the_log(&snapshot, salt, &runs),
    }
}

struct Looking<'a> {
    query: &'a Query,
    after: EventId,
    limit: usize,
}

impl Looking<'_> {
    fn in_the_index(
        &self,
        db: &Connection,
        runs: &[Run],
        subjects: &[RangeInclusive<i64>],
    ) -> Result<Found, StoreError> {
        let mut found = Vec::new();
        for subjects in disjoint(subjects) {
            found.extend(entries(db, runs, &subjects)?);
        }
        let keys = keys(&found).flat_map(|key| key.iter().map(move |entry| (entry, key)));
        let mut keys: Vec<(&Entry, &[Entry])> =
            keys.filter(|(entry, _)| entry.id > self.after.get()).collect();
        keys.sort_unstable_by_key(|(entry, _)| entry.id);
        let mut names = Names::default();
        let (mut labels, mut read) = (Vec::new(), self.after);
        for (place, (entry, key)) in keys.into_iter().enumerate() {
            if labels.len() >= self.limit || place >= ROWS {
                return Ok(Found { labels, read: Some(read) });
            }
            read = EventId::new(entry.id).unwrap_or(read);
            let Some(event) = event(db, &mut names, entry)? else { continue };
            if !self.query.is_from(&event.labeler) || !self.query.wants(&event.label) {
                continue;
            }
            let is_same =
                |label: &Label| (&label.uri, &label.val) == (&event.label.uri, &event.label.val);
            let newest = newest(db, &mut names, key, is_same)?;
            if newest.is_some_and(|newest| newest.id == event.id) {
                labels.push(event);
            }
        }
        Ok(Found { labels, read: None })
    }

    fn in_the_log(&self, db: &Connection, salt: Salt, runs: &[Run]) -> Result<Found, StoreError> {
        let mut names = Names::default();
        let mut labels = Vec::new();
        let mut read = self.after;
        let mut select = db.prepare_cached(
            "SELECT id, labeler, uri FROM labels WHERE id > ?1 AND id <= ?2 ORDER BY id",
        )?;
        let mut found = select.query(params![self.after.get(), log::last(db)?.get()])?;
        for _ in 0..ROWS {
            if labels.len() >= self.limit {
                return Ok(Found { labels, read: Some(read) });
            }
            let Some(row) = found.next()? else { return Ok(Found { labels, read: None }) };
            read = event_id(row, 0)?;
            let labeler = Interned(row.get(1)?);
            let uri = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
            let Some(from) = names.of(db, labeler)? else { continue };
            let takes = self.query.patterns.iter().any(|pattern| pattern.takes(uri));
            if !takes || !self.query.is_from(from) {
                continue;
            }
            let from = from.clone();
            let mut select =
                db.prepare_cached(&format!("SELECT {} FROM labels WHERE id = ?1", rows::LABEL))?;
            let event = select.query_row([read.get()], |row| rows::label(row, from))?;
            if self.query.wants(&event.label) && is_current(db, salt, runs, &mut names, &event)? {
                labels.push(event);
            }
        }
        Ok(Found { labels, read: Some(read) })
    }
}

/// The same ranges, none of which meets another: they are equal, or one holds the other.
fn disjoint(ranges: &[RangeInclusive<i64>]) -> Vec<RangeInclusive<i64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| (*range.start(), -*range.end()));
    sorted.dedup_by(|next, kept| next.end() <= kept.end());
    sorted
}
