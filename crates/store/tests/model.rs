//! Random jobs against a store and against a model in memory, with restarts in between:
//! both must answer the same and hold the same.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use common::{batch, did, id, refused, seq};
use label::{Did, EventId, Millis};
use proptest::prelude::*;
use std::collections::BTreeMap;
use store::{Counts, Head, Remedy, Source, Store};

const NAMES: [&str; 3] = ["ann", "bob", "cat"];

#[derive(Debug, Clone)]
enum Step {
    Add(usize, Source),
    Remove {
        who: usize,
        purge: bool,
    },
    /// `late` frames behind the cursor: 0 is the right place.
    Commit {
        who: usize,
        late: i64,
        labels: usize,
        refused: usize,
    },
    CaughtUp(usize),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..NAMES.len();
    let step = prop_oneof![
        3 => (who.clone(), prop_oneof![Just(Source::Api), Just(Source::Config)])
            .prop_map(|(who, source)| Step::Add(who, source)),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, purge)| Step::Remove { who, purge }),
        8 => (who.clone(), prop_oneof![4 => Just(0i64), 1 => 1i64..3], 0usize..4, 0usize..3)
            .prop_map(|(who, late, labels, refused)| Step::Commit { who, late, labels, refused }),
        1 => who.prop_map(Step::CaughtUp),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

/// A label as the model knows it: whose, its frame, whether live.
type Kept = (Did, i64, bool);

#[derive(Default, Clone)]
struct Labeler {
    tracked: bool,
    cursor: i64,
    caught_up: bool,
    labels: u64,
    rejected: u64,
}

#[derive(Default)]
struct Model {
    labelers: BTreeMap<Did, Labeler>,
    log: BTreeMap<i64, Kept>,
    last: i64,
    added: u64,
}

impl Model {
    fn add(&mut self, did: &Did, source: Source) -> bool {
        let known = self.labelers.contains_key(did);
        let labeler = self.labelers.entry(did.clone()).or_default();
        let fresh = !labeler.tracked && (!known || source == Source::Api);
        labeler.tracked |= fresh;
        fresh
    }

    fn remove(&mut self, did: &Did, purge: bool) {
        let Some(labeler) = self.labelers.get_mut(did) else { return };
        labeler.tracked = false;
        if purge {
            *labeler = Labeler::default();
            self.log.retain(|_, kept| kept.0 != *did);
        }
    }

    fn commit(&mut self, did: &Did, after: i64, labels: usize, refused: usize) -> Option<Remedy> {
        let labeler = self.labelers.entry(did.clone()).or_default();
        if after != labeler.cursor {
            return Some(Remedy::Resync);
        }
        for number in (after + 1..).take(labels) {
            self.last += 1;
            self.log.insert(self.last, (did.clone(), number, labeler.caught_up));
        }
        self.last += refused as i64;
        self.added += labels as u64;
        labeler.cursor += labels as i64;
        labeler.labels += labels as u64;
        labeler.rejected += refused as u64;
        None
    }

    fn is_tracked(&self, did: &Did) -> bool {
        self.labelers.get(did).is_some_and(|labeler| labeler.tracked)
    }
}

async fn play(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    let mut store = Store::open(&path).unwrap();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Restart => {
                drop(store);
                store = Store::open(&path).unwrap();
            }
            step => take(&store, &mut model, &step).await,
        }
        compare(&store, &model).await;
    }
}

async fn take(store: &Store, model: &mut Model, step: &Step) {
    match *step {
        Step::Add(who, source) => {
            let did = did(NAMES[who]);
            let added = store.add_labelers(vec![did.clone()], source, Millis(1)).await.unwrap();
            assert_eq!(!added.is_empty(), model.add(&did, source), "{step:?}");
        }
        Step::Remove { who, purge } => {
            store.remove_labelers(vec![did(NAMES[who])], purge).await.unwrap();
            model.remove(&did(NAMES[who]), purge);
        }
        Step::Commit { who, late, labels, refused: count } => {
            let did = did(NAMES[who]);
            let cursor = model.labelers.get(&did).map_or(0, |labeler| labeler.cursor);
            let after = (cursor - late).max(0);
            let mut wanted = batch(NAMES[who], after, &vec!["spam"; labels]);
            wanted.entries.extend((0..count).map(|_| refused(after + 1, vec![1])));
            let answer = store.commit(wanted).await;
            let expected = match model.is_tracked(&did) {
                true => model.commit(&did, after, labels, count),
                false => Some(Remedy::Leave),
            };
            assert_eq!(answer.as_ref().err().map(store::StoreError::remedy), expected, "{step:?}");
        }
        Step::CaughtUp(who) => {
            let did = did(NAMES[who]);
            let tracked = model.is_tracked(&did);
            assert_eq!(store.caught_up(did.clone(), "live", Millis(1)).await.is_ok(), tracked);
            if let Some(labeler) = model.labelers.get_mut(&did).filter(|_| tracked) {
                // The first time it is told, too.
                model.last += i64::from(!std::mem::replace(&mut labeler.caught_up, true));
            }
        }
        Step::Restart => unreachable!(),
    }
}

async fn compare(store: &Store, model: &Model) {
    let events = common::events_after(store, EventId::START, 10_000).await;
    let kept: BTreeMap<i64, Kept> = events
        .into_iter()
        .map(|event| (event.id.get(), (event.labeler, event.seq.get(), event.live)))
        .collect();
    assert_eq!(kept, model.log);
    assert_eq!(*store.head().borrow(), Head { last: id(model.last), added: model.added });
    for (did, labeler) in &model.labelers {
        let row = store.labeler(did.clone()).await.unwrap().unwrap();
        assert_eq!((row.tracked, row.cursor), (labeler.tracked, seq(labeler.cursor)), "{did}");
        assert_eq!(row.caught_up, labeler.caught_up, "{did}");
        assert_eq!((row.labels, row.rejected), (labeler.labels, labeler.rejected), "{did}");
        let refused = store.rejected(did.clone(), None, 10_000).await.unwrap();
        assert_eq!(refused.len() as u64, labeler.rejected);
    }
    let tracked = model.labelers.values().filter(|labeler| labeler.tracked).count();
    let expected = Counts { labelers: tracked as u64, labels: model.log.len() as u64 };
    assert_eq!(store.counts().await.unwrap(), expected);
    let middle = model.last / 2;
    let above = model.log.range(middle + 1..).count() as u64;
    assert_eq!(store.count_after(id(middle)).await.unwrap(), above);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_and_the_model_agree(steps in steps()) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(play(steps));
    }
}
