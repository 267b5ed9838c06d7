//! The desk against a model that knows everything and is in no hurry. A failing case is
//! printed, shrunk, and its seed kept under `proptest-regressions`.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

const RULES: Rules = Rules {
    unwritten: 2,
    retry_timeout: Duration::from_secs(10),
    held: 8,
    page: 4,
    parked: 1000,
    ranges: 1000,
    max_deliveries: None,
};
const WINDOW: usize = 3;
const SECOND: Duration = Duration::from_secs(1);

/// What a filter takes: some lanes (as `src` and `uri` do), and some kinds of events
/// whatever their lane (as `val` does).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sieve {
    lanes: u8,
    kinds: u8,
}

const EVERYTHING: Sieve = Sieve { lanes: 0xff, kinds: 0xff };

/// The filters that connections may have. A connection's number is its filter's.
const FILTERS: [Sieve; 4] = [
    EVERYTHING,
    Sieve { lanes: 0b0011, kinds: 0xff },
    Sieve { lanes: 0xff, kinds: 0b01 },
    Sieve { lanes: 0b1110, kinds: 0b10 },
];

impl Sieve {
    fn takes(self, event: &Event) -> bool {
        self.takes_lane(event) && self.kinds & (1 << event.kind) != 0
    }

    fn takes_lane(self, event: &Event) -> bool {
        self.lanes & (1 << event.lane) != 0
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Events join the log, each with a lane, a kind and a gap of unused ids before it.
    Append(Vec<(u8, u8, u8)>),
    /// With this filter; 4 takes nothing.
    Open(u8),
    Close(u8),
    /// So many rows at most; and something else may happen before the page arrives.
    Read(u8),
    Ask(u8),
    Answer,
    Send(u8),
    Write(u8, u8),
    /// Which of all events, by which of all connections that ever were.
    Ack(u16, u8),
    /// The owner acks its oldest.
    AckOwn(u8),
    /// The owner fails with its oldest.
    Fail(u8, u8),
    Wait(u8),
    Save,
    Restart,
    /// The consumer's filter takes these kinds from now on.
    Refilter(u8),
    BeginAfter(u8),
    KeepAside,
    /// Which of the dead letters.
    OweAgain(u8),
    /// So much may be held from now on, and so many lanes remembered.
    Bound(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec((0u8..4, 0u8..2, 0u8..3), 1..8).prop_map(Step::Append),
        3 => prop_oneof![3 => Just(0u8), 2 => 1u8..5].prop_map(Step::Open),
        2 => any::<u8>().prop_map(Step::Close),
        6 => (1u8..12).prop_map(Step::Read),
        1 => (1u8..12).prop_map(Step::Ask),
        1 => Just(Step::Answer),
        6 => (1u8..6).prop_map(Step::Send),
        4 => (any::<u8>(), 1u8..4).prop_map(|(conn, count)| Step::Write(conn, count)),
        3 => (any::<u16>(), any::<u8>()).prop_map(|(event, conn)| Step::Ack(event, conn)),
        6 => any::<u8>().prop_map(Step::AckOwn),
        2 => (any::<u8>(), 0u8..12).prop_map(|(conn, rest)| Step::Fail(conn, rest)),
        2 => (1u8..12).prop_map(Step::Wait),
        2 => Just(Step::Save),
        1 => Just(Step::Restart),
        1 => prop_oneof![Just(0b11u8), Just(0b01), Just(0b10)].prop_map(Step::Refilter),
        1 => any::<u8>().prop_map(Step::BeginAfter),
        2 => Just(Step::KeepAside),
        1 => any::<u8>().prop_map(Step::OweAgain),
        1 => (4u8..9, 1u8..5).prop_map(|(held, parked)| Step::Bound(held, parked)),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Event {
    id: i64,
    lane: u8,
    kind: u8,
}

#[derive(Debug, Default, Clone)]
struct Known {
    acked: bool,
    /// It is a dead letter.
    dead: bool,
    /// The consumer's filter left it out at some time, so it may have been passed over.
    excluded: bool,
    /// It is owed again, though it was done with.
    again: bool,
    /// It may come after what is behind it in its lane.
    loose: bool,
    deliveries: u32,
    /// Since the last restart: to whom last, and whether to more than one.
    owner: Option<Conn>,
    fenced: bool,
    /// In flight; written when?
    flying: Option<Option<Moment>>,
    /// Not to be sent before.
    rests: Option<Moment>,
    /// About to be a dead letter.
    aside: bool,
    /// Acked over another connection than the one to which it is being written.
    early: bool,
}

impl Known {
    fn is_over(&self) -> bool {
        self.acked || self.dead
    }
}

/// Everything there is to know, kept in the simplest way.
struct Model {
    rules: Rules,
    desk: Desk,
    log: Vec<Event>,
    known: BTreeMap<i64, Known>,
    filter: Sieve,
    /// Connections that are open, their filter, and what is not written yet.
    open: BTreeMap<Conn, (Option<u8>, VecDeque<i64>)>,
    conns: u64,
    now: Moment,
    /// Events up to here are not asked for.
    begin: i64,
    /// Events that may have been sent before that.
    fence: BTreeSet<i64>,
    asked: Option<Page>,
    saved: (i64, Vec<RangeInclusive<i64>>),
    saved_over: BTreeMap<i64, (bool, bool)>,
}

impl Model {
    /// `tight`: little can be remembered of what is left in the log.
    fn new(max_deliveries: Option<u32>, tight: bool) -> Self {
        let most = if tight { 3 } else { 1000 };
        let rules = Rules { max_deliveries, parked: most, ranges: most, ..RULES };
        Self {
            rules,
            desk: Desk::new(rules, 0, Vec::new()),
            log: Vec::new(),
            known: BTreeMap::new(),
            filter: EVERYTHING,
            open: BTreeMap::new(),
            conns: 0,
            now: Duration::ZERO,
            begin: 0,
            fence: BTreeSet::new(),
            asked: None,
            saved: (0, Vec::new()),
            saved_over: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append(events) => self.append(events),
            Step::Open(filter) => self.open((filter < 4).then_some(filter)),
            Step::Close(which) => {
                if let Some(conn) = self.one_open(which) {
                    self.close(conn);
                }
            }
            Step::Read(rows) => {
                self.ask(rows.into());
                self.answer();
            }
            Step::Ask(rows) => self.ask(rows.into()),
            Step::Answer => self.answer(),
            Step::Send(most) => (0..most).for_each(|_| {
                self.send();
            }),
            Step::Write(which, count) => {
                if let Some(conn) = self.one_open(which) {
                    self.write(conn, count.into());
                }
            }
            Step::Ack(event, conn) => self.ack_any(event, conn),
            Step::AckOwn(which) => {
                if let Some((conn, id)) = self.oldest_of(which) {
                    self.ack(conn, id);
                }
            }
            Step::Fail(which, rest) => {
                if let Some((conn, id)) = self.oldest_of(which) {
                    self.fail(conn, id, SECOND * rest.into());
                }
            }
            Step::Wait(seconds) => self.wait(SECOND * seconds.into()),
            Step::Save => self.save(),
            Step::Restart => self.restart(),
            Step::Refilter(kinds) => self.refilter(Sieve { lanes: 0xff, kinds }),
            Step::BeginAfter(which) => {
                let at = usize::from(which).checked_rem(self.log.len());
                self.begin_after(at.map_or(0, |at| self.log[at].id));
            }
            Step::KeepAside => self.keep_aside(),
            Step::OweAgain(which) => self.owe_again(which),
            Step::Bound(held, parked) => {
                let parked = if self.is_tight() { parked.into() } else { self.rules.parked };
                self.desk.bound(held.into(), parked);
            }
        }
        self.check();
    }

    fn is_tight(&self) -> bool {
        self.rules.ranges < 10
    }

    fn append(&mut self, events: Vec<(u8, u8, u8)>) {
        for (lane, kind, gap) in events {
            let id = self.log.last().map_or(0, |event| event.id) + 1 + i64::from(gap);
            let event = Event { id, lane, kind };
            self.log.push(event);
            let excluded = !self.filter.takes(&event);
            self.known.insert(id, Known { excluded, ..Known::default() });
        }
    }

    fn head(&self) -> i64 {
        self.log.last().map_or(0, |event| event.id)
    }

    fn one_open(&self, which: u8) -> Option<Conn> {
        let count = self.open.len();
        self.open.keys().nth(usize::from(which).checked_rem(count)?).copied()
    }

    fn oldest_of(&self, which: u8) -> Option<(Conn, i64)> {
        let conn = self.one_open(which)?;
        let own = |(_, known): &(&i64, &Known)| known.flying.is_some() && known.owner == Some(conn);
        Some((conn, *self.known.iter().find(own)?.0))
    }

    fn open(&mut self, filter: Option<u8>) {
        self.conns += 1;
        self.open.insert(Conn(self.conns), (filter, VecDeque::new()));
        // Every other one is a webhook, whose events do not expire.
        let expires = self.conns.is_multiple_of(2);
        self.desk.opened(Conn(self.conns), Chair { filter, window: WINDOW, expires });
    }

    fn close(&mut self, conn: Conn) {
        self.open.remove(&conn);
        self.desk.closed(conn);
        let lost: Vec<i64> = self.ids(|known| known.owner == Some(conn)).into_iter().collect();
        for id in lost {
            self.given_back(id);
            self.know(id).rests = None;
        }
    }

    fn know(&mut self, id: i64) -> &mut Known {
        self.known.get_mut(&id).unwrap()
    }

    /// Its owner does not have it any more.
    fn given_back(&mut self, id: i64) {
        let most = self.rules.max_deliveries;
        let known = self.know(id);
        if let Some(written) = known.flying.take()
            && written.is_some()
        {
            known.aside = most.is_some_and(|most| known.deliveries >= most);
        }
    }

    /// Reads as the sieve does: what is not wanted is left, and if its lane matters to
    /// somebody present it is told.
    fn ask(&mut self, rows: usize) {
        self.asked = None;
        let Some(wanted) = self.desk.wants() else { return };
        let present: Vec<u8> = (0..4)
            .filter(|number| self.open.values().any(|(filter, _)| *filter == Some(*number)))
            .collect();
        let mut page = Page { generation: wanted.generation, end: wanted.after, ..Page::default() };
        let mut taken = 0;
        let in_range = |event: &&Event| event.id > wanted.after && event.id <= wanted.until;
        let mut events = self.log.iter().filter(in_range).peekable();
        let mut looked = 0;
        let mut leaving = false;
        while looked < rows && taken < wanted.events {
            let Some(event) = events.next() else { break };
            looked += 1;
            page.end = event.id;
            if wanted.skip.iter().any(|range| range.contains(&event.id)) {
                continue;
            }
            let held = wanted.held.contains(&event.id);
            let matters = present.iter().any(|n| FILTERS[usize::from(*n)].takes_lane(event));
            if !self.filter.takes(event) && !held {
                leaving &= !matters;
                continue;
            }
            let mut takers = Takers::NOBODY;
            for number in &present {
                if FILTERS[usize::from(*number)].takes(event) {
                    takers.join(Takers::one(*number));
                }
            }
            let wanted = takers.meet(wanted.takers);
            if wanted || matters || held {
                let lane = event.lane.into();
                page.seen.push(Seen { id: event.id, lane, takers, taken: wanted });
            }
            if wanted {
                taken += 1;
                leaving = false;
            } else if !held {
                page.left_events += 1;
                match page.left.last_mut().filter(|_| leaving) {
                    Some(range) => *range = *range.start()..=event.id,
                    None => page.left.push(event.id..=event.id),
                }
                leaving = true;
            }
        }
        if events.peek().is_none() {
            page.end = page.end.max(wanted.until.min(self.head()));
        }
        page.all = page.end >= self.head();
        self.asked = Some(page);
    }

    fn answer(&mut self) {
        if let Some(page) = self.asked.take() {
            self.desk.page(&page);
        }
    }

    fn event(&self, id: i64) -> Event {
        *self.log.iter().find(|event| event.id == id).unwrap()
    }

    fn send(&mut self) -> bool {
        let Some(Sending { conn, id, again, attempt }) = self.desk.next() else { return false };
        let event = self.event(id);
        let filter = self.filter;
        for other in self.log.iter().filter(|other| other.lane == event.lane && other.id < id) {
            let known = &self.known[&other.id];
            assert!(known.flying.is_none(), "{id} was sent while {} is in flight", other.id);
            let over = known.is_over() || known.excluded || known.loose || other.id <= self.begin;
            assert!(over, "{id} was sent before {} was acked", other.id);
        }
        for other in self.log.iter().filter(|other| other.lane == event.lane && other.id > id) {
            let late = self.known[&other.id].owner.is_some() && !self.known[&id].loose;
            assert!(!late, "{id} was sent after {}", other.id);
        }
        let now = self.now;
        let known = self.known.get_mut(&id).unwrap();
        assert!(!known.is_over(), "{id} was sent after its ack");
        assert!(!known.aside, "{id} was sent too often");
        assert!(id > self.begin || known.again, "{id} was not asked for");
        assert_eq!(known.flying, None, "{id} was sent while it was in flight");
        assert!(known.rests.is_none_or(|until| until <= now), "{id} was to rest");
        assert!(known.owner.is_some() || filter.takes(&event), "{id} is filtered out");
        assert_eq!(again, known.deliveries > 0);
        assert_eq!(attempt, known.deliveries + 1);
        known.rests = None;
        known.fenced |= known.owner.is_some_and(|owner| owner != conn);
        known.owner = Some(conn);
        known.flying = Some(None);
        known.early = false;
        self.desk.handed(conn, id);
        let (takes, queue) = self.open.get_mut(&conn).expect("sent to nobody");
        let takes = takes.is_some_and(|number| FILTERS[usize::from(number)].takes(&event));
        assert!(takes, "{id} was sent to one that does not take it");
        queue.push_back(id);
        assert!(queue.len() <= RULES.unwritten, "more unwritten than allowed");
        true
    }

    fn write(&mut self, conn: Conn, count: usize) {
        let queue = &mut self.open.get_mut(&conn).unwrap().1;
        let ids: Vec<i64> = queue.drain(..count.min(queue.len())).collect();
        self.desk.wrote(self.now, conn, &ids);
        let now = self.now;
        for id in ids {
            let known = self.know(id);
            if known.owner == Some(conn) && known.flying == Some(None) {
                known.flying = Some(Some(now));
                known.deliveries += 1;
                if known.early {
                    (known.acked, known.flying) = (true, None);
                }
            }
        }
    }

    fn ack_any(&mut self, event: u16, conn: u8) {
        let Some(at) = usize::from(event).checked_rem(self.log.len()) else { return };
        let conn = u64::from(conn) % (self.conns + 1);
        self.ack(Conn(conn), self.log[at].id);
    }

    fn ack(&mut self, conn: Conn, id: i64) {
        let known = self.know(id);
        let owner = known.owner.is_some_and(|owner| !known.fenced || owner == conn);
        let delivered =
            known.deliveries > 0 || (known.flying.is_some() && known.owner == Some(conn));
        let may = !known.is_over() && !known.aside && owner;
        let counts = may && delivered;
        known.early |= may && known.flying == Some(None);
        let known = known.clone();
        assert_eq!(self.desk.ack(conn, id).is_ok(), counts, "ack of {id} by {conn:?}: {known:?}");
        if counts {
            let known = self.know(id);
            known.acked = true;
            known.flying = None;
        }
    }

    fn fail(&mut self, conn: Conn, id: i64, rest: Duration) {
        let until = self.now + rest;
        self.desk.failed(conn, id, until, "it failed");
        self.given_back(id);
        let known = self.know(id);
        if !known.aside {
            known.rests = Some(until);
        }
        self.wait(Duration::ZERO);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.desk.expire(self.now);
        let (now, odd) = (self.now, |conn: Conn| conn.0.is_multiple_of(2));
        let expired = self.ids(|known| {
            let expires = known.owner.is_some_and(odd);
            let since = known.flying.flatten();
            expires && since.is_some_and(|since| since + RULES.retry_timeout <= now)
        });
        for id in expired {
            self.given_back(id);
        }
    }

    fn save(&mut self) {
        self.saved = (self.desk.position(), self.desk.ahead());
        self.saved_over =
            self.known.iter().map(|(id, known)| (*id, (known.acked, known.dead))).collect();
        self.desk.is_kept();
    }

    fn restart(&mut self) {
        self.desk = Desk::new(self.rules, self.saved.0, self.saved.1.clone());
        self.fence.clear();
        self.open.clear();
        self.asked = None;
        for (id, known) in &mut self.known {
            let (acked, dead) = self.saved_over.get(id).copied().unwrap_or_default();
            let Known { excluded, again, .. } = *known;
            // What became a dead letter after the save comes out of turn.
            let loose = known.loose || known.dead != dead || known.acked != acked;
            *known = Known { acked, dead, excluded, again, loose, ..Known::default() };
        }
    }

    fn refilter(&mut self, filter: Sieve) {
        self.filter = filter;
        for event in &self.log {
            self.known.get_mut(&event.id).unwrap().excluded |= !filter.takes(event);
        }
        self.desk.refilter();
        // The store keeps a filter before it holds; a crash cannot bring the old one back.
    }

    fn begin_after(&mut self, id: i64) {
        self.begin = id;
        let (position, ahead) = (self.desk.position(), self.desk.ahead());
        let done = |id: i64| id <= position || ahead.iter().any(|range| range.contains(&id));
        let sent = self.known.iter().filter(|(id, known)| done(**id) || known.owner.is_some());
        self.fence.extend(sent.map(|(id, _)| *id));
        self.desk.begin_after(id);
        self.asked = None;
        for event in &self.log {
            let known = self.known.get_mut(&event.id).unwrap();
            let (excluded, fenced) = (!self.filter.takes(event), self.fence.contains(&event.id));
            *known = Known { excluded, fenced, ..Known::default() };
        }
        self.save();
    }

    fn keep_aside(&mut self) {
        let told: BTreeSet<i64> = self.desk.take_aside().iter().map(|aside| aside.id).collect();
        let aside = self.ids(|known| known.aside);
        assert_eq!(told, aside);
        self.desk.set_aside(told.iter().copied());
        for id in told {
            let known = self.know(id);
            known.aside = false;
            known.dead = true;
        }
    }

    fn owe_again(&mut self, which: u8) {
        let dead: Vec<i64> = self.ids(|known| known.dead).into_iter().collect();
        let Some(at) = usize::from(which).checked_rem(dead.len()) else { return };
        self.desk.owe_again([dead[at]]);
        let event = self.event(dead[at]);
        let excluded = !self.filter.takes(&event);
        let fenced = self.fence.contains(&dead[at]);
        *self.know(dead[at]) =
            Known { again: true, loose: true, excluded, fenced, ..Known::default() };
        self.save();
    }

    fn ids(&self, which: impl Fn(&Known) -> bool) -> BTreeSet<i64> {
        self.known.iter().filter(|(_, known)| which(known)).map(|(id, _)| *id).collect()
    }

    fn check(&self) {
        let desk = &self.desk;
        let unsent = desk.held.len() - desk.in_flight();
        let most = RULES.held + self.conns as usize * WINDOW;
        assert!(unsent <= most, "holds {unsent}");
        assert!(desk.held.values().filter(|held| held.owner.is_none()).count() <= RULES.held);
        let (position, ahead) = (desk.position(), desk.ahead());
        let done = |id: i64| id <= position || ahead.iter().any(|range| range.contains(&id));
        for (id, known) in &self.known {
            let over = known.is_over() || *id <= self.begin && !known.again;
            match (over, done(*id)) {
                (true, false) => panic!("{id} is over and owed: {position} {ahead:?} {known:?}"),
                (false, true) => assert!(known.excluded, "{id} is lost: {position} {ahead:?}"),
                _ => {}
            }
        }
        if desk.is_at_frontier() {
            let owed = self.log.iter().filter(|event| event.id <= desk.frontier());
            let owed = owed.filter(|event| !done(event.id));
            let taken =
                |event: &&Event| self.filter.takes(event) || desk.held.contains_key(&event.id);
            let owed = owed.filter(taken).count() as u64;
            assert_eq!(desk.owed(), owed, "{:?} held {:?}", desk.pass, desk.held.keys());
        }
        let in_flight = self.ids(|known| known.flying.is_some()).len();
        assert_eq!(desk.in_flight(), in_flight);
        for (conn, (_, queue)) in &self.open {
            let flying = self.ids(|known| known.owner == Some(*conn) && known.flying.is_some());
            assert_eq!(desk.in_flight_of(*conn), flying.len());
            assert!(flying.len() <= WINDOW, "window");
            assert!(queue.len() <= RULES.unwritten);
        }
        let held_ready: usize =
            desk.held.values().filter(|held| held.stage == Stage::Ready).count();
        let ready = self.desk.ready.total();
        assert_eq!(ready, held_ready);
    }

    /// Reads and sends as long as that does anything.
    fn settle_down(&mut self) {
        for _ in 0..self.log.len() * 8 + 8 {
            self.ask(3);
            self.answer();
            for conn in self.open.keys().copied().collect::<Vec<_>>() {
                self.write(conn, WINDOW);
            }
            while self.send() {}
            self.check();
        }
    }

    /// Whoever takes something in a lane that nothing holds up gets it, whatever else is
    /// left in the log.
    fn check_progress(&mut self) {
        self.wait(SECOND * 60);
        self.settle_down();
        for at in 0..self.log.len() {
            let event = self.log[at];
            let known = &self.known[&event.id];
            let owed = |known: &Known, id: i64| {
                !known.is_over() && !known.excluded && (id > self.begin || known.again)
            };
            if !owed(known, event.id) || known.flying.is_some() || known.aside || known.loose {
                continue;
            }
            let first = !self.log[..at].iter().any(|other| {
                let known = &self.known[&other.id];
                let may_be_owed = !known.is_over() && (other.id > self.begin || known.again);
                other.lane == event.lane && may_be_owed
            });
            let with_room = self.open.iter().any(|(conn, (filter, queue))| {
                filter.is_some_and(|number| FILTERS[usize::from(number)].takes(&event))
                    && self.desk.in_flight_of(*conn) < WINDOW
                    && queue.len() < RULES.unwritten
            });
            assert!(!(first && with_room), "{} stands still", event.id);
        }
    }

    /// A good client comes, and in the end everything is acked.
    fn finish(mut self) {
        // Where little can be remembered, some may have to wait for others.
        if !self.is_tight() {
            self.check_progress();
        }
        for conn in self.open.keys().copied().collect::<Vec<_>>() {
            self.close(conn);
        }
        self.open(Some(0));
        let conn = Conn(self.conns);
        for _ in 0..self.log.len() * 12 + 12 {
            self.keep_aside();
            self.wait(SECOND * 12);
            self.ask(5);
            self.answer();
            while self.send() {}
            self.write(conn, WINDOW);
            if let Some((conn, id)) = self.oldest_of(0) {
                self.ack(conn, id);
            }
            self.check();
        }
        let owed = |(id, known): &(&i64, &Known)| {
            !known.is_over() && !known.excluded && (**id > self.begin || known.again)
        };
        let owed: Vec<i64> = self.known.iter().filter(owed).map(|(id, _)| *id).collect();
        assert!(owed.is_empty(), "never delivered: {owed:?}");
        assert_eq!((self.desk.position(), self.desk.ahead()), (self.head(), Vec::new()));
        assert_eq!(self.desk.owed(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn everything_is_delivered_until_acked_and_in_order(
        max_deliveries in prop::option::weighted(0.3, 1u32..4),
        tight in prop::bool::weighted(0.3),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut model = Model::new(max_deliveries, tight);
        for step in steps {
            model.step(step);
        }
        model.finish();
    }
}
