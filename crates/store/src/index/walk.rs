//! All entries of the index in order, a page at a time: what a merge of all runs would write,
//! without writing it.

use super::Entry;
use super::recent;
use super::runs::{self, Reading};
use crate::StoreError;
use label::EventId;
use rusqlite::Connection;
use std::collections::{HashSet, VecDeque};

/// Entries of a page: a read of some 30 ms.
const ENTRIES: usize = 200_000;

/// Newest entries that are read at once.
const PORTION: usize = 2000;

/// Where a walk is. It does not matter what is merged between its pages.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Later labels are left out.
    until: i64,
    /// The last entry seen; the next page begins above it.
    last: Option<Entry>,
    /// Entries of a page.
    entries: usize,
}

impl Walk {
    /// From the beginning; labels up to this one.
    pub(crate) const fn until(until: EventId) -> Self {
        Self { until: until.get(), last: None, entries: ENTRIES }
    }

    #[cfg(test)]
    pub(crate) const fn by(self, entries: usize) -> Self {
        Self { entries, ..self }
    }

    /// Goes on for a page, which has to be one transaction. False at the end.
    pub(crate) fn page(
        &mut self,
        db: &Connection,
        see: &mut impl FnMut(&Connection, &Entry) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let mut select = db.prepare_cached("SELECT id FROM labelers")?;
        let labelers = select.query_map([], |row| row.get(0))?;
        let labelers: HashSet<i64> = labelers.collect::<Result<_, _>>()?;
        let mut inputs = Inputs::above(db, self.last)?;
        let mut ahead = inputs.next(db)?;
        for _ in 0..self.entries {
            let Some(entry) = ahead else { return Ok(false) };
            ahead = inputs.next(db)?;
            // Both what is cancelled and what cancels it are in the index at once.
            let mut cancelled = entry.gone;
            while let Some(same) = ahead.filter(|next| next.meets(&entry)) {
                cancelled |= same.gone;
                ahead = inputs.next(db)?;
            }
            // As if it cancelled: a page begins above all entries of a label.
            self.last = Some(Entry { gone: true, ..entry });
            if !cancelled && entry.id <= self.until && labelers.contains(&entry.labeler) {
                see(db, &entry)?;
            }
        }
        Ok(true)
    }
}

/// Whatever has entries.
enum Source {
    Run(Reading),
    Recent { after: Option<Entry> },
}

/// A source, and what of it waits.
struct Input {
    source: Source,
    waiting: VecDeque<Entry>,
    ended: bool,
}

impl Input {
    fn new(source: Source) -> Self {
        Self { source, waiting: VecDeque::new(), ended: false }
    }

    fn head(&mut self, db: &Connection) -> rusqlite::Result<Option<Entry>> {
        while self.waiting.is_empty() && !self.ended {
            match self.more(db)? {
                Some(entries) => self.waiting = entries.into(),
                None => self.ended = true,
            }
        }
        Ok(self.waiting.front().copied())
    }

    fn more(&mut self, db: &Connection) -> rusqlite::Result<Option<Vec<Entry>>> {
        match &mut self.source {
            Source::Run(reading) => reading.block(db),
            Source::Recent { after } => {
                let entries = recent::above(db, *after, PORTION)?;
                *after = entries.last().copied();
                Ok(after.map(|_| entries))
            }
        }
    }
}

/// All sources, each with the entry it has next.
struct Inputs {
    inputs: Vec<Input>,
    heads: Vec<Option<Entry>>,
}

impl Inputs {
    /// Opened above this entry.
    fn above(db: &Connection, last: Option<Entry>) -> rusqlite::Result<Self> {
        let mut inputs = vec![Input::new(Source::Recent { after: last })];
        for run in runs::in_use(db)? {
            let reading = match last {
                Some(last) => Reading::from(db, run.slot, last.subject)?,
                None => Reading::all(run.slot),
            };
            inputs.push(Input::new(Source::Run(reading)));
        }
        let mut heads = Vec::with_capacity(inputs.len());
        for input in &mut inputs {
            while let Some(entry) = input.head(db)?
                && last.is_some_and(|last| entry <= last)
            {
                input.waiting.pop_front();
            }
            heads.push(input.head(db)?);
        }
        Ok(Self { inputs, heads })
    }

    fn next(&mut self, db: &Connection) -> rusqlite::Result<Option<Entry>> {
        let heads = self.heads.iter().enumerate();
        let heads = heads.filter_map(|(place, head)| head.map(|head| (head, place)));
        let Some((entry, place)) = heads.min() else { return Ok(None) };
        if let (Some(input), Some(head)) = (self.inputs.get_mut(place), self.heads.get_mut(place)) {
            input.waiting.pop_front();
            *head = input.head(db)?;
        }
        Ok(Some(entry))
    }
}
