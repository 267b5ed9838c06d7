//! Keys that change: what was signed before, meanwhile and after is judged by the key that was the
//! one to sign with (contract section 8).

use crate::tap::{Tap, next, take, within};
use client::Client;
use serde_json::{Value, json};
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

/// The time of this label's creation, in milliseconds since 1970.
fn ms(text: &str) -> i64 {
    label::syntax::instant(text).expect("a time") / 1000
}

fn verdict(event: &Value) -> (i64, &str) {
    let label = &event["label"];
    (label["seq"].as_i64().expect("a number"), label["verdict"].as_str().expect("a verdict"))
}

async fn until(client: &mut Client, change: &str) {
    within(async {
        loop {
            let event = next(client).await;
            client.ack(&[event["id"].as_i64().expect("an id")]).await;
            if event["labeler"]["change"] == change {
                return;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_an_earlier_key_are_told_apart_and_the_log_is_asked_once() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("rotated");
    let (old, new) = (SigningKey::k256(81), SigningKey::p256(82));
    let labeler = FakeLabeler::start_unlisted(&did, old.clone()).await;
    let document = |key: &SigningKey| testkit::Document::labeler(&did, key, &labeler.url()).json();
    plc.set_at(&did, &document(&old), ms("2024-01-01T00:00:00Z"));
    plc.set_at(&did, &document(&new), ms("2024-06-01T00:00:00Z"));

    let at = |n: u64, cts: &str| LabelSpec::numbered(n).cts(cts);
    labeler.emit([at(1, "2024-03-01T00:00:00Z")]); // in its time
    labeler.emit([at(2, "2023-12-31T23:59:59Z")]); // before it had the key
    labeler.emit([at(3, "2024-06-01T00:00:01Z")]); // the key had been replaced
    labeler.rotate(new);
    labeler.emit([at(4, "2024-06-01T00:00:01Z")]);
    labeler.emit([at(5, "2024-03-01T00:00:00Z")]); // signed anew: it holds by the present key
    labeler.rotate(SigningKey::k256(83));
    labeler.emit([at(6, "2024-03-01T00:00:00Z")]);

    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let events = take(&mut tap.client(&[]), 3).await;
    let verdicts: Vec<_> = events.iter().map(verdict).collect();
    assert_eq!(verdicts, [(1, "verified-old-key"), (4, "verified"), (5, "verified")]);
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(3), &json!(3)));
    let rejected = tap.get(&format!("/labelers/{did}/rejected")).await;
    let reasons: Vec<_> = rejected["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["seq"], &one["verdict"]))
        .collect();
    let bad = json!("bad-signature");
    assert_eq!(reasons, [(&json!(6), &bad), (&json!(3), &bad), (&json!(2), &bad)]);
    labeler.emit([at(7, "2024-03-01T00:00:00Z")]);
    tap.labeler_until(&did, |labeler| labeler["cursor"] == 7).await;
    assert_eq!(plc.audits(&did), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_log_cannot_be_asked_the_stream_waits_and_nothing_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("unasked");
    let (old, new) = (SigningKey::k256(84), SigningKey::k256(85));
    let labeler = FakeLabeler::start_unlisted(&did, old.clone()).await;
    let document = |key: &SigningKey| testkit::Document::labeler(&did, key, &labeler.url()).json();
    plc.set_at(&did, &document(&old), ms("2024-01-01T00:00:00Z"));
    plc.set_at(&did, &document(&new), ms("2025-01-01T00:00:00Z"));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    plc.outage(true);
    labeler.emit([LabelSpec::numbered(1)]);
    let waiting = tap.state(&did, "waiting").await;
    assert!(waiting["error"].as_str().unwrap().contains("directory"), "{waiting}");
    assert_eq!((&waiting["rejected"], &waiting["cursor"]), (&json!(0), &json!(0)));
    plc.outage(false);
    let events = take(&mut tap.client(&[]), 1).await;
    assert_eq!(verdict(&events[0]), (1, "verified-old-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_before_the_document_showed_the_key_is_judged_again() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("early");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(86), &plc).await;
    labeler.emit([LabelSpec::numbered(1)]);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let mut life = tap.client(&[("consumer", "life"), ("types", "labeler")]);
    let mut labels = tap.client(&[]);
    tap.add(&[&did]).await;
    take(&mut labels, 1).await;
    until(&mut life, "caught-up").await;
    // The new key signs before the directory shows it.
    labeler.rotate(SigningKey::k256(87));
    labeler.emit([LabelSpec::numbered(2)]);
    labeler.emit([LabelSpec::numbered(3)]);
    let shown = tap.labeler_until(&did, |labeler| labeler["cursor"] == 3).await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(1), &json!(2)));
    labeler.publish(&plc);
    // The connection is lost, so the document is read again.
    labeler.drop_connections(testkit::Ending::Fin);
    until(&mut life, "key-changed").await;
    let events = take(&mut labels, 2).await;
    assert_eq!(events.iter().map(verdict).collect::<Vec<_>>(), [(2, "verified"), (3, "verified")]);
    let shown = tap.labeler_until(&did, |labeler| labeler["rejected"] == 0).await;
    assert_eq!(shown["labels"], 3);
    assert_eq!(tap.get(&format!("/labelers/{did}/rejected")).await, json!({ "rejected": [] }));
}
