//! What is current, asked of the index and of the log itself: random lives of labelers, with
//! floods that make it settle and merge, and restarts in between.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use common::{did, events_after, id, parts, seq};
use label::{EventId, Label, LabelEvent, Millis, Verdict, syntax};
use proptest::prelude::*;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::{Batch, Entry, Marks, Pattern, Query, Source, Standing, Store, StoreError};

const NAMES: [&str; 2] = ["ann", "bob"];
const URIS: [&str; 5] = [
    "did:plc:subject",
    "at://did:plc:subject",
    "at://did:plc:subject/app.bsky.feed.post/1",
    "at://did:plc:subject/app.bsky.feed.post/2",
    "https://elsewhere.test/x",
];
const VALS: [&str; 2] = ["spam", "!hide"];
/// Some of the same second, one in the future of what is received, some written in other ways.
const TIMES: [&str; 6] = [
    "2023-11-14T22:00:00.000Z",
    "2023-11-14T22:00:00.0005Z",
    "2023-11-14T22:00:00Z",
    "2023-11-14T23:00:00.500+01:00",
    "1969-01-01T00:00:00.000Z",
    "2033-01-01T00:00:00.000Z",
];

#[derive(Debug, Clone)]
enum Step {
    /// These, by their dice, in one batch.
    Say(usize, Vec<u32>),
    /// So many about others.
    Flood(usize),
    Reset(usize),
    Purge(usize),
    Retire,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..NAMES.len();
    let dice = proptest::collection::vec(any::<u32>(), 1..30);
    let step = prop_oneof![
        12 => (who.clone(), dice).prop_map(|(who, dice)| Step::Say(who, dice)),
        2 => who.clone().prop_map(Step::Flood),
        2 => who.clone().prop_map(Step::Reset),
        1 => who.prop_map(Step::Purge),
        2 => Just(Step::Retire),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

fn pick<T: Copy>(from: &[T], dice: &mut u32) -> T {
    let length = u32::try_from(from.len()).unwrap();
    let picked = from.get((*dice % length) as usize).copied().unwrap();
    *dice /= length;
    picked
}

fn label(labeler: &str, mut dice: u32) -> Label {
    let mut parts = parts(labeler, pick(&VALS, &mut dice));
    parts.uri = pick(&URIS, &mut dice).into();
    parts.cts = pick(&TIMES, &mut dice).into();
    parts.neg = pick(&[None, Some(false), Some(true)], &mut dice);
    parts.exp = pick(&[None, Some("2023-11-14T22:30:00.000Z")], &mut dice).map(Into::into);
    let cid = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq";
    parts.cid = pick(&[None, Some(cid)], &mut dice).map(Into::into);
    Label::vouched(parts)
}

/// Says these in a frame each. Labels are received in the order in which they are said.
async fn say(store: &Store, labeler: &str, labels: impl Iterator<Item = Label>) {
    let row = store.labeler(did(labeler)).await.unwrap().unwrap();
    let frames = row.cursor.get() + 1..;
    let entry = |(frame, label)| Entry::Label {
        seq: seq(frame),
        place: 0,
        label,
        verdict: Verdict::Verified,
        raw: None,
    };
    let entries: Vec<Entry> = frames.zip(labels).map(entry).collect();
    let cursor = seq(row.cursor.get() + entries.len() as i64);
    let head = store.head().borrow().last.get();
    let received_at = Millis(1_700_000_000_000 + head * 1000);
    let (labeler, epoch, after) = (did(labeler), row.epoch, row.cursor);
    store.commit(Batch { labeler, epoch, after, cursor, received_at, entries }).await.unwrap();
}

fn stranger(labeler: &str, number: u32) -> Label {
    let mut parts = parts(labeler, "spam");
    parts.uri = format!("at://did:plc:stranger{}/app.bsky.feed.post/{number}", number % 977);
    Label::vouched(parts)
}

async fn open(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    store.add_labelers(NAMES.map(did).to_vec(), Source::Api, Millis(1)).await.unwrap();
    store
}

async fn play(steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    let mut store = open(&path).await;
    store.consumer("default".into()).await.unwrap();
    let mut strangers = 0;
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Say(who, dice) => {
                let name = NAMES.get(*who).copied().unwrap();
                say(&store, name, dice.iter().map(|dice| label(name, *dice))).await;
            }
            Step::Flood(who) => {
                let name = NAMES.get(*who).copied().unwrap();
                let flood = strangers..strangers + 9000;
                strangers += 9000;
                say(&store, name, flood.map(|number| stranger(name, number))).await;
            }
            Step::Reset(who) => {
                let did = did(NAMES.get(*who).copied().unwrap());
                let epoch = store.labeler(did.clone()).await.unwrap().unwrap().epoch;
                // Compares what comes with what was said, for a week from then on.
                let now = Millis(1_700_000_000_000);
                store.reset(did.clone(), epoch, "backfilling", now).await.unwrap();
                let mut after = None;
                while let Some(more) = store.gather(did.clone(), after).await.unwrap() {
                    after = Some(more);
                }
            }
            Step::Purge(who) => {
                let did = did(NAMES.get(*who).copied().unwrap());
                store.remove_labelers(vec![did.clone()], true).await.unwrap();
                store.add_labelers(vec![did], Source::Api, Millis(1)).await.unwrap();
            }
            Step::Retire => {
                let head = store.head().borrow().last;
                store.save_progress("default".into(), head, vec![]).await.unwrap();
                let cutoff = Millis(1_700_000_000_000 + head.get() * 700);
                store.retire(cutoff).await.unwrap();
            }
            Step::Restart => {
                store.close().await;
                store = open(&path).await;
            }
        }
        let events = events_after(&store, EventId::START, usize::MAX).await;
        compare(&store, &events, &URIS.map(str::to_owned)).await;
        ask(&store, &events).await;
        walk(&store, &events).await;
        if number % 4 == 3 || number + 1 == steps.len() {
            study(&store, &events).await;
        }
    }
}

/// What is asked for in many ways, and what the log says to it.
async fn ask(store: &Store, events: &[LabelEvent]) {
    let is = |uri: &str| Pattern::Is(uri.to_owned());
    let begins = |with: &str| Pattern::Begins(with.to_owned());
    let patterns = [
        vec![is(URIS[0])],
        vec![is(URIS[2]), is(URIS[1]), is(URIS[2]), is("did:plc:nobody")],
        vec![begins("at://did:plc:subject/")],
        vec![begins("at://did:plc:subject/app.bsky.feed.post/"), is(URIS[2]), is(URIS[4])],
        vec![begins("at://did:plc:sub")],
        vec![begins("https://"), begins("did:")],
        // All there is, while that is not too much for a test.
        vec![if events.len() < 1000 { begins("") } else { begins("did:plc:s") }],
    ];
    let now = Millis(1_700_000_000_000);
    let current: BTreeSet<EventId> =
        newest(events.iter()).into_values().flat_map(BTreeMap::into_values).collect();
    for (number, patterns) in patterns.into_iter().enumerate() {
        let sources = [vec![], vec![did("ann")], vec![did("bob"), did("eve")]];
        let sources = sources.into_iter().cycle().nth(number + events.len()).unwrap();
        let (negated, expired) = (number % 2 == 0, events.len().is_multiple_of(2));
        let query = Query { patterns, sources, negated, expired, now };
        let expected = expected(&query, events, &current);
        let limit = 1 + expected.len() / 3;
        let (mut found, mut after) = (Vec::new(), Some(EventId::START));
        while let Some(from) = after {
            let page = store.query(query.clone(), from, limit).await.unwrap();
            assert!(page.labels.len() <= limit);
            found.extend(page.labels.iter().map(|event| event.id));
            after = page.read;
        }
        assert_eq!(found, expected, "{query:?}");
    }
    for uri in URIS {
        let about = events.iter().filter(|event| event.label.uri == uri).map(|event| event.id);
        let (mut found, mut after) = (Vec::new(), EventId::START);
        loop {
            let page = store.history(uri.to_owned(), after, 7).await.unwrap();
            found.extend(page.labels.iter().map(|event| event.id));
            let Some(read) = page.read else { break };
            after = read;
        }
        assert_eq!(found, about.collect::<Vec<_>>(), "{uri}");
    }
}

/// All that are current by stretches of the log.
async fn stretches(store: &Store, rows: usize) -> (Vec<Standing>, u64) {
    let (mut current, mut looked, mut after) = (Vec::new(), 0, EventId::START);
    while after < store.head().borrow().last {
        let stretch = store.stretch(after, rows).await.unwrap();
        assert!(stretch.read > after, "goes on");
        assert!(stretch.looked <= rows as u64);
        looked += stretch.looked;
        current.extend(stretch.current);
        after = stretch.read;
    }
    (current, looked)
}

/// What is current, by stretches, and what the log says to it.
async fn walk(store: &Store, events: &[LabelEvent]) {
    let newest = newest(events.iter()).into_values().flat_map(BTreeMap::into_values);
    let newest: BTreeSet<EventId> = newest.collect();
    let lives: BTreeMap<String, i64> = store
        .known_labelers()
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.did.as_str().to_owned(), row.row))
        .collect();
    let (current, looked) = stretches(store, 1 + events.len() / 3).await;
    assert_eq!(looked, events.len() as u64);
    let expected: Vec<&LabelEvent> =
        events.iter().filter(|event| newest.contains(&event.id)).collect();
    assert_eq!(current.iter().map(|one| &one.event).collect::<Vec<_>>(), expected);
    for one in &current {
        assert_eq!(one.life, lives[one.event.labeler.as_str()]);
    }
}

/// What is current and first of its kind among labels up to some place, by one look at all of the
/// index, and what the log says to it.
async fn study(store: &Store, events: &[LabelEvent]) {
    let head = store.head().borrow().last;
    for until in [head, id(head.get() / 2)] {
        let survey = store.study(move |archive| archive.survey(until)).await.unwrap();
        let events = || events.iter().filter(|event| event.id <= until);
        let newest = newest(events()).into_values().flat_map(BTreeMap::into_values);
        assert_eq!(marked(events(), &survey.current), newest.collect::<BTreeSet<_>>());
        let first = |heading: fn(&LabelEvent) -> String| {
            let mut firsts: BTreeMap<(&str, String), EventId> = BTreeMap::new();
            for event in events() {
                firsts.entry((&event.label.uri, heading(event))).or_insert(event.id);
            }
            firsts.into_values().collect::<BTreeSet<_>>()
        };
        assert_eq!(marked(events(), &survey.subject), first(|_| String::new()));
        assert_eq!(marked(events(), &survey.by_labeler), first(|event| event.labeler.to_string()));
        assert_eq!(marked(events(), &survey.by_value), first(|event| event.label.val.clone()));
        assert_eq!(marked(events(), &survey.by_month), first(month));
        let mut labelers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for event in events() {
            labelers.entry(&event.label.uri).or_default().insert(event.labeler.as_str());
        }
        let several = labelers.values().filter(|labelers| labelers.len() > 1).count();
        assert_eq!(survey.with_several_labelers, several as u64);
    }
}

/// Those of these that are marked, who are all that are.
fn marked<'a>(events: impl Iterator<Item = &'a LabelEvent>, marks: &Marks) -> BTreeSet<EventId> {
    let marked: BTreeSet<_> = events.map(|event| event.id).filter(|id| marks.has(*id)).collect();
    assert_eq!(marked.len() as u64, marks.count());
    marked
}

/// When a label was made, as far as its labeler is believed, but not before 1970.
fn month(event: &LabelEvent) -> String {
    let made = syntax::instant(&event.label.cts).unwrap().min(event.received_at.0 * 1000);
    syntax::written(made.max(0) / 1000).unwrap()[..7].to_owned()
}

fn expected(query: &Query, events: &[LabelEvent], current: &BTreeSet<EventId>) -> Vec<EventId> {
    let wants = |event: &&LabelEvent| {
        let ends = event.label.exp.as_deref().and_then(syntax::instant);
        current.contains(&event.id)
            && query.patterns.iter().any(|pattern| match pattern {
                Pattern::Is(uri) => event.label.uri == *uri,
                Pattern::Begins(with) => event.label.uri.starts_with(with),
            })
            && (query.sources.is_empty() || query.sources.contains(&event.label.src))
            && (query.negated || event.label.neg != Some(true))
            && (query.expired || ends.is_none_or(|ends| ends > query.now.0 * 1000))
    };
    events.iter().filter(wants).map(|event| event.id).collect()
}

type Key = (String, String);

/// The newest of each key, by the rules (contract section 7), as the log has them.
fn newest<'a>(
    events: impl Iterator<Item = &'a LabelEvent>,
) -> BTreeMap<String, BTreeMap<Key, EventId>> {
    let mut keys: BTreeMap<String, BTreeMap<Key, _>> = BTreeMap::new();
    for event in events {
        let made = syntax::instant(&event.label.cts).unwrap().min(event.received_at.0 * 1000);
        let order = (made, event.epoch, event.seq, event.place, event.id);
        let key = (event.labeler.as_str().to_owned(), event.label.val.clone());
        let best = keys.entry(event.label.uri.clone()).or_default().entry(key).or_insert(order);
        *best = order.max(*best);
    }
    let ids = |keys: BTreeMap<Key, _>| {
        keys.into_iter().map(|(key, order): (Key, (_, _, _, _, EventId))| (key, order.4)).collect()
    };
    keys.into_iter().map(|(uri, keys)| (uri, ids(keys))).collect()
}

async fn compare(store: &Store, events: &[LabelEvent], uris: &[String]) {
    let mut newest = newest(events.iter());
    let known: BTreeMap<EventId, &LabelEvent> =
        events.iter().map(|event| (event.id, event)).collect();
    for uri in uris {
        let found = store.current(vec![uri.clone()], None).await.unwrap();
        for event in &found {
            assert_eq!(known.get(&event.id).copied(), Some(event));
        }
        let of = |event: &LabelEvent| {
            ((event.labeler.as_str().to_owned(), event.label.val.clone()), event.id)
        };
        let count = found.len();
        let found: BTreeMap<_, _> = found.iter().map(of).collect();
        assert_eq!(count, found.len(), "one for each key");
        assert_eq!(found, newest.remove(uri).unwrap_or_default(), "{uri}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_current_is_the_newest_of_the_log(steps in steps()) {
        tokio::runtime::Runtime::new().unwrap().block_on(play(&steps));
    }
}

#[tokio::test]
async fn many_labels_are_found_again_after_many_merges() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    let store = open(&path).await;
    for round in 0..60u32 {
        let name = NAMES.get(round as usize % 2).copied().unwrap();
        let numbers = round * 4000..(round + 1) * 4000;
        say(&store, name, numbers.map(|number| stranger(name, number % 90_000))).await;
    }
    let events = events_after(&store, EventId::START, usize::MAX).await;
    assert_eq!(events.len(), 240_000);
    let uris: BTreeSet<&String> = events.iter().map(|event| &event.label.uri).collect();
    let uris: Vec<String> = uris.into_iter().step_by(29).cloned().collect();
    compare(&store, &events, &uris).await;
    walk(&store, &events).await;
    store.close().await;
    let db = Connection::open(&path).unwrap();
    let runs: i64 = db
        .query_row("SELECT count(*) FROM index_runs WHERE state = 1", [], |row| row.get(0))
        .unwrap();
    assert!((1..=6).contains(&runs), "{runs} runs of 14 that were settled");
}

#[tokio::test]
async fn what_is_said_very_often_costs_no_more_than_its_last_ones() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("labeltap.db")).await;
    let same = |neg: bool| {
        let mut parts = parts("ann", "spam");
        (parts.uri, parts.neg) = ("did:plc:subject".into(), neg.then_some(true));
        Label::vouched(parts)
    };
    for _ in 0..4 {
        say(&store, "ann", (0..1000).map(|number| same(number == 999))).await;
    }
    let values = (0..1000).map(|number| {
        let mut parts = parts("bob", &format!("v{number}"));
        parts.uri = "did:plc:subject".into();
        Label::vouched(parts)
    });
    say(&store, "bob", values).await;
    let found = store.current(vec!["did:plc:subject".into()], None).await.unwrap();
    let of =
        |name: &str| found.iter().filter(|event| event.labeler == did(name)).collect::<Vec<_>>();
    assert_eq!(of("ann").iter().map(|event| event.id).collect::<Vec<_>>(), [id(4000)]);
    let bob: BTreeSet<i64> = of("bob").iter().map(|event| event.id.get()).collect();
    assert_eq!(bob, (4801..=5000).collect(), "the values that were used last");
    let query = Query {
        patterns: vec![Pattern::Is("did:plc:subject".into())],
        sources: vec![did("ann")],
        negated: true,
        expired: true,
        now: Millis(1_700_000_000_000),
    };
    let found = store.query(query, EventId::START, 10).await.unwrap();
    assert_eq!(found.labels.iter().map(|event| event.id).collect::<Vec<_>>(), [id(4000)]);
}

/// A database from before there was an index.
fn of_version_5(path: &Path, labels: i64) {
    let mut db = Connection::open(path).unwrap();
    for schema in [
        include_str!("../../../schema/sqlite/0001_labels.sql"),
        include_str!("../../../schema/sqlite/0002_consumers.sql"),
        include_str!("../../../schema/sqlite/0003_happenings.sql"),
        include_str!("../../../schema/sqlite/0004_lives.sql"),
        include_str!("../../../schema/sqlite/0005_discovery.sql"),
    ] {
        db.execute_batch(schema).unwrap();
    }
    db.execute_batch("PRAGMA application_id = 0x6c746170; PRAGMA user_version = 5;").unwrap();
    let filling = db.transaction().unwrap();
    filling
        .execute(
            "INSERT INTO labelers (did, tracked, sources, added_at, cursor, labels)
             VALUES ('did:web:ann.test', 1, 'api', 1, ?1, ?1)",
            [labels],
        )
        .unwrap();
    for number in 1..=labels {
        let uri = format!("at://did:plc:old/app.bsky.feed.post/{}", number % 10_000);
        filling
            .execute(
                "INSERT INTO labels VALUES (?1, 1, 1, ?1, 0, 0, 1700000000000, ?2, 'spam',
                 '2023-11-14T22:00:00.000Z',
                 'bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq', NULL, x'07', NULL)",
                rusqlite::params![number, uri],
            )
            .unwrap();
    }
    filling.execute("UPDATE meta SET last_id = ?1, added = ?1", [labels]).unwrap();
    filling.commit().unwrap();
}

#[tokio::test]
async fn what_was_stored_before_there_was_an_index_is_put_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    of_version_5(&path, 25_000);
    let store = Store::open(&path).unwrap();
    store.add_labelers(NAMES.map(did).to_vec(), Source::Api, Millis(1)).await.unwrap();
    say(&store, "ann", (0..100).map(|number| stranger("ann", number))).await;
    let uri = |number: i64| format!("at://did:plc:old/app.bsky.feed.post/{number}");
    // It goes on in the background, and after a restart.
    store.close().await;
    let store = Store::open(&path).unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    // Until then nothing is answered: what was taken back later might seem to apply.
    let found = loop {
        match store.current(vec![uri(4999)], None).await {
            Err(StoreError::Indexing) => assert!(tokio::time::Instant::now() < deadline),
            found => break found.unwrap(),
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    assert_eq!(found.first().map(|event| event.id), Some(id(24_999)));
    let events = events_after(&store, EventId::START, usize::MAX).await;
    assert_eq!(events.len(), 25_100);
    walk(&store, &events).await;
    assert_eq!(events.first().unwrap().label.cts, "2023-11-14T22:00:00.000Z");
    let uris: Vec<String> = (0..10_000).step_by(37).map(uri).collect();
    compare(&store, &events, &uris).await;
    let strangers: Vec<String> =
        (0..100).map(|number| stranger("ann", number).uri.clone()).collect();
    compare(&store, &events, &strangers).await;
}
