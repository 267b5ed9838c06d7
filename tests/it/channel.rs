//! The channel as its clients meet it: what they see when we go, what they get when they
//! do not ack, and how they share the work (contract G3, section 4).

use crate::raw::{CLOSE, PING, Raw, TEXT};
use crate::tap::{Tap, command, event, next, seqs, take, within};
use client::Client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

/// A service that has so many labels of one labeler.
async fn with_labels(
    plc: &Plc,
    database: &Path,
    count: u64,
    more: &[&str],
) -> (Tap, FakeLabeler, String) {
    let did = plc_did("told");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(80), plc).await;
    labeler.preload(count);
    let tap = Tap::start(plc, database, more);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    (tap, labeler, did)
}

fn id(event: &Value) -> i64 {
    event["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn when_we_go_the_connection_is_dropped_and_never_closed() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let database = dir.path().join("tap.db");
    let (tap, labeler, did) = with_labels(&plc, &database, 5, &[]).await;
    let mut busy = Raw::open(&tap, "").await;
    let mut idle = Raw::open(&tap, "?consumer=idle&types=record,identity").await;
    for _ in 0..5 {
        assert_eq!(busy.next().await.map(|(opcode, _)| opcode), Some(TEXT));
    }
    assert_eq!(tap.stop().status.code(), Some(0));
    assert_eq!(busy.rest().await, [] as [u8; 0], "a close frame would send clients away");
    assert_eq!(idle.rest().await, [] as [u8; 0]);

    let tap = Tap::start(&plc, &database, &[]);
    tap.state(&did, "live").await;
    let mut busy = Raw::open(&tap, "").await;
    labeler.emit([LabelSpec::numbered(6)]);
    for _ in 0..6 {
        assert_eq!(busy.next().await.map(|(opcode, _)| opcode), Some(TEXT));
    }
    tap.kill();
    assert!(!busy.rest().await.contains(&CLOSE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_lives_through_a_crash_and_gets_what_it_had_not_acked() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let database = dir.path().join("tap.db");
    let (tap, labeler, did) = with_labels(&plc, &database, 20, &[]).await;
    let mut client = tap.client(&[]);
    let first = take(&mut client, 10).await;
    assert_eq!(seqs(&first), (1..=10).collect::<Vec<_>>());
    let unacked: Vec<i64> = (11..=20).collect();
    for seq in &unacked {
        assert_eq!(next(&mut client).await["label"]["seq"], *seq);
    }
    let acked = async {
        while tap.get("/stats/outbox-buffer").await["outbox_buffer"] != 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(acked).await;
    // Acks are durable within a second; only time can show that.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let address = tap.url.trim_start_matches("http://").to_owned();
    tap.kill();

    let database = format!("sqlite://{}", database.display());
    let args = ["run", "--bind", &address, "--allow-private-hosts", "--plc-url", &plc.url()];
    let mut again = command(&args);
    again.args(["--database-url", &database]);
    let tap = Tap::launch(again);
    labeler.emit_each((21..=25).map(LabelSpec::numbered));
    let rest = take(&mut client, 15).await;
    assert_eq!(seqs(&rest), (11..=25).collect::<Vec<_>>());
    assert_eq!(tap.state(&did, "live").await["labels"], 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_wants_other_types_stays_connected_and_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (tap, labeler, _) = with_labels(&plc, &dir.path().join("tap.db"), 50, &[]).await;
    let mut other = Raw::open(&tap, "?types=record,identity").await;
    let mut reader = tap.client(&[]);
    assert_eq!(seqs(&take(&mut reader, 50).await).len(), 50, "the reader is owed all of them");
    drop(reader);
    // Also when there is nobody else: what it does not take stays owed.
    labeler.emit_each((51..=53).map(LabelSpec::numbered));
    // A ping comes after 20 s; anything else would have come before.
    assert_eq!(other.next().await.map(|(opcode, _)| opcode), Some(PING));
    assert_eq!(tap.get("/stats/outbox-buffer").await["outbox_buffer"], 3);
    assert_eq!(seqs(&take(&mut tap.client(&[]), 3).await), [51, 52, 53]);
}

/// The next event of any of these clients.
async fn any(clients: &mut [Client; 3]) -> (usize, Value) {
    let [one, two, three] = clients;
    let (who, received) = within(async {
        tokio::select! {
            received = one.next() => (0, received),
            received = two.next() => (1, received),
            received = three.next() => (2, received),
        }
    })
    .await;
    (who, event(&received.expect("an event")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acked_comes_again_and_what_is_acked_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let more = ["--retry-timeout", "1s", "--window", "10"];
    let (tap, _labeler, _) = with_labels(&plc, &dir.path().join("tap.db"), 30, &more).await;
    let mut clients = [tap.client(&[]), tap.client(&[]), tap.client(&[])];
    // Each event is seen twice before it is acked, but for those of the first ten.
    let mut seen: BTreeMap<i64, u32> = BTreeMap::new();
    let mut acked = BTreeSet::new();
    while acked.len() < 30 {
        let (who, event) = any(&mut clients).await;
        let id = id(&event);
        assert!(!acked.contains(&id), "{id} came again after its ack");
        let times = seen.entry(id).or_default();
        *times += 1;
        if *times == 2 || event["label"]["seq"].as_i64() <= Some(10) {
            clients[who].ack(&[id]).await;
            acked.insert(id);
        }
    }
    let twice = seen.values().filter(|times| **times == 2).count();
    assert_eq!((seen.len(), twice), (30, 20));
    let settled = async {
        while tap.get("/stats/outbox-buffer").await["outbox_buffer"] != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(settled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_connection_had_goes_to_another_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let more = ["--retry-timeout", "10m"];
    let (tap, labeler, did) = with_labels(&plc, &dir.path().join("tap.db"), 40, &more).await;
    let mut lost = tap.client(&[]);
    for seq in 1..=40 {
        assert_eq!(next(&mut lost).await["label"]["seq"], seq);
    }
    let mut kept = tap.client(&[]);
    labeler.emit([LabelSpec::numbered(41)]);
    let (first, second) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(2), lost.next()),
        tokio::time::timeout(Duration::from_secs(2), kept.next())
    );
    let newest = [first, second].into_iter().flatten().filter(Result::is_ok).count();
    assert_eq!(newest, 1, "the new one went to one of them, and the forty stayed where they were");
    drop(lost);
    let mut came = BTreeSet::new();
    while came.len() < 40 {
        let event = next(&mut kept).await;
        kept.ack(&[id(&event)]).await;
        came.insert(event["label"]["seq"].as_i64().unwrap());
    }
    assert!((1..=40).all(|seq| came.contains(&seq)), "{came:?}");
    assert_eq!(tap.labeler(&did).await["labels"], json!(41));
}
