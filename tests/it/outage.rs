//! What cannot be reached makes one stream wait. Nothing is lost by it, and the others go
//! on (contract G6, sections 3 and 6).

use crate::tap::{Tap, seqs, take};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use testkit::{Document, Ending, FakeLabeler, Faults, LabelSpec, Plc, SigningKey, plc_did};

fn says(labeler: &Value, words: &str) -> bool {
    labeler["error"].as_str().is_some_and(|error| error.contains(words))
}

/// For how long from now a labeler is left alone.
fn left_alone(labeler: &Value) -> Duration {
    let until = labeler["retry_after"].as_str().and_then(label::syntax::instant);
    let until = until.and_then(|until| u64::try_from(until).ok()).expect("a time");
    Duration::from_micros(until).saturating_sub(SystemTime::UNIX_EPOCH.elapsed().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_added_while_the_directory_is_down_arrives_once_it_is_up() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (known_did, late_did) = (plc_did("known"), plc_did("late"));
    let known = FakeLabeler::start(&known_did, SigningKey::k256(20), &plc).await;
    let late = FakeLabeler::start(&late_did, SigningKey::k256(21), &plc).await;
    late.preload(100);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&known_did]).await;
    tap.state(&known_did, "live").await;

    plc.outage(true);
    tap.add(&[&late_did]).await;
    let waiting = tap.labeler_until(&late_did, |late| says(late, "DID document")).await;
    assert_eq!(waiting["state"], "waiting");
    known.emit([LabelSpec::numbered(1)]);
    let mut client = tap.client(&[]);
    let meanwhile = take(&mut client, 1).await;
    assert_eq!(meanwhile[0]["label"]["src"], known_did);
    assert!(late.upgrades().is_empty(), "what cannot be judged is not read");
    assert_eq!(known.upgrades().len(), 1, "a known document is not asked for again");

    plc.outage(false);
    let events = take(&mut client, 100).await;
    assert_eq!(seqs(&events), (1..=100).collect::<Vec<_>>());
    let shown = tap.state(&late_did, "live").await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(100), &json!(0)));
    assert_eq!((shown.get("error"), shown.get("retry_after")), (None, None), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_while_the_directory_is_down_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("restarted");
    let labeler = FakeLabeler::start(&did, SigningKey::p256(22), &plc).await;
    labeler.preload(10);
    let tap = Tap::start(&plc, &database, &[]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    assert!(tap.stop().status.success());

    labeler.emit_each((10..15).map(LabelSpec::numbered));
    plc.outage(true);
    let tap = Tap::start(&plc, &database, &[]);
    let waiting = tap.state(&did, "waiting").await;
    assert_eq!((&waiting["cursor"], &waiting["caught_up"]), (&json!(10), &json!(true)));
    let mut client = tap.client(&[]);
    assert_eq!(seqs(&take(&mut client, 10).await), (1..=10).collect::<Vec<_>>());

    plc.outage(false);
    assert_eq!(seqs(&take(&mut client, 5).await), (11..=15).collect::<Vec<_>>());
    let upgrades = labeler.upgrades();
    assert_eq!(upgrades.last().unwrap().cursor.as_deref(), Some("10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_under_an_unknown_key_wait_until_the_directory_can_be_asked() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("rotating-in-the-dark");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(23), &plc).await;
    labeler.preload(5);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;

    plc.outage(true);
    labeler.rotate(SigningKey::p256(24));
    labeler.publish(&plc);
    labeler.emit_each((5..8).map(LabelSpec::numbered));
    let waiting = tap.labeler_until(&did, |labeler| says(labeler, "signature")).await;
    assert_eq!((&waiting["state"], &waiting["cursor"]), (&json!("waiting"), &json!(5)));
    // Through further tries too: nothing is judged by a key that may be the wrong one.
    let tried = tap.labeler_until(&did, |labeler| labeler["retry_count"].as_i64() >= Some(2)).await;
    assert_eq!((&tried["labels"], &tried["rejected"]), (&json!(5), &json!(0)));

    plc.outage(false);
    let events = take(&mut tap.client(&[]), 8).await;
    assert_eq!(seqs(&events), (1..=8).collect::<Vec<_>>());
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(8), &json!(0)));
    assert_eq!(shown["key"], labeler.key().did_key());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_applied_on_the_open_connection() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("rotating");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(25), &plc).await;
    labeler.preload(5);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;

    labeler.rotate(SigningKey::k256(26));
    labeler.publish(&plc);
    labeler.emit_each((5..8).map(LabelSpec::numbered));
    let events = take(&mut tap.client(&[]), 8).await;
    assert!(events.iter().all(|event| event["label"]["verdict"] == "verified"));
    assert_eq!(labeler.upgrades().len(), 1, "no restart and no reconnect was needed");
    let shown = tap.labeler(&did).await;
    assert_eq!(shown["key"], labeler.key().did_key(), "the key that is in use is shown");
    assert_eq!((&shown["state"], &shown["rejected"]), (&json!("live"), &json!(0)));

    // What was learned outlives the connection, also where the document is not read again.
    labeler.faults(Faults::error_after(1, "ConsumerTooSlow"));
    labeler.emit_each((8..12).map(LabelSpec::numbered));
    let shown = tap.labeler_until(&did, |labeler| labeler["cursor"] == 12).await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(12), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_was_down_goes_on_at_its_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("down");
    let mut labeler = FakeLabeler::start(&did, SigningKey::k256(27), &plc).await;
    labeler.preload(50);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;

    labeler.stop(Ending::Reset).await;
    let refused = |labeler: &Value| labeler["retry_count"].as_i64() >= Some(2);
    let waiting = tap.labeler_until(&did, refused).await;
    assert!(waiting["error"].is_string() && waiting.get("connected_since").is_none(), "{waiting}");
    labeler.emit_each((50..60).map(LabelSpec::numbered));
    labeler.resume().await;
    let mut client = tap.client(&[]);
    assert_eq!(seqs(&take(&mut client, 60).await), (1..=60).collect::<Vec<_>>());
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["labels"], shown.get("error")), (&json!(60), None));
    assert_eq!(labeler.upgrades().last().unwrap().cursor.as_deref(), Some("50"));
    assert_eq!(tap.get("/stats/label-count").await["label_count"], 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_service_or_key_there_is_no_connection_and_the_state_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let labeler = FakeLabeler::start_unlisted(&plc_did("unlisted"), SigningKey::k256(28)).await;
    let (key, url) = (labeler.key(), labeler.url());
    let dids = ["a", "b", "c", "d", "e", "f"].map(|name| plc_did(&format!("lacking-{name}")));
    let [unknown, buried, no_service, no_endpoint, no_key, odd_key] = dids.each_ref();
    plc.tombstone(buried);
    plc.set(no_service, &Document::new(no_service).label_key(&key).json());
    let no_url = Document::new(no_endpoint).label_key(&key).labeler_service("not a URL");
    plc.set(no_endpoint, &no_url.json());
    plc.set(no_key, &Document::new(no_key).labeler_service(&url).json());
    let id = format!("{odd_key}#atproto_label");
    let odd = Document::new(odd_key).key_of_type(
        &id,
        "Multikey",
        "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
    );
    plc.set(odd_key, &odd.labeler_service(&url).json());

    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&dids.each_ref().map(String::as_str)).await;
    for (did, state, words) in [
        (unknown, "gone", "404"),
        (buried, "gone", "410"),
        (no_service, "no-service", "#atproto_labeler"),
        (no_endpoint, "no-service", ""),
        (no_key, "no-key", "#atproto_label"),
        (odd_key, "no-key", ""),
    ] {
        let resting = |shown: &Value| shown["state"] == state && shown["retry_after"].is_string();
        let shown = tap.labeler_until(did, resting).await;
        assert!(says(&shown, words), "{shown}");
        assert!(shown.get("connected_since").is_none(), "{shown}");
        assert!(left_alone(&shown) > Duration::from_secs(30), "{shown}");
    }
    let listed = tap.get("/labelers?state=no-key").await;
    assert_eq!(listed["labelers"].as_array().unwrap().len(), 2, "{listed}");
    assert!(labeler.upgrades().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_refuses_is_left_alone_for_as_long_as_it_asks() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (locked_did, busy_did) = (plc_did("locked"), plc_did("busy"));
    let locked = FakeLabeler::start(&locked_did, SigningKey::k256(29), &plc).await;
    let busy = FakeLabeler::start(&busy_did, SigningKey::k256(30), &plc).await;
    locked.preload(3);
    locked.faults(Faults::status(401));
    busy.faults(Faults::too_many(300));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&locked_did, &busy_did]).await;

    let shown = tap.labeler_until(&busy_did, |busy| busy["retry_after"].is_string()).await;
    assert_eq!(shown["state"], "waiting");
    assert!(says(&shown, "429"), "{shown}");
    let rest = left_alone(&shown).as_secs();
    assert!((240..=300).contains(&rest), "{shown}");

    let shown = tap.state(&locked_did, "auth-required").await;
    assert!(says(&shown, "401"), "{shown}");
    // It is asked again, and once it lets us in, everything arrives.
    locked.wait_for_upgrades(2).await;
    locked.faults(Faults::none());
    assert_eq!(seqs(&take(&mut tap.client(&[]), 3).await), [1, 2, 3]);
    assert_eq!(busy.upgrades().len(), 1, "it is not asked again before");
}
