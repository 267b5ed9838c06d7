//! The end of the log, for whoever looks on and owes nothing: no consumer is made, nothing is
//! acked, and what there is too much of is left out and counted.

use crate::handle::Deliver;
use crate::query::Wish;
use crate::taste::Taste;
use label::{EventId, Facts};
use std::collections::{HashSet, VecDeque};
use store::{RowView, Scan, Store, StoreError, Topic};

/// How far back is looked in one answer, in events: some ten milliseconds.
const STRETCH: i64 = 20_000;

/// How many stretches, for the last few that a filter takes.
const STRETCHES: usize = 5;

/// The most text of one answer, in bytes.
const LARGEST: usize = 4 << 20;

/// What is asked of the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailWish {
    /// Events above this one; `None`: the last ones.
    pub after: Option<EventId>,
    /// So many at most.
    pub limit: usize,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The events as `/channel` sends them, in order of the log.
    pub events: Vec<String>,
    /// Everything up to here was looked at or left out: what to ask for next.
    pub next: EventId,
    /// How many events are not here that the filter takes: more than were asked for.
    pub left_out: u64,
    /// How many events were not looked at, since there were too many.
    pub passed_over: u64,
}

impl Tail {
    const fn empty(next: EventId) -> Self {
        Self { events: Vec::new(), next, left_out: 0, passed_over: 0 }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TailError {
    /// The query is wrong. One sentence for the client.
    #[error("{0}")]
    Invalid(String),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Deliver {
    /// The end of the log as this query of a `/channel` takes it (contract sections 4 and 5).
    ///
    /// # Errors
    /// See [`TailError`].
    pub async fn tail(
        &self,
        query: &[(String, String)],
        wish: TailWish,
    ) -> Result<Tail, TailError> {
        let asked = Wish::read(query, self.hosts()).map_err(TailError::Invalid)?;
        let head = self.store().head().borrow().last;
        let Some(taste) = asked.takes else { return Ok(Tail::empty(head)) };
        let mut found = Newest { taste, most: wish.limit, ids: VecDeque::new(), over: 0 };
        let mut passed_over = 0;
        // Whoever knows of more than there is has seen another log.
        if let Some(after) = wish.after.filter(|after| *after <= head) {
            let from = after.max(back(head));
            found = found.search(self.store(), from, head).await?;
            passed_over = u64::try_from(from.get() - after.get()).unwrap_or_default();
        } else {
            found = found.search_back(self.store(), head).await?;
        }
        let over = found.over;
        let (events, dropped) = self.fetch(found.ids, asked.raw).await?;
        Ok(Tail { events, next: head, left_out: over + dropped, passed_over })
    }

    /// These events, as text; and how many of the oldest were too much.
    async fn fetch(
        &self,
        ids: VecDeque<EventId>,
        raw: bool,
    ) -> Result<(Vec<String>, u64), StoreError> {
        let (Some(first), Some(last)) = (ids.front(), ids.back().copied()) else {
            return Ok((Vec::new(), 0));
        };
        let (mut after, mut wanted) = (before(*first), ids.into_iter().collect::<HashSet<_>>());
        let (mut texts, mut bytes, mut dropped) = (VecDeque::new(), 0, 0);
        while after < last {
            let scan = Scan { events: wanted.len(), ..all(after, last) };
            let look = |wanted: &mut HashSet<EventId>, row: &RowView<'_>| wanted.contains(&row.id);
            let scanned = self.store().scan(scan, wanted, look).await?;
            wanted = scanned.state;
            for event in scanned.events {
                let text = wire::event_json(&event, raw);
                bytes += text.len();
                texts.push_back(text);
                while bytes > LARGEST && texts.len() > 1 {
                    bytes -= texts.pop_front().map_or(0, |oldest: String| oldest.len());
                    dropped += 1;
                }
            }
            if scanned.read <= after {
                break; // nothing more is there
            }
            after = scanned.read;
        }
        Ok((texts.into(), dropped))
    }
}

/// The newest events that a taste takes.
struct Newest {
    taste: Taste,
    most: usize,
    /// In order of the log.
    ids: VecDeque<EventId>,
    /// How many older ones there were no places for.
    over: u64,
}

impl Newest {
    /// Looks at the log above `after` and up to `until`.
    async fn search(
        mut self,
        store: &Store,
        mut after: EventId,
        until: EventId,
    ) -> Result<Self, StoreError> {
        while after < until {
            let scan = Scan { rejected: self.taste.filter.names_rejected(), ..all(after, until) };
            let scanned = store.scan(scan, self, Self::see).await?;
            self = scanned.state;
            if scanned.read <= after {
                break; // nothing more is there
            }
            after = scanned.read;
        }
        Ok(self)
    }

    /// The last ones, as far back as some stretches of the log.
    async fn search_back(self, store: &Store, mut until: EventId) -> Result<Self, StoreError> {
        let Self { taste, most, .. } = self;
        let mut ids = VecDeque::new();
        for _ in 0..STRETCHES {
            let (from, room) = (back(until), most - ids.len());
            let older = Self { taste: taste.clone(), most: room, ids: VecDeque::new(), over: 0 };
            let older = older.search(store, from, until).await?;
            for id in older.ids.into_iter().rev() {
                ids.push_front(id);
            }
            if ids.len() >= most || from == EventId::START {
                break;
            }
            until = from;
        }
        Ok(Self { taste, most, ids, over: 0 })
    }

    fn see(&mut self, row: &RowView<'_>) -> bool {
        if self.takes(row) {
            self.ids.push_back(row.id);
            if self.ids.len() > self.most {
                self.ids.pop_front();
                self.over += 1;
            }
        }
        false
    }

    fn takes(&self, row: &RowView<'_>) -> bool {
        let (uri, val) = match row.raw.map(wire::rejected_facts) {
            Some(heard) => (heard.uri, heard.val),
            None => (row.uri, row.val),
        };
        let facts = |verdict| Facts { labeler: row.labeler, uri, val, verdict };
        match row.topic {
            Topic::Label(verdict) => {
                let asked = verdict.holds() || self.taste.filter.names(verdict);
                asked && self.taste.takes(&facts(verdict))
            }
            Topic::Labeler => self.taste.takes_labeler(row.labeler),
            Topic::State(verdict) => self.taste.takes_state(&facts(verdict)),
        }
    }
}

/// Everything above `after` and up to `until`, as far as one short read goes.
const fn all(after: EventId, until: EventId) -> Scan {
    let (rows, events) = (usize::MAX, usize::MAX);
    Scan { after, until, rows, events, rejected: true, labelers: true, states: true }
}

/// The beginning of the stretch that ends here.
fn back(until: EventId) -> EventId {
    EventId::new(until.get() - STRETCH).unwrap_or(EventId::START)
}

fn before(id: EventId) -> EventId {
    EventId::new(id.get() - 1).unwrap_or(EventId::START)
}
