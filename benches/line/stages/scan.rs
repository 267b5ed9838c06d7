//! The log read with a filter next to the rows: what it costs to pass over what a consumer
//! does not take. One long log, filled once; its labels are not signed, since nobody looks.

use super::{folder, runtime};
use crate::args::Plan;
use crate::rounds::{Candidate, Round, Timer, take_turns};
use crate::table;
use label::{
    Did, Epoch, EventId, Facts, Filter, Hosts, Label, MAX_NUMBER, Millis, Parts, Seq, Verdict,
};
use store::{Batch, Entry, RowView, Scan, Source, Store, Topic};
use tokio::runtime::Runtime;

/// Labels of the log.
const ROWS: u64 = 2_000_000;
/// Who sends them, taking turns.
const LABELERS: u64 = 50;
/// Labels to a batch.
const BATCH: u64 = 200;
/// One label of so many has the value that is looked for.
const RARE: u64 = 1_000;
/// Accounts that labels are about.
const ACCOUNTS: u64 = 20_000;

/// What is looked for: its name, and the field and value that say so.
const FILTERS: [(&str, Option<(&str, &str)>); 5] = [
    ("nothing taken, rows only counted", None),
    ("src: 1 labeler of 50", Some(("src", "LABELER"))),
    ("val: 1 label of 1,000", Some(("val", "rare"))),
    ("uri: the records of 1 account of 20,000", Some(("uri", "ACCOUNT"))),
    ("subject: all are records, so all taken", Some(("subject", "record"))),
];

/// Asked about each row; counts what it takes.
type Asked = (Option<Filter>, u64);

pub(crate) fn run(plan: &Plan) {
    let (runtime, folder) = (runtime(), folder());
    let count = plan.labels(ROWS);
    let store = Store::open(&folder.path().join("filled.db")).unwrap();
    runtime.block_on(fill(&store, count));
    let (runtime, store) = (&runtime, &store);
    let candidate = |(name, field): (&'static str, Option<(&'static str, &'static str)>)| {
        let filter = field.map(|(field, value)| filter(field, value));
        Candidate::new(name, move || read(runtime, store, filter.clone(), count))
    };
    let measured = take_turns(plan.rounds, FILTERS.into_iter().map(candidate).collect());
    table::head();
    measured.iter().for_each(table::rates);
    runtime.block_on(store.close());
}

fn filter(field: &'static str, value: &str) -> Filter {
    let value = match value {
        "LABELER" => labeler(7).to_string(),
        "ACCOUNT" => format!("at://{}/*", account(7)),
        other => other.to_owned(),
    };
    Filter::read([(field, vec![value.as_str()])], Hosts::Public).unwrap()
}

/// Reads the whole log, one short read after the other.
fn read(runtime: &Runtime, store: &Store, filter: Option<Filter>, count: u64) -> Round {
    let until = EventId::new(MAX_NUMBER).unwrap();
    let scan = |after| Scan {
        after,
        until,
        rows: usize::MAX,
        events: usize::MAX,
        rejected: false,
        labelers: false,
        states: false,
    };
    runtime.block_on(async {
        let end = store.head().borrow().last;
        let timer = Timer::start();
        let (mut after, mut looked, mut events) = (EventId::START, 0, 0);
        let mut state: Asked = (filter, 0);
        while after < end {
            let found = store.scan(scan(after), state, look).await.unwrap();
            (after, state) = (found.read, found.state);
            looked += found.looked;
            events += found.events.len() as u64;
        }
        let round = timer.stop(count);
        assert_eq!((looked, events), (count, state.1));
        assert_eq!(events > 0, state.0.is_some());
        round
    })
}

fn look((filter, taken): &mut Asked, row: &RowView<'_>) -> bool {
    let RowView { labeler, topic, uri, val, .. } = *row;
    let Topic::Label(verdict) = topic else { return false };
    let facts = Facts { labeler, uri, val, verdict };
    let takes = filter.as_ref().is_some_and(|filter| filter.takes(&facts));
    *taken += u64::from(takes);
    takes
}

async fn fill(store: &Store, count: u64) {
    let dids = (0..LABELERS).map(labeler).collect();
    store.add_labelers(dids, Source::Api, Millis(1)).await.unwrap();
    for start in (0..count).step_by(BATCH as usize) {
        let turn = start / BATCH;
        let from = turn / LABELERS * BATCH;
        store.commit(batch(labeler(turn % LABELERS), from, start)).await.unwrap();
    }
    assert_eq!(store.head().borrow().added, count);
}

fn batch(labeler: Did, from: u64, start: u64) -> Batch {
    let seq = |number: u64| Seq::cursor(number as i64).unwrap();
    let entry = |n: u64| Entry::Label {
        seq: seq(from + n + 1),
        place: 0,
        label: Label::vouched(parts(&labeler, start + n)),
        verdict: Verdict::Verified,
        raw: None,
    };
    Batch {
        epoch: Epoch::FIRST,
        after: seq(from),
        cursor: seq(from + BATCH),
        received_at: Millis(1_730_000_000_000),
        entries: (0..BATCH).map(entry).collect(),
        labeler,
    }
}

fn parts(labeler: &Did, n: u64) -> Parts {
    // A large prime, so that neighbours differ.
    let dice = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let cid = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";
    Parts {
        src: labeler.clone(),
        uri: format!("at://{}/app.bsky.feed.post/3l{n:011}", account(dice % ACCOUNTS)),
        cid: (!dice.is_multiple_of(3)).then(|| cid.to_owned()),
        val: if n.is_multiple_of(RARE) { "rare" } else { "spam" }.to_owned(),
        neg: dice.is_multiple_of(10).then_some(true),
        cts: "2026-01-01T00:00:00.000Z".to_owned(),
        exp: None,
        sig: dice.to_le_bytes().repeat(8),
    }
}

fn labeler(number: u64) -> Did {
    Did::parse(&testkit::plc_did(&format!("labeler {number}"))).unwrap()
}

/// As long as a did:plc.
fn account(number: u64) -> String {
    let letter = |digit: char| char::from(b'a' + digit as u8 - b'0');
    let letters: String = format!("{number:024}").chars().map(letter).collect();
    format!("did:plc:{letters}")
}
