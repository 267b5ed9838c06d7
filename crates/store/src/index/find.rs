//! Looks things up: from a URI to what is said about it.

use super::runs::{self, Reading, Run};
use super::{Entry, Salt, recent};
use crate::labelers::{self, Interned};
use crate::rows::{self, Names};
use crate::{StoreError, made};
use label::{Did, EventId, Label, LabelEvent, syntax};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The current label of each key with one of these URIs (contract section 7), in no particular
/// order, as far as one of `sources` has said it, or anybody; whether it applies is another question.
pub(crate) fn current(
    db: &mut Connection,
    uris: &[String],
    sources: Option<&[Did]>,
) -> Result<Vec<LabelEvent>, StoreError> {
    let snapshot = db.transaction()?;
    let sources = sources.map(|dids| labelers::numbers(&snapshot, dids)).transpose()?;
    let wanted = |labeler| sources.as_ref().is_none_or(|all| all.contains(&Interned(labeler)));
    let salt = salt(&snapshot)?;
    let runs = runs::in_use(&snapshot)?;
    let mut names = Names::default();
    let mut found = Vec::new();
    for uri in uris {
        let subject = salt.subject(uri);
        let mut entries = entries(&snapshot, &runs, &(subject..=subject))?;
        entries.retain(|entry| wanted(entry.labeler));
        for key in keys(&entries) {
            found.extend(newest(&snapshot, &mut names, key, |label| label.uri == *uri)?);
        }
    }
    Ok(found)
}

/// Everything that was ever said about this URI and is still held, above `after`, oldest first,
/// at most so many.
pub(crate) fn history(
    db: &mut Connection,
    uri: &str,
    after: EventId,
    limit: usize,
) -> Result<Vec<LabelEvent>, StoreError> {
    let snapshot = db.transaction()?;
    let subject = salt(&snapshot)?.subject(uri);
    let runs = runs::in_use(&snapshot)?;
    let mut entries = entries(&snapshot, &runs, &(subject..=subject))?;
    entries.retain(|entry| entry.id > after.get());
    entries.sort_unstable_by_key(|entry| entry.id);
    let mut names = Names::default();
    let mut found = Vec::new();
    for entry in &entries {
        if found.len() >= limit {
            break;
        }
        let event = event(&snapshot, &mut names, entry)?;
        found.extend(event.filter(|event| event.label.uri == uri));
    }
    Ok(found)
}

/// Whether this label, which is held, is the current one of its key.
pub(super) fn is_current(
    db: &Connection,
    salt: Salt,
    runs: &[Run],
    names: &mut Names,
    event: &LabelEvent,
) -> Result<bool, StoreError> {
    let subject = salt.subject(&event.label.uri);
    let val = salt.val(&event.label.val);
    let mut newest = None;
    for key in keys(&entries(db, runs, &(subject..=subject))?) {
        let Some(first) = key.first().filter(|first| first.val == val) else { continue };
        if names.of(db, Interned(first.labeler))? == Some(&event.labeler) {
            newest = self::newest(db, names, key, |label| label.uri == event.label.uri)?;
        }
    }
    Ok(newest.is_some_and(|newest| newest.id == event.id))
}

/// Entries of one key each, in order.
pub(super) fn keys(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|one, other| {
        (one.subject, one.labeler, one.val) == (other.subject, other.labeler, other.val)
    })
}

/// The newest of the labels of one key that are meant, given by its entries in order: hashes may
/// have brought others along. The last second of which there is a row has it.
pub(super) fn newest(
    db: &Connection,
    names: &mut Names,
    key: &[Entry],
    meant: impl Fn(&Label) -> bool,
) -> Result<Option<LabelEvent>, StoreError> {
    for second in key.chunk_by(|one, other| one.made == other.made).rev() {
        let mut newest = BTreeMap::new();
        for entry in second {
            let Some(event) = event(db, names, entry)? else { continue };
            if meant(&event.label) {
                newest.insert(order(&event), event);
            }
        }
        if let Some((_, event)) = newest.pop_last() {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// The order of contract section 7.
fn order(event: &LabelEvent) -> (i64, u32, i64, u32) {
    let made = made::believed(syntax::instant(&event.label.cts), event.received_at.0);
    (made, event.epoch.0, event.seq.get(), event.place)
}

/// The row of an entry, if it is there and its labeler is.
pub(super) fn event(
    db: &Connection,
    names: &mut Names,
    entry: &Entry,
) -> Result<Option<LabelEvent>, StoreError> {
    let Some(labeler) = names.of(db, Interned(entry.labeler))? else { return Ok(None) };
    let mut select =
        db.prepare_cached(&format!("SELECT {} FROM labels WHERE id = ?1", rows::LABEL))?;
    let read = |row: &Row<'_>| rows::label(row, labeler.clone());
    Ok(select.query_row([entry.id], read).optional()?)
}

/// All entries with these subjects, in order, without those that were cancelled.
pub(super) fn entries(
    db: &Connection,
    runs: &[Run],
    subjects: &RangeInclusive<i64>,
) -> Result<Vec<Entry>, StoreError> {
    let mut found = recent::of(db, subjects)?;
    for run in runs {
        let mut reading = Reading::from(db, run.slot, *subjects.start())?;
        while let Some(block) = reading.block(db)? {
            let past = block.last().is_some_and(|last| last.subject > *subjects.end());
            found.extend(block.into_iter().filter(|entry| subjects.contains(&entry.subject)));
            if past {
                break;
            }
        }
    }
    Ok(standing(found))
}

/// These in order, without those that were cancelled.
pub(super) fn standing(mut found: Vec<Entry>) -> Vec<Entry> {
    found.sort_unstable();
    let cancelled = |pair: &[Entry]| pair.iter().any(|entry| entry.gone);
    let groups = found.chunk_by(Entry::meets).filter(|same| !cancelled(same));
    groups.filter_map(|same| same.first().copied()).collect()
}

/// The salt of this database.
pub(crate) fn salt(db: &Connection) -> rusqlite::Result<Salt> {
    db.prepare_cached("SELECT salt FROM meta")?.query_row([], |row| row.get(0).map(Salt))
}
