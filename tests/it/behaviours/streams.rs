//! Whom labeltap listens to, where it goes on, and what becomes of a labeler that fails.

use super::{Scene, nothing_more};
use crate::tap::{next, seqs, take};
use serde_json::{Value, json};
use testkit::{Ending, FakeLabeler, LabelSpec, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_01_a_labeler_nobody_asked_for_is_not_followed() {
    let scene = Scene::set("asked-for").await;
    let other = FakeLabeler::start(&plc_did("other"), SigningKey::k256(132), &scene.plc).await;
    other.preload(3);
    // The one that is followed speaks of the other.
    scene.labeler.emit([LabelSpec::new(other.did(), "spam")]);
    let tap = scene.start(&[]).await;
    let mut client = tap.client(&[]);
    assert_eq!(take(&mut client, 1).await[0]["label"]["uri"], other.did());
    nothing_more(&mut client).await;
    assert_eq!(tap.get("/stats/labeler-count").await["labeler_count"], 1);
    assert_eq!(other.upgrades().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_16_a_new_labeler_begins_at_0_and_a_known_one_where_it_was() {
    let scene = Scene::set("resumed").await;
    scene.say("vwxyz");
    let tap = scene.start(&[]).await;
    take(&mut tap.client(&[]), 5).await;
    assert_eq!(tap.stop().status.code(), Some(0));
    scene.say("a");
    let tap = scene.start(&[]).await;
    assert_eq!(seqs(&take(&mut tap.client(&[]), 1).await), [6]);
    // A short connection that looks for the head has no cursor.
    let cursors = scene.labeler.upgrades().into_iter().filter_map(|upgrade| upgrade.cursor);
    assert_eq!(cursors.collect::<Vec<_>>(), ["0", "5"]);
    let cursors = tap.get("/stats/cursors").await;
    assert_eq!(cursors["labelers"], json!([{ "did": scene.did, "cursor": 6 }]));
}

/// The keys of an object, as they were written.
fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_26_an_event_has_every_field_and_none_is_null() {
    let scene = Scene::set("complete").await;
    let cid = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";
    let exp = "2040-01-01T00:00:00.000Z";
    scene.labeler.emit([LabelSpec::new("at://did:plc:a/b/c", "rude").cid(cid).exp(exp).neg(true)]);
    scene.labeler.emit([LabelSpec::new("at://did:plc:a/b/d", "rude")]);
    let tap = scene.start(&[]).await;
    let mut client = tap.client(&[]);
    let (full, plain) = (next(&mut client).await, next(&mut client).await);
    let expected: Vec<&str> =
        "cid cts exp labelerDID live neg seq sig src uri val ver verdict".split(' ').collect();
    for (event, optional) in [(full, true), (plain, false)] {
        let mut found = keys(&event);
        found.sort_unstable();
        assert_eq!(found, ["id", "label", "type"]);
        let mut found = keys(&event["label"]);
        found.sort_unstable();
        let is_there = |key: &&&str| optional || !matches!(**key, "cid" | "exp");
        assert_eq!(found, expected.iter().filter(is_there).copied().collect::<Vec<_>>());
        assert_eq!(event["label"]["neg"], optional);
        assert!(event["label"].as_object().unwrap().values().all(|value| !value.is_null()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_30_31_failures_are_told_counted_and_further_apart_each_time() {
    let mut scene = Scene::set("failing").await;
    scene.say("x");
    let tap = scene.start(&[]).await;
    assert_eq!(tap.labeler(&scene.did).await["retry_count"], 0);
    scene.labeler.stop(Ending::Reset).await;
    let mut times = Vec::new();
    for count in 1..=4 {
        let failed = |it: &Value| it["retry_count"] == count && it["retry_after"].is_string();
        let shown = tap.labeler_until(&scene.did, failed).await;
        assert_eq!(shown["state"], "waiting");
        assert!(shown["error"].as_str().is_some_and(|error| !error.is_empty()), "{shown}");
        times.push(shown["retry_after"].as_str().unwrap().to_owned());
    }
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
    // Asking for it again changes nothing about that.
    tap.add(&[&scene.did]).await;
    assert!(tap.labeler(&scene.did).await["retry_count"].as_i64() >= Some(4));
}
