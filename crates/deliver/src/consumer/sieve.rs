//! What of the log a consumer and its connections take, row by row, next to the database.

use crate::desk::{Page, Seen, Takers, Wanted};
use crate::rack::Rack;
use crate::sheet::Sheet;
use crate::taste::Taste;
use label::{Epoch, EventId, Facts, Filter, Seq, Verdict};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::Arc;
use store::{Choice, RowView, Topic};

/// Which lanes there are, besides whose and about what. Events of one kind do not wait for those
/// of another: nobody may be there who takes these.
#[derive(Debug, Clone, Copy, Hash)]
enum Kind {
    Label,
    Labeler,
    State,
}

/// Looks at rows in order and makes a [`Page`] of them.
#[derive(Debug, Clone)]
pub(super) struct Sieve {
    /// The consumer's.
    filter: Arc<Filter>,
    /// Those of its connections.
    present: Arc<[(Takers, Taste)]>,
    wanted: Takers,
    held: Vec<i64>,
    skip: Vec<RangeInclusive<i64>>,
    lanes: RandomState,
    rack: Rack,
    page: Page,
    /// What was taken and is at hand, so that it need not be read.
    at_hand: Vec<Arc<Sheet>>,
    /// The last row that was owed was left.
    leaving: bool,
}

impl Sieve {
    pub(super) fn new(
        filter: Arc<Filter>,
        present: Arc<[(Takers, Taste)]>,
        wanted: Wanted,
        lanes: RandomState,
        rack: Rack,
    ) -> Self {
        let page = Page { generation: wanted.generation, ..Page::default() };
        Self {
            filter,
            present,
            wanted: wanted.takers,
            held: wanted.held,
            skip: wanted.skip,
            lanes,
            rack,
            page,
            at_hand: Vec::new(),
            leaving: false,
        }
    }

    /// Whether rejected labels are to be looked at.
    pub(super) fn sees_rejected(&self) -> bool {
        self.filter.names_rejected() || !self.held.is_empty()
    }

    /// Whether the row is taken, and has to be read for that. What is owed and not taken is
    /// remembered as left.
    pub(super) fn look(&mut self, row: &RowView<'_>) -> Choice {
        if self.is_done(row.id.get()) {
            return Choice::Pass;
        }
        let taken = match row.topic {
            Topic::Label(verdict) => self.look_at_label(row, verdict),
            Topic::Labeler => self.look_at_labeler(row),
            Topic::State(verdict) => self.look_at_state(row, verdict),
        };
        match row.frame().filter(|_| taken) {
            Some(frame) => self.fetch(row.id, frame),
            None => taken.into(),
        }
    }

    fn fetch(&mut self, id: EventId, frame: (Epoch, Seq)) -> Choice {
        match self.rack.find(id, frame) {
            Some(sheet) => {
                self.at_hand.push(sheet);
                Choice::Have
            }
            None => Choice::Take,
        }
    }

    fn look_at_label(&mut self, row: &RowView<'_>, verdict: Verdict) -> bool {
        let (uri, val) = match row.raw.map(wire::rejected_facts) {
            Some(heard) => (heard.uri, heard.val),
            None => (row.uri, row.val),
        };
        let facts = Facts { labeler: row.labeler, uri, val, verdict };
        // A label that does not hold is owed only to a filter that names its verdict.
        let asked = verdict.holds() || self.filter.names(verdict);
        let owed = asked && self.filter.takes(&facts);
        let takers = self.takers(|taste| taste.takes(&facts));
        let matters = |taste: &Taste| taste.takes_lane(row.labeler, uri);
        let lane = (Kind::Label, row.labeler.as_str(), uri);
        self.sort(row.id.get(), owed, takers, matters, lane)
    }

    fn look_at_labeler(&mut self, row: &RowView<'_>) -> bool {
        let owed = self.filter.takes_labeler(row.labeler);
        let takes = |taste: &Taste| taste.takes_labeler(row.labeler);
        let takers = self.takers(takes);
        let lane = (Kind::Labeler, row.labeler.as_str(), None);
        self.sort(row.id.get(), owed, takers, takes, lane)
    }

    fn look_at_state(&mut self, row: &RowView<'_>, verdict: Verdict) -> bool {
        let RowView { labeler, uri, val, .. } = *row;
        let facts = Facts { labeler, uri, val, verdict };
        let owed = self.filter.takes(&facts);
        let takers = self.takers(|taste| taste.takes_state(&facts));
        let matters = |taste: &Taste| taste.takes_states_of(labeler, uri);
        let lane = (Kind::State, labeler.as_str(), uri);
        self.sort(row.id.get(), owed, takers, matters, lane)
    }

    /// Those present who take it.
    fn takers(&self, takes: impl Fn(&Taste) -> bool) -> Takers {
        let mut takers = Takers::NOBODY;
        for (one, _) in self.present.iter().filter(|(_, taste)| takes(taste)) {
            takers.join(*one);
        }
        takers
    }

    /// Takes a row, passes it over, or leaves it. What is held stays owed, whatever the
    /// consumer's filter is by now.
    fn sort(
        &mut self,
        id: i64,
        owed: bool,
        takers: Takers,
        matters: impl Fn(&Taste) -> bool,
        lane: (Kind, &str, Option<&str>),
    ) -> bool {
        let matters = || self.present.iter().any(|(_, taste)| matters(taste));
        let held = self.held.binary_search(&id).is_ok();
        if !held && !owed {
            self.leaving = self.leaving && !matters();
            return false;
        }
        let taken = takers.meet(self.wanted);
        if taken || held || matters() {
            let lane = self.lanes.hash_one(lane);
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

    fn leave(&mut self, id: i64) {
        self.page.left_events += 1;
        match self.page.left.last_mut().filter(|_| self.leaving) {
            Some(range) => *range = *range.start()..=id,
            None => self.page.left.push(id..=id),
        }
        self.leaving = true;
    }

    /// What is at hand of that which was taken.
    pub(super) fn at_hand(&mut self) -> Vec<Arc<Sheet>> {
        std::mem::take(&mut self.at_hand)
    }

    /// The page, which ends here. `all`: nothing is behind it.
    pub(super) fn page(mut self, end: i64, all: bool) -> Page {
        self.page.end = end;
        self.page.all = all;
        self.page
    }
}
