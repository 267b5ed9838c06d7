//! What a desk keeps across restarts: a position, and what is done ahead of it. What is
//! held or left in the log is in neither, so it is owed again.

use super::crowd::Crowd;
use super::lanes::LaneMap;
use super::reading::Pass;
use super::{Desk, Done, Ready, Rules};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

impl Desk {
    /// A desk that goes on where another one stopped.
    pub(crate) fn new(rules: Rules, position: i64, ahead: Vec<RangeInclusive<i64>>) -> Self {
        let done = Done::new(position, ahead);
        Self {
            rules,
            pass: Pass::new(&done),
            done,
            held: BTreeMap::new(),
            lanes: LaneMap::default(),
            ready: Ready::default(),
            written: BTreeSet::new(),
            resting: BTreeSet::new(),
            aside: Vec::new(),
            crowd: Crowd::new(rules.unwritten),
            careful: false,
            fence: Done::new(0, []),
            changed: false,
            moved: false,
        }
    }

    /// Begins again after this id, for the same connections. Nothing is in flight then: an
    /// ack of what was sent before counts only once it has been sent again, and only from
    /// whoever has it then (contract section 4: it was sent again elsewhere).
    pub(crate) fn begin_after(&mut self, position: i64) {
        // Passed over or acked or sent: whoever had it may still say that it is done.
        self.fence.insert(1..=self.done.position());
        for range in self.done.ahead() {
            self.fence.insert(range);
        }
        for (id, _) in self.held.iter().filter(|(_, held)| held.owner.is_some()) {
            self.fence.insert(*id..=*id);
        }
        self.done = Done::new(position, []);
        let generation = self.pass.generation;
        self.pass = Pass::new(&self.done);
        self.pass.generation = generation + 1;
        self.held.clear();
        self.lanes.clear();
        self.ready.clear();
        self.written.clear();
        self.resting.clear();
        self.aside.clear();
        self.crowd.forget_flights();
        self.changed = true;
    }

    /// Other bounds from now on.
    pub(crate) fn bound(&mut self, held: usize, parked: usize) {
        self.rules.held = held;
        self.rules.parked = parked;
    }

    /// Every event up to here is acked or passed over.
    pub(crate) fn position(&self) -> i64 {
        self.done.position()
    }

    /// What is done above the position: disjoint, ascending.
    pub(crate) fn ahead(&self) -> Vec<RangeInclusive<i64>> {
        self.done.ahead()
    }

    /// Whether an event left since all was kept. It would be sent again after a crash.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether something was passed over since all was kept. That can be found out again.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved
    }

    /// All of it is being kept.
    pub(crate) fn is_kept(&mut self) {
        self.changed = false;
        self.moved = false;
    }
}
