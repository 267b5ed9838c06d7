//! What of the log a consumer and its connections take, row by row, next to the database.

use crate::desk::{Lane, Page, Seen, Takers, Wanted};
use label::{Did, Facts, Filter};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::Arc;
use store::RowView;

/// Looks at rows in order and makes a [`Page`] of them.
#[derive(Debug, Clone)]
pub(super) struct Sieve {
    /// The consumer's.
    filter: Arc<Filter>,
    /// Those of its connections.
    present: Arc<[(Takers, Filter)]>,
    wanted: Takers,
    held: Vec<i64>,
    skip: Vec<RangeInclusive<i64>>,
    lanes: RandomState,
    page: Page,
    /// The last row that was owed was left.
    leaving: bool,
}

impl Sieve {
    pub(super) fn new(
        filter: Arc<Filter>,
        present: Arc<[(Takers, Filter)]>,
        wanted: Wanted,
        lanes: RandomState,
    ) -> Self {
        let page = Page { generation: wanted.generation, ..Page::default() };
        Self {
            filter,
            present,
            wanted: wanted.takers,
            held: wanted.held,
            skip: wanted.skip,
            lanes,
            page,
            leaving: false,
        }
    }

    /// Whether rejected labels are to be looked at.
    pub(super) fn sees_rejected(&self) -> bool {
        self.filter.names_rejected() || !self.held.is_empty()
    }

    /// Whether the row is taken. What is owed and not taken is remembered as left.
    pub(super) fn look(&mut self, row: &RowView<'_>) -> bool {
        let heard = row.raw.map(wire::rejected_facts);
        let (uri, val) = match heard {
            Some(heard) => (heard.uri, heard.val),
            None => (row.uri, row.val),
        };
        let facts = Facts { labeler: row.labeler, uri, val, verdict: row.verdict };
        let id = row.id.get();
        if self.is_done(id) {
            return false;
        }
        let matters = || self.present.iter().any(|(_, filter)| filter.takes_lane(row.labeler, uri));
        let held = self.held.binary_search(&id).is_ok();
        if !held && !self.owes(&facts) {
            self.leaving = self.leaving && !matters();
            return false;
        }
        let mut takers = Takers::NOBODY;
        for (one, _) in self.present.iter().filter(|(_, filter)| filter.takes(&facts)) {
            takers.join(*one);
        }
        let taken = takers.meet(self.wanted);
        if taken || held || matters() {
            let lane = self.lane(row.labeler, uri);
            self.page.seen.push(Seen { id, lane, takers, taken });
        }
        if taken {
            self.leaving = false;
        } else if !held {
            self.leave(id);
        }
        taken
    }

    fn is_done(&self, id: i64) -> bool {
        let at = self.skip.partition_point(|range| *range.end() < id);
        self.skip.get(at).is_some_and(|range| range.contains(&id))
    }

    /// Whether the consumer's filter takes it. A label that does not hold is owed only to a
    /// filter that names its verdict.
    fn owes(&self, facts: &Facts<'_>) -> bool {
        let asked = facts.verdict.holds() || self.filter.names(facts.verdict);
        asked && self.filter.takes(facts)
    }

    fn leave(&mut self, id: i64) {
        self.page.left_events += 1;
        match self.page.left.last_mut().filter(|_| self.leaving) {
            Some(range) => *range = *range.start()..=id,
            None => self.page.left.push(id..=id),
        }
        self.leaving = true;
    }

    fn lane(&self, labeler: &Did, uri: Option<&str>) -> Lane {
        self.lanes.hash_one((labeler.as_str(), uri))
    }

    /// The page, which ends here. `all`: nothing is behind it.
    pub(super) fn page(mut self, end: i64, all: bool) -> Page {
        self.page.end = end;
        self.page.all = all;
        self.page
    }
}
