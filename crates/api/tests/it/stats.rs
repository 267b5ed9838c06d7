//! Health, numbers and metrics.

use crate::house::{ANN, BOB, House, NOW, OK, RELAY, Wishes, ask};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use std::sync::Arc;
use store::{Hints, Place};

#[tokio::test]
async fn health_follows_the_store() {
    let house = House::plain();
    assert_eq!(house.get("/health").await.json(), json!({ "status": "ok" }));
    house.store.close().await;
    house.get("/health").await.refusal(503, "ServiceUnavailable");
    house.get("/labelers").await.refusal(500, "InternalServerError");
}

#[tokio::test]
async fn the_numbers_are_there_from_the_start() {
    let house = House::plain();
    let cursors = house.get("/stats/cursors").await.json();
    assert_eq!(cursors, json!({ "firehose": 0, "list_repos": "", "labelers": [] }));
    house.add(&[BOB, ANN]).await;
    house.reject(BOB, 2).await;
    for (path, expected) in [
        ("labeler-count", json!({ "labeler_count": 2 })),
        ("label-count", json!({ "label_count": 0 })),
        ("outbox-buffer", json!({ "outbox_buffer": 0 })),
        (
            "cursors",
            json!({ "firehose": 0, "list_repos": "", "labelers": [
                { "did": ANN, "cursor": 0 }, { "did": BOB, "cursor": 2 },
            ] }),
        ),
    ] {
        assert_eq!(house.get(&format!("/stats/{path}")).await.json(), expected);
    }
}

#[tokio::test]
async fn cursors_of_the_relay_are_those_on_disk_and_of_no_other_relay() {
    let house = House::plain();
    let cursor = label::Seq::new(7).unwrap();
    let list = |relay: &str, page: &str| Place::List {
        relay: relay.to_owned(),
        page: Some(page.to_owned()),
        at: NOW,
    };
    for place in [
        Place::Firehose { relay: RELAY.to_owned(), cursor },
        list(RELAY, "page two"),
        list("https://other.test", "page nine"),
    ] {
        let hints = Hints { place: Some(place), ..Hints::default() };
        house.store.keep_hints(hints, NOW).await.unwrap();
    }
    let cursors = house.get("/stats/cursors").await.json();
    assert_eq!(cursors, json!({ "firehose": 7, "list_repos": "page two", "labelers": [] }));
}

#[tokio::test]
async fn metrics_are_here_or_at_their_own_address() {
    let here = House::plain().get("/metrics").await;
    assert_eq!((here.status, here.text.as_str()), (OK, "labeltap_up 1\n"));
    assert!(here.headers["content-type"].to_str().unwrap().starts_with("text/plain"));

    let elsewhere = House::with(Wishes { no_metrics: true, ..Wishes::default() });
    elsewhere.get("/metrics").await.refusal(404, "NotFound");

    let own = api::metrics_router(Arc::new(|| "labeltap_up 1\n".to_owned()));
    let get = |path| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(ask(&own, get("/metrics")).await.text, "labeltap_up 1\n");
    ask(&own, get("/labelers")).await.refusal(404, "NotFound");
}
