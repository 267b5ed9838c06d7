//! Every answer that can be had of every route.

use super::document::{Answer, Operation};
use super::scene::{Asked, CREDENTIALS, SUBJECT, Scene, With};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Answers that nobody can ask for: a body that is sent for half a minute, a database that is
/// broken or busy.
const NOT_TO_BE_HAD: [u16; 3] = [408, 500, 503];

/// Handles are names on the network, of which there is none here. What is asked wrongly is
/// answered here, the rest in the crate `api`.
const OF_THE_NETWORK: &str = "/handles/{handle}";

/// Fields that need more than there is here: a handle is looked up on the network, and a rest
/// is of tables with more rows than fit. What takes minutes to be in `/status` is in `status.rs`.
const NOT_THERE: [&str; 7] = [
    "Labeler/handle",
    "LabelStats/rest",
    "Subject/labelers/handle",
    "Handle/did",
    "Status/",
    "Backfill/",
    "Troubled/",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_described() {
    let scene = Scene::set().await;
    let asked = scene.serve(&["--max-deliveries", "2"]).await;
    asked.follow(&scene).await;
    what_is_read(&asked, &scene).await;
    what_is_changed(&asked, &scene).await;
    upgrades(&asked).await;
    for operation in asked.document.operations() {
        refusals_of_all(&asked, &operation).await;
    }
    mistakes(&asked, &scene).await;

    let left = asked.never_answered();
    let to_be_had = |(path, _, status): &&(String, String, u16)| {
        !NOT_TO_BE_HAD.contains(status) && path != OF_THE_NETWORK
    };
    let left: Vec<_> = left.iter().filter(to_be_had).collect();
    // Those of the service that is short of room follow.
    assert_eq!(
        left,
        [&("/metrics".to_owned(), "get".to_owned(), 404)],
        "described, never answered"
    );
    let mut never = asked.never_there();
    never.retain(|field| !NOT_THERE.iter().any(|known| field.starts_with(known)));
    assert!(never.is_empty(), "described, never there: {never:?}");
}

async fn what_is_read(asked: &Asked, scene: &Scene) {
    let Scene { did, .. } = scene;
    for target in [
        "/health",
        "/labelers",
        "/labelers?limit=1",
        "/labelers?state=waiting",
        "/stats/labeler-count",
        "/stats/label-count",
        "/stats/outbox-buffer",
        "/stats/cursors",
        "/stats/labels",
        "/stats/labels?by=value",
        "/stats/labels?by=target",
        "/stats/labels?by=month",
        "/consumers/default",
        "/status",
        "/tail?types=label,labeler,label-state&raw=true&limit=3",
        "/tail?after=0&val=spam,!*&verdict=unsigned,verified",
        "/metrics",
        "/openapi.json",
        "/",
        "/page/app.js",
        "/page/app.css",
        "/page/icon.svg",
    ] {
        asked.get(200, target).await;
    }
    for target in ["/", "/page/app.js"] {
        asked.ask(304, "get", target, With::default().header("if-none-match", "*")).await;
    }
    for target in [
        format!("/labelers/{did}/rejected?limit=1"),
        format!("/labelers/{did}/rejected"),
        format!("/labelers/{did}/verdicts"),
        format!("/labelers/{did}/events?limit=1"),
        format!("/labelers/{did}/events"),
        format!("/labelers/{did}/keys"),
        format!("/labelers/{}/keys", scene.lost),
        format!("/labelers/{did}/values"),
        format!("/resolve/{did}"),
        format!("/subjects/{did}"),
        format!("/subjects/{did}?limit=1"),
        format!("/subjects/{}", SUBJECT.replace('/', "%2F")),
        "/xrpc/com.atproto.label.queryLabels?uriPatterns=*&limit=1".to_owned(),
        format!(
            "/xrpc/com.atproto.label.queryLabels?uriPatterns={did}&uriPatterns=at%3A*&sources={did}\
             &includeNegated=true&includeExpired=true&limit=250"
        ),
    ] {
        asked.get(200, &target).await;
    }
    let body = json!({ "uris": [did, SUBJECT] });
    let plain = asked.post(200, "/labels/hydrate", &body).await;
    assert_eq!(plain["subjects"][SUBJECT]["redacted"], false);
    let with = With::body(&body).header("atproto-accept-labelers", format!("{did};redact"));
    let redacted = asked.ask(200, "post", "/labels/hydrate", with).await;
    assert_eq!(redacted["subjects"][SUBJECT]["redacted"], true);
}

async fn what_is_changed(asked: &Asked, scene: &Scene) {
    let hook = json!({ "filter": { "val": ["!*", "spam"] }, "webhook": scene.receiver.url() });
    asked.put(200, "/consumers/hook", &hook).await;
    // Until the second failure sets the first event aside.
    asked.until("/consumers/hook", |shown| shown["last_error"].is_string()).await;
    let filter = json!({ "src": [scene.did], "val": ["spam"], "uri": ["at:*"], "subject": ["record"],
        "verdict": ["verified", "unsigned"] });
    asked.put(200, "/consumers/full", &json!({ "filter": filter, "start": "now" })).await;
    asked.put(200, "/consumers/full", &json!({ "start": 1, "webhook": null })).await;
    asked.put(200, "/consumers/full", &json!({ "filter": null, "start": "beginning" })).await;
    asked.get(200, "/consumers?limit=1").await;
    asked.until("/consumers/hook/dead?limit=1", |dead| dead["cursor"].is_string()).await;
    asked.get(200, "/consumers").await;
    let dead = asked.get(200, "/consumers/hook/dead").await;
    let ids: Vec<Value> =
        dead["dead"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    asked.post(200, "/consumers/hook/dead/retry", &json!({ "ids": ids })).await;
    asked.ask(200, "delete", "/consumers/full", With::default()).await;
    asked.post(200, "/labelers/remove", &json!({ "dids": [scene.lost], "purge": true })).await;
}

async fn upgrades(asked: &Asked) {
    let subscribe = "/xrpc/com.atproto.label.subscribeLabels";
    let channel = "/channel?consumer=seen&types=label,labeler,label-state&raw=true&val=spam,!*&subject=record";
    asked.upgrade(101, channel).await;
    // They are recorded from then on.
    asked.until("/tail?types=label-state", |tail| tail["events"][0].is_object()).await;
    asked.upgrade(101, &format!("{subscribe}?cursor=0")).await;
    asked.upgrade(400, "/channel?types=nothing").await;
    asked.upgrade(400, &format!("{subscribe}?cursor=never")).await;
    for target in ["/channel", subscribe] {
        asked.get(400, target).await;
        let answer = by_an_old_client(&asked.tap.url, target).await;
        assert_eq!(answer.status, 426, "{answer:?}");
        asked.judge("get", target, &answer);
    }
}

/// A request for a WebSocket by HTTP/1.0, which has none.
async fn by_an_old_client(url: &str, target: &str) -> Answer {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.0\r\nhost: {address}\r\nupgrade: websocket\r\n\
         connection: upgrade\r\nsec-websocket-version: 13\r\nauthorization: Basic {CREDENTIALS}\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: reqwest::header::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    Answer { status, headers, text: body.to_owned() }
}

/// What every route refuses in the same way.
async fn refusals_of_all(asked: &Asked, operation: &Operation<'_>) {
    let target = filled(operation.path);
    let ask = async |status, with| asked.ask(status, operation.method, &target, with).await;
    if operation.path != "/health" {
        ask(401, With { no_password: true, ..With::default() }).await;
    }
    ask(403, With::default().header("origin", "https://elsewhere.test")).await;
    if operation.takes_a_body() {
        ask(413, With::body(&json!({ "padding": "x".repeat(1 << 20) }))).await;
        ask(415, With::body(&json!({})).header("content-type", "text/plain")).await;
        ask(400, With { body: Some("{".to_owned()), ..With::default() }).await;
    }
}

/// A path with something in the place of its parameters.
fn filled(path: &str) -> String {
    let did = testkit::plc_did("described");
    let path = path.replace("{did}", &did).replace("{subject}", &did);
    let path = path.replace("{handle}", "nobody.test").replace("{file}", "app.js");
    path.replace("{name}", "default").replace("{method}", "com.example.other")
}

async fn mistakes(asked: &Asked, scene: &Scene) {
    let nobody = testkit::plc_did("nobody");
    for (status, target) in [
        (400, "/labelers?state=asleep".to_owned()),
        (400, "/labelers?limit=0".to_owned()),
        (400, "/labelers/did:plc:short".to_owned()),
        (404, format!("/labelers/{nobody}")),
        (400, format!("/labelers/{}/rejected?cursor=x", scene.did)),
        (404, format!("/labelers/{nobody}/rejected")),
        (400, "/labelers/did:plc:short/verdicts".to_owned()),
        (404, format!("/labelers/{nobody}/verdicts")),
        (400, format!("/labelers/{}/events?cursor=x", scene.did)),
        (404, format!("/labelers/{nobody}/events")),
        (400, "/labelers/did:plc:short/keys".to_owned()),
        (404, format!("/labelers/{nobody}/keys")),
        (400, "/labelers/did:plc:short/values".to_owned()),
        (404, format!("/labelers/{nobody}/values")),
        (400, "/handles/nobody".to_owned()),
        (400, "/tail?after=-1".to_owned()),
        (400, "/resolve/nobody".to_owned()),
        (404, format!("/resolve/{nobody}")),
        (400, "/stats/labels?by=colour".to_owned()),
        (400, "/consumers?limit=1001".to_owned()),
        (400, "/consumers/%ff".to_owned()),
        (404, "/consumers/nobody".to_owned()),
        (400, "/consumers/default/dead?limit=ten".to_owned()),
        (404, "/consumers/nobody/dead".to_owned()),
        (404, "/page/other.js".to_owned()),
        (400, "/subjects/nothing".to_owned()),
        (400, "/xrpc/com.atproto.label.queryLabels".to_owned()),
        (501, "/xrpc/com.example.other".to_owned()),
    ] {
        asked.get(status, &target).await;
    }
    asked.post(501, "/xrpc/com.example.other", &json!({})).await;
    asked.post(404, "/consumers/nobody/dead/retry", &json!({ "ids": [] })).await;
    asked.put(400, "/consumers/x", &json!({ "other": 1 })).await;
    asked.ask(400, "delete", "/consumers/default", With::default()).await;
    asked.ask(404, "delete", "/consumers/nobody", With::default()).await;
    // Of whom nothing is remembered.
    let stranger = testkit::plc_did("stranger");
    asked.post(200, "/labelers/add", &json!({ "dids": [stranger] })).await;
    scene.plc.outage(true);
    asked.get(502, &format!("/labelers/{stranger}/keys")).await;
    asked.get(502, &format!("/resolve/{}", scene.did)).await;
    scene.plc.outage(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_without_room_answers_is_as_described() {
    let scene = Scene::set().await;
    let more = ["--min-free-space", "1000TiB", "--metrics-listen", "127.0.0.1:0"];
    let asked = scene.serve(&more).await;
    asked.until("/stats/labeler-count", |count| count["labeler_count"] == 0).await;
    asked.get(503, "/health").await;
    asked.get(404, "/metrics").await;
    asked.post(503, "/labelers/add", &json!({ "dids": [scene.did] })).await;
}
