//! Looks things up: from a URI to what is said about it.

use super::runs::{self, Run};
use super::{Entry, Filters, Found, Salt, recent};
use crate::labelers::{self, Interned};
use crate::log::LARGE;
use crate::rows::{self, Names};
use crate::{StoreError, made, short};
use label::{Did, EventId, LabelEvent};
use rusqlite::{Connection, OptionalExtension, Row};
use std::cmp::Reverse;
use std::ops::RangeInclusive;

/// Labels of one key and one second that are compared. Nobody says the same so often in earnest.
pub(super) const TIED: usize = 1000;

/// Values of one labeler about one subject that are answered; likewise.
const KEYS: usize = 200;

/// The current label of each key with one of these URIs (contract section 7), in no particular
/// order, as far as one of `sources` has said it, or anybody; whether it applies is another question.
pub(crate) fn current(
    db: &mut Connection,
    filters: &Filters,
    uris: &[String],
    sources: Option<&[Did]>,
) -> Result<Vec<LabelEvent>, StoreError> {
    let snapshot = db.transaction()?;
    ready(&snapshot)?;
    let sources = sources.map(|dids| labelers::numbers(&snapshot, dids)).transpose()?;
    let wanted = |labeler| sources.as_ref().is_none_or(|all| all.contains(&Interned(labeler)));
    let salt = salt(&snapshot)?;
    let runs = filters.runs(&snapshot)?;
    let mut names = Names::default();
    let mut found = Vec::new();
    for uri in uris {
        let subject = salt.subject(uri);
        let mut entries = entries(&snapshot, &runs, &(subject..=subject))?;
        entries.retain(|entry| wanted(entry.labeler));
        for labeler in entries.chunk_by(|one, other| one.labeler == other.labeler) {
            for key in lately_used(keys(labeler).collect()) {
                // One alone need not be compared: it is read once.
                let id = match key {
                    [only] => Some(only.id),
                    _ => newest(&snapshot, &mut names, key, |said, _| said == uri)?,
                };
                let Some(id) = id else { continue };
                let event = event(&snapshot, &mut names, labeler_of(key), id)?;
                found.extend(event.filter(|event| event.label.uri == *uri));
            }
        }
    }
    Ok(found)
}

/// Of very many keys those that were used last.
fn lately_used(mut keys: Vec<&[Entry]>) -> Vec<&[Entry]> {
    if keys.len() > KEYS {
        keys.sort_unstable_by_key(|key| Reverse(key.iter().map(|entry| entry.id).max()));
        keys.truncate(KEYS);
    }
    keys
}

fn labeler_of(key: &[Entry]) -> Interned {
    Interned(key.first().map_or(0, |entry| entry.labeler))
}

/// Everything that was ever said about this URI and is still held, above `after`, oldest first,
/// at most so many, and until it is [`LARGE`].
pub(crate) fn history(
    db: &mut Connection,
    filters: &Filters,
    uri: &str,
    after: EventId,
    limit: usize,
) -> Result<Found, StoreError> {
    let snapshot = db.transaction()?;
    ready(&snapshot)?;
    let subject = salt(&snapshot)?.subject(uri);
    let runs = filters.runs(&snapshot)?;
    let mut entries = entries(&snapshot, &runs, &(subject..=subject))?;
    entries.retain(|entry| entry.id > after.get());
    entries.sort_unstable_by_key(|entry| entry.id);
    let mut names = Names::default();
    let (mut labels, mut read, mut weight) = (Vec::new(), after, 0);
    for entry in &entries {
        if labels.len() >= limit || weight >= LARGE {
            return Ok(Found { labels, read: Some(read) });
        }
        read = EventId::new(entry.id).unwrap_or(read);
        let event = event(&snapshot, &mut names, Interned(entry.labeler), entry.id)?;
        if let Some(event) = event.filter(|event| event.label.uri == uri) {
            weight += event.weight();
            labels.push(event);
        }
    }
    Ok(Found { labels, read: None })
}

/// Refuses while labels from before there was an index are still to be put into it: what was
/// taken back might seem to apply.
pub(crate) fn ready(db: &Connection) -> Result<(), StoreError> {
    let mut select = db.prepare_cached("SELECT index_next IS NULL FROM meta")?;
    let ready = select.query_row([], |row| row.get(0))?;
    if ready { Ok(()) } else { Err(StoreError::Indexing) }
}

/// Entries of one key each, in order.
pub(super) fn keys(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|one, other| {
        (one.subject, one.labeler, one.val) == (other.subject, other.labeler, other.val)
    })
}

/// The newest of the labels of one key that are meant, given by its entries in order: hashes may
/// have brought others along. The last second of which there is a row has it. Of very many that
/// were made in one second, those that were stored last are looked at.
pub(crate) fn newest(
    db: &Connection,
    names: &mut Names,
    key: &[Entry],
    mut meant: impl FnMut(&str, &str) -> bool,
) -> Result<Option<i64>, StoreError> {
    let Some(first) = key.first() else { return Ok(None) };
    if names.of(db, Interned(first.labeler))?.is_none() {
        return Ok(None);
    }
    let mut select = db.prepare_cached(
        "SELECT uri, val, cts, received_at, epoch, seq, place FROM labels WHERE id = ?1",
    )?;
    for second in key.chunk_by(|one, other| one.made == other.made).rev() {
        let mut newest = None;
        for entry in second.iter().rev().take(TIED) {
            let mut found = select.query([entry.id])?;
            let Some(row) = found.next()? else { continue };
            newest = newest.max(order(row, &mut meant)?.map(|order| (order, entry.id)));
        }
        if let Some((_, id)) = newest {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Where a label stands in the order of contract section 7, if it is meant.
pub(super) fn order(
    row: &Row<'_>,
    meant: &mut impl FnMut(&str, &str) -> bool,
) -> rusqlite::Result<Option<(i64, i64, i64, i64)>> {
    if !meant(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?) {
        return Ok(None);
    }
    let made = made::believed(short::read_instant(row, 2)?, row.get(3)?);
    Ok(Some((made, row.get(4)?, row.get(5)?, row.get(6)?)))
}

/// The row of an entry, if it is there and its labeler is.
pub(super) fn event(
    db: &Connection,
    names: &mut Names,
    labeler: Interned,
    id: i64,
) -> Result<Option<LabelEvent>, StoreError> {
    let Some(labeler) = names.of(db, labeler)? else { return Ok(None) };
    let mut select =
        db.prepare_cached(&format!("SELECT {} FROM labels WHERE id = ?1", rows::LABEL))?;
    let read = |row: &Row<'_>| rows::label(row, labeler.clone());
    Ok(select.query_row([id], read).optional()?)
}

/// All entries with these subjects, in order, without those that were cancelled.
pub(super) fn entries(
    db: &Connection,
    runs: &[Run],
    subjects: &RangeInclusive<i64>,
) -> Result<Vec<Entry>, StoreError> {
    entries_of(db, runs, subjects, |_| true)
}

/// Those of them that are meant: of a subject of which much is said the others are not held.
pub(super) fn entries_of(
    db: &Connection,
    runs: &[Run],
    subjects: &RangeInclusive<i64>,
    meant: impl Fn(&Entry) -> bool,
) -> Result<Vec<Entry>, StoreError> {
    let mut found = recent::of(db, subjects)?;
    found.retain(&meant);
    for run in runs {
        runs::gather(db, run, subjects, |entry| {
            if meant(&entry) {
                found.push(entry);
            }
        })?;
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
