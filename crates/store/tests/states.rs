//! What becomes of labels, recorded by the store and by a plain model of the rules: random
//! lives of labels, with consumers that begin to ask and stop, and restarts in between.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use common::{did, id, parts, seq};
use label::{Event, EventId, Label, LabelState, Millis, Verdict, syntax};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use store::{Batch, Choice, Entry, RowView, Scan, Source, Store, Topic};

const NAMES: [&str; 2] = ["ann", "bob"];
const URIS: [&str; 3] =
    ["did:plc:subject", "at://did:plc:subject", "at://did:plc:subject/app.bsky.feed.post/1"];
const VALS: [&str; 2] = ["spam", "!hide"];
/// Milliseconds since 1970; each step takes a second.
const BEGUN: i64 = 1_700_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// These, by their dice, in one batch; and whether it is told at once.
    Say(usize, Vec<u32>, bool),
    /// More than are looked at in one read.
    Flood(usize, u32),
    Ask(usize, bool),
    Forget(usize),
    Purge(usize),
    Restart,
    /// So many seconds go by.
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..NAMES.len();
    let dice = proptest::collection::vec(any::<u32>(), 1..12);
    let step = prop_oneof![
        12 => (who.clone(), dice, any::<bool>()).prop_map(|(who, dice, told)| Step::Say(who, dice, told)),
        1 => (who.clone(), any::<u32>()).prop_map(|(who, dice)| Step::Flood(who, dice)),
        3 => (0..2usize, any::<bool>()).prop_map(|(who, told)| Step::Ask(who, told)),
        1 => (0..2usize).prop_map(Step::Forget),
        1 => who.prop_map(Step::Purge),
        1 => Just(Step::Restart),
        4 => (1..30i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..40)
}

fn pick<T: Copy>(from: &[T], dice: &mut u32) -> T {
    let length = u32::try_from(from.len()).unwrap();
    let picked = from[(*dice % length) as usize];
    *dice /= length;
    picked
}

/// A time so many seconds from now.
fn time(now: i64, seconds: i64, fraction: &str) -> String {
    // Where the clock of these tests begins: 2023-11-14T22:13:20Z.
    let second = (22 * 60 + 13) * 60 + 20 + (now - BEGUN) / 1000 + seconds;
    let (day, hour, minute) = (14 + second / 86_400, second / 3600 % 24, second / 60 % 60);
    format!("2023-11-{day:02}T{hour:02}:{minute:02}:{:02}{fraction}Z", second % 60)
}

fn label(labeler: &str, now: i64, mut dice: u32) -> Label {
    let mut parts = parts(labeler, pick(&VALS, &mut dice));
    parts.uri = pick(&URIS, &mut dice).into();
    let said = pick(&[0, 0, 0, -1, -20, 500], &mut dice);
    parts.cts = time(now, said, pick(&["", ".000", ".0005"], &mut dice));
    parts.neg = pick(&[None, None, Some(false), Some(true)], &mut dice);
    let ends = pick(&[None, None, Some(5), Some(40), Some(-3)], &mut dice);
    let fraction = pick(&[".0001", ""], &mut dice);
    parts.exp = ends.map(|seconds| time(now, seconds, fraction));
    Label::vouched(parts)
}

async fn say(store: &Store, labeler: &str, now: i64, labels: Vec<Label>) {
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
    let (labeler, epoch, after) = (did(labeler), row.epoch, row.cursor);
    let received_at = Millis(now);
    store.commit(Batch { labeler, epoch, after, cursor, received_at, entries }).await.unwrap();
}

/// One label as the rules see it.
#[derive(Debug, Clone)]
struct Said {
    id: i64,
    /// Microseconds since 1970, not after its receipt.
    made: i64,
    negates: bool,
    /// Microseconds since 1970.
    ends: Option<i64>,
    applies: bool,
}

type Key = (String, String, String);

/// The rules, as plainly as they can be written.
#[derive(Debug, Default)]
struct Model {
    keys: BTreeMap<Key, Vec<Said>>,
    asks: [bool; 2],
    /// It was asked for, and nothing was told yet.
    is_new: bool,
    /// Said since, with when it was received, and not looked at yet.
    unseen: Vec<(i64, Label, i64)>,
    told: Vec<(LabelState, i64)>,
}

impl Model {
    fn say(&mut self, id: i64, label: Label, received: i64) {
        if self.asks.contains(&true) {
            self.unseen.push((id, label, received));
        } else {
            self.see(id, &label, received, received);
        }
    }

    fn tell(&mut self, now: i64) {
        self.pass(now);
        if std::mem::take(&mut self.is_new) {
            self.begin(now);
        }
        for (id, label, received) in std::mem::take(&mut self.unseen) {
            self.see(id, &label, received, now);
        }
    }

    fn see(&mut self, id: i64, label: &Label, received: i64, now: i64) {
        let asked = self.asks.contains(&true);
        let made = syntax::instant(&label.cts).unwrap().min(received * 1000);
        let ends = label.exp.as_deref().map(|exp| syntax::instant(exp).unwrap());
        let said = Said { id, made, negates: label.negates(), ends, applies: false };
        let key = (label.src.to_string(), label.uri.clone(), label.val.clone());
        let before = self.keys.entry(key).or_default();
        let newest = before.iter_mut().max_by_key(|said| (said.made, said.id));
        let is_newest = newest.as_ref().is_none_or(|newest| (newest.made, newest.id) < (made, id));
        let mut told = Vec::new();
        if is_newest {
            if let Some(newest) = newest.filter(|newest| newest.applies) {
                newest.applies = false;
                let ended = if said.negates { LabelState::Negated } else { LabelState::Superseded };
                told.push((ended, newest.id));
            }
            if !said.negates {
                let ran_out = said.ends.is_some_and(|ends| ends <= now * 1000);
                told.push((if ran_out { LabelState::Expired } else { LabelState::Applies }, id));
            }
        }
        let applies = told.last() == Some(&(LabelState::Applies, id));
        before.push(Said { applies: applies && asked, ..said });
        if asked {
            self.told.extend(told);
        }
    }

    fn ask(&mut self, who: usize) {
        self.is_new |= !self.asks.contains(&true);
        self.asks[who] = true;
    }

    fn begin(&mut self, now: i64) {
        let mut stood = Vec::new();
        for key in self.keys.values_mut() {
            let mut order: Vec<usize> = (0..key.len()).collect();
            order.sort_by_key(|at| (key[*at].made, key[*at].id));
            let Some(newest) = order.last().copied() else { continue };
            let by = key[newest].id;
            if !key[newest].negates {
                let ran_out = key[newest].ends.is_some_and(|ends| ends <= now * 1000);
                key[newest].applies = !ran_out;
                let state = if ran_out { LabelState::Expired } else { LabelState::Applies };
                stood.push((by, state, by));
            } else if let Some(before) = order.iter().rev().find(|at| !key[**at].negates) {
                stood.push((by, LabelState::Negated, key[*before].id));
            }
        }
        // In the order in which what stands was said.
        stood.sort_unstable_by_key(|(by, _, _)| *by);
        self.told.extend(stood.into_iter().map(|(_, state, id)| (state, id)));
    }

    fn forget(&mut self, who: usize) {
        self.asks[who] = false;
        if !self.asks.contains(&true) {
            self.told.clear();
            self.keys.values_mut().flatten().for_each(|said| said.applies = false);
        }
    }

    fn pass(&mut self, now: i64) {
        let run_out =
            |said: &&mut Said| said.applies && said.ends.is_some_and(|ends| ends <= now * 1000);
        let mut ended: Vec<&mut Said> = self.keys.values_mut().flatten().filter(run_out).collect();
        // A label has run out in the first whole millisecond that is not before its end.
        let at =
            |said: &Said| said.ends.map(|ends| ends.div_euclid(1000) + i64::from(ends % 1000 > 0));
        ended.sort_by_key(|said| (at(said), said.id));
        for said in ended {
            said.applies = false;
            self.told.push((LabelState::Expired, said.id));
        }
    }
}

/// Everything that is told and kept, and the labels that there are.
async fn read(store: &Store) -> Vec<(LabelState, i64)> {
    let take = |(): &mut (), row: &RowView<'_>| {
        if matches!(row.topic, Topic::State(_)) { Choice::Take } else { Choice::Pass }
    };
    let (mut told, mut after) = (Vec::new(), EventId::START);
    let until = store.head().borrow().last;
    while after < until {
        let scan = Scan {
            after,
            until,
            rows: 10_000,
            events: 10_000,
            rejected: false,
            labelers: false,
            states: true,
        };
        let scanned = store.scan(scan, (), take).await.unwrap();
        after = scanned.read;
        let ids = scanned.events.iter().map(Event::id).collect();
        assert_eq!(store.some(ids).await.unwrap(), scanned.events, "one by one they say the same");
        for event in scanned.events {
            let Event::State(event) = event else { panic!("{event:?}") };
            told.push((event.state, event.label_id.get()));
        }
    }
    told
}

async fn tell(store: &Store, now: i64) {
    while store.tell_states(Millis(now)).await.unwrap().more {}
}

async fn open(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    store.add_labelers(NAMES.map(did).to_vec(), Source::Api, Millis(1)).await.unwrap();
    store
}

fn consumer(who: usize) -> String {
    format!("reader {who}")
}

async fn play(steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    let mut store = open(&path).await;
    let (mut model, mut now) = (Model::default(), BEGUN);
    for step in steps {
        now += 1000;
        if matches!(step, Step::Purge(_) | Step::Forget(_)) {
            model.tell(now);
            tell(&store, now).await;
        }
        let mut told = true;
        match step {
            Step::Say(who, dice, at_once) => {
                let labels = dice.iter().map(|dice| label(NAMES[*who], now, *dice)).collect();
                said(&store, &mut model, NAMES[*who], now, labels).await;
                told = *at_once;
            }
            Step::Flood(who, dice) => {
                let dice =
                    (0..250u32).map(|n| dice.wrapping_mul(2_654_435_761).wrapping_add(n * 977));
                let labels = dice.map(|dice| label(NAMES[*who], now, dice)).collect();
                said(&store, &mut model, NAMES[*who], now, labels).await;
            }
            Step::Ask(who, at_once) => {
                store.consumer(consumer(*who)).await.unwrap();
                let types = "labeler,label-state".to_owned();
                store.set_consumer_types(consumer(*who), types).await.unwrap();
                model.ask(*who);
                told = *at_once;
            }
            Step::Forget(who) => {
                store.remove_consumer(consumer(*who)).await.unwrap();
                model.forget(*who);
            }
            Step::Purge(who) => {
                let name = did(NAMES[*who]);
                store.remove_labelers(vec![name.clone()], true).await.unwrap();
                store.add_labelers(vec![name.clone()], Source::Api, Millis(now)).await.unwrap();
                let gone: Vec<i64> = model
                    .keys
                    .iter()
                    .filter(|(key, _)| key.0 == name.to_string())
                    .flat_map(|(_, said)| said.iter().map(|said| said.id))
                    .collect();
                model.keys.retain(|key, _| key.0 != name.to_string());
                model.told.retain(|(_, id)| !gone.contains(id));
            }
            Step::Restart => {
                store.close().await;
                store = open(&path).await;
            }
            Step::Wait(seconds) => now += seconds * 1000,
        }
        if told {
            model.tell(now);
            tell(&store, now).await;
            assert_eq!(read(&store).await, model.told, "after {step:?}");
        }
        let asked = *store.tells_states().borrow();
        assert_eq!(asked, model.asks.contains(&true));
    }
    store.close().await;
}

async fn said(store: &Store, model: &mut Model, labeler: &str, now: i64, labels: Vec<Label>) {
    let first = store.head().borrow().last.get() + 1;
    say(store, labeler, now, labels.clone()).await;
    for (id, label) in (first..).zip(labels) {
        model.say(id, label, now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_becomes_of_labels_is_told_as_the_rules_have_it(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(&steps));
    }
}

#[test]
fn the_clock_of_these_tests_is_right() {
    let at = |seconds| syntax::instant(&time(BEGUN, seconds, ".5")).unwrap();
    assert_eq!(at(0), BEGUN * 1000 + 500_000);
    assert_eq!(at(7200) - at(0), 7200 * 1_000_000);
    assert_eq!(id(7), EventId::new(7).unwrap());
}

#[tokio::test]
async fn what_is_still_to_be_told_is_not_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("labeltap.db")).await;
    store.consumer(consumer(0)).await.unwrap();
    store.set_consumer_types(consumer(0), "label-state".into()).await.unwrap();
    let said = |neg: bool, second: i64| {
        let mut parts = parts("ann", "spam");
        (parts.cts, parts.neg) = (time(BEGUN, second, ""), neg.then_some(true));
        Label::vouched(parts)
    };
    say(&store, "ann", BEGUN, vec![said(false, -20)]).await;
    tell(&store, BEGUN).await;
    say(&store, "ann", BEGUN, vec![said(true, -10)]).await;
    let head = store.head().borrow().last;
    store.save_progress(consumer(0), head, vec![]).await.unwrap();
    let later = Millis(BEGUN + 3_600_000);
    assert_eq!(store.retire(later).await.unwrap(), 0, "nobody was told that it was taken back");
    tell(&store, later.0).await;
    let told: Vec<LabelState> = read(&store).await.into_iter().map(|(state, _)| state).collect();
    assert_eq!(told, [LabelState::Applies, LabelState::Negated]);
    assert!(store.retire(later).await.unwrap() > 0);
}
