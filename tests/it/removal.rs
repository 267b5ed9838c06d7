//! A labeler that is removed says nothing more, and one that is added again goes on where
//! it was, or from the beginning if it was purged (contract sections 2 and 3).

use crate::tap::{Tap, next, seqs, take, within};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{FakeLabeler, Faults, LabelSpec, Plc, SigningKey, plc_did};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A labeler in the middle of a backfill that takes a few seconds.
async fn slow(did: &str, seed: u64, plc: &Plc) -> FakeLabeler {
    let labeler = FakeLabeler::start(did, SigningKey::k256(seed), plc).await;
    labeler.preload(1_000);
    labeler.faults(Faults { pace: Duration::from_millis(3), ..Faults::none() });
    labeler
}

async fn is_tracked(tap: &Tap, did: &str) -> bool {
    let (status, body) = tap.ask(Method::GET, &format!("/labelers/{did}"), None).await;
    assert!(matches!(status, StatusCode::OK | StatusCode::NOT_FOUND), "{body}");
    status == StatusCode::OK
}

fn ids(events: &[Value]) -> Vec<i64> {
    events.iter().filter_map(|event| event["id"].as_i64()).collect()
}

/// Sends both requests at once, so that nobody has time to notice the first.
async fn purge_and_add(tap: &Tap, did: &str) {
    let address = tap.url.trim_start_matches("http://");
    let post = |path: &str, body: Value| {
        let (body, head) = (body.to_string(), format!("POST {path} HTTP/1.1\r\nhost: {address}"));
        let length = body.len();
        format!(
            "{head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let purge = post("/labelers/remove", json!({ "dids": [did], "purge": true }));
    let both = purge + &post("/labelers/add", json!({ "dids": [did] }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(both.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    while String::from_utf8_lossy(&answers).matches("HTTP/1.1 200 OK").count() < 2 {
        assert_ne!(within(stream.read_buf(&mut answers)).await.unwrap(), 0, "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_stops_at_once_and_adding_again_goes_on_at_the_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("removed");
    let labeler = slow(&did, 60, &plc).await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.labeler_until(&did, |labeler| labeler["cursor"].as_i64() >= Some(50)).await;
    tap.remove(&[&did], false).await;
    let stored = tap.get("/stats/label-count").await["label_count"].as_i64().unwrap();
    assert!(!is_tracked(&tap, &did).await);
    assert!(stored < 1_000, "it was too late to remove it");
    labeler.wait_for_open(0).await;
    let after = tap.get("/stats/label-count").await;
    assert_eq!(after["label_count"], stored, "nothing was stored after the answer");
    assert_eq!(tap.get("/stats/labeler-count").await["labeler_count"], 0);
    assert_eq!(tap.get("/stats/cursors").await["labelers"], json!([]));

    // What is stored is still delivered.
    let mut client = tap.client(&[]);
    let stored_events = take(&mut client, usize::try_from(stored).unwrap()).await;
    labeler.faults(Faults::none());
    tap.add(&[&did]).await;
    let rest = take(&mut client, usize::try_from(1_000 - stored).unwrap()).await;
    let all = [stored_events, rest].concat();
    assert_eq!(seqs(&all), (1..=1_000).collect::<Vec<_>>());
    assert!(ids(&all).is_sorted_by(|one, next| one < next));
    let upgrades = labeler.upgrades();
    let cursor = upgrades.last().unwrap().cursor.clone().unwrap();
    assert_eq!((upgrades.len(), cursor), (2, stored.to_string()));
    assert_eq!(tap.state(&did, "live").await["labels"], 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_forgets_everything_but_never_reuses_an_id() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (purged_did, other_did) = (plc_did("purged"), plc_did("kept"));
    let labeler = FakeLabeler::start(&purged_did, SigningKey::k256(61), &plc).await;
    let other = FakeLabeler::start(&other_did, SigningKey::k256(62), &plc).await;
    labeler.preload(40);
    other.preload(5);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&purged_did, &other_did]).await;
    tap.state(&purged_did, "live").await;
    tap.state(&other_did, "live").await;
    let mut client = tap.client(&[]);
    let before: Vec<Value> = take(&mut client, 45).await;
    let newest = ids(&before).into_iter().max().unwrap();

    tap.remove(&[&purged_did], true).await;
    labeler.wait_for_open(0).await;
    assert_eq!(tap.get("/stats/label-count").await["label_count"], 5);
    assert_eq!(tap.labeler(&other_did).await["labels"], 5);

    tap.add(&[&purged_did]).await;
    let again = take(&mut client, 40).await;
    assert_eq!(seqs(&again), (1..=40).collect::<Vec<_>>());
    assert!(ids(&again).iter().all(|id| *id > newest), "an id came back");
    assert!(again.iter().all(|event| event["label"]["live"] == false), "it is history again");
    assert_eq!(labeler.upgrades().last().unwrap().cursor.as_deref(), Some("0"));
    let shown = tap.state(&purged_did, "live").await;
    assert_eq!((&shown["labels"], &shown["cursor"]), (&json!(40), &json!(40)));
    assert_eq!(other.upgrades().len(), 1, "the other one never noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_purged_and_added_in_one_breath_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("in-one-breath");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(63), &plc).await;
    labeler.preload(3);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let mut client = tap.client(&[]);
    take(&mut client, 3).await;
    // Others ask so much that whoever compares the labelers has to wait for his answer.
    let crowd: Vec<String> = (0..300).map(|n| plc_did(&format!("crowd-{n}"))).collect();
    tap.add(&crowd.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let rounds = async {
        for round in 0..10 {
            purge_and_add(&tap, &did).await;
            // Nobody says anything that would show that the cursor has moved.
            let shown = tap.labeler_until(&did, |labeler| labeler["cursor"] == 3).await;
            assert_eq!(shown["labels"], 3, "round {round}");
        }
    };
    let ask = || async {
        loop {
            tap.get("/labelers?limit=1000").await;
        }
    };
    tokio::select! {
        () = rounds => {}
        ((), (), (), ()) = async { tokio::join!(ask(), ask(), ask(), ask()) } => {}
    }
    labeler.emit([LabelSpec::numbered(4)]);
    let newest = async {
        loop {
            let event = next(&mut client).await;
            client.ack(&[event["id"].as_i64().unwrap()]).await;
            if event["label"]["seq"] == 4 {
                return event;
            }
        }
    };
    assert_eq!(newest.await["label"]["src"], did);
    assert_eq!(labeler.open(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_one_of_the_command_line_stays_removed() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let (gone_did, kept_did) = (plc_did("gone-for-good"), plc_did("stays"));
    let gone = FakeLabeler::start(&gone_did, SigningKey::k256(64), &plc).await;
    let _kept = FakeLabeler::start(&kept_did, SigningKey::k256(65), &plc).await;
    gone.preload(2);
    let labelers = format!("{gone_did},{kept_did}");
    let tap = Tap::start(&plc, &database, &["--labelers", &labelers]);
    tap.state_when_tracked(&gone_did, "live").await;
    tap.remove(&[&gone_did], false).await;
    assert!(tap.stop().status.success());

    let tap = Tap::start(&plc, &database, &["--labelers", &labelers]);
    tap.state_when_tracked(&kept_did, "live").await;
    assert!(!is_tracked(&tap, &gone_did).await);
    assert_eq!(gone.upgrades().len(), 1);
    tap.add(&[&gone_did]).await;
    let shown = tap.state(&gone_did, "live").await;
    assert_eq!((&shown["labels"], &shown["cursor"]), (&json!(2), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_what_is_not_there_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("never-there");
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.remove(&[&did], false).await;
    tap.remove(&[&did], true).await;
    tap.remove(&[], false).await;
    assert_eq!(tap.get("/labelers").await, json!({ "labelers": [] }));
}
