//! Random labels, counted and counted again by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use label::{Did, Epoch, Label, LabelEvent, Millis, Parts, Seq, Verdict, syntax};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{Archive, Batch, Entry, Source, Store};
use tally::{By, Sums, count};

const NOW: Millis = Millis(1_750_000_000_000);
const NAMES: [&str; 3] = ["ann", "bob", "eve"];
const VALUES: [&str; 4] = ["spam", "rude", "!hide", "porn"];
const TARGETS: [&str; 5] = [
    "did:plc:subject",
    "at://did:plc:subject/app.bsky.actor.profile/self",
    "at://did:plc:subject/app.bsky.feed.post/",
    "at://did:plc:subject/app.bsky.graph.list/",
    "https://example.com/",
];

/// Record keys, all of 2024.
const KEYS: [&str; 4] = ["3kkzzzzzzzzz2", "3klzzzzzzzzz2", "3kmzzzzzzzzz2", "mine"];

fn did(name: &str) -> Did {
    Did::parse(&format!("did:web:{name}.test")).unwrap()
}

fn seq(number: i64) -> Seq {
    Seq::cursor(number).unwrap()
}

/// The next of some numbers that look like chance.
fn next(dice: &mut u64) -> usize {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*dice >> 40) as usize
}

fn pick<T: Copy>(from: &[T], dice: &mut u64) -> T {
    from.get(next(dice) % from.len()).copied().unwrap()
}

fn entry(labeler: &str, number: i64, dice: &mut u64) -> Entry {
    let target = pick(&TARGETS, dice);
    let key = if target.ends_with('/') { pick(&KEYS, dice) } else { "" };
    let (month, day, hour) = (next(dice) % 12 + 1, next(dice) % 28 + 1, next(dice) % 24);
    let label = Label::vouched(Parts {
        src: did(labeler),
        uri: format!("{target}{key}"),
        cid: None,
        val: pick(&VALUES, dice).to_owned(),
        neg: pick(&[None, None, Some(false), Some(true)], dice),
        cts: format!("2024-{month:02}-{day:02}T{hour:02}:00:00.{:03}Z", number % 1000),
        exp: pick(&[None, None, Some("2025-01-01T00:00:00Z")], dice).map(str::to_owned),
        sig: vec![7; 64],
    });
    Entry::Label { seq: seq(number), place: 0, label, verdict: Verdict::Verified, raw: None }
}

/// A store in which `ann` and `bob` have said much, `eve` nothing, and `zoe` was removed.
async fn filled(store: &Store, count: i64) {
    let all = NAMES.iter().chain(&["zoe"]).map(|name| did(name)).collect();
    store.add_labelers(all, Source::Api, NOW).await.unwrap();
    store.remove_labelers(vec![did("zoe")], false).await.unwrap();
    let mut dice = 1;
    for name in ["ann", "bob"] {
        let entries = (1..=count).map(|number| entry(name, number, &mut dice)).collect();
        let (labeler, epoch) = (did(name), Epoch::FIRST);
        let (after, cursor) = (Seq::START, seq(count));
        let batch = Batch { labeler, epoch, after, cursor, received_at: NOW, entries };
        store.commit(batch).await.unwrap();
    }
}

fn everything(archive: &mut Archive) -> Vec<LabelEvent> {
    let head = archive.head().unwrap();
    let mut labels = Vec::new();
    let page = archive.page(label::EventId::START, head, |glance| {
        labels.push(glance.read()?);
        Ok(())
    });
    assert_eq!(page.unwrap().read, None);
    labels
}

/// The headings of a label.
fn heading(by: By, event: &LabelEvent) -> String {
    let label = &event.label;
    match by {
        By::Labeler => event.labeler.to_string(),
        By::Value => label.val.clone(),
        By::Month => label.cts.get(..7).unwrap().to_owned(),
        By::Target if label.uri.starts_with("did:") => "account".to_owned(),
        By::Target if label.uri.contains("actor.profile") => "avatar/banner".to_owned(),
        By::Target if label.uri.contains("feed.post") => "app.bsky.feed.post".to_owned(),
        By::Target if label.uri.contains("graph.list") => "app.bsky.graph.list".to_owned(),
        By::Target => "other".to_owned(),
    }
}

/// The newest label of each key.
fn newest(events: &[LabelEvent]) -> BTreeSet<i64> {
    let mut keys: BTreeMap<_, (&str, i64)> = BTreeMap::new();
    for event in events {
        let label = &event.label;
        let key = (event.labeler.as_str(), &label.uri, &label.val);
        let order = (label.cts.as_str(), event.id.get());
        let best = keys.entry(key).or_insert(order);
        *best = order.max(*best);
    }
    keys.into_values().map(|(_, id)| id).collect()
}

fn sums<'a>(events: impl Iterator<Item = &'a LabelEvent>, newest: &BTreeSet<i64>) -> Sums {
    let (mut sums, mut subjects) = (Sums::default(), BTreeSet::new());
    for event in events {
        let label = &event.label;
        let (neg, newest) = (label.neg == Some(true), newest.contains(&event.id.get()));
        let ends = label.exp.as_deref().and_then(syntax::instant);
        let run_out = ends.is_some_and(|ends| ends <= NOW.0 * 1000);
        sums.labels += 1;
        sums.negations += u64::from(neg);
        sums.current += u64::from(newest && !neg && !run_out);
        sums.rescinded += u64::from(newest && neg);
        sums.expired += u64::from(newest && !neg && run_out);
        subjects.insert(&label.uri);
    }
    sums.subjects = subjects.len() as u64;
    sums
}

/// The delays of these, in order, in seconds.
fn delays<'a>(events: impl Iterator<Item = &'a LabelEvent>) -> Vec<f64> {
    let delay = |event: &LabelEvent| {
        let record = event.label.uri.strip_prefix("at://")?;
        let key = record.rsplit('/').next()?;
        let made = syntax::instant(&event.label.cts)? - syntax::tid_micros(key)?;
        (event.label.neg != Some(true) && made >= 0).then_some(made as f64 / 1e6)
    };
    let mut delays: Vec<f64> = events.filter_map(delay).collect();
    delays.sort_by(f64::total_cmp);
    delays
}

#[tokio::test]
async fn the_tables_are_those_of_a_plain_count() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    filled(&store, 3000).await;
    let study = |archive: &mut Archive| Ok((count(archive, NOW)?, everything(archive)));
    let (tally, events) = store.study(study).await.unwrap();
    assert_eq!(events.len(), 6000);
    let newest = newest(&events);
    assert_eq!(tally.total, sums(events.iter(), &newest));
    for by in By::ALL {
        let mut expected: BTreeMap<String, Vec<&LabelEvent>> = BTreeMap::new();
        for event in &events {
            expected.entry(heading(by, event)).or_default().push(event);
        }
        let table = tally.table(by);
        assert_eq!((table.rows.len(), table.rest), (expected.len(), None), "{by:?}");
        for row in &table.rows {
            let events = || expected.get(&row.key).unwrap().iter().copied();
            assert_eq!(row.sums, sums(events(), &newest), "{by:?} {}", row.key);
            let delays = delays(events());
            let Some(reaction) = row.reaction.filter(|_| !delays.is_empty()) else {
                assert!(row.reaction.is_none() && !matches!(by, By::Labeler | By::Value));
                continue;
            };
            assert_eq!(reaction.count, delays.len() as u64);
            let near = |found: f64, quarters: usize| {
                let place = (delays.len() * quarters).div_ceil(4) - 1;
                let exact = delays.get(place).copied().unwrap();
                assert!((found - exact).abs() <= exact * 0.005, "{found} and {exact}");
            };
            near(reaction.lower_quartile, 1);
            near(reaction.median, 2);
            near(reaction.upper_quartile, 3);
        }
        let labels = |place: usize| table.rows.get(place).map(|row| row.sums.labels);
        let falls = (1..table.rows.len()).all(|place| labels(place - 1) >= labels(place));
        assert!(by == By::Month || falls, "most labels first");
        assert!(by != By::Month || table.rows.is_sorted_by_key(|row| &row.key));
    }
    let both = events.iter().map(|event| (&event.label.uri, event.labeler.as_str()));
    let pairs: BTreeSet<_> = both.collect();
    let several = pairs.len() as u64 - tally.total.subjects;
    assert_eq!(tally.with_several_labelers, several, "two labelers, so what is left are both's");
    assert_eq!((tally.labelers.announced, tally.labelers.active), (3, 2));
}

#[tokio::test]
async fn an_answer_has_the_names_that_were_promised() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    let nothing = store.study(|archive| count(archive, NOW)).await.unwrap();
    let zero = json!({
        "by": "target", "rows": [], "labels": 0, "negations": 0, "subjects": 0, "current": 0,
        "rescinded": 0, "expired": 0, "subjects_with_several_labelers": 0, "until": 0,
        "labelers": { "announced": 0, "active": 0 }, "counted_at": "2025-06-15T15:06:40.000Z",
    });
    assert_eq!(serde_json::to_value(nothing.answer(By::Target)).unwrap(), zero);
    filled(&store, 50).await;
    let some = store.study(|archive| count(archive, NOW)).await.unwrap();
    let answer = serde_json::to_value(some.answer(By::Value)).unwrap();
    let row = answer.pointer("/rows/0").and_then(Value::as_object).unwrap();
    for name in ["key", "labels", "negations", "subjects", "current", "rescinded", "expired"] {
        assert!(row.contains_key(name), "{name}: {row:?}");
    }
    let reaction = row.get("reaction").and_then(Value::as_object).unwrap();
    let names: Vec<&str> = reaction.keys().map(String::as_str).collect();
    assert_eq!(names, ["count", "lower_quartile", "median", "upper_quartile"]);
}

#[tokio::test]
async fn one_labeler_cannot_fill_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    store.add_labelers(vec![did("ann"), did("bob")], Source::Api, NOW).await.unwrap();
    let entry = |labeler: &str, number: i64, val: String| {
        let (src, uri) = (did(labeler), format!("at://did:plc:a/a.b.c{number}/x"));
        let cts = "2024-01-01T00:00:00.000Z".to_owned();
        let (cid, neg, exp, sig) = (None, None, None, vec![7; 64]);
        let label = Label::vouched(Parts { src, uri, cid, val, neg, cts, exp, sig });
        Entry::Label { seq: seq(number), place: 0, label, verdict: Verdict::Verified, raw: None }
    };
    for (labeler, count) in [("ann", 5000), ("bob", 10)] {
        let entries = (1..=count).map(|n| entry(labeler, n, format!("{labeler} {n}"))).collect();
        let (labeler, epoch) = (did(labeler), Epoch::FIRST);
        let (after, cursor) = (Seq::START, seq(count));
        let batch = Batch { labeler, epoch, after, cursor, received_at: NOW, entries };
        store.commit(batch).await.unwrap();
    }
    let tally = store.study(|archive| count(archive, NOW)).await.unwrap();
    let values = tally.table(By::Value);
    assert_eq!(values.rows.len(), 2010);
    assert_eq!(values.rows.iter().filter(|row| row.key.starts_with("bob")).count(), 10);
    assert_eq!(values.rest.map(|rest| (rest.labels, rest.subjects)), Some((3000, 3000)));
    let targets = tally.table(By::Target);
    assert_eq!((targets.rows.len(), targets.rest.map(|rest| rest.labels)), (2000, Some(3000)));
    assert_eq!(tally.total.subjects, 5000);
}
