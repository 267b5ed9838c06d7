//! The main job on the real network: servers that this project did not write.
//!
//! One Skyware and one Ozone labeler, their whole history, then the present. What arrives
//! is checked with stock parts only.

use crate::tap::{Tap, next, take};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::network::{Kind, Labeler, Network};
use testkit::{bytes_of, verifies};

const HISTORY: u64 = 20_000;

/// A label as it was delivered: signed by its labeler, and shown with the fields signed.
fn check(event: &Value, labelers: &[Labeler]) {
    let label = &event["label"];
    let whose = labelers.iter().find(|labeler| label["src"] == labeler.did);
    let labeler = whose.unwrap_or_else(|| panic!("nobody's label: {event}"));
    assert_eq!((&label["verdict"], &label["labelerDID"]), (&json!("verified"), &label["src"]));
    let raw = bytes_of(&label["raw"]);
    assert!(verifies(&raw, &labeler.key), "{event}");
    let signed = wire::rejected_label_json(&raw);
    for field in ["src", "uri", "val", "cts", "cid", "exp", "ver", "sig"] {
        assert_eq!(label.get(field), signed.get(field), "{field} of {event}");
    }
    assert_eq!(label["neg"], signed.get("neg").cloned().unwrap_or(json!(false)), "{event}");
}

/// The labels of one labeler, by seq; none twice, and in order within each subject.
fn by_seq(events: &[Value], labeler: &Labeler) -> BTreeMap<i64, Value> {
    let mut last_on_subject: BTreeMap<String, i64> = BTreeMap::new();
    let mut labels = BTreeMap::new();
    for event in events.iter().filter(|event| event["label"]["src"] == labeler.did) {
        let seq = event["label"]["seq"].as_i64().unwrap();
        let uri = event["label"]["uri"].as_str().unwrap().to_owned();
        let before = last_on_subject.insert(uri, seq);
        assert!(before.is_none_or(|before| before < seq), "out of order: {event}");
        assert!(labels.insert(seq, event["label"].clone()).is_none(), "twice: {event}");
    }
    labels
}

#[tokio::test(flavor = "multi_thread")]
async fn both_real_labelers_arrive_whole_and_then_live() {
    if !Network::wanted() {
        return;
    }
    let network = Network::start().await;
    let mut labelers = Vec::new();
    for kind in [Kind::Skyware, Kind::Ozone] {
        let labeler = network.labeler(kind).await;
        labelers.push(network.bulk(&labeler, HISTORY, kind == Kind::Ozone).await);
    }
    let dir = tempfile::tempdir().unwrap();
    let tap = Tap::start_at(network.plc_url(), &dir.path().join("tap.db"), &[]);
    tap.add(&[&labelers[0].did, &labelers[1].did]).await;

    let mut client = tap.client(&[("raw", "true")]);
    let history = take(&mut client, 2 * HISTORY as usize).await;
    for event in &history {
        assert_eq!(event["label"]["live"], false);
        check(event, &labelers);
    }
    for labeler in &labelers {
        let seqs: Vec<i64> = by_seq(&history, labeler).into_keys().collect();
        assert!(seqs.iter().copied().eq(1..=HISTORY as i64), "a seq is missing");
        let shown = tap.state(&labeler.did, "live").await;
        assert_eq!((&shown["cursor"], &shown["labels"]), (&json!(HISTORY), &json!(HISTORY)));
        assert_eq!((&shown["rejected"], &shown["caught_up"]), (&json!(0), &json!(true)));
        assert_eq!(shown["key"], labeler.key);
    }

    let cid = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";
    let (mut said, mut present) = (Vec::new(), Vec::new());
    for labeler in &labelers {
        let uri = format!("at://{}/app.bsky.feed.post/3l3qo2vuowo2b", labeler.did);
        let rich =
            json!([{ "uri": uri, "val": "rude", "cid": cid, "exp": "2040-01-01T00:00:00.000Z" }]);
        let plain = json!([{ "uri": labeler.did, "val": "!warn" }]);
        // One at a time: Ozone forgets a label whose negation comes before it was sent.
        said.extend(network.emit(labeler, &rich).await);
        present.extend(take(&mut client, 1).await);
        said.extend(network.emit(labeler, &plain).await);
        present.extend(take(&mut client, 1).await);
        said.extend(network.negate(labeler, &plain).await);
        present.extend(take(&mut client, 1).await);
    }
    for event in &present {
        assert_eq!(event["label"]["live"], true, "{event}");
        check(event, &labelers);
    }
    for one in &said {
        let arrived = present.iter().map(|event| &event["label"]);
        let mut same =
            arrived.filter(|label| label["src"] == one["src"] && label["seq"] == one["seq"]);
        let label = same.next().unwrap_or_else(|| panic!("never arrived: {one}"));
        for field in ["uri", "val", "cts", "cid", "exp"] {
            assert_eq!(label.get(field), one.get(field), "{field} of {one}");
        }
        assert!(same.next().is_none());
    }
    let quiet =
        tokio::time::timeout(std::time::Duration::from_millis(500), next(&mut client)).await;
    assert!(quiet.is_err(), "an acked event came again: {quiet:?}");
    assert_eq!(tap.get("/stats/label-count").await["label_count"], 2 * HISTORY + said.len() as u64);
}
