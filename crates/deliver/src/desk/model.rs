//! The desk against a model that knows everything and is in no hurry. A failing case is
//! printed, shrunk, and its seed kept under `proptest-regressions`.

use super::*;
use proptest::prelude::*;

const RULES: Rules =
    Rules { window: 3, unwritten: 2, retry_timeout: Duration::from_secs(10), held: 8, page: 4 };
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
enum Step {
    /// Events join the log, each with a lane and a gap of unused ids before it.
    Append(Vec<(u8, u8)>),
    Open(bool),
    Close(u8),
    Read,
    Send(u8),
    Write(u8, u8),
    /// Which of all events, by which of all connections that ever were.
    Ack(u16, u8),
    /// The owner acks its oldest.
    AckOwn(u8),
    Wait(u8),
    Save,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec((0u8..5, 0u8..3), 1..6).prop_map(Step::Append),
        2 => prop::bool::weighted(0.8).prop_map(Step::Open),
        1 => any::<u8>().prop_map(Step::Close),
        6 => Just(Step::Read),
        6 => (1u8..6).prop_map(Step::Send),
        4 => (any::<u8>(), 1u8..4).prop_map(|(conn, count)| Step::Write(conn, count)),
        3 => (any::<u16>(), any::<u8>()).prop_map(|(event, conn)| Step::Ack(event, conn)),
        5 => any::<u8>().prop_map(Step::AckOwn),
        2 => (1u8..12).prop_map(Step::Wait),
        2 => Just(Step::Save),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug, Default, Clone)]
struct Known {
    acked: bool,
    /// Since the last restart: to whom last, and whether to more than one.
    owner: Option<Conn>,
    fenced: bool,
    /// In flight; written when?
    flying: Option<Option<Moment>>,
}

/// Everything there is to know, kept in the simplest way.
struct Model {
    desk: Desk,
    log: Vec<(i64, Lane)>,
    known: BTreeMap<i64, Known>,
    /// Connections that are open, whether they take, and what is not written yet.
    open: BTreeMap<Conn, (bool, VecDeque<i64>)>,
    conns: u64,
    now: Moment,
    saved: (i64, Vec<RangeInclusive<i64>>),
    saved_acked: BTreeSet<i64>,
}

impl Model {
    fn new() -> Self {
        Self {
            desk: Desk::new(RULES, 0, Vec::new()),
            log: Vec::new(),
            known: BTreeMap::new(),
            open: BTreeMap::new(),
            conns: 0,
            now: Duration::ZERO,
            saved: (0, Vec::new()),
            saved_acked: BTreeSet::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append(events) => self.append(events),
            Step::Open(takes) => self.open(takes),
            Step::Close(which) => {
                if let Some(conn) = self.one_open(which) {
                    self.close(conn);
                }
            }
            Step::Read => self.read(),
            Step::Send(most) => (0..most).for_each(|_| self.send()),
            Step::Write(which, count) => {
                if let Some(conn) = self.one_open(which) {
                    self.write(conn, count.into());
                }
            }
            Step::Ack(event, conn) => self.ack_any(event, conn),
            Step::AckOwn(which) => {
                if let Some(conn) = self.one_open(which) {
                    let own = |(_, known): &(&i64, &Known)| {
                        known.flying.is_some() && known.owner == Some(conn)
                    };
                    if let Some(id) = self.known.iter().find(own).map(|(id, _)| *id) {
                        self.ack(conn, id);
                    }
                }
            }
            Step::Wait(seconds) => self.wait(SECOND * seconds.into()),
            Step::Save => {
                self.saved = (self.desk.position(), self.desk.ahead());
                self.saved_acked = self.ids(|known| known.acked);
                self.desk.take_changed();
            }
            Step::Restart => self.restart(),
        }
        self.check();
    }

    fn append(&mut self, events: Vec<(u8, u8)>) {
        for (lane, gap) in events {
            let id = self.log.last().map_or(0, |(id, _)| *id) + 1 + i64::from(gap);
            self.log.push((id, lane.into()));
            self.known.insert(id, Known::default());
        }
    }

    fn one_open(&self, which: u8) -> Option<Conn> {
        let count = self.open.len();
        self.open.keys().nth(usize::from(which).checked_rem(count)?).copied()
    }

    fn open(&mut self, takes: bool) {
        self.conns += 1;
        self.open.insert(Conn(self.conns), (takes, VecDeque::new()));
        self.desk.opened(Conn(self.conns), takes);
    }

    fn close(&mut self, conn: Conn) {
        self.open.remove(&conn);
        self.desk.closed(conn);
        for known in self.known.values_mut().filter(|known| known.owner == Some(conn)) {
            known.flying = None;
        }
    }

    fn read(&mut self) {
        let Some(limit) = self.desk.wants() else { return };
        let (read, head) = (self.desk.read(), self.log.last().map_or(0, |(id, _)| *id));
        let after = self.log.iter().filter(|(id, _)| *id > read);
        let page: Vec<_> = after.take(limit).copied().collect();
        let all = page.len() < limit;
        let end = if all { head } else { page.last().unwrap().0 };
        self.desk.page(page, end);
    }

    fn send(&mut self) {
        let Some(Sending { conn, id, again }) = self.desk.next() else { return };
        let lane = self.log.iter().find(|(other, _)| *other == id).unwrap().1;
        for (other, _) in self.log.iter().filter(|(other, of)| *of == lane && *other < id) {
            assert!(self.known[other].acked, "{id} was sent before {other} was acked");
        }
        let known = self.known.get_mut(&id).unwrap();
        assert!(!known.acked, "{id} was sent after its ack");
        assert_eq!(known.flying, None, "{id} was sent while it was in flight");
        assert_eq!(again, known.owner.is_some());
        known.fenced |= known.owner.is_some_and(|owner| owner != conn);
        known.owner = Some(conn);
        known.flying = Some(None);
        let (takes, queue) = self.open.get_mut(&conn).expect("sent to nobody");
        assert!(*takes, "sent to one that takes nothing");
        queue.push_back(id);
        assert!(queue.len() <= RULES.unwritten, "more unwritten than allowed");
    }

    fn write(&mut self, conn: Conn, count: usize) {
        let queue = &mut self.open.get_mut(&conn).unwrap().1;
        let ids: Vec<i64> = queue.drain(..count.min(queue.len())).collect();
        self.desk.wrote(self.now, conn, &ids);
        for id in ids {
            let known = self.known.get_mut(&id).unwrap();
            if known.owner == Some(conn) && known.flying == Some(None) {
                known.flying = Some(Some(self.now));
            }
        }
    }

    fn ack_any(&mut self, event: u16, conn: u8) {
        let Some(at) = usize::from(event).checked_rem(self.log.len()) else { return };
        let conn = u64::from(conn) % (self.conns + 1);
        self.ack(Conn(conn), self.log[at].0);
    }

    fn ack(&mut self, conn: Conn, id: i64) {
        let known = self.known.get_mut(&id).unwrap();
        let counts =
            !known.acked && known.owner.is_some_and(|owner| !known.fenced || owner == conn);
        assert_eq!(self.desk.ack(conn, id).is_ok(), counts, "ack of {id} by {conn:?}: {known:?}");
        if counts {
            known.acked = true;
            known.flying = None;
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.desk.expire(self.now);
        for known in self.known.values_mut() {
            if let Some(Some(since)) = known.flying
                && since + RULES.retry_timeout <= self.now
            {
                known.flying = None;
            }
        }
    }

    fn restart(&mut self) {
        self.desk = Desk::new(RULES, self.saved.0, self.saved.1.clone());
        self.open.clear();
        for (id, known) in &mut self.known {
            *known = Known { acked: self.saved_acked.contains(id), ..Known::default() };
        }
    }

    fn ids(&self, which: impl Fn(&Known) -> bool) -> BTreeSet<i64> {
        self.known.iter().filter(|(_, known)| which(known)).map(|(id, _)| *id).collect()
    }

    fn check(&self) {
        let desk = &self.desk;
        assert!(desk.held() <= RULES.held, "holds {}", desk.held());
        let (position, ahead) = (desk.position(), desk.ahead());
        assert!(ahead.len() <= desk.held() + self.saved.1.len());
        let done = |id: i64| id <= position || ahead.iter().any(|range| range.contains(&id));
        for (id, known) in &self.known {
            if known.acked || *id <= desk.read() {
                assert_eq!(done(*id), known.acked, "{id}: {position} {ahead:?}");
            }
        }
        let mut last = position;
        for range in &ahead {
            assert!(*range.start() > last + 1 && range.end() >= range.start(), "{ahead:?}");
            last = *range.end();
        }
        for (conn, (_, queue)) in &self.open {
            let flying = self.ids(|known| known.owner == Some(*conn) && known.flying.is_some());
            assert_eq!(desk.crowd.in_flight(*conn), flying.len());
            assert!(flying.len() <= RULES.window, "window");
            assert!(queue.len() <= RULES.unwritten);
        }
    }

    /// A good client comes, and in the end everything is acked.
    fn finish(mut self) {
        for conn in self.open.keys().copied().collect::<Vec<_>>() {
            self.close(conn);
        }
        self.open(true);
        let conn = Conn(self.conns);
        for _ in 0..self.log.len() * 4 + 4 {
            self.read();
            (0..RULES.window).for_each(|_| self.send());
            self.write(conn, RULES.window);
            self.step(Step::AckOwn(0));
        }
        let owed = self.ids(|known| !known.acked);
        assert!(owed.is_empty(), "never delivered: {owed:?}");
        let head = self.log.last().map_or(0, |(id, _)| *id);
        assert_eq!((self.desk.position(), self.desk.ahead()), (head, Vec::new()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn everything_is_delivered_until_acked_and_in_order(steps in prop::collection::vec(step(), 0..120)) {
        let mut model = Model::new();
        for step in steps {
            model.step(step);
        }
        model.finish();
    }
}
