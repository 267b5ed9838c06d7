//! Who is not let in, and what they are told.

use super::Scene;
use crate::tap::{LIMIT, Tap};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::plc_did;

fn request(tap: &Tap, method: Method, path: &str) -> RequestBuilder {
    reqwest::Client::new().request(method, format!("{}{path}", tap.url)).timeout(LIMIT)
}

/// Asks for the channel as a WebSocket client does.
fn upgrade(tap: &Tap, query: &str) -> RequestBuilder {
    request(tap, Method::GET, &format!("/channel{query}"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// In the one shape that errors have.
async fn refused(answer: Response, status: u16, error: &str) {
    assert_eq!(answer.status().as_u16(), status);
    let body: Value = answer.json().await.expect("an error in JSON");
    let message = body["message"].as_str().expect("a sentence");
    assert_eq!(body, json!({ "error": error, "message": message }));
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_01_without_the_password_every_route_says_what_it_wants() {
    let scene = Scene::set("locked").await;
    let tap = Tap::start(&scene.plc, &scene.database(), &["--admin-password", "secret"]);
    let labeler = format!("/labelers/{}", plc_did("locked"));
    let (get, post) = (Method::GET, Method::POST);
    for (method, path) in [
        (&get, "/channel"),
        (&get, "/labelers"),
        (&post, "/labelers/add"),
        (&post, "/labelers/remove"),
        (&get, &labeler),
        (&get, &format!("{labeler}/rejected")),
        (&get, "/resolve/did:web:a.example"),
        (&get, "/stats/labeler-count"),
        (&get, "/stats/label-count"),
        (&get, "/stats/outbox-buffer"),
        (&get, "/stats/cursors"),
        (&get, "/consumers"),
        (&get, "/consumers/default"),
        (&Method::PUT, "/consumers/mine"),
        (&Method::DELETE, "/consumers/mine"),
        (&get, "/consumers/default/dead"),
        (&post, "/consumers/default/dead/retry"),
        (&get, "/metrics"),
        (&get, "/nowhere"),
    ] {
        let bare = || request(&tap, method.clone(), path);
        let wrong = [
            bare(),
            bare().basic_auth("admin", Some("Secret")),
            bare().basic_auth("root", Some("secret")),
            bare().bearer_auth("secret"),
        ];
        for request in wrong {
            let answer = request.send().await.unwrap();
            let wanted = answer.headers()["www-authenticate"].to_str().unwrap();
            assert_eq!(wanted, r#"Basic realm="admin", charset="UTF-8""#, "{path}");
            refused(answer, 401, "AuthRequired").await;
        }
        let right = bare().basic_auth("admin", Some("secret")).send().await.unwrap();
        assert_ne!(right.status().as_u16(), 401, "{path}");
    }
    refused(upgrade(&tap, "").send().await.unwrap(), 401, "AuthRequired").await;
    let right = upgrade(&tap, "").basic_auth("admin", Some("secret")).send().await.unwrap();
    assert_eq!(right.status().as_u16(), 101);
    let health = request(&tap, Method::GET, "/health").send().await.unwrap();
    assert_eq!(health.text().await.unwrap(), r#"{"status":"ok"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_02_a_consumer_with_a_webhook_has_no_channel() {
    let scene = Scene::set("hooked").await;
    let more = ["--webhook-url", "http://127.0.0.1:9/"];
    let tap = Tap::start(&scene.plc, &scene.database(), &more);
    refused(upgrade(&tap, "").send().await.unwrap(), 400, "InvalidRequest").await;
    let other = upgrade(&tap, "?consumer=other").send().await.unwrap();
    assert_eq!(other.status().as_u16(), 101, "another consumer has its own ways");
}
