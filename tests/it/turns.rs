//! Turns in the lives of real labelers: other keys, other places, a directory that is away
//! (contract sections 6 and 8).
//!
//! Ozone signs old labels anew when it serves them, Skyware does not; so after a rotation the
//! same history is `verified` from the one and `verified-old-key` from the other.

use crate::tap::{Tap, next, take, within};
use client::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::network::{Kind, Labeler, Network};

/// Reads until this has happened to a labeler, acking all.
async fn until(client: &mut Client, did: &str, change: &str) -> Value {
    within(async {
        loop {
            let event = next(client).await;
            client.ack(&[event["id"].as_i64().expect("an id")]).await;
            if event["labeler"]["did"] == did && event["labeler"]["change"] == change {
                return event["labeler"].clone();
            }
        }
    })
    .await
}

/// How many labels have each verdict; no frame may come twice.
fn verdicts(events: &[Value]) -> BTreeMap<String, usize> {
    let mut verdicts = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for event in events {
        let label = &event["label"];
        let verdict = label["verdict"].as_str().expect("a verdict").to_owned();
        *verdicts.entry(verdict).or_default() += 1;
        let at = (label["src"].to_string(), label["seq"].as_i64());
        assert!(seen.insert(at), "twice: {event}");
    }
    verdicts
}

fn some(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(verdict, count)| ((*verdict).to_owned(), *count)).collect()
}

fn one(uri: &str) -> Value {
    json!([{ "uri": format!("did:web:{uri}.test"), "val": "spam" }])
}

struct Stage {
    _dir: tempfile::TempDir,
    network: Network,
    labeler: Labeler,
    tap: Tap,
    labels: Client,
    life: Client,
}

impl Stage {
    /// A real labeler with this history, of which labeltap knows nothing yet.
    async fn set(kind: Kind, history: u64) -> Self {
        let network = Network::start().await;
        let labeler = network.labeler(kind).await;
        let labeler = match history {
            0 => labeler,
            count => {
                // The times of creation of a bulk reach back a millisecond for each label; all of
                // them are to lie in the time of the key.
                tokio::time::sleep(Duration::from_millis(count + 1000)).await;
                network.bulk(&labeler, count, kind == Kind::Ozone).await
            }
        };
        let dir = tempfile::tempdir().unwrap();
        let tap = Tap::start_at(network.plc_url(), &dir.path().join("tap.db"), &[]);
        let labels = tap.client(&[]);
        let life = tap.client(&[("consumer", "life"), ("types", "labeler")]);
        Self { _dir: dir, network, labeler, tap, labels, life }
    }

    async fn order(&self, what: &str, body: Value) -> Labeler {
        self.network.order(&self.labeler, what, &body).await
    }

    async fn begin(&mut self) {
        self.tap.add(&[&self.labeler.did]).await;
    }

    async fn says(&mut self, uri: &str) -> Value {
        self.network.emit(&self.labeler, &one(uri)).await;
        take(&mut self.labels, 1).await.remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_changed_before_anybody_read() {
    if !Network::wanted() {
        return;
    }
    for (kind, verdict) in [(Kind::Skyware, "verified-old-key"), (Kind::Ozone, "verified")] {
        let mut stage = Stage::set(kind, 500).await;
        stage.order("rotate-key", json!({})).await;
        stage.begin().await;
        let events = take(&mut stage.labels, 500).await;
        assert_eq!(verdicts(&events), some(&[(verdict, 500)]));
        assert_eq!(stage.says("later").await["label"]["verdict"], "verified");
        let shown = stage.tap.state(&stage.labeler.did, "live").await;
        assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(501), &json!(0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_changes_while_the_history_is_read() {
    if !Network::wanted() {
        return;
    }
    for kind in [Kind::Skyware, Kind::Ozone] {
        let mut stage = Stage::set(kind, 6_000).await;
        stage.begin().await;
        let did = stage.labeler.did.clone();
        stage.tap.labeler_until(&did, |labeler| labeler["cursor"].as_i64() > Some(0)).await;
        let labeler = stage.order("rotate-key", json!({})).await;
        stage.labeler = labeler;
        let events = take(&mut stage.labels, 6_000).await;
        let found = verdicts(&events);
        let held = found.get("verified").copied().unwrap_or_default()
            + found.get("verified-old-key").copied().unwrap_or_default();
        assert_eq!(held, 6_000, "{found:?}");
        assert_eq!(stage.says("later").await["label"]["verdict"], "verified");
        until(&mut stage.life, &did, "key-changed").await;
        let shown = stage.tap.state(&did, "live").await;
        assert_eq!((&shown["rejected"], &shown["key"]), (&json!(0), &json!(stage.labeler.key)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_changes_while_the_stream_is_live() {
    if !Network::wanted() {
        return;
    }
    tokio::join!(live_change(Kind::Skyware), live_change(Kind::Ozone));
}

/// First it signs with a key that nobody knows, then the document shows it.
async fn live_change(kind: Kind) {
    let mut stage = Stage::set(kind, 100).await;
    stage.begin().await;
    let did = stage.labeler.did.clone();
    take(&mut stage.labels, 100).await;
    until(&mut stage.life, &did, "caught-up").await;
    stage.order("rotate-key", json!({ "publish": false })).await;
    stage.network.emit(&stage.labeler, &one("early")).await;
    stage.tap.labeler_until(&did, |labeler| labeler["rejected"] == 1).await;
    let state = stage.network.state().await;
    let labelers = state["labelers"].as_array().expect("a list");
    let shown = labelers.iter().find(|one| one["did"] == did).expect("it runs");
    stage.order("did", json!({ "key": shown["key"], "announce": false })).await;
    // The directory was asked a moment ago, so it is asked again in a minute at most.
    let changed = async {
        stage.order("drop", json!({})).await;
        loop {
            let event = crate::tap::event(&stage.life.next().await.expect("an event"));
            stage.life.ack(&[event["id"].as_i64().expect("an id")]).await;
            if event["labeler"]["change"] == "key-changed" {
                break;
            }
        }
    };
    tokio::time::timeout(2 * crate::tap::LIMIT, changed).await.expect("the key is found");
    let early = take(&mut stage.labels, 1).await.remove(0);
    let said = (&early["label"]["uri"], &early["label"]["verdict"]);
    assert_eq!(said, (&json!("did:web:early.test"), &json!("verified")));
    assert_eq!(stage.says("later").await["label"]["verdict"], "verified");
    let shown = stage.tap.labeler_until(&did, |labeler| labeler["rejected"] == 0).await;
    assert_eq!(shown["labels"], 102);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_moves_and_tells_nobody() {
    if !Network::wanted() {
        return;
    }
    for kind in [Kind::Skyware, Kind::Ozone] {
        let mut stage = Stage::set(kind, 50).await;
        stage.begin().await;
        let did = stage.labeler.did.clone();
        take(&mut stage.labels, 50).await;
        until(&mut stage.life, &did, "caught-up").await;
        let moved = stage.order("move", json!({ "announce": false })).await;
        stage.labeler = moved;
        let event = until(&mut stage.life, &did, "service-changed").await;
        assert_eq!(event["service_url"], stage.labeler.url);
        until(&mut stage.life, &did, "connected").await;
        assert_eq!(stage.says("elsewhere").await["label"]["verdict"], "verified");
        let shown = stage.tap.state(&did, "live").await;
        assert_eq!((&shown["labels"], &shown["epoch"]), (&json!(51), &json!(1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_away_while_a_key_changes() {
    if !Network::wanted() {
        return;
    }
    for kind in [Kind::Skyware, Kind::Ozone] {
        let mut stage = Stage::set(kind, 50).await;
        stage.begin().await;
        let did = stage.labeler.did.clone();
        take(&mut stage.labels, 50).await;
        until(&mut stage.life, &did, "caught-up").await;
        stage.order("rotate-key", json!({ "announce": false })).await;
        stage.network.post("/plc", &json!({ "status": 503 })).await;
        stage.network.emit(&stage.labeler, &one("meanwhile")).await;
        let waiting = stage.tap.state(&did, "waiting").await;
        assert_eq!((&waiting["rejected"], &waiting["cursor"]), (&json!(0), &json!(50)));
        stage.network.post("/plc", &json!({})).await;
        let event = take(&mut stage.labels, 1).await.remove(0);
        assert_eq!(event["label"]["verdict"], "verified");
        until(&mut stage.life, &did, "key-changed").await;
        let shown = stage.tap.state(&did, "live").await;
        assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(51), &json!(0)));
    }
}
