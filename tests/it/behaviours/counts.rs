//! What is counted, and what a filter that changes leaves out.

use super::{Scene, about, id, nothing_more, owed, seq};
use crate::tap::{Tap, next};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{LabelSpec, Plc, plc_did};

async fn count(tap: &Tap, what: &str) -> Value {
    let (path, name) = (format!("/stats/{what}"), what.replace('-', "_"));
    tap.get(&path).await[name].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_29_nothing_is_done_for_an_empty_database() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    nothing_more(&mut tap.client(&[])).await;
    for what in ["labeler-count", "label-count", "outbox-buffer"] {
        assert_eq!(count(&tap, what).await, 0, "{what}");
    }
    let cursors = json!({ "firehose": 0, "list_repos": "", "labelers": [] });
    assert_eq!(tap.get("/stats/cursors").await, cursors);
    assert_eq!(tap.get("/labelers").await, json!({ "labelers": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_36_37_three_are_added_and_one_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    assert_eq!(tap.get("/health").await, json!({ "status": "ok" }));
    let dids = ["one", "two", "three"].map(plc_did);
    tap.add(&[&dids[0], &dids[1], &dids[2]]).await;
    assert_eq!(count(&tap, "labeler-count").await, 3);
    tap.remove(&[&dids[1]], false).await;
    assert_eq!(count(&tap, "labeler-count").await, 2);
    let page = tap.get("/labelers").await;
    let tracked: Vec<&Value> =
        page["labelers"].as_array().unwrap().iter().map(|labeler| &labeler["did"]).collect();
    assert!(tracked.len() == 2 && !tracked.contains(&&json!(dids[1])), "{tracked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_38_39_40_labelers_labels_and_what_is_owed_are_counted() {
    let scene = Scene::set("counted").await;
    scene.say("xyzzy");
    let tap = scene.start(&[]).await;
    assert_eq!(count(&tap, "labeler-count").await, 1);
    assert_eq!(count(&tap, "label-count").await, 5);
    assert_eq!(count(&tap, "outbox-buffer").await, 5);
    let mut client = tap.client(&[]);
    let ids = [id(&next(&mut client).await), id(&next(&mut client).await)];
    // What was sent is owed until it is acked.
    assert_eq!(count(&tap, "outbox-buffer").await, 5);
    client.ack(&ids).await;
    owed(&tap, 3).await;
    assert_eq!(count(&tap, "label-count").await, 5);
}

async fn filter(tap: &Tap, filter: Value) {
    let body = json!({ "filter": filter });
    let (status, body) = tap.ask(Method::PUT, "/consumers/default", Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_17_a_filter_that_changes_holds_at_once_and_not_for_the_past() {
    let scene = Scene::set("filtered").await;
    let tap = scene.start(&[]).await;
    let mut client = tap.client(&[]);
    let rude = |lane| LabelSpec::new(about(lane).uri, "rude");
    filter(&tap, json!({ "val": ["rude"] })).await;
    scene.labeler.emit_each([about('a'), rude('b')]);
    let event = next(&mut client).await;
    assert_eq!(seq(&event), 2);
    client.ack(&[id(&event)]).await;
    owed(&tap, 0).await;
    filter(&tap, Value::Null).await;
    scene.labeler.emit_each([about('c')]);
    assert_eq!(seq(&next(&mut client).await), 3, "what was passed over stays so");
    nothing_more(&mut client).await;
}
