//! Makes one run of several, a stretch at a time.

use super::Entry;
use super::runs::{self, Reading, Run, State, Writing};
use rusqlite::Connection;
use std::collections::{HashSet, VecDeque};

/// A run that is read, and what of it waits.
#[derive(Debug)]
struct Input {
    slot: i64,
    reading: Reading,
    waiting: VecDeque<Entry>,
    ended: bool,
}

impl Input {
    fn head(&mut self, db: &Connection) -> rusqlite::Result<Option<Entry>> {
        while self.waiting.is_empty() && !self.ended {
            match self.reading.block(db)? {
                Some(entries) => self.waiting = entries.into(),
                None => self.ended = true,
            }
        }
        Ok(self.waiting.front().copied())
    }
}

/// A merge in hand. If one of its transactions does not land it is of no use any more: what it
/// has written is taken away, and it begins anew.
#[derive(Debug)]
pub(crate) struct Merge {
    inputs: Vec<Input>,
    output: Writing,
    /// The last entry, until it is clear that none cancels it.
    last: Option<Entry>,
    /// Labelers that there are; what the others have said was purged.
    labelers: HashSet<i64>,
}

impl Merge {
    /// Begins to merge these; `None` if no slot is free.
    pub(crate) fn begin(db: &Connection, runs: &[Run]) -> rusqlite::Result<Option<Self>> {
        let entries = runs.iter().map(|run| run.entries).sum();
        let Some(output) = Writing::begin(db, entries)? else { return Ok(None) };
        let mut select = db.prepare_cached("SELECT id FROM labelers")?;
        let labelers = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let input = |run: &Run| Input {
            slot: run.slot,
            reading: Reading::all(run.slot),
            waiting: VecDeque::new(),
            ended: false,
        };
        Ok(Some(Self { inputs: runs.iter().map(input).collect(), output, last: None, labelers }))
    }

    /// Goes on for so many entries. Whether that was all, and the new run is in use instead of
    /// the old ones.
    pub(crate) fn stretch(&mut self, db: &Connection, entries: usize) -> rusqlite::Result<bool> {
        for _ in 0..entries {
            let Some(next) = self.next(db)? else {
                if let Some(last) = self.last.take() {
                    self.output.push(db, &last)?;
                }
                self.output.finish(db)?;
                for input in &self.inputs {
                    runs::turn(db, input.slot, State::Leaving)?;
                }
                return Ok(true);
            };
            if self.labelers.contains(&next.labeler) {
                self.put(db, next)?;
            }
        }
        Ok(false)
    }

    fn next(&mut self, db: &Connection) -> rusqlite::Result<Option<Entry>> {
        let mut least: Option<(usize, Entry)> = None;
        for (place, input) in self.inputs.iter_mut().enumerate() {
            if let Some(head) = input.head(db)?
                && least.is_none_or(|(_, least)| head < least)
            {
                least = Some((place, head));
            }
        }
        let Some((place, entry)) = least else { return Ok(None) };
        if let Some(input) = self.inputs.get_mut(place) {
            input.waiting.pop_front();
        }
        Ok(Some(entry))
    }

    fn put(&mut self, db: &Connection, next: Entry) -> rusqlite::Result<()> {
        match self.last.replace(next) {
            // It was there, and is no more.
            Some(last) if last.meets(&next) && last.gone != next.gone => self.last = None,
            Some(last) if last == next => {}
            Some(last) => self.output.push(db, &last)?,
            None => {}
        }
        Ok(())
    }
}
