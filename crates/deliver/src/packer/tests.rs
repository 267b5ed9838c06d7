//! A desk and its packer together, with bodies and fetches that take their time.

use super::*;
use crate::desk::{Chair, Moment, Page, Rules, Seen, Takers};
use label::{Did, Epoch, Event, Label, LabelEvent, Millis, Parts, Seq, Verdict};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

const RULES: Rules = Rules {
    unwritten: 2,
    retry_timeout: Duration::from_secs(10),
    held: 8,
    page: 4,
    parked: 100,
    ranges: 100,
    max_deliveries: None,
};
const CHAIR: Chair = Chair { filter: Some(0), window: 3, expires: true };

pub(crate) fn body(id: i64) -> Event {
    let labeler = Did::parse("did:web:labeler.test").unwrap();
    let parts = Parts {
        src: labeler.clone(),
        uri: format!("at://a/{id}"),
        cid: None,
        val: "spam".to_owned(),
        neg: None,
        cts: "2024-10-07T12:00:00.000Z".to_owned(),
        exp: None,
        sig: vec![7; 64],
    };
    Event::Label(LabelEvent {
        id: EventId::new(id).unwrap(),
        labeler,
        epoch: Epoch::FIRST,
        seq: Seq::new(id).unwrap(),
        place: 0,
        received_at: Millis(1),
        live: false,
        verdict: Verdict::Verified,
        label: Label::vouched(parts),
        raw: None,
    })
}

pub(crate) fn sheet(id: i64) -> Arc<Sheet> {
    Arc::new(Sheet::new(body(id)))
}

/// These events were read, each with its lane.
fn page(desk: &mut Desk, events: &[(i64, u64)], end: i64) -> Vec<i64> {
    let takers = Takers::one(0);
    let seen = events.iter().map(|(id, lane)| Seen { id: *id, lane: *lane, takers, taken: true });
    let seen = seen.collect();
    let generation = desk.generation();
    desk.page(&Page { generation, seen, end, all: true, ..Page::default() })
}

fn parcel(id: i64) -> Parcel {
    Parcel { sheet: sheet(id), attempt: 1, life: 0 }
}

#[test]
fn what_had_no_body_when_the_desk_began_anew_takes_no_room() {
    let mut desk = Desk::new(RULES, 0, Vec::new());
    let mut packer = Packer::default();
    desk.opened(Conn(1), CHAIR);
    for _ in 0..3 {
        page(&mut desk, &[(1, 1), (2, 2)], 2);
        assert!(packer.pack(&mut desk).0.is_empty(), "no bodies, and all room is taken");
        desk.begin_after(0);
        packer.clear(&mut desk);
    }
    page(&mut desk, &[(1, 1), (2, 2)], 2);
    packer.keep([sheet(1), sheet(2)]);
    let anew = |id| Parcel { life: 3, ..parcel(id) };
    assert_eq!(packer.pack(&mut desk).0[&Conn(1)], [anew(1), anew(2)]);
}

#[test]
fn two_closes_during_one_slow_fetch_lose_nothing() {
    let mut desk = Desk::new(RULES, 0, Vec::new());
    let mut packer = Packer::default();
    desk.opened(Conn(1), CHAIR);
    page(&mut desk, &[(1, 1), (2, 2)], 2);
    packer.keep([sheet(1)]);
    // 2 has no body on the shelf. While it is fetched, all go over to others, twice.
    assert_eq!(packer.pack(&mut desk).0[&Conn(1)], [parcel(1)]);
    let slow = packer.missing(4);
    for next in [2, 3] {
        packer.closed(Conn(next - 1));
        desk.closed(Conn(next - 1));
        desk.opened(Conn(next), CHAIR);
        assert!(packer.pack(&mut desk).0.is_empty());
    }
    assert!(packer.fetched(&mut desk, slow, vec![sheet(2)]).is_empty());
    let asked = packer.missing(4);
    let parcels = packer.fetched(&mut desk, asked, vec![sheet(1), sheet(2)]);
    assert_eq!(parcels.get(&Conn(3)), Some(&vec![parcel(1), parcel(2)]));
    assert_eq!((desk.owed(), desk.position()), (2, 0), "nobody has acked");
}

#[derive(Debug, Clone)]
enum Step {
    /// Events join the log, each with its lane.
    Append(Vec<u8>),
    /// One of them leaves it.
    Purge(u8),
    Open,
    Close(u8),
    Read,
    Pack,
    Fetch,
    /// The fetch under way ends, with so many of its bodies at most.
    Fetched(u8),
    Write(u8),
    Ack(u8),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(0u8..5, 1..6).prop_map(Step::Append),
        1 => any::<u8>().prop_map(Step::Purge),
        3 => Just(Step::Open),
        3 => any::<u8>().prop_map(Step::Close),
        4 => Just(Step::Read),
        6 => Just(Step::Pack),
        3 => Just(Step::Fetch),
        3 => (1u8..5).prop_map(Step::Fetched),
        4 => any::<u8>().prop_map(Step::Write),
        2 => any::<u8>().prop_map(Step::Ack),
        1 => Just(Step::Wait),
    ]
}

struct Model {
    desk: Desk,
    packer: Packer,
    /// What is in the log, and what ever was.
    log: BTreeMap<i64, u64>,
    last: i64,
    purged: BTreeSet<i64>,
    /// What lies in the queue of each connection, and what it was sent and has not acked.
    open: BTreeMap<Conn, (VecDeque<i64>, VecDeque<i64>)>,
    conns: u64,
    fetch: Option<Vec<Sending>>,
    acked: BTreeSet<i64>,
    now: Moment,
}

impl Model {
    fn new() -> Self {
        Self {
            desk: Desk::new(RULES, 0, Vec::new()),
            packer: Packer::default(),
            log: BTreeMap::new(),
            last: 0,
            purged: BTreeSet::new(),
            open: BTreeMap::new(),
            conns: 0,
            fetch: None,
            acked: BTreeSet::new(),
            now: Duration::ZERO,
        }
    }

    fn one(&self, which: u8) -> Option<Conn> {
        let at = usize::from(which).checked_rem(self.open.len())?;
        self.open.keys().nth(at).copied()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append(lanes) => {
                for lane in lanes {
                    self.last += 1;
                    self.log.insert(self.last, lane.into());
                }
            }
            Step::Purge(which) => {
                if let Some(at) = usize::from(which).checked_rem(self.log.len()) {
                    let id = *self.log.keys().nth(at).unwrap();
                    self.log.remove(&id);
                    self.purged.insert(id);
                }
            }
            Step::Open => {
                self.conns += 1;
                self.open.insert(Conn(self.conns), Default::default());
                self.desk.opened(Conn(self.conns), CHAIR);
            }
            Step::Close(which) => {
                if let Some(conn) = self.one(which) {
                    self.close(conn);
                }
            }
            Step::Read => self.read(),
            Step::Pack => {
                let (parcels, _) = self.packer.pack(&mut self.desk);
                self.hand_over(parcels);
            }
            Step::Fetch => {
                if self.fetch.is_none() {
                    let asked = self.packer.missing(RULES.page);
                    self.fetch = (!asked.is_empty()).then_some(asked);
                }
            }
            Step::Fetched(most) => self.fetched(most.into()),
            Step::Write(which) => self.write(which),
            Step::Ack(which) => self.ack(which),
            Step::Wait => {
                self.now += RULES.retry_timeout;
                self.desk.expire(self.now);
            }
        }
        self.check();
    }

    fn close(&mut self, conn: Conn) {
        self.open.remove(&conn);
        self.packer.closed(conn);
        self.desk.closed(conn);
    }

    fn read(&mut self) {
        let Some(wanted) = self.desk.wants() else { return };
        let events: Vec<(i64, u64)> = self
            .log
            .range(wanted.after + 1..)
            .take_while(|(id, _)| **id <= wanted.until)
            .take(wanted.events)
            .map(|(id, lane)| (*id, *lane))
            .collect();
        let all = events.len() < wanted.events;
        let end = if all { self.last.min(wanted.until) } else { events.last().unwrap().0 };
        let kept = page(&mut self.desk, &events, end);
        // Every third is let go by the shelf at once.
        self.packer.keep(kept.into_iter().filter(|id| id % 3 != 0).map(sheet));
    }

    fn hand_over(&mut self, parcels: Parcels) {
        for (conn, parcel) in parcels {
            let (queue, _) = self.open.get_mut(&conn).expect("handed to one that is gone");
            for Parcel { sheet, .. } in parcel {
                let id = sheet.id();
                assert!(!queue.contains(&id), "{id} was handed over twice");
                queue.push_back(id);
            }
            assert!(queue.len() <= RULES.unwritten, "more unwritten than allowed");
        }
    }

    fn fetched(&mut self, most: usize) {
        let Some(asked) = self.fetch.take() else { return };
        let wanted: BTreeSet<i64> = asked.iter().map(|sending| sending.id).collect();
        let there = wanted.into_iter().filter(|id| self.log.contains_key(id));
        let events = there.take(most).map(sheet).collect();
        let parcels = self.packer.fetched(&mut self.desk, asked, events);
        self.hand_over(parcels);
    }

    fn write(&mut self, which: u8) {
        let Some(conn) = self.one(which) else { return };
        let (queue, sent) = self.open.get_mut(&conn).unwrap();
        let ids: Vec<i64> = queue.drain(..).collect();
        sent.extend(&ids);
        self.packer.wrote(&mut self.desk, conn, usize::MAX);
        self.desk.wrote(self.now, conn, &ids);
    }

    fn ack(&mut self, which: u8) {
        let Some(conn) = self.one(which) else { return };
        if let Some(id) = self.open.get_mut(&conn).unwrap().1.pop_front()
            && self.desk.ack(conn, id).is_ok()
        {
            assert!(self.acked.insert(id));
        }
    }

    /// Whatever has left the desk was acked, or is no more.
    fn check(&self) {
        let (position, ahead) = (self.desk.position(), self.desk.ahead());
        for id in 1..=self.desk.frontier() {
            let done = id <= position || ahead.iter().any(|range| range.contains(&id));
            let may_be = self.acked.contains(&id) || self.purged.contains(&id);
            assert!(may_be || !done, "{id} was settled, and nobody has acked it");
        }
    }

    /// A good client comes, and in the end everything was sent and acked.
    fn finish(mut self) {
        while let Some(conn) = self.one(0) {
            self.close(conn);
        }
        self.step(Step::Open);
        for _ in 0..self.last * 4 + 8 {
            for step in [Step::Read, Step::Pack, Step::Fetched(1), Step::Fetch, Step::Fetched(1)] {
                self.step(step);
            }
            for step in [Step::Write(0), Step::Ack(0), Step::Ack(0)] {
                self.step(step);
            }
        }
        assert_eq!(self.desk.position(), self.last, "never delivered");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn nothing_leaves_unless_it_was_sent_and_acked(steps in prop::collection::vec(step(), 0..120)) {
        let mut model = Model::new();
        for step in steps {
            model.step(step);
        }
        model.finish();
    }
}

#[test]
fn whoever_does_not_read_is_handed_little() {
    let large = |id| match body(id) {
        Event::Label(event) => Event::Label(LabelEvent { raw: Some(vec![7; 60_000]), ..event }),
        other => other,
    };
    let mut desk = Desk::new(Rules { unwritten: 100, held: 100, page: 100, ..RULES }, 0, vec![]);
    let mut packer = Packer::default();
    desk.opened(Conn(1), Chair { window: 100, ..CHAIR });
    let events: Vec<(i64, u64)> = (1..=10).map(|id| (id, id as u64)).collect();
    page(&mut desk, &events, 10);
    packer.keep((1..=10).map(large).map(Sheet::new).map(Arc::new));
    let (parcels, _) = packer.pack(&mut desk);
    assert_eq!(parcels[&Conn(1)].len(), 3, "two of 60 kB, and one on top");
    assert!(packer.pack(&mut desk).0.is_empty(), "it has no room");
    let bytes = parcels[&Conn(1)].iter().map(|parcel| parcel.sheet.weight()).sum();
    packer.wrote(&mut desk, Conn(1), bytes);
    desk.wrote(Duration::ZERO, Conn(1), &[1, 2, 3]);
    assert_eq!(packer.pack(&mut desk).0[&Conn(1)].len(), 3);
}
