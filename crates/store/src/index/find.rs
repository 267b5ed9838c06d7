//! Looks things up: from a URI to what is said about it.

use super::runs::{self, Reading};
use super::{Entry, Salt, recent};
use crate::labelers::Interned;
use crate::rows::{self, Names};
use crate::{StoreError, made};
use label::{LabelEvent, syntax};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The current label of each key with this URI (contract section 7), by labeler and value;
/// whether it applies is another question.
pub(crate) fn current(db: &mut Connection, uri: &str) -> Result<Vec<LabelEvent>, StoreError> {
    let snapshot = db.transaction()?;
    let subject = salt(&snapshot)?.subject(uri);
    let entries = entries(&snapshot, &(subject..=subject))?;
    let mut names = Names::default();
    let mut found = Vec::new();
    for key in entries.chunk_by(|one, other| (one.labeler, one.val) == (other.labeler, other.val)) {
        found.extend(newest(&snapshot, &mut names, key, uri)?);
    }
    Ok(found)
}

/// The newest label of one key, given by its entries in order. The last second of which there is
/// a row has it.
fn newest(
    db: &Connection,
    names: &mut Names,
    key: &[Entry],
    uri: &str,
) -> Result<Option<LabelEvent>, StoreError> {
    for second in key.chunk_by(|one, other| one.made == other.made).rev() {
        let mut newest = BTreeMap::new();
        for entry in second {
            let Some(event) = event(db, names, entry)? else { continue };
            if event.label.uri == uri {
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
fn event(
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
    subjects: &RangeInclusive<i64>,
) -> Result<Vec<Entry>, StoreError> {
    let mut found = recent::of(db, subjects)?;
    for run in runs::in_use(db)? {
        let mut reading = Reading::from(db, run.slot, *subjects.start())?;
        while let Some(block) = reading.block(db)? {
            let past = block.last().is_some_and(|last| last.subject > *subjects.end());
            found.extend(block.into_iter().filter(|entry| subjects.contains(&entry.subject)));
            if past {
                break;
            }
        }
    }
    found.sort_unstable();
    let cancelled = |pair: &[Entry]| pair.iter().any(|entry| entry.gone);
    let groups = found.chunk_by(Entry::meets).filter(|same| !cancelled(same));
    Ok(groups.filter_map(|same| same.first().copied()).collect())
}

/// The salt of this database.
pub(crate) fn salt(db: &Connection) -> rusqlite::Result<Salt> {
    db.prepare_cached("SELECT salt FROM meta")?.query_row([], |row| row.get(0).map(Salt))
}
