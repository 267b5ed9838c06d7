//! What becomes of labels: `label-state` events for consumers that ask (contract section 7).

use crate::tap::{Tap, event, next, within};
use client::Client;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;
use testkit::{FakeLabeler, LabelSpec, Plc, Receiver, SigningKey, plc_did};

const POST: &str = "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/1";
const AUTHOR: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
/// Longer than recording needs, on a busy machine.
const QUIET: Duration = Duration::from_secs(2);

/// So long from now, as labels have it.
fn soon(wait: Duration) -> String {
    let wait = i64::try_from(wait.as_millis()).expect("a moment");
    label::syntax::written(intake::wall_clock().0 + wait).expect("a time")
}

/// What is told next, acked: value, state, and the label's event.
async fn told(client: &mut Client) -> (String, String, i64) {
    let event = next(client).await;
    client.ack(&[event["id"].as_i64().expect("an id")]).await;
    assert_eq!(event["type"], "label-state", "{event}");
    let state = &event["label_state"];
    let text = |field: &str| state[field].as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
    assert!(event["id"].as_i64() > state["label_id"].as_i64(), "{event}");
    (text("val"), text("state"), state["label_id"].as_i64().expect("an id"))
}

/// The same for one of them, by value.
fn of<'a>(val: &str, told: &'a (String, String, i64)) -> (&'a str, i64) {
    assert_eq!(told.0, val, "{told:?}");
    (&told.1, told.2)
}

/// The id of the newest label with this value.
async fn id_of(tap: &Tap, uri: &str, val: &str) -> i64 {
    let subject = tap.get(&format!("/subjects/{}", uri.replace('/', "%2F"))).await;
    let history = subject["history"].as_array().expect("a history").iter();
    let ids = history.filter(|said| said["label"]["val"] == val).map(|said| said["id"].as_i64());
    ids.max().flatten().unwrap_or_else(|| panic!("no {val} in {subject}"))
}

async fn nothing_comes(client: &mut Client) {
    let received = tokio::time::timeout(QUIET, client.next()).await;
    if let Ok(received) = received {
        panic!("{:?}", received.map(|received| event(&received)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_labels_is_told_to_those_who_ask() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("told");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(43), &plc).await;
    let say = |val: &str| LabelSpec::new(POST, val);
    let later = |spec: LabelSpec| spec.cts("2024-10-01T00:00:01.000Z");
    labeler.emit_each([say("stands"), say("back"), later(say("back")).neg(true)]);
    labeler.emit_each([say("old"), later(say("old"))]);
    let database = dir.path().join("tap.db");
    let tap = Tap::start(&plc, &database, &["--retry-timeout", "10m"]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;

    // At first, how it stands: one word for each key.
    let mut states = tap.client(&[("consumer", "states"), ("types", "label-state")]);
    let stands = id_of(&tap, POST, "stands").await;
    assert_eq!(of("stands", &told(&mut states).await), ("applies", stands));
    let back = id_of(&tap, POST, "back").await - 1;
    assert_eq!(of("back", &told(&mut states).await), ("negated", back));
    let old = id_of(&tap, POST, "old").await;
    assert_eq!(of("old", &told(&mut states).await), ("applies", old));

    // Then what happens: the end of what stood before what stands now.
    labeler.emit_each([later(say("stands"))]);
    assert_eq!(of("stands", &told(&mut states).await), ("superseded", stands));
    let newer = id_of(&tap, POST, "stands").await;
    assert_eq!(of("stands", &told(&mut states).await), ("applies", newer));
    labeler.emit_each([say("stands").cts("2024-10-01T00:00:02.000Z").neg(true)]);
    assert_eq!(of("stands", &told(&mut states).await), ("negated", newer));

    // One runs out while we look, another one while nobody is there to see it.
    labeler.emit_each([say("short").exp(&soon(Duration::from_secs(2)))]);
    let short = told(&mut states).await;
    assert_eq!(of("short", &short).0, "applies");
    assert_eq!(of("short", &told(&mut states).await), ("expired", short.2));
    labeler.emit_each([say("over").exp("2024-10-02T00:00:00.000Z")]);
    assert_eq!(of("over", &told(&mut states).await).0, "expired");
    let end = Duration::from_secs(4);
    labeler.emit_each([say("missed").exp(&soon(end))]);
    let missed = told(&mut states).await;
    assert_eq!(of("missed", &missed).0, "applies");
    drop(states);
    // Acks are durable within a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    tap.kill();
    tokio::time::sleep(end).await;
    let tap = Tap::start(&plc, &database, &["--retry-timeout", "10m"]);
    let narrow = [("consumer", "states"), ("types", "label-state"), ("val", "missed,other")];
    let mut states = tap.client(&narrow);
    assert_eq!(of("missed", &told(&mut states).await), ("expired", missed.2));

    // A filter is about what the label says.
    labeler.emit_each([LabelSpec::new(AUTHOR, "unasked"), say("other")]);
    assert_eq!(of("other", &told(&mut states).await).0, "applies");

    // Nobody else hears of it, and when nobody asks it is not recorded.
    let mut labels = tap.client(&[("consumer", "labels")]);
    let mut seqs = Vec::new();
    for _ in 1..=12 {
        let event = within(next(&mut labels)).await;
        labels.ack(&[event["id"].as_i64().expect("an id")]).await;
        assert_eq!(event["type"], "label", "{event}");
        seqs.extend(event["label"]["seq"].as_i64());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=12).collect::<Vec<_>>());
    nothing_comes(&mut labels).await;
    drop(states);
    let (status, _) = tap.ask(Method::DELETE, "/consumers/states", None).await;
    assert_eq!(status, StatusCode::OK);
    labeler.emit_each([say("silent")]);
    let event = within(next(&mut labels)).await;
    let id = event["id"].as_i64().expect("an id");
    labels.ack(&[id]).await;
    labeler.emit_each([say("more")]);
    let more: Value = within(next(&mut labels)).await;
    assert_eq!(more["id"].as_i64(), Some(id + 1), "nothing lies between");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_begins_anew_is_owed_what_somebody_asks_for_then() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("anew");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(44), &plc).await;
    labeler.preload(2);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let mut both = tap.client(&[("consumer", "both"), ("types", "label,label-state")]);
    let mut types = Vec::new();
    for _ in 0..4 {
        let event = next(&mut both).await;
        both.ack(&[event["id"].as_i64().expect("an id")]).await;
        types.push(event["type"].as_str().expect("a type").to_owned());
    }
    types.sort_unstable();
    assert_eq!(types, ["label", "label", "label-state", "label-state"]);
    drop(both);
    within(async {
        while tap.get("/consumers").await["consumers"]
            .as_array()
            .is_none_or(|all| all.iter().any(|one| one["connections"] != 0))
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;

    let now = serde_json::json!({ "start": "now" });
    let (status, _) = tap.ask(Method::PUT, "/consumers/both", Some(now)).await;
    assert_eq!(status, StatusCode::OK);
    let mut labels = tap.client(&[("consumer", "both")]);
    let mut last = 0;
    for number in 3..6 {
        labeler.emit_each([LabelSpec::numbered(number)]);
        let event = next(&mut labels).await;
        let id = event["id"].as_i64().expect("an id");
        labels.ack(&[id]).await;
        assert!(last == 0 || id == last + 1, "nothing lies between: {event}");
        last = id;
    }
    within(async {
        while tap.get("/consumers/both").await["position"].as_i64() != Some(last) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_a_webhook_is_owed_labels_only() {
    let dir = tempfile::tempdir().unwrap();
    let (plc, receiver) = (Plc::start().await, Receiver::start().await);
    let did = plc_did("posted");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(45), &plc).await;
    labeler.preload(1);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let mut both = tap.client(&[("consumer", "both"), ("types", "label,label-state")]);
    for _ in 0..2 {
        let event = next(&mut both).await;
        both.ack(&[event["id"].as_i64().expect("an id")]).await;
    }
    drop(both);
    let webhook = serde_json::json!({ "webhook": receiver.url() });
    within(async {
        loop {
            let put = tap.ask(Method::PUT, "/consumers/both", Some(webhook.clone())).await;
            if put.0 == StatusCode::OK {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    labeler.emit_each([LabelSpec::numbered(2)]);
    receiver.wait_until("the label", |posts| !posts.is_empty()).await;
    let posts = receiver.posts();
    let label: Value = serde_json::from_slice(&posts[0].body).expect("an event");
    assert_eq!(label["type"], "label", "{label}");
    let id = label["id"].as_i64().expect("an id");
    within(async {
        // What became of the label lies behind it, and nobody can take it.
        while tap.get("/consumers/both").await["position"].as_i64() <= Some(id) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
