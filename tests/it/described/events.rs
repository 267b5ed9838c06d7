//! Every event that is sent, on the channel and to webhooks, and what clients say.

use super::document::{Document, faults, object};
use super::fields::{fields, fields_of};
use super::scene::{Asked, Scene};
use crate::tap::{event, within};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const EVENTS: &str = include_str!("../../../schema/events.json");

type Kind = (&'static str, fn(&Value) -> bool);

/// What an event is, and how it is known here. The last one that fits: a rejected label may have
/// a `uri` too.
const KINDS: [Kind; 4] = [
    ("LabelEvent", |event| event["label"]["uri"].is_string()),
    ("RejectedLabelEvent", |event| event["label"]["reason"].is_string()),
    ("LabelerEvent", |event| event["labeler"].is_object()),
    ("LabelStateEvent", |event| event["label_state"].is_object()),
];

fn events() -> Value {
    serde_json::from_str(EVENTS).unwrap()
}

/// What is wrong with a value, by one of the definitions.
fn faults_as(definition: &str, value: &Value) -> Option<String> {
    let mut schema = events();
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    faults(schema, value)
}

#[test]
fn both_documents_define_events_alike() {
    let document: Value =
        serde_json::from_str(include_str!("../../../schema/openapi.json")).unwrap();
    let text = EVENTS.replace("#/$defs/", "#/components/schemas/");
    let events: Value = serde_json::from_str(&text).unwrap();
    for (name, definition) in object(&events["$defs"]) {
        assert_eq!(&document["components"]["schemas"][name], definition, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_as_described() {
    let scene = Scene::set().await;
    let url = scene.receiver.url();
    let more = ["--webhook-url", &url, "--webhook-secret", "t0p"];
    let asked = scene.serve(&more).await;
    let verdicts = "verified,malformed,unsupported-version,foreign-src,unsigned,bad-signature";
    let all = "label,labeler,label-state";
    let mut readers = Vec::new();
    for raw in ["true", "false"] {
        let query = [("consumer", raw), ("types", all), ("raw", raw)];
        asked.put(200, &format!("/consumers/{raw}"), &filter(verdicts)).await;
        readers.push(asked.tap.client(&query));
    }
    asked.follow(&scene).await;
    let mut seen = BTreeSet::new();
    for reader in &mut readers {
        let mut left: BTreeSet<&str> = BTreeSet::from(["!takedown", "spam", "rude", "caught-up"]);
        left.extend(["unsigned", "unsupported-version", "malformed", "applies"]);
        while !left.is_empty() {
            let event = event(&within(reader.next()).await.expect("an event"));
            seen.extend(judged(&asked, &event));
            reader.ack(&[event["id"].as_i64().unwrap()]).await;
            let (label, state) = (&event["label"], &event["label_state"]["state"]);
            for word in [&label["val"], &label["verdict"], &event["labeler"]["change"], state] {
                left.remove(word.as_str().unwrap_or_default());
            }
        }
    }
    posted(&asked, &scene).await;
    let described: BTreeSet<String> = KINDS.iter().flat_map(|(kind, _)| fields_in(kind)).collect();
    let never: Vec<&String> = described.difference(&seen).collect();
    assert!(never.is_empty(), "described, never there: {never:?}");
}

fn filter(verdicts: &str) -> Value {
    json!({ "filter": { "verdict": verdicts.split(',').collect::<Vec<_>>() } })
}

/// Holds an event against the schema, and answers which of its fields there are.
fn judged(asked: &Asked, event: &Value) -> BTreeSet<String> {
    if let Some(faults) = faults_as("Event", event) {
        panic!("{faults}\n{event}");
    }
    let kind = KINDS.iter().rev().find(|(_, is)| is(event));
    let (kind, _) = kind.unwrap_or_else(|| panic!("a new kind of event: {event}"));
    assert_eq!(faults_as(kind, event), None, "{kind}: {event}");
    fields_of(&asked.document, &reference(kind), event)
}

fn reference(kind: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{kind}") })
}

/// The fields that are described of such an event.
fn fields_in(kind: &str) -> BTreeSet<String> {
    let text = EVENTS.replace("#/$defs/", "#/components/schemas/");
    let events: Value = serde_json::from_str(&text).unwrap();
    let document = Document(json!({ "components": { "schemas": events["$defs"] } }));
    fields(&document, &reference(kind))
}

/// What came to the webhook, with its headers.
async fn posted(asked: &Asked, scene: &Scene) {
    scene.receiver.wait_for(1).await;
    let described = &asked.document.0["webhooks"]["event"]["post"];
    let post = scene.receiver.posts().remove(0);
    assert_eq!(faults_as("Event", &post.json()), None);
    let described = described["parameters"].as_array().unwrap().iter();
    let named: BTreeSet<String> =
        described.map(|one| one["name"].as_str().unwrap().to_lowercase()).collect();
    let sent = post.headers.iter().map(|(name, _)| name.clone());
    let sent: BTreeSet<String> = sent.filter(|name| name.starts_with("labeltap-")).collect();
    assert_eq!(named, sent, "left: described, right: sent");
}

#[test]
fn an_ack_is_what_the_service_takes_for_one() {
    let samples = [
        json!({ "type": "ack", "id": 1 }),
        json!({ "type": "ack", "ids": [1, 2] }),
        json!({ "type": "ack", "ids": [] }),
        json!({ "type": "ack", "id": 1, "ids": [2], "more": {} }),
        json!({ "type": "ack" }),
        json!({ "type": "ack", "id": "1" }),
        json!({ "type": "ack", "ids": 1 }),
        json!({ "type": "other", "id": 1 }),
        json!({ "id": 1 }),
        json!([]),
    ];
    for sample in samples {
        let message = deliver::message::read(sample.to_string().as_bytes());
        let taken = matches!(message, deliver::message::Message::Ack(_));
        assert_eq!(faults_as("Ack", &sample).is_none(), taken, "{sample}");
    }
}
