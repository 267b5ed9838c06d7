//! What the program logs, held against what `docs/LOGGING.md` promises.

use crate::tap::{LIMIT, Tap, next, within};
use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;
use testkit::{Ending, FakeLabeler, Plc, SigningKey, plc_did};

/// The line of each change (contract section 4).
const LINES: [(&str, &str); 10] = [
    ("added", "labeler added"),
    ("connected", "labeler connected"),
    ("caught-up", "labeler caught up"),
    ("disconnected", "labeler disconnected"),
    ("key-changed", "labeler's key changed"),
    ("service-changed", "labeler moved"),
    ("sequence-reset", "labeler started over"),
    ("gap", "labels were lost"),
    ("removed", "labeler removed"),
    ("gone", "labeler gone"),
];

fn read(log: &[String]) -> Vec<Value> {
    let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    log.iter().map(read).collect()
}

/// What is said in these lines.
fn said(lines: &[&Value]) -> Vec<String> {
    lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labelers_life_has_one_line_for_each_event_and_labels_have_none() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("logged");
    let mut labeler = FakeLabeler::start(&did, SigningKey::k256(51), &plc).await;
    labeler.preload(1_000);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let mut life = tap.client(&[("consumer", "life"), ("types", "labeler")]);
    let mut changes = Vec::new();
    let mut until = async |change: &str| {
        while changes.last().is_none_or(|last| last != change) {
            let event = within(next(&mut life)).await;
            life.ack(&[event["id"].as_i64().unwrap()]).await;
            changes.push(event["labeler"]["change"].as_str().unwrap().to_owned());
        }
    };
    tap.add(&[&did]).await;
    until("caught-up").await;
    labeler.drop_connections(Ending::Reset);
    until("disconnected").await;
    until("connected").await;
    labeler.reset();
    until("sequence-reset").await;
    until("caught-up").await;
    // It moves and has another key: the old place is gone, and the directory knows the new one.
    labeler.stop(Ending::Reset).await;
    let mut moved = FakeLabeler::start(&did, SigningKey::k256(52), &plc).await;
    moved.skip_to(2_000);
    until("service-changed").await;
    until("key-changed").await;
    until("connected").await;
    plc.tombstone(&did);
    moved.stop(Ending::Reset).await;
    until("gone").await;
    tap.remove(&[&did], false).await;
    until("removed").await;

    let lines = read(&tap.stop().log);
    let of_labeler: Vec<&Value> = lines.iter().filter(|line| line["labeler"] == *did).collect();
    let lives: Vec<&Value> = of_labeler
        .iter()
        .copied()
        .filter(|line| LINES.iter().any(|(_, message)| line["message"] == *message))
        .collect();
    let message = |change: &String| LINES.iter().find(|(name, _)| name == change).unwrap().1;
    assert_eq!(said(&lives), changes.iter().map(message).collect::<Vec<_>>());
    for line in &of_labeler {
        assert!(line["state"].is_string() && line["cursor"].is_i64(), "{line}");
        let troubles = ["labeler in trouble", "labeler gone", "labeler started over"];
        let trouble = troubles.iter().any(|message| line["message"] == *message);
        assert_eq!(line["level"] == "WARN", trouble, "{line}");
        assert!(!trouble || line["why"].is_string(), "{line}");
    }
    for pair in of_labeler.windows(2) {
        assert!(pair[0]["message"] != pair[1]["message"], "{pair:#?}");
    }
    let others = said(&of_labeler).into_iter().filter(|message| {
        !LINES.iter().any(|(_, line)| line == message) && message != "labeler in trouble"
    });
    assert!(others.collect::<Vec<_>>().is_empty(), "{of_labeler:#?}");
    assert!(lines.len() < 60, "{} lines for 1,000 labels", lines.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_found_in_the_log_by_its_id_and_nothing_secret_is() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let more = ["--log-level", "debug", "--admin-password", "pass-hush"];
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &more);
    let http = reqwest::Client::new();
    let ask = async |path: &str, id: &str| {
        let request = http.get(format!("{}{path}", tap.url)).basic_auth("admin", Some("pass-hush"));
        let request = if id.is_empty() { request } else { request.header("x-request-id", id) };
        let answer = request.timeout(LIMIT).send().await.unwrap();
        let told = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), told)
    };
    assert_eq!(
        ask("/labelers?limit=5", "from-the-client.1").await,
        (200, "from-the-client.1".into())
    );
    let (status, made) = ask("/consumers", "").await;
    assert_eq!((status, made.len()), (200, 16));
    let (_, other) = ask("/consumers", "\"},\"hush\":{").await;
    assert!(other.len() == 16 && other != made);
    let (status, refused) = ask("/labelers?cursor=query-hush", "").await;
    assert_eq!(status, 400);
    let (status, nowhere) = ask("/nowhere/path-hush", "").await;
    assert_eq!(status, 404);
    plc.outage(true);
    let (status, failed) = ask(&format!("/resolve/{}", plc_did("unasked")), "").await;
    assert_eq!(status, 502);
    let (status, answer) = tap.ask(reqwest::Method::GET, "/labelers", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
    let tap = tap.with_password("pass-hush");
    let mut client = tap.client(&[("val", "value-hush")]);
    let nothing = tokio::time::timeout(Duration::from_millis(500), client.next()).await;
    assert!(nothing.is_err());

    let metrics = tap.get("/metrics").await;
    let metrics = metrics.as_str().unwrap();
    for series in [
        r#"labeltap_api_requests_total{route="/labelers",status="200"} 1"#,
        r#"labeltap_api_requests_total{route="/labelers",status="400"} 1"#,
        r#"labeltap_api_requests_total{route="/labelers",status="401"} 1"#,
        r#"labeltap_api_requests_total{route="/channel",status="101"} 1"#,
        r#"labeltap_api_requests_total{route="none",status="404"} 1"#,
        r#"labeltap_api_requests_total{route="/resolve/{did}",status="502"} 1"#,
        r#"labeltap_api_request_seconds_count{route="/consumers"} 2"#,
    ] {
        assert!(metrics.contains(series), "{series} is not in {metrics}");
    }
    assert!(!metrics.contains(r#"labeltap_api_request_seconds_count{route="/channel"}"#));

    drop(client);
    let log = tap.stop().log;
    assert!(!log.iter().any(|line| line.contains("hush")), "{log:#?}");
    let lines = read(&log);
    let of = |id: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["spans"][0]["request_id"] == id).collect()
    };
    for (id, level, message, status, route) in [
        ("from-the-client.1", "DEBUG", "request answered", 200, "/labelers"),
        (&made, "DEBUG", "request answered", 200, "/consumers"),
        (&refused, "DEBUG", "request answered", 400, "/labelers"),
        (&nowhere, "DEBUG", "request answered", 404, "none"),
        (&failed, "WARN", "request failed", 502, "/resolve/{did}"),
    ] {
        let found = of(id);
        let last = found.last().unwrap_or_else(|| panic!("{id} is not in {log:#?}"));
        assert_eq!((&last["level"], &last["message"]), (&level.into(), &message.into()), "{last}");
        let span = &last["spans"][0];
        assert_eq!((&last["status"], &span["route"]), (&status.into(), &route.into()), "{last}");
        assert!(span["method"] == "GET" && last["ms"].is_u64(), "{last}");
        let ends = found.iter().filter(|line| line["message"] == message);
        assert_eq!(ends.count(), 1, "{found:#?}");
    }
}
