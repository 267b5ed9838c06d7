//! What the store promises about labelers that start over, change their keys and repeat
//! themselves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]

mod common;

use common::{batch, did, entry, id, log, parts, refused, seq};
use label::{Epoch, EventId, Label, Millis, Verdict};
use store::{Batch, Entry, Noted, Readmitted, Source, Store, StoreError};

const SECOND: Epoch = Epoch(2);

/// A store in which ann is tracked, and its folder.
async fn house() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    store.add_labelers(vec![did("ann"), did("bob")], Source::Api, Millis(1)).await.unwrap();
    (dir, store)
}

async fn reset(store: &Store) {
    // The batches of these tests are of this time.
    let now = Millis(1_700_000_000_000);
    store.reset(did("ann"), Epoch::FIRST, "backfilling", now).await.unwrap();
}

async fn gather(store: &Store) -> usize {
    let (mut after, mut calls) = (None, 0);
    loop {
        after = store.gather(did("ann"), after).await.unwrap();
        calls += 1;
        if after.is_none() {
            return calls;
        }
    }
}

/// The same of the second epoch.
fn again(after: i64, vals: &[&str]) -> Batch {
    Batch { epoch: SECOND, ..batch("ann", after, vals) }
}

async fn held(store: &Store, epoch: Epoch, frames: &[i64]) -> Vec<(i64, String)> {
    let asked = frames.iter().map(|number| (seq(*number), 0)).collect();
    let held = store.held(did("ann"), epoch, asked).await.unwrap();
    held.labels.into_iter().map(|held| (held.seq.get(), held.label.val.clone())).collect()
}

#[tokio::test]
async fn a_new_epoch_begins_at_0_and_is_told() {
    let (_dir, store) = house().await;
    store.commit(batch("ann", 0, &["a", "b"])).await.unwrap();
    store.caught_up(did("ann"), "live", Millis(1)).await.unwrap();
    reset(&store).await;
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!(
        (row.epoch, row.cursor.get(), row.caught_up, row.gathering),
        (SECOND, 0, false, true)
    );
    // Nobody begins it twice, and nothing of the old one is taken any more.
    let twice = store.reset(did("ann"), Epoch::FIRST, "backfilling", Millis(2)).await;
    assert!(matches!(twice, Err(StoreError::Moved { .. })));
    let old = store.commit(batch("ann", 2, &["c"])).await;
    assert!(matches!(old, Err(StoreError::Moved { .. })));
}

#[tokio::test]
async fn what_was_said_before_moves_to_its_new_frame_and_is_not_told_again() {
    let (_dir, store) = house().await;
    store.commit(batch("ann", 0, &["a", "b", "b", "c"])).await.unwrap();
    store.commit(batch("bob", 0, &["x"])).await.unwrap();
    let before = log(&store).await;
    reset(&store).await;
    gather(&store).await;
    // "b" was said twice, so it is known twice and no third time; "x" is somebody else's.
    let committed = store.commit(again(0, &["b", "x", "b", "b"])).await.unwrap();
    assert_eq!(committed.labels, 2);
    let after = log(&store).await;
    assert_eq!(after[..before.len()], before[..]);
    let vals: Vec<&str> = after[before.len()..].iter().map(|(_, val)| val.as_str()).collect();
    assert_eq!(vals, ["x", "b"]);
    let now = [(1, "b".to_owned()), (2, "x".to_owned()), (3, "b".to_owned()), (4, "b".to_owned())];
    assert_eq!(held(&store, SECOND, &[1, 2, 3, 4]).await, now);
    let left = [(1, "a".to_owned()), (4, "c".to_owned())];
    assert_eq!(held(&store, Epoch::FIRST, &[1, 2, 3, 4]).await, left);
    assert_eq!(store.labeler(did("ann")).await.unwrap().unwrap().labels, 6);
}

#[tokio::test]
async fn the_new_signature_is_kept_and_the_verdict_with_it() {
    let (_dir, store) = house().await;
    let old = Entry::Label {
        seq: seq(1),
        place: 0,
        label: Label::vouched(parts("ann", "a")),
        verdict: Verdict::VerifiedOldKey,
        raw: Some(vec![1]),
    };
    store.commit(Batch { entries: vec![old], ..batch("ann", 0, &["a"]) }).await.unwrap();
    reset(&store).await;
    gather(&store).await;
    let signed = label::Parts { sig: vec![9; 64], neg: Some(false), ..parts("ann", "a") };
    let label = Label::vouched(signed);
    let new = Entry::Label { seq: seq(1), place: 0, label, verdict: Verdict::Verified, raw: None };
    let known = Batch { entries: vec![new], ..again(0, &["a"]) };
    assert_eq!(store.commit(known).await.unwrap().labels, 0);
    let events = common::events_after(&store, EventId::START, 10).await;
    assert_eq!(events.len(), 1);
    let one = &events[0];
    assert_eq!((one.id, one.epoch, one.verdict), (id(1), SECOND, Verdict::Verified));
    assert_eq!((&one.label.sig, one.label.neg, &one.raw), (&vec![9; 64], Some(false), &None));
}

#[tokio::test]
async fn gathering_goes_in_stretches_and_ends_with_the_present() {
    let (dir, store) = house().await;
    let vals: Vec<String> = (0..4500).map(|number| number.to_string()).collect();
    let vals: Vec<&str> = vals.iter().map(String::as_str).collect();
    store.commit(batch("ann", 0, &vals)).await.unwrap();
    reset(&store).await;
    // Stopped half way, it begins anew.
    let half = store.gather(did("ann"), None).await.unwrap();
    assert!(half.is_some());
    drop(store);
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    assert!(store.labeler(did("ann")).await.unwrap().unwrap().gathering);
    assert_eq!(gather(&store).await, 3);
    assert!(!store.labeler(did("ann")).await.unwrap().unwrap().gathering);
    assert_eq!(store.commit(again(0, &vals)).await.unwrap().labels, 0);
    // What is said a second time in the new epoch is said a second time.
    store.caught_up(did("ann"), "live", Millis(3)).await.unwrap();
    assert_eq!(store.commit(again(4500, &["1"])).await.unwrap().labels, 1);
}

#[tokio::test]
async fn the_frame_before_the_newest_labels_is_found() {
    let (_dir, store) = house().await;
    store.commit(batch("ann", 0, &["a", "b", "c"])).await.unwrap();
    store.commit(Batch { cursor: seq(9), ..batch("ann", 3, &[]) }).await.unwrap();
    let back = |back| store.rewound(did("ann"), back);
    let found = [back(0).await.unwrap(), back(1).await.unwrap(), back(2).await.unwrap()];
    assert_eq!(found.map(|frame| frame.get()), [3, 2, 1]);
    assert_eq!(back(3).await.unwrap().get(), 0);
}

#[tokio::test]
async fn what_is_published_late_is_stored_under_its_number_and_the_cursor_stays() {
    let (_dir, store) = house().await;
    store.commit(Batch { cursor: seq(9), ..batch("ann", 0, &["a"]) }).await.unwrap();
    let late = Batch {
        after: seq(9),
        cursor: seq(9),
        entries: vec![entry("ann", 5, "late")],
        ..batch("ann", 9, &[])
    };
    assert_eq!(store.commit(late).await.unwrap().labels, 1);
    assert_eq!(store.labeler(did("ann")).await.unwrap().unwrap().cursor.get(), 9);
    assert_eq!(held(&store, Epoch::FIRST, &[5]).await, [(5, "late".to_owned())]);
    // Found in another way, it is not new any more.
    let late = Batch {
        after: seq(9),
        cursor: seq(9),
        entries: vec![entry("ann", 5, "late")],
        ..batch("ann", 9, &[])
    };
    assert_eq!(store.commit(late).await.unwrap().labels, 0);
}

#[tokio::test]
async fn what_is_restored_after_days_is_not_told_again_and_after_a_week_it_is() {
    let (_dir, store) = house().await;
    store.commit(batch("ann", 0, &["a", "b"])).await.unwrap();
    let day = 24 * 3_600_000;
    store.reset(did("ann"), Epoch::FIRST, "backfilling", Millis(day)).await.unwrap();
    gather(&store).await;
    store.caught_up(did("ann"), "live", Millis(day)).await.unwrap();
    let at = |days: i64, after, vals: &[&str]| Batch {
        received_at: Millis(days * day),
        ..again(after, vals)
    };
    assert_eq!(store.commit(at(7, 0, &["a"])).await.unwrap().labels, 0);
    assert_eq!(store.commit(at(8, 1, &["b"])).await.unwrap().labels, 1);
}

#[tokio::test]
async fn another_key_asks_for_a_second_judgement_until_it_is_given() {
    let (_dir, store) = house().await;
    let note = |key: &str| {
        let noted = Noted { key: Some(key.to_owned()), ..Noted::default() };
        store.note(did("ann"), noted, "live", Millis(1))
    };
    let asked = async || store.labeler(did("ann")).await.unwrap().unwrap().rejudge;
    note("k1").await.unwrap();
    assert!(!asked().await, "the first key changes nothing");
    note("k1").await.unwrap();
    assert!(!asked().await);
    note("k2").await.unwrap();
    assert!(asked().await);
    store.rejudged(did("ann"), "k1".into()).await.unwrap();
    assert!(asked().await, "that was under another key");
    store.rejudged(did("ann"), "k2".into()).await.unwrap();
    assert!(!asked().await);
}

#[tokio::test]
async fn what_holds_after_all_comes_out_of_the_rejected_ones_with_its_old_number() {
    let (_dir, store) = house().await;
    let entries = vec![refused(1, vec![1]), refused(2, vec![2]), refused(3, vec![3; 20_000])];
    store.commit(Batch { entries, cursor: seq(3), ..batch("ann", 0, &[]) }).await.unwrap();
    let all = store.doubtful(did("ann"), Millis(0), EventId::START, 10).await.unwrap();
    // What was too long to keep cannot be judged again.
    assert_eq!(all.iter().map(|one| one.raw.clone()).collect::<Vec<_>>(), [[1], [2]]);
    let late = Millis(1_700_000_000_001);
    assert!(store.doubtful(did("ann"), late, EventId::START, 10).await.unwrap().is_empty());
    let one = Readmitted {
        id: all[1].id,
        label: Label::vouched(parts("ann", "two")),
        verdict: Verdict::Verified,
        raw: None,
    };
    assert_eq!(store.readmit(did("ann"), vec![one.clone()]).await.unwrap(), 1);
    assert_eq!(store.readmit(did("ann"), vec![one]).await.unwrap(), 0);
    let events = common::events_after(&store, EventId::START, 10).await;
    assert_eq!(events.len(), 1);
    assert!(events[0].id > all[1].id);
    let shown = (events[0].seq.get(), events[0].received_at, events[0].label.val.as_str());
    assert_eq!(shown, (2, Millis(1_700_000_000_000), "two"));
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!((row.labels, row.rejected), (1, 2));
    assert_eq!(store.rejected(did("ann"), None, 10).await.unwrap().len(), 2);
}
