//! DID documents through the API.

use crate::house::{ANN, BOB, House, Wishes};
use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

/// A directory that knows Ann; answers its URL.
async fn directory() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ann = get(|| async { Json(document()) });
    let routes = Router::new()
        .route(&format!("/{ANN}"), ann)
        .fallback(|| async { (StatusCode::NOT_FOUND, "unknown") });
    drop(tokio::spawn(async move { axum::serve(listener, routes).await }));
    url
}

fn document() -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": ANN,
        "alsoKnownAs": [],
        "something": { "of": ["its", "own"] },
    })
}

#[tokio::test]
async fn a_document_is_shown_as_it_was_received() {
    let house = House::with(Wishes { plc: Some(directory().await), ..Wishes::default() });
    assert_eq!(house.get(&format!("/resolve/{ANN}")).await.json(), document());
    let encoded = ANN.replace(':', "%3A");
    assert_eq!(house.get(&format!("/resolve/{encoded}")).await.json(), document());
    house.get(&format!("/resolve/{BOB}")).await.refusal(404, "NotFound");
    house.get("/resolve/did:plc:short").await.refusal(400, "InvalidRequest");
    house.get("/resolve/ann.example.com").await.refusal(400, "InvalidRequest");
}

#[tokio::test]
async fn an_unreachable_directory_is_a_bad_gateway() {
    let house = House::plain();
    house.get(&format!("/resolve/{ANN}")).await.refusal(502, "UpstreamFailure");
}
