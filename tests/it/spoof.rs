//! A labeler that lies in every way there is, among honest neighbours.
//!
//! None of its lies is delivered, each is counted under its verdict, and the neighbours
//! never notice (contract G5, G8, section 8).

use crate::tap::{Tap, take};
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::{FakeLabeler, Faults, LabelSpec, Plc, Sig, SigningKey, Spelling, plc_did};

/// Every lie, with the verdict it is to get.
fn lies(neighbour: &str) -> Vec<(LabelSpec, &'static str)> {
    let honest = || LabelSpec::numbered(1);
    vec![
        (honest().src(neighbour), "foreign-src"),
        (honest().sig(Sig::Absent), "unsigned"),
        (honest().replace_signed("val", "innocent"), "bad-signature"),
        (honest().sig(Sig::HighS), "bad-signature"),
        (honest().sig(Sig::Der), "bad-signature"),
        (honest().sig(Sig::Short), "bad-signature"),
        (honest().ver(Some(2)), "unsupported-version"),
        (honest().ver(None), "unsupported-version"),
        (honest().spelling(Spelling::UnsortedKeys), "malformed"),
        (honest().spelling(Spelling::IndefiniteMap), "malformed"),
        (honest().without("val"), "malformed"),
        (LabelSpec::new("at://did:plc:x/y/z", "v".repeat(129)), "malformed"),
        (honest().cts("yesterday"), "malformed"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_is_delivered_and_each_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (liar_did, honest_did) = (plc_did("liar"), plc_did("honest"));
    let liar = FakeLabeler::start(&liar_did, SigningKey::k256(5), &plc).await;
    let honest = FakeLabeler::start(&honest_did, SigningKey::k256(6), &plc).await;
    honest.preload(2_000);
    let lies = lies(&honest_did);
    for (lie, _) in &lies {
        liar.emit([lie.clone()]);
    }
    // A truth among the lies still counts, also one with a field that nobody signed.
    liar.emit([LabelSpec::new("at://did:plc:a/b/c", "true").extra("id", 7)]);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&liar_did, &honest_did]).await;

    let events = take(&mut tap.client(&[]), 2_001).await;
    let from =
        |did: &str| events.iter().filter(|event| event["label"]["labelerDID"] == did).count();
    assert_eq!((from(&honest_did), from(&liar_did)), (2_000, 1));
    assert!(events.iter().all(|event| event["label"]["verdict"] == "verified"));

    let shown = tap.state(&liar_did, "live").await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&Value::from(1), &Value::from(lies.len())));
    assert_eq!(shown["cursor"], lies.len() + 1);
    let rejected = tap.get(&format!("/labelers/{liar_did}/rejected")).await;
    let rejected = rejected["rejected"].as_array().unwrap();
    let verdicts: Vec<&Value> = rejected.iter().rev().map(|one| &one["verdict"]).collect();
    let expected: Vec<&str> = lies.iter().map(|(_, verdict)| *verdict).collect();
    assert_eq!(verdicts, expected);
    let mut counts = BTreeMap::new();
    expected.iter().for_each(|verdict| *counts.entry(*verdict).or_insert(0.0) += 1.0);
    for (verdict, count) in counts {
        let name = format!("labeltap_labels_judged_total{{verdict=\"{verdict}\"}}");
        assert_eq!(tap.metric(&name).await, count, "{name}");
    }
    let neighbour = tap.state(&honest_did, "live").await;
    assert_eq!(
        (&neighbour["rejected"], &neighbour["retry_count"]),
        (&Value::from(0), &Value::from(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_breaks_the_framing_hurts_itself_only() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let honest_did = plc_did("steady");
    let honest = FakeLabeler::start(&honest_did, SigningKey::k256(7), &plc).await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let cases = [
        ("huge", vec![0; 5_000_001], "5000000"),
        ("garbage", b"\xff\xff\xff".to_vec(), "cannot be read"),
        ("json", b"{\"seq\":1}".to_vec(), "cannot be read"),
    ];
    let mut bad = Vec::new();
    for (name, message, says) in cases {
        let did = plc_did(name);
        let labeler = FakeLabeler::start(&did, SigningKey::k256(8), &plc).await;
        labeler.preload(3);
        labeler.faults(Faults::message_after(2, message));
        bad.push((did, labeler, says));
    }
    let dids: Vec<&str> = bad.iter().map(|(did, ..)| did.as_str()).collect();
    tap.add(&dids).await;
    tap.add(&[&honest_did]).await;
    for (did, _, says) in &bad {
        let broken =
            |shown: &Value| shown["error"].as_str().is_some_and(|error| error.contains(says));
        let shown = tap.labeler_until(did, broken).await;
        assert!(shown["labels"].as_i64() >= Some(2), "what came before is kept: {shown}");
    }
    honest.preload(500);
    let mut client = tap.client(&[]);
    let mut honest_events = 0;
    while honest_events < 500 {
        let events = take(&mut client, 1).await;
        honest_events += usize::from(events[0]["label"]["src"] == honest_did);
    }
    let shown = tap.labeler(&honest_did).await;
    assert_eq!((&shown["retry_count"], shown.get("error")), (&Value::from(0), None));
    assert_eq!(honest.upgrades().len(), 1, "its connection was never disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_hangs_up_after_every_frame_still_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("impatient");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(9), &plc).await;
    labeler.preload(4);
    labeler.faults(Faults::drop_after(1));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let events = take(&mut tap.client(&[]), 4).await;
    let seqs: Vec<i64> = events.iter().filter_map(|event| event["label"]["seq"].as_i64()).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let cursors: Vec<_> = labeler.upgrades().iter().map(|upgrade| upgrade.cursor.clone()).collect();
    assert!(cursors.len() >= 4, "{cursors:?}");
}
