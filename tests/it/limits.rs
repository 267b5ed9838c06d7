//! Limits: no labeler can fill the disk and stop the others (contract section 2).

use crate::tap::{Tap, next, seqs, take, within};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

/// More than any disk has.
const NO_ROOM: [&str; 2] = ["--min-free-space", "1000TiB"];

fn says(object: &Value, field: &str, words: &str) -> bool {
    object[field].as_str().is_some_and(|text| text.contains(words))
}

/// Waits until the default consumer owes nothing.
async fn until_acked(tap: &Tap) {
    let acked = async {
        while tap.get("/stats/outbox-buffer").await["outbox_buffer"] != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(acked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_nothing_is_read_or_accepted_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("patient");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(80), &plc).await;
    labeler.preload(10);
    let tap = Tap::start(&plc, &database, &[]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    assert!(tap.metric("labeltap_store_free_bytes").await > 0.0);
    assert!(tap.stop().status.success());
    labeler.emit_each((10..15).map(LabelSpec::numbered));

    let tap = Tap::start(&plc, &database, &NO_ROOM);
    let (status, health) = tap.ask(Method::GET, "/health", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(says(&health, "message", "--min-free-space"), "{health}");
    let new = json!({ "dids": [plc_did("another")] });
    let (status, refused) = tap.ask(Method::POST, "/labelers/add", Some(new)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(says(&refused, "message", "--min-free-space"), "{refused}");
    let waiting = tap.labeler_until(&did, |shown| says(shown, "error", "--min-free-space")).await;
    assert_eq!((&waiting["state"], &waiting["cursor"]), (&json!("waiting"), &json!(10)));
    assert_eq!(labeler.upgrades().len(), 1, "nothing is asked for that could not be kept");

    // What is there goes out all the same, and acks are kept.
    let mut client = tap.client(&[]);
    assert_eq!(seqs(&take(&mut client, 10).await), (1..=10).collect::<Vec<_>>());
    until_acked(&tap).await;
    let stopped = tap.stop();
    assert!(stopped.status.success());
    let told = |line: &&String| line.contains("accepts nothing more");
    assert_eq!(stopped.log.iter().filter(told).count(), 1);

    let tap = Tap::start(&plc, &database, &[]);
    assert_eq!(seqs(&take(&mut tap.client(&[]), 5).await), (11..=15).collect::<Vec<_>>());
    assert_eq!(labeler.upgrades().last().unwrap().cursor.as_deref(), Some("10"));
    assert_eq!(tap.ask(Method::GET, "/health", None).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_start_without_room_answers_and_lets_labelers_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("unwelcome");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(81), &plc).await;
    let tap = Tap::start(&plc, &database, &["--min-free-space=1000TiB", "--labelers", &did]);
    assert_eq!(tap.ask(Method::GET, "/health", None).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(tap.get("/stats/labeler-count").await["labeler_count"], 0);
    assert_eq!(tap.get("/consumers").await["consumers"][0]["name"], "default");
    tap.remove(&[&did], true).await;
    assert!(labeler.upgrades().is_empty());
    assert!(tap.stop().status.success());
}

/// Starts the service with this limit on labels.
fn with_limit(plc: &Plc, database: &Path, most: u32) -> Tap {
    Tap::start(plc, database, &["--max-labels-per-labeler", &most.to_string()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_has_stored_enough_waits_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let (flood_did, modest_did) = (plc_did("flood"), plc_did("modest"));
    let flood = FakeLabeler::start(&flood_did, SigningKey::k256(82), &plc).await;
    let modest = FakeLabeler::start(&modest_did, SigningKey::k256(83), &plc).await;
    flood.preload(500);
    modest.preload(50);
    let tap = with_limit(&plc, &database, 100);
    tap.add(&[&flood_did, &modest_did]).await;
    let full = tap.state(&flood_did, "over-limit").await;
    assert_eq!((&full["labels"], &full["cursor"]), (&json!(100), &json!(100)));
    assert!(says(&full, "error", "100 labels"), "{full}");
    tap.state(&modest_did, "live").await;
    modest.emit_each((50..60).map(LabelSpec::numbered));
    tap.labeler_until(&modest_did, |shown| shown["labels"] == 60).await;
    let listed = tap.get("/labelers?state=over-limit").await;
    assert_eq!(listed["labelers"][0]["did"], flood_did);
    // Counted now and then, and whenever the labelers are others.
    tap.add(&[&plc_did("unheard-of")]).await;
    let over_limit = async {
        while tap.metric("labeltap_labelers_by_state{state=\"over-limit\"}").await < 1.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(over_limit).await;
    let metrics = tap.get("/metrics").await;
    assert!(metrics.as_str().unwrap().contains("labeltap_labelers_by_state{state=\"no-key\"} 0"));
    let mut client = tap.client(&[]);
    assert_eq!(take(&mut client, 160).await.len(), 160);
    until_acked(&tap).await;
    assert!(tap.stop().status.success());

    // The same limit again: still full. A larger one: it goes on where it was.
    let tap = with_limit(&plc, &database, 100);
    let full = tap.state(&flood_did, "over-limit").await;
    assert_eq!(full["labels"], 100);
    assert!(tap.stop().status.success());
    let tap = with_limit(&plc, &database, 600);
    let all = tap.state(&flood_did, "live").await;
    assert_eq!((&all["labels"], &all["cursor"]), (&json!(500), &json!(500)));
    assert_eq!(all.get("error"), None, "{all}");
    let mut client = tap.client(&[]);
    assert_eq!(seqs(&take(&mut client, 400).await), (101..=500).collect::<Vec<_>>());
}

/// Label `n` of subject `n`, made `ms` after the others.
fn again(n: u64, ms: u64) -> LabelSpec {
    LabelSpec::numbered(n).cts(testkit::cts(ms))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_longer_applies_goes_once_everybody_has_had_it() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("changeable");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(84), &plc).await;
    // 1 to 20 are said twice; 11 to 20 are taken back; 21 to 30 applied for a moment only.
    labeler.emit_each((1..=20).map(|n| again(n, 100)));
    labeler.emit_each((1..=10).map(|n| again(n, 200)));
    labeler.emit_each((11..=20).map(|n| again(n, 200).neg(true)));
    labeler.emit_each((21..=30).map(|n| again(n, 300).exp("2024-10-02T00:00:00Z")));
    labeler.emit_each((31..=40).map(|n| again(n, 400)));
    let retained = ["--retain-superseded", "1s", "--retry-timeout", "60s"];
    let tap = Tap::start(&plc, &database, &retained);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    let mut late = tap.client(&[("consumer", "late")]);
    let mut client = tap.client(&[]);
    assert_eq!(take(&mut client, 60).await.len(), 60);
    let first = next(&mut late).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(tap.get("/stats/label-count").await["label_count"], 60, "one has had nothing yet");

    late.ack(&[first["id"].as_i64().unwrap()]).await;
    assert_eq!(take(&mut late, 59).await.len(), 59);
    // Only what applies is left: 1 to 10 and 31 to 40.
    let left = tap.labeler_until(&did, |shown| shown["labels"] == 20).await;
    assert_eq!((&left["state"], &left["cursor"]), (&json!("live"), &json!(60)));
    assert_eq!(tap.get("/stats/label-count").await["label_count"], 20);
    assert_eq!(tap.metric("labeltap_store_retired_total").await, 40.0);
    let consumers = tap.get("/consumers").await;
    for consumer in consumers["consumers"].as_array().unwrap() {
        assert_eq!(consumer["lag"], 0, "{consumers}");
    }

    // Somebody new gets what applies, and what comes is counted as before.
    let mut new = tap.client(&[("consumer", "new")]);
    let numbers = |events: &[Value]| -> Vec<i64> {
        let number = |event: &Value| {
            event["label"]["uri"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap()
        };
        events.iter().map(number).collect()
    };
    let expected: Vec<i64> = (1..=10).chain(31..=40).collect();
    assert_eq!(numbers(&take(&mut new, 20).await), expected);
    labeler.emit([again(99, 500)]);
    for client in [&mut client, &mut late, &mut new] {
        assert_eq!(numbers(&take(client, 1).await), [99]);
    }
    until_acked(&tap).await;
    assert!(tap.stop().status.success());

    // After a restart too: the labeler is read on from where it was, nothing is missed.
    labeler.emit([again(100, 600)]);
    let tap = Tap::start(&plc, &database, &retained);
    let shown = tap.labeler_until(&did, |shown| shown["labels"] == 22).await;
    assert_eq!(shown["epoch"], 1);
    assert_eq!(numbers(&take(&mut tap.client(&[]), 1).await), [100]);
}
