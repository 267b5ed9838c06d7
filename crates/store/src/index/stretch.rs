//! Which labels of a stretch of the log are current: what somebody who keeps a copy of the
//! current ones has to write down, in the order of the log.
//!
//! A label that is not current is left out. What took its place is elsewhere in the log: earlier,
//! and was answered there, or later, and will be. So whoever has read everything has been told of
//! each key's current label, whatever was said meanwhile.

use super::find::{keys, newest, salt, standing};
use super::runs::{self, Reading};
use super::{Entry, Salt, recent};
use crate::StoreError;
use crate::convert::event_id;
use crate::labelers::Interned;
use crate::log::{self, LARGE};
use crate::rows::{self, Names};
use label::{EventId, LabelEvent};
use rusqlite::{Connection, Transaction};
use std::collections::HashMap;

/// Rows that one read looks at. Each costs a look into every run, some 10 us: a short read.
const ROWS: usize = 2000;

/// Labels of a part of the log that are current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The current ones, those that take back included, in order.
    pub current: Vec<Standing>,
    /// Everything up to here was looked at.
    pub read: EventId,
    /// How many labels were.
    pub looked: u64,
}

/// The current label of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The label.
    pub event: LabelEvent,
    /// Which life of its labeler said it: [`crate::LabelerRow::row`].
    pub life: i64,
}

/// Reads a stretch above `after`, of at most so many rows. It ends before labels that are still
/// to be put into the index.
pub(crate) fn stretch(
    db: &mut Connection,
    after: EventId,
    rows: usize,
) -> Result<Stretch, StoreError> {
    let snapshot = db.transaction()?;
    let mut names = Names::default();
    let (said, read, looked) = said(&snapshot, &mut names, after, rows.min(ROWS))?;
    let current = current(&snapshot, &mut names, said)?;
    Ok(Stretch { current, read, looked })
}

/// The labels there are.
fn said(
    db: &Transaction<'_>,
    names: &mut Names,
    after: EventId,
    rows: usize,
) -> Result<(Vec<Standing>, EventId, u64), StoreError> {
    let until = indexed(db)?;
    let (mut said, mut read, mut weight, mut left) = (Vec::new(), after, 0, rows);
    let mut select = db.prepare_cached(&format!(
        "SELECT {} FROM labels WHERE id > ?1 AND id <= ?2 ORDER BY id",
        rows::LABEL
    ))?;
    let mut found = select.query([after.get(), until.get()])?;
    while left > 0 && weight < LARGE {
        let Some(row) = found.next()? else {
            read = read.max(until);
            break;
        };
        read = event_id(row, 0)?;
        left -= 1;
        let life = row.get(1)?;
        let Some(labeler) = names.of(db, Interned(life))? else { continue };
        let event = rows::label(row, labeler.clone())?;
        weight += event.weight();
        said.push(Standing { event, life });
    }
    let looked = said.len() as u64;
    Ok((said, read, looked))
}

/// Where the part of the log ends that is in the index.
fn indexed(db: &Connection) -> rusqlite::Result<EventId> {
    let last = log::last(db)?;
    let mut select = db.prepare_cached("SELECT index_next FROM meta")?;
    let next: Option<i64> = select.query_row([], |row| row.get(0))?;
    let before = next.map(|next| EventId::new(next - 1).unwrap_or(EventId::START));
    Ok(before.map_or(last, |before| before.min(last)))
}

/// Those of them that are current, in order.
pub(super) fn current(
    db: &Transaction<'_>,
    names: &mut Names,
    said: Vec<Standing>,
) -> Result<Vec<Standing>, StoreError> {
    let salt = salt(db)?;
    let mut places: Vec<Place> =
        said.iter().enumerate().map(|(at, one)| Place::of(salt, one, at)).collect();
    // In the order of the index, so that a block that was read serves its neighbours too.
    places.sort_unstable();
    let mut finder = Finder::new(db)?;
    let mut stands = vec![false; said.len()];
    for same in places.chunk_by(|one, other| one.subject == other.subject) {
        let Some(first) = same.first() else { continue };
        let found = finder.entries(db, first.subject)?;
        let keys: HashMap<(i64, i64), &[Entry]> =
            keys(&found).filter_map(|key| Some((of(key.first()?), key))).collect();
        let mut decided = Decided::new();
        for place in same {
            let (Some(one), Some(key)) =
                (said.get(place.at), keys.get(&(place.labeler, place.val)))
            else {
                continue;
            };
            if let Some(stands) = stands.get_mut(place.at) {
                *stands = is_newest(db, names, key, one, &mut decided)?;
            }
        }
    }
    let kept = said.into_iter().zip(stands).filter(|(_, stands)| *stands);
    Ok(kept.map(|(one, _)| one).collect())
}

fn of(entry: &Entry) -> (i64, i64) {
    (entry.labeler, entry.val)
}

/// What was found out about keys of one subject: hashes may have put several into one.
type Decided<'a> = HashMap<(i64, &'a str, &'a str), Option<i64>>;

/// Whether it is the newest of its key. Most were said once, and no row has to be looked at.
fn is_newest<'a>(
    db: &Connection,
    names: &mut Names,
    key: &[Entry],
    one: &'a Standing,
    decided: &mut Decided<'a>,
) -> Result<bool, StoreError> {
    let id = one.event.id.get();
    if let [only] = key {
        return Ok(only.id == id);
    }
    let said = (one.event.label.uri.as_str(), one.event.label.val.as_str());
    if let Some(newest) = decided.get(&(one.life, said.0, said.1)) {
        return Ok(*newest == Some(id));
    }
    let newest = newest(db, names, key, |uri, val| (uri, val) == said)?;
    decided.insert((one.life, said.0, said.1), newest);
    Ok(newest == Some(id))
}

/// Where a label is in the index, and in the stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    subject: i64,
    labeler: i64,
    val: i64,
    at: usize,
}

impl Place {
    fn of(salt: Salt, one: &Standing, at: usize) -> Self {
        let label = &one.event.label;
        let (subject, val) = (salt.subject(&label.uri), salt.val(&label.val));
        Self { subject, labeler: one.life, val, at }
    }
}

/// Finds entries of subjects that are asked for in order.
struct Finder(Vec<Opened>);

impl Finder {
    fn new(db: &Connection) -> rusqlite::Result<Self> {
        let opened = |run: &runs::Run| Opened { slot: run.slot, part: Vec::new() };
        Ok(Self(runs::in_use(db)?.iter().map(opened).collect()))
    }

    fn entries(&mut self, db: &Connection, subject: i64) -> Result<Vec<Entry>, StoreError> {
        let mut found = recent::of(db, &(subject..=subject))?;
        for run in &mut self.0 {
            found.extend_from_slice(run.of(db, subject)?);
        }
        Ok(standing(found))
    }
}

/// A run, and the part of it that was read last.
struct Opened {
    slot: i64,
    part: Vec<Entry>,
}

impl Opened {
    fn of(&mut self, db: &Connection, subject: i64) -> rusqlite::Result<&[Entry]> {
        if !self.has_all_of(subject) {
            self.part.clear();
            let mut reading = Reading::from(db, self.slot, subject)?;
            while self.part.last().is_none_or(|last| last.subject <= subject) {
                let Some(block) = reading.block(db)? else { break };
                self.part.extend(block);
            }
        }
        let from = self.part.partition_point(|entry| entry.subject < subject);
        let to = self.part.partition_point(|entry| entry.subject <= subject);
        Ok(self.part.get(from..to).unwrap_or_default())
    }

    /// More of a subject can only be where the part begins or ends.
    fn has_all_of(&self, subject: i64) -> bool {
        let ends = self.part.first().zip(self.part.last());
        ends.is_some_and(|(first, last)| first.subject < subject && subject < last.subject)
    }
}
