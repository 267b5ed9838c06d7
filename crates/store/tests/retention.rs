//! What is taken away since it no longer applies, and what is not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![expect(dead_code, reason = "common is shared by several test binaries")]

mod common;

use common::{did, events_after, id, parts, seq};
use label::{Epoch, EventId, Label, Millis, Verdict};
use std::path::Path;
use store::{Batch, DeadRow, Entry, Source, Store};

/// In the tests a label with `cts` `n` seconds after this was received then as well.
const BEGUN: i64 = 1_700_000_000_000;

/// A label: key, when it was made, when it was received (both in seconds), and whether it takes
/// back; and until when it applies.
#[derive(Clone, Copy)]
struct Said(&'static str, i64, i64, bool, Option<i64>);

/// Made when it was received.
fn plain(val: &'static str, at: i64) -> Said {
    Said(val, at, at, false, None)
}

fn negation(val: &'static str, at: i64) -> Said {
    Said(val, at, at, true, None)
}

fn at(second: i64) -> Millis {
    Millis(BEGUN + second * 1000)
}

fn time(second: i64) -> String {
    // 1_700_000_000 is 22:13:20.
    let second = second + 13 * 60 + 20;
    format!("2023-11-14T22:{:02}:{:02}.000Z", second / 60, second % 60)
}

fn label(labeler: &str, said: Said) -> Label {
    let Said(val, made, _, neg, exp) = said;
    let mut parts = parts(labeler, val);
    (parts.cts, parts.neg, parts.exp) = (time(made), neg.then_some(true), exp.map(time));
    Label::vouched(parts)
}

/// Says these, each in a frame of its own.
async fn say(store: &Store, labeler: &str, said: &[Said]) {
    for one in said {
        let row = store.labeler(did(labeler)).await.unwrap().unwrap();
        let frame = seq(row.cursor.get() + 1);
        let label = label(labeler, *one);
        let entry =
            Entry::Label { seq: frame, place: 0, label, verdict: Verdict::Verified, raw: None };
        let (epoch, after) = (row.epoch, row.cursor);
        let (labeler, received_at) = (did(labeler), at(one.2));
        let batch =
            Batch { labeler, epoch, after, cursor: frame, received_at, entries: vec![entry] };
        store.commit(batch).await.unwrap();
    }
}

/// A store with ann and bob tracked, and one consumer, which has passed everything to come.
async fn open(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    store.add_labelers(vec![did("ann"), did("bob")], Source::Api, Millis(1)).await.unwrap();
    store.consumer("default".into()).await.unwrap();
    pass(&store, "default", 1_000_000).await;
    store
}

async fn pass(store: &Store, name: &str, up_to: i64) {
    store.save_progress(name.into(), id(up_to), vec![]).await.unwrap();
}

async fn held(store: &Store) -> Vec<i64> {
    let events = events_after(store, EventId::START, usize::MAX).await;
    events.iter().map(|event| event.id.get()).collect()
}

async fn row(store: &Store, labeler: &str) -> (u64, i64) {
    let row = store.labeler(did(labeler)).await.unwrap().unwrap();
    let held = store.held(did(labeler), row.epoch, vec![]).await.unwrap();
    (row.labels, held.swept.get())
}

/// Runs the test against a store of its own.
macro_rules! with_a_store {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                super::$name(super::open(&dir.path().join("labeltap.db")).await).await;
            })+
        }
    };
}

with_a_store! {
    what_was_superseded_goes_when_its_successor_is_old_enough,
    keys_are_of_one_labeler_one_subject_and_one_value,
    the_newest_is_told_by_when_it_was_made_and_then_by_its_place,
    a_time_after_the_receipt_does_not_count,
    what_takes_back_goes_after_what_it_took_back,
    what_has_run_out_goes_like_what_takes_back,
    what_is_owed_or_set_aside_stays,
    nothing_goes_before_there_is_a_consumer,
    counts_and_frames_stay_right,
    after_a_reset_what_came_later_is_told_again_with_what_was_taken_away,
    a_purged_labeler_is_no_trouble,
    many_go_in_many_jobs,
}

async fn what_was_superseded_goes_when_its_successor_is_old_enough(store: Store) {
    say(&store, "ann", &[plain("spam", 0), plain("rude", 1), plain("spam", 100)]).await;
    say(&store, "ann", &[plain("spam", 200)]).await;
    assert_eq!(store.retire(at(99)).await.unwrap(), 0);
    assert_eq!(store.retire(at(100)).await.unwrap(), 1);
    assert_eq!(held(&store).await, [2, 3, 4]);
    assert_eq!(store.retire(at(1000)).await.unwrap(), 1);
    assert_eq!(store.retire(at(1000)).await.unwrap(), 0);
    assert_eq!(held(&store).await, [2, 4], "what applies stays for ever");
}

async fn keys_are_of_one_labeler_one_subject_and_one_value(store: Store) {
    say(&store, "ann", &[plain("spam", 0), plain("spa", 1)]).await;
    say(&store, "bob", &[plain("spam", 2)]).await;
    assert_eq!(store.retire(at(1000)).await.unwrap(), 0);
    // cid is not part of the key.
    let mut parts = label("ann", plain("spam", 3)).into_parts();
    parts.cid = Some("bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq".into());
    let label = Label::vouched(parts);
    let entry =
        Entry::Label { seq: seq(3), place: 0, label, verdict: Verdict::Verified, raw: None };
    let (labeler, received_at) = (did("ann"), at(3));
    let (after, cursor, epoch) = (seq(2), seq(3), Epoch::FIRST);
    let batch = Batch { labeler, epoch, after, cursor, received_at, entries: vec![entry] };
    store.commit(batch).await.unwrap();
    assert_eq!(store.retire(at(1000)).await.unwrap(), 1);
    assert_eq!(held(&store).await, [2, 3, 4]);
}

async fn the_newest_is_told_by_when_it_was_made_and_then_by_its_place(store: Store) {
    // The second was made before the first.
    say(&store, "ann", &[plain("spam", 10), Said("spam", 5, 20, false, None)]).await;
    // These were made at the same time.
    say(&store, "ann", &[plain("rude", 30), Said("rude", 30, 31, true, None)]).await;
    assert_eq!(store.retire(at(19)).await.unwrap(), 0, "it is there since then only");
    assert_eq!(store.retire(at(1000)).await.unwrap(), 2);
    assert_eq!(held(&store).await, [1, 4]);
}

async fn a_time_after_the_receipt_does_not_count(store: Store) {
    say(&store, "ann", &[Said("spam", 500, 10, false, None), plain("spam", 20)]).await;
    store.retire(at(1000)).await.unwrap();
    assert_eq!(held(&store).await, [2]);
}

async fn what_takes_back_goes_after_what_it_took_back(store: Store) {
    say(&store, "ann", &[plain("spam", 0), negation("spam", 10), negation("rude", 10)]).await;
    assert_eq!(store.retire(at(9)).await.unwrap(), 0);
    assert_eq!(store.retire(at(10)).await.unwrap(), 2);
    assert_eq!(held(&store).await, [2], "while the older one was there, it stayed");
    // Something older came late: it must not apply again.
    say(&store, "ann", &[Said("spam", 5, 500, false, None)]).await;
    assert_eq!(store.retire(at(499)).await.unwrap(), 0);
    assert_eq!(store.retire(at(500)).await.unwrap(), 1);
    assert_eq!(held(&store).await, [2]);
    assert_eq!(store.retire(at(500)).await.unwrap(), 1);
    assert_eq!(held(&store).await, []);
}

async fn what_has_run_out_goes_like_what_takes_back(store: Store) {
    say(&store, "ann", &[plain("spam", 0), Said("spam", 10, 10, false, Some(100))]).await;
    say(&store, "ann", &[Said("rude", 10, 10, false, Some(50))]).await;
    assert_eq!(store.retire(at(9)).await.unwrap(), 0);
    assert_eq!(store.retire(at(49)).await.unwrap(), 1, "it was superseded all the same");
    assert_eq!(store.retire(at(50)).await.unwrap(), 1);
    assert_eq!(held(&store).await, [2]);
    assert_eq!(store.retire(at(100)).await.unwrap(), 1);
}

async fn what_is_owed_or_set_aside_stays(store: Store) {
    let said = [0, 10, 20, 30, 40].map(|at| plain("spam", at));
    say(&store, "ann", &said).await;
    store.consumer("late".into()).await.unwrap();
    assert_eq!(store.retire(at(1000)).await.unwrap(), 0, "it has read nothing yet");
    pass(&store, "late", 3).await;
    let aside = DeadRow { id: id(2), deliveries: 3, last_error: None };
    store.set_aside("default".into(), vec![aside], Millis(7)).await.unwrap();
    assert_eq!(store.retire(at(1000)).await.unwrap(), 2);
    assert_eq!(held(&store).await, [2, 4, 5]);
    assert_eq!(store.count_after(id(3)).await.unwrap(), 2);
    assert!(store.remove_consumer("late".into()).await.unwrap());
    store.retry_dead("default".into(), id(1_000_000), vec![], vec![id(2)]).await.unwrap();
    assert_eq!(store.retire(at(1000)).await.unwrap(), 2);
    assert_eq!(held(&store).await, [5]);
}

async fn nothing_goes_before_there_is_a_consumer(store: Store) {
    say(&store, "ann", &[plain("spam", 0), plain("spam", 10)]).await;
    store.remove_consumer("default".into()).await.unwrap();
    assert_eq!(store.retire(at(1000)).await.unwrap(), 0);
}

async fn counts_and_frames_stay_right(store: Store) {
    say(&store, "bob", &[plain("spam", 0)]).await;
    let said = [plain("spam", 0), plain("spam", 10), plain("rude", 10), plain("spam", 20)];
    say(&store, "ann", &said).await;
    assert_eq!(row(&store, "ann").await, (4, 0));
    let head = *store.head().borrow();
    assert_eq!(store.retire(at(1000)).await.unwrap(), 2);
    assert_eq!(row(&store, "ann").await, (2, 2));
    assert_eq!(row(&store, "bob").await, (1, 0));
    assert_eq!(store.counts().await.unwrap().labels, 3);
    assert_eq!(store.count_after(EventId::START).await.unwrap(), 3);
    assert_eq!(*store.head().borrow(), head, "ids and what was ever added are no less");
    say(&store, "ann", &[plain("spam", 30)]).await;
    assert_eq!(held(&store).await, [1, 4, 5, 6]);
}

async fn after_a_reset_what_came_later_is_told_again_with_what_was_taken_away(store: Store) {
    let before = [plain("spam", 0), negation("spam", 10), plain("spam", 20), plain("rude", 30)];
    say(&store, "ann", &before).await;
    assert_eq!(store.retire(at(20)).await.unwrap(), 2);
    assert_eq!(held(&store).await, [3, 4]);
    store.reset(did("ann"), Epoch::FIRST, "live", at(40)).await.unwrap(); // event 5
    assert_eq!(store.gather(did("ann"), None).await.unwrap(), None);
    say(&store, "ann", &before.map(|said| Said(said.0, said.1, 50, said.3, said.4))).await;
    // A consumer that was told of the negation again has to hear what came after it, in order.
    assert_eq!(held(&store).await, [3, 4, 6, 7, 8]);
    store.caught_up(did("ann"), "live", at(60)).await.unwrap();
    store.retire(at(1000)).await.unwrap();
    assert_eq!(held(&store).await, [4, 8]);
    assert_eq!(row(&store, "ann").await, (2, 2));
}

async fn a_purged_labeler_is_no_trouble(store: Store) {
    say(&store, "ann", &[plain("spam", 0), plain("spam", 10)]).await;
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    store.add_labelers(vec![did("ann")], Source::Api, Millis(9)).await.unwrap();
    say(&store, "ann", &[plain("spam", 0), plain("spam", 10)]).await;
    assert_eq!(store.retire(at(1000)).await.unwrap(), 1);
    assert_eq!(held(&store).await, [4]);
    assert_eq!(row(&store, "ann").await, (1, 1));
}

async fn many_go_in_many_jobs(store: Store) {
    for frames in 0..12_i64 {
        let (after, cursor) = (seq(frames), seq(frames + 1));
        let entry = |place: u32| {
            let mut parts = label("ann", plain("spam", frames)).into_parts();
            parts.uri = format!("at://did:web:subject.test/app.bsky.feed.post/{place}");
            let label = Label::vouched(parts);
            Entry::Label { seq: cursor, place, label, verdict: Verdict::Verified, raw: None }
        };
        let entries = (0..1000).map(entry).collect();
        let (labeler, received_at) = (did("ann"), at(frames));
        let batch = Batch { labeler, epoch: Epoch::FIRST, after, cursor, received_at, entries };
        store.commit(batch).await.unwrap();
    }
    assert_eq!(store.retire(at(5)).await.unwrap(), 5_000);
    assert_eq!(store.retire(at(100)).await.unwrap(), 6_000);
    assert_eq!(held(&store).await, (11_001..=12_000).collect::<Vec<_>>());
    assert_eq!(row(&store, "ann").await, (1000, 11));
}
