//! Many labelers, a huge one among them, and consumers that do nothing: everybody gets a
//! turn, and memory stays bounded (contract G7, G8).

use crate::raw::Raw;
use crate::tap::{Tap, within};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Ending, FakeLabeler, Plc, SigningKey, plc_did};

const SMALL_ONES: u64 = 300;
const SMALL: i64 = 50;
/// Signatures take five times as long in the dev profile.
const HUGE: i64 = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
const UNHEARD: i64 = HUGE / 2;

/// 32 MiB of frames, as much again made from them, 64 MiB of SQLite's cache, and the rest.
const MOST_RSS_KIB: u64 = 400 * 1024;

fn assert_bounded(tap: &Tap, when: &str) {
    let rss = tap.rss_kib();
    eprintln!("resident memory {when}: {} MiB", rss / 1024);
    assert!(rss > 0 && rss < MOST_RSS_KIB, "{rss} KiB {when}");
}

/// Everybody's object, at one moment.
async fn everybody(tap: &Tap) -> Vec<Value> {
    let page = tap.get("/labelers?limit=1000").await;
    page["labelers"].as_array().unwrap().clone()
}

/// Waits until something is true of everybody, and answers how they were then.
async fn until(tap: &Tap, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let waiting = async {
        loop {
            let all = everybody(tap).await;
            if wanted(&all) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(waiting).await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_small_labelers_do_not_wait_for_a_huge_one() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let huge_did = plc_did("huge");
    let huge = FakeLabeler::start(&huge_did, SigningKey::k256(90), &plc).await;
    huge.preload(HUGE as u64);
    let mut small = Vec::new();
    for n in 0..SMALL_ONES {
        let did = plc_did(&format!("small-{n}"));
        let labeler = FakeLabeler::start(&did, SigningKey::k256(1_000 + n), &plc).await;
        labeler.preload(SMALL as u64);
        small.push(labeler);
    }
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&huge_did]).await;
    tap.labeler_until(&huge_did, |huge| huge["cursor"].as_i64() > Some(0)).await;
    let dids: Vec<&str> = small.iter().map(FakeLabeler::did).collect();
    tap.add(&dids).await;

    let is_huge = |one: &Value| one["did"] == huge_did;
    let small_are_whole =
        |all: &[Value]| all.iter().all(|one| is_huge(one) || one["cursor"] == SMALL);
    let all = until(&tap, small_are_whole).await;
    assert_eq!(all.len() as u64, SMALL_ONES + 1);
    let cursor = all.iter().find(|one| is_huge(one)).unwrap()["cursor"].as_i64().unwrap();
    eprintln!("the huge one was at {cursor} when all the small ones had arrived");
    assert!(cursor < HUGE * 3 / 4, "they waited for the huge one, which is at {cursor}");
    assert_bounded(&tap, "in the middle");
    let caught_up = |all: &[Value]| all.iter().all(|one| is_huge(one) || one["state"] == "live");
    let all = until(&tap, caught_up).await;
    let cursor = &all.iter().find(|one| is_huge(one)).unwrap()["cursor"];
    eprintln!("and at {cursor} when they were all live");

    let done = |all: &[Value]| all.iter().all(|one| one["state"] == "live");
    let all = until(&tap, done).await;
    assert!(all.iter().all(|one| one["rejected"] == 0 && one["retry_count"] == 0));
    let stored = tap.get("/stats/label-count").await;
    assert_eq!(stored["label_count"], HUGE + SMALL * SMALL_ONES as i64);
    assert!(small.iter().all(|labeler| labeler.open() == 1));
    assert_bounded(&tap, "at the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_do_nothing_neither_slow_intake_nor_grow_us() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("unheard");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(91), &plc).await;
    labeler.preload(UNHEARD as u64);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &["--window", "100000"]);
    let mut never_acks = tap.client(&[]);
    let mut never_reads = Vec::new();
    for n in 0..10 {
        never_reads.push(Raw::open(&tap, &format!("?raw=true&consumer=deaf-{}", n % 3)).await);
    }
    tap.add(&[&did]).await;
    let reading = async {
        while let Ok(event) = never_acks.next().await {
            drop(event);
        }
    };
    let stored = tap.labeler_until(&did, |labeler| labeler["cursor"] == UNHEARD);
    let stored = tokio::select! {
        stored = stored => stored,
        () = reading => unreachable!("it reads for ever"),
    };
    assert_eq!((&stored["labels"], &stored["retry_count"]), (&json!(UNHEARD), &json!(0)));
    // A second connection that looks for the head may have come, but no other with a cursor.
    let again = labeler.upgrades().into_iter().filter(|upgrade| upgrade.cursor.is_some()).count();
    assert_eq!(again, 1, "its stream was never held up for long");
    assert_eq!(tap.get("/stats/outbox-buffer").await["outbox_buffer"], UNHEARD);
    assert_eq!(tap.get("/health").await["status"], "ok");
    assert_bounded(&tap, "with ten deaf readers");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_labelers_than_places_wait_for_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let mut labelers = Vec::new();
    for n in 0..4 {
        let did = plc_did(&format!("queued-{n}"));
        let labeler = FakeLabeler::start(&did, SigningKey::p256(92 + n), &plc).await;
        labeler.preload(5);
        labelers.push(labeler);
    }
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &["--labeler-parallelism", "2"]);
    let dids: Vec<&str> = labelers.iter().map(FakeLabeler::did).collect();
    tap.add(&dids).await;
    let are = |state: &'static str, count: usize| {
        move |all: &[Value]| all.iter().filter(|one| one["state"] == state).count() == count
    };
    let all = until(&tap, |all| are("live", 2)(all) && are("paused", 2)(all)).await;
    for (one, labeler) in all.iter().map(|one| (one, whose(&labelers, one))) {
        let open = usize::from(one["state"] == "live");
        assert_eq!((labeler.open(), labeler.upgrades().len()), (open, open), "{one}");
        assert!(one.get("error").is_none(), "to wait for a turn is no error: {one}");
    }
    assert_eq!(tap.get("/stats/label-count").await["label_count"], 10);

    // A place that becomes free is taken by the next in line.
    let gone = all.iter().find(|one| one["state"] == "live").unwrap()["did"].clone();
    let gone = labelers.iter_mut().find(|labeler| gone == labeler.did()).unwrap();
    gone.stop(Ending::Fin).await;
    until(&tap, |all| all.iter().filter(|one| one["cursor"] == 5).count() == 3).await;
    let open = labelers.iter().filter(|labeler| labeler.open() > 0).count();
    assert_eq!(open, 2);
}

fn whose<'a>(labelers: &'a [FakeLabeler], one: &Value) -> &'a FakeLabeler {
    labelers.iter().find(|labeler| one["did"] == labeler.did()).unwrap()
}
