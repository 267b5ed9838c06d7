//! A labeler is added, and every label it ever issued arrives, then every new one.

use crate::tap::{Tap, take};
use serde_json::Value;
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn history_arrives_then_the_present_with_every_field_as_signed() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("first");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(1), &plc).await;
    labeler.preload(1_000);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;

    let mut client = tap.client(&[]);
    let history = take(&mut client, 1_000).await;
    for (event, seq) in history.iter().zip(1..) {
        let label = &event["label"];
        assert_eq!(event["type"], "label");
        assert_eq!((&label["seq"], &label["live"]), (&Value::from(seq), &Value::from(false)));
        assert_eq!(
            (&label["labelerDID"], &label["src"]),
            (&Value::from(did.clone()), &Value::from(did.clone()))
        );
        assert_eq!((&label["verdict"], &label["ver"]), (&Value::from("verified"), &Value::from(1)));
    }
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["cursor"], &shown["labels"]), (&Value::from(1000), &Value::from(1000)));
    assert_eq!((&shown["caught_up"], &shown["rejected"]), (&Value::from(true), &Value::from(0)));
    assert_eq!(shown["key"], labeler.key().did_key());
    assert_eq!(shown["service_url"], labeler.url().trim_end_matches('/'));
    assert_eq!(shown["sources"], serde_json::json!(["api"]));
    assert!(shown.get("error").is_none() && shown["connected_since"].is_string(), "{shown}");

    let cid = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";
    let uri = "at://did:plc:abcabcabcabcabcabcabcabc/app.bsky.feed.post/3k2";
    labeler.emit([LabelSpec::new(uri, "rude").cid(cid).exp("2040-01-01T00:00:00.000Z")]);
    labeler.emit([LabelSpec::new(uri, "rude").neg(true)]);
    labeler.emit([LabelSpec::new(uri, "rude").neg(false)]);
    let present = take(&mut client, 3).await;
    let labels: Vec<&Value> = present.iter().map(|event| &event["label"]).collect();
    assert!(labels.iter().all(|label| label["live"] == true && label["uri"] == uri));
    assert_eq!(
        (&labels[0]["cid"], &labels[0]["exp"]),
        (&Value::from(cid), &Value::from("2040-01-01T00:00:00.000Z"))
    );
    let neg: Vec<&Value> = labels.iter().map(|label| &label["neg"]).collect();
    assert_eq!(neg, [false, true, false]);
    assert!(labels[1].get("cid").is_none() && labels[1].get("exp").is_none(), "{}", labels[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_labeler_is_caught_up_and_its_first_label_is_live() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("silent");
    let labeler = FakeLabeler::start(&did, SigningKey::p256(2), &plc).await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &["--labelers", &did]);
    let shown = tap.state_when_tracked(&did, "live").await;
    assert_eq!(
        (&shown["cursor"], &shown["sources"]),
        (&Value::from(0), &serde_json::json!(["config"]))
    );
    labeler.emit([LabelSpec::numbered(1)]);
    let first = take(&mut tap.client(&[]), 1).await;
    assert_eq!(first[0]["label"]["live"], true);
    assert_eq!(first[0]["label"]["verdict"], "verified");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_did_web_labeler_is_followed_too() {
    let dir = tempfile::tempdir().unwrap();
    let labeler = FakeLabeler::start_web(SigningKey::k256(3)).await;
    labeler.preload(10);
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[labeler.did()]).await;
    let events = take(&mut tap.client(&[]), 10).await;
    assert!(events.iter().all(|event| event["label"]["src"] == labeler.did()));
}
