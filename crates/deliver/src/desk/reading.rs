//! What a desk reads of the log, and what it leaves there.
//!
//! The log is read in passes. Most desks make one: it begins at the position and follows
//! the end of the log. Events that are neither done nor held at once are *left*: those that
//! nobody connected takes, and those deep in a lane that does not move. A left event parks
//! its lane: nothing behind it is held in this pass, so order is kept without remembering
//! what was left. When something left may have a chance (somebody else connects, a deep
//! lane has moved, there is room again), the next pass begins at the first event left.
//! What is done by then is jumped over.

use super::done::Done;
use super::lanes::{LaneMap, LaneSet};
use super::{Desk, Held, Lane, Queue, Stage, Takers};
use std::ops::RangeInclusive;

/// Of what is done, ranges of so many ids are not read again; shorter ones are read over,
/// since a question costs as much as some hundreds of rows.
const LONG_RANGE: i64 = 1000;
/// So many of the shorter ones are told at once.
const RANGES_TOLD: usize = 4096;

/// How far the reading has come, and what was left on the way.
#[derive(Debug)]
pub(super) struct Pass {
    /// Read up to here in this pass.
    pub(super) read: i64,
    /// Read up to here in any pass.
    pub(super) frontier: i64,
    /// Grows when what is being read has become worthless.
    pub(super) generation: u64,
    /// Lanes with something left in this pass.
    parked: LaneSet,
    /// Of these, the deep ones, and how many events they held then.
    deep: LaneMap<usize>,
    /// A deep lane has moved.
    refill: bool,
    /// The first event left.
    left_from: Option<i64>,
    /// Who takes what was left at the head of its lane.
    left_takers: Takers,
    /// Events left in this pass, and believed to be left beyond it from the one before.
    left: u64,
    left_beyond: u64,
    /// This pass has come to the end of the log or to something nobody had read: another
    /// one may begin. So passes cannot follow each other for nothing.
    advanced: bool,
    /// Something has left the desk since this pass began.
    pub(super) settled: bool,
}

impl Pass {
    pub(super) fn new(done: &Done) -> Self {
        Self {
            read: done.position(),
            frontier: done.last(),
            generation: 0,
            parked: LaneSet::default(),
            deep: LaneMap::default(),
            refill: false,
            left_from: None,
            left_takers: Takers::NOBODY,
            left: 0,
            left_beyond: 0,
            advanced: false,
            settled: false,
        }
    }

    /// A pass from here on.
    fn restart(&mut self, read: i64) {
        self.left_beyond += std::mem::take(&mut self.left);
        self.generation += 1;
        self.parked.clear();
        self.deep.clear();
        self.refill = false;
        self.left_from = None;
        self.left_takers = Takers::NOBODY;
        self.advanced = false;
        self.settled = false;
        self.read = self.read.min(read);
    }
}

/// What is to be read next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Events above this.
    pub(crate) after: i64,
    /// And not above this.
    pub(crate) until: i64,
    /// At most so many.
    pub(crate) events: usize,
    /// Those that one of these takes.
    pub(crate) takers: Takers,
    /// These are held already, ascending: they are to be seen whoever takes them. They are
    /// owed even if the consumer's filter, which may be another one by now, leaves them out.
    pub(crate) held: Vec<i64>,
    /// These are done with, ascending: they are to be passed over.
    pub(crate) skip: Vec<RangeInclusive<i64>>,
    /// Comes back with the page.
    pub(crate) generation: u64,
}

/// An event that was met while reading and that the consumer's filter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: i64,
    pub(crate) lane: Lane,
    /// Of those present, who takes it.
    pub(crate) takers: Takers,
    /// Whether one of the wanted does, so that its body was read.
    pub(crate) taken: bool,
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) generation: u64,
    /// In order: everything that was taken or is held, and of the rest what is in a lane of
    /// which somebody present takes something.
    pub(crate) seen: Vec<Seen>,
    /// Ranges that cover all that the consumer's filter takes and nobody wanted, and nothing
    /// that it leaves out in a lane of which somebody present takes something.
    pub(crate) left: Vec<RangeInclusive<i64>>,
    /// How many events that is.
    pub(crate) left_events: u64,
    /// Everything up to here was looked at.
    pub(crate) end: i64,
    /// There is nothing after it.
    pub(crate) all: bool,
}

impl Desk {
    /// What to read next, if anything: somebody has room, little is ready for them, and
    /// there is space to hold more.
    pub(crate) fn wants(&mut self) -> Option<Wanted> {
        let hungry = self.hungry();
        if hungry.is_nobody() {
            return None;
        }
        if self.space() == 0 {
            self.drop_unsent(|held| !held.takers.meet(hungry));
        }
        if self.space() == 0 {
            // There was more space before. What waits in its lane can wait in the log.
            self.drop_unsent(|held| held.stage == Stage::Behind);
        }
        self.go_back(hungry);
        if self.is_full() && std::mem::take(&mut self.pass.settled) {
            // This pass goes no further. What has left meanwhile is reason enough for another.
            self.pass.advanced = true;
            self.go_back(hungry);
        }
        let space = self.space();
        // What is held has to be looked at for whoever has come, also when there is space for
        // nothing else.
        if (space == 0 && self.is_at_frontier()) || self.is_full() {
            return None;
        }
        self.read_to(self.done.jump(self.pass.read));
        let pass = &self.pass;
        let known = if pass.read < pass.frontier { pass.frontier } else { i64::MAX };
        let skip = self.done.next_ranges(pass.read, known, RANGES_TOLD, LONG_RANGE);
        let told = skip.last().map_or(pass.read, |range| *range.end());
        let next = self.done.next_start(told);
        Some(Wanted {
            after: pass.read,
            until: next.map_or(known, |start| known.min(start - 1)),
            events: space.clamp(1, self.rules.page),
            // When space gets scarce it is for those who have nothing.
            takers: if space <= self.rules.held / 2 { hungry } else { self.crowd.present() },
            held: self.held.range(pass.read + 1..).map(|(id, _)| *id).collect(),
            skip,
            generation: pass.generation,
        })
    }

    /// Whether no more can be remembered of what is left. Ranges only grow beyond the
    /// frontier: reading again up to there fills the gaps between them.
    fn is_full(&self) -> bool {
        let ranges = self.is_at_frontier() && self.done.ranges() >= self.rules.ranges;
        ranges || self.pass.parked.len() >= self.rules.parked
    }

    /// Whom we would read for.
    fn hungry(&self) -> Takers {
        // Of what has failed before there is never enough.
        let enough = if self.lacks_fresh() { usize::MAX } else { self.rules.page / 2 + 1 };
        let mut hungry = Takers::NOBODY;
        for one in self.crowd.with_room().each().filter(|one| self.ready.count(*one) < enough) {
            hungry.join(one);
        }
        hungry
    }

    /// How many more events may be held that are in flight to nobody.
    fn space(&self) -> usize {
        let unsent = self.held.len() - self.crowd.in_flight();
        self.rules.held.saturating_sub(unsent)
    }

    /// Takes in what was read; a page of an older generation changes nothing. Which of the
    /// taken are held now, so that their bodies are of use.
    pub(crate) fn page(&mut self, page: &Page) -> Vec<i64> {
        if page.generation != self.pass.generation {
            return Vec::new();
        }
        let from = self.pass.read;
        let mut kept = Vec::new();
        let mut owed: Vec<(i64, i64)> =
            page.left.iter().map(|range| (*range.start(), *range.end())).collect();
        if let Some((first, _)) = owed.first().copied() {
            self.left_at(first);
        }
        self.pass.left += page.left_events;
        for seen in page.seen.iter().filter(|seen| seen.id > from) {
            if self.done.contains(seen.id) {
                continue;
            }
            owed.push((seen.id, seen.id));
            if self.meet(seen) {
                kept.push(seen.id);
            }
        }
        if page.end > from {
            owed.extend(self.held.range(from + 1..=page.end).map(|(id, _)| (*id, *id)));
            self.pass_over(from, page.end, owed);
            self.read_to(page.end);
        }
        self.pass.advanced |= page.all;
        kept
    }

    fn read_to(&mut self, id: i64) {
        let pass = &mut self.pass;
        pass.read = pass.read.max(id);
        pass.advanced |= pass.read > pass.frontier;
        pass.frontier = pass.frontier.max(pass.read);
        if pass.read >= pass.frontier {
            pass.left_beyond = 0;
        }
    }

    /// An owed event was met: it is held, or left. Whether its body is of use.
    fn meet(&mut self, seen: &Seen) -> bool {
        let Seen { id, lane, takers, taken } = *seen;
        if let Some(held) = self.held.get_mut(&id) {
            if held.stage == Stage::Ready {
                self.ready.remove(held.takers, id);
                self.ready.insert(takers, id);
            }
            held.takers = takers;
            return held.stage == Stage::Ready || held.stage == Stage::Behind;
        }
        if self.pass.parked.contains(&lane) {
            self.pass.left += u64::from(taken);
            self.left_at(id);
            return false;
        }
        let depth = self.lanes.get(&lane).map_or(0, |queue| queue.count);
        let space = self.space();
        // A lane may fill half of what is left, so many deep ones do not fill it either.
        if taken && space > 0 && (depth == 0 || depth < space / 2) {
            if id <= self.pass.frontier {
                self.pass.left_beyond = self.pass.left_beyond.saturating_sub(1);
            }
            self.hold(id, lane, takers);
            return true;
        }
        self.pass.parked.insert(lane);
        self.left_at(id);
        self.pass.left += u64::from(taken);
        if taken && depth > 0 {
            self.pass.deep.insert(lane, depth);
        } else {
            self.pass.left_takers.join(takers);
        }
        false
    }

    fn hold(&mut self, id: i64, lane: Lane, takers: Takers) {
        let held = Held {
            lane,
            takers,
            next: None,
            stage: Stage::Ready,
            owner: None,
            fenced: self.fence.contains(id),
            deliveries: 0,
            early: false,
        };
        self.held.insert(id, held);
        self.join_lane(id, lane);
    }

    /// Puts a held event behind the others of its lane; the first one is ready.
    fn join_lane(&mut self, id: i64, lane: Lane) {
        let queue = self.lanes.entry(lane).or_insert(Queue { last: id, count: 0 });
        let last = (queue.count > 0).then_some(queue.last);
        *queue = Queue { last: id, count: queue.count + 1 };
        if let Some(before) = last.and_then(|last| self.held.get_mut(&last)) {
            before.next = Some(id);
        }
        if let Some(held) = self.held.get_mut(&id) {
            held.next = None;
            match (held.stage, last) {
                (Stage::Ready, Some(_)) => held.stage = Stage::Behind,
                (Stage::Ready, None) => self.ready.insert(held.takers, id),
                _ => {}
            }
        }
    }

    /// So many held events fewer in this lane. A deep one that has shrunk to a quarter can
    /// be filled again.
    pub(super) fn leave_lane(&mut self, lane: Lane, count: usize) {
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        queue.count = queue.count.saturating_sub(count);
        let left = queue.count;
        if left == 0 {
            self.lanes.remove(&lane);
        }
        self.pass.refill |= self.pass.deep.get(&lane).is_some_and(|depth| left * 4 <= *depth);
    }

    /// Everything read that is not owed is done: the consumer's filter left it out, or it
    /// is no event.
    fn pass_over(&mut self, from: i64, end: i64, mut owed: Vec<(i64, i64)>) {
        let position = self.done.position();
        owed.sort_unstable();
        let mut next = from + 1;
        for (first, last) in owed {
            self.done.insert(next..=(first - 1).min(end));
            next = next.max(last + 1);
        }
        self.done.insert(next..=end);
        self.moved |= self.done.position() > position;
    }

    /// Remembers that this event was left in the log.
    pub(super) fn left_at(&mut self, id: i64) {
        let from = self.pass.left_from.get_or_insert(id);
        *from = id.min(*from);
    }

    /// The same for one that was done with, and is not any more.
    pub(super) fn left_again(&mut self, id: i64) {
        self.pass.left += 1;
        self.left_at(id);
    }

    /// Begins another pass if what was left has a chance now.
    fn go_back(&mut self, hungry: Takers) {
        let chance = self.pass.refill || self.pass.left_takers.meet(hungry);
        if self.pass.advanced && chance {
            self.look_again();
        }
    }

    /// Begins another pass where something was left. What is being read is worthless.
    pub(crate) fn look_again(&mut self) {
        let from = self.pass.left_from.unwrap_or(self.pass.read + 1);
        self.pass.restart(from - 1);
    }

    /// Somebody with a filter that nobody present had: each event has to be looked at for
    /// them, unless all that is there is known to be theirs.
    pub(super) fn look_for(&mut self, one: Takers) {
        let theirs = self.held.values().all(|held| held.takers.meet(one));
        if theirs {
            self.look_again();
        } else {
            self.pass.restart(self.done.position());
        }
    }

    /// This filter is gone for good; its number may be given to another one.
    pub(crate) fn forget(&mut self, number: u8) {
        let one = Takers::one(number);
        for (id, held) in &mut self.held {
            if held.stage == Stage::Ready {
                self.ready.remove(held.takers, *id);
                self.ready.insert(held.takers.without(one), *id);
            }
            held.takers = held.takers.without(one);
        }
    }

    /// The consumer's filter is another one: what was not sent is read again with it. What
    /// was passed over stays so, and what was sent stays owed.
    pub(crate) fn refilter(&mut self) {
        self.drop_unsent(|_| true);
        self.pass.restart(self.done.position());
    }

    /// Nobody is there: what was not sent is read again when somebody comes, and takes no memory
    /// until then.
    pub(crate) fn rest(&mut self) {
        self.refilter();
        self.lanes.shrink_to_fit();
        self.pass.parked.shrink_to_fit();
        self.pass.deep.shrink_to_fit();
    }

    /// Leaves those of the held events in the log that were never sent and that are to go,
    /// each with all that is behind it in its lane.
    fn drop_unsent(&mut self, goes: impl Fn(&Held) -> bool) {
        let mut cut = LaneSet::default();
        let mut gone = Vec::new();
        for (id, held) in &self.held {
            let unsent = held.owner.is_none();
            if unsent && (cut.contains(&held.lane) || goes(held)) {
                cut.insert(held.lane);
                gone.push(*id);
            }
        }
        for id in gone {
            let Some(held) = self.held.remove(&id) else { continue };
            self.ready.remove(held.takers, id);
            if id > self.pass.read {
                // This pass will meet it.
                self.pass.left_beyond += 1;
                continue;
            }
            if held.stage == Stage::Ready {
                self.pass.left_takers.join(held.takers);
            } else {
                // It waits for what is in front of it, like the end of a deep lane.
                self.pass.deep.entry(held.lane).or_insert(1);
            }
            self.pass.parked.insert(held.lane);
            self.pass.left += 1;
            self.left_at(id);
        }
        self.lanes.retain(|lane, _| !cut.contains(lane));
        let rest = self.held.iter().filter(|(_, held)| cut.contains(&held.lane));
        let rest: Vec<(i64, Lane)> = rest.map(|(id, held)| (*id, held.lane)).collect();
        for (id, lane) in rest {
            self.join_lane(id, lane);
        }
    }

    /// How many events up to the frontier are owed, as far as is known: exactly, once this
    /// pass has come there.
    pub(crate) fn owed(&self) -> u64 {
        self.held.len() as u64 + self.pass.left + self.pass.left_beyond
    }

    /// What was counted as owed up to the frontier, before anything was read.
    pub(crate) fn owed_unread(&mut self, events: u64) {
        self.pass.left_beyond = events;
    }

    /// Where the unread part of the log begins.
    pub(crate) fn frontier(&self) -> i64 {
        self.pass.frontier
    }

    /// Whether everything up to the frontier was read in this pass.
    pub(crate) fn is_at_frontier(&self) -> bool {
        self.pass.read >= self.pass.frontier
    }

    /// Which pages are of use: those that were asked for since it last changed.
    pub(crate) fn generation(&self) -> u64 {
        self.pass.generation
    }
}
