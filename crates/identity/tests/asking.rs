//! Questions other than for documents: whom they reach, and what is remembered of strangers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use common::{ANN, resolver, serve, strict};
use identity::Want;
use label::Did;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(5);

async fn host() -> Url {
    let routes = Router::new()
        .route("/hundred", get(|| std::future::ready("x".repeat(100))))
        .route("/away", get(|| std::future::ready(Redirect::to("/hundred"))))
        .route("/busy", get(|| std::future::ready(busy())));
    serve(routes).await.parse().unwrap()
}

fn busy() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")], "later").into_response()
}

#[tokio::test]
async fn a_host_of_the_operator_is_asked_wherever_it_is() {
    let host = host().await;
    let strict = strict("http://127.0.0.1:9");
    let ask = async |path: &str, limit| {
        strict.fetch_of_operator(&host.join(path).unwrap(), limit, PATIENCE).await
    };
    let reply = ask("/hundred", 100).await.unwrap();
    assert!(reply.is_success() && reply.body == "x".repeat(100).as_bytes());
    let long = ask("/hundred", 99).await.unwrap_err();
    assert_eq!(long.to_string(), "the answer is too large");
    let away = ask("/away", 100).await.unwrap();
    assert!(!away.is_success() && away.body.is_empty(), "{away:?}");
    let busy = ask("/busy", 100).await.unwrap();
    assert_eq!((busy.status, busy.retry_after), (429, Some(Duration::from_secs(7))));
    assert!(strict.fetch(&host, 100).await.is_err());
    for name in ["127.0.0.1", "localhost"] {
        let url = format!("ws://{name}:{}", host.port().unwrap());
        let opened = strict.guard().connect_of_operator(&url.parse().unwrap(), PATIENCE).await;
        assert!(opened.is_ok(), "{name}: {opened:?}");
    }
    let nobody = strict.guard().connect(&host, PATIENCE).await;
    assert!(nobody.is_err());
}

#[tokio::test]
async fn strangers_are_not_remembered_and_labelers_are() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let routes = Router::new().route(
        "/{did}",
        get(move |Path(did): Path<String>| {
            let times = counted.fetch_add(1, SeqCst);
            let service = json!([{
                "id": "#atproto_labeler", "type": "AtprotoLabeler",
                "serviceEndpoint": "https://mod.social",
            }]);
            let service = if times < 2 { json!([]) } else { service };
            std::future::ready(axum::Json(json!({ "id": did, "service": service })))
        }),
    );
    let resolver = resolver(&serve(routes).await);
    let ann = Did::parse(ANN).unwrap();
    let ask = async |want, expected| {
        resolver.resolve(&ann, want).await.unwrap();
        assert_eq!(asked.load(SeqCst), expected);
    };
    ask(Want::Passing, 1).await;
    ask(Want::Passing, 2).await;
    ask(Want::Passing, 3).await;
    ask(Want::Cached, 3).await;
    ask(Want::Passing, 4).await;
}
