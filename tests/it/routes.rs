//! Every route there is, asked rightly and wrongly, through the binary (contract section
//! 3). What each answer holds in detail is shown where it is made.

use crate::tap::Tap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{FakeLabeler, LabelSpec, Plc, Sig, SigningKey, plc_did};

/// The keys of an object, sorted.
fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("routed");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(110), &plc).await;
    labeler.preload(3);
    labeler.emit([LabelSpec::numbered(9).sig(Sig::Absent)]);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.add(&[]).await;
    let shown = tap.state(&did, "live").await;
    let expected = [
        "caught_up",
        "connected_since",
        "cursor",
        "did",
        "epoch",
        "key",
        "labels",
        "last_label_at",
        "rejected",
        "retry_count",
        "service_url",
        "sources",
        "state",
    ];
    assert_eq!(keys(&shown), expected, "optional ones are absent, not null");
    assert_eq!((&shown["epoch"], &shown["rejected"]), (&json!(1), &json!(1)));

    assert_eq!(tap.get("/labelers").await, json!({ "labelers": [shown] }));
    assert_eq!(tap.get("/labelers?state=gone").await, json!({ "labelers": [] }));
    let rejected = tap.get(&format!("/labelers/{did}/rejected")).await;
    let one = &rejected["rejected"][0];
    assert_eq!(keys(one), ["label", "reason", "received_at", "seq", "verdict"]);
    assert_eq!((&one["seq"], &one["verdict"]), (&json!(4), &json!("unsigned")));
    assert_eq!(one["label"]["val"], "spam");
    let document = tap.get(&format!("/resolve/{did}")).await;
    assert_eq!(document["id"], did);
    for (path, answer) in [
        ("/health", json!({ "status": "ok" })),
        ("/stats/labeler-count", json!({ "labeler_count": 1 })),
        ("/stats/label-count", json!({ "label_count": 3 })),
        ("/stats/outbox-buffer", json!({ "outbox_buffer": 3 })),
        (
            "/stats/cursors",
            json!({ "firehose": 0, "list_repos": "", "labelers": [{ "did": did, "cursor": 4 }] }),
        ),
    ] {
        assert_eq!(tap.get(path).await, answer, "{path}");
    }
    let stats = tap.get("/stats/labels?by=target").await;
    assert_eq!(
        (&stats["by"], &stats["subjects_with_several_labelers"]),
        (&json!("target"), &json!(0))
    );
    let row = &stats["rows"][0];
    let expected = json!(["app.bsky.feed.post", 3, 0, 3]);
    assert_eq!(json!([row["key"], row["labels"], row["negations"], row["subjects"]]), expected);
    let metrics = tap.get("/metrics").await;
    let names = metrics.as_str().unwrap().lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = names.filter(|line| !line.is_empty()).collect();
    assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("labeltap_")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_gets_the_one_shape_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("unasked");
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let (get, post) = (Method::GET, Method::POST);
    let good_and_bad = json!({ "dids": [did, "did:plc:short"] });
    let huge = json!({ "dids": [], "padding": "x".repeat(1 << 20) });
    let cases = [
        (&get, "/labelers?limit=0".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/labelers?limit=1001".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/labelers?limit=ten".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/labelers?state=asleep".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/labelers?cursor=%00".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/labelers/did:plc:short".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/labelers/did:key:zQ3sh".to_owned(), None, 400, "InvalidRequest"),
        (&get, format!("/labelers/{did}"), None, 404, "NotFound"),
        (&get, format!("/labelers/{did}/rejected"), None, 404, "NotFound"),
        (&get, "/resolve/nobody".to_owned(), None, 400, "InvalidRequest"),
        (&get, format!("/resolve/{did}"), None, 404, "NotFound"),
        (&post, "/labelers/add".to_owned(), Some(good_and_bad), 400, "InvalidRequest"),
        (&post, "/labelers/add".to_owned(), Some(json!({})), 400, "InvalidRequest"),
        (&post, "/labelers/add".to_owned(), Some(json!({ "dids": did })), 400, "InvalidRequest"),
        (&post, "/labelers/add".to_owned(), Some(huge), 413, "PayloadTooLarge"),
        (&post, "/labelers/remove".to_owned(), Some(json!({ "dids": [1] })), 400, "InvalidRequest"),
        (&get, "/labelers/add".to_owned(), None, 405, "MethodNotAllowed"),
        (&post, "/labelers".to_owned(), Some(json!({})), 405, "MethodNotAllowed"),
        (&get, "/no/such/route".to_owned(), None, 404, "NotFound"),
        (&get, "/stats/labels?by=colour".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/stats/labels?by=".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/stats/labels?by=month&by=value".to_owned(), None, 400, "InvalidRequest"),
        (&get, "/channel?types=labels".to_owned(), None, 400, "InvalidRequest"),
    ];
    for (method, path, body, status, error) in cases {
        let (found, answer) = tap.ask(method.clone(), &path, body).await;
        assert_eq!((found.as_u16(), &answer["error"]), (status, &json!(error)), "{path}: {answer}");
        assert_eq!(keys(&answer), ["error", "message"], "{path}");
    }
    plc.outage(true);
    let (status, answer) = tap.ask(Method::GET, &format!("/resolve/{did}"), None).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{answer}");
    assert_eq!(tap.get("/stats/labeler-count").await["labeler_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_paged_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let mut dids: Vec<String> = (0..25).map(|n| plc_did(&format!("page-{n}"))).collect();
    tap.add(&dids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (mut found, mut path) = (Vec::new(), "/labelers?limit=10".to_owned());
    let mut pages = Vec::new();
    loop {
        let page = tap.get(&path).await;
        let labelers = page["labelers"].as_array().unwrap();
        pages.push(labelers.len());
        found.extend(labelers.iter().map(|one| one["did"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.get("cursor") else { break };
        path = format!("/labelers?limit=10&cursor={}", cursor.as_str().unwrap());
    }
    dids.sort_unstable();
    found.sort_unstable();
    assert_eq!((pages, found), (vec![10, 10, 5], dids));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_answered_and_not_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    for path in ["/labelers/add", "/no/such/route"] {
        let expected = if path == "/labelers/add" { 413 } else { 404 };
        for _ in 0..20 {
            let body = serde_json::json!({ "dids": ["x".repeat(3 << 20)] });
            let (status, answer) = tap.ask(reqwest::Method::POST, path, Some(body)).await;
            assert_eq!(status.as_u16(), expected, "{answer}");
        }
    }
}
