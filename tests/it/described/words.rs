//! Words that are listed in the document are those of the code; and the document is in order.

use super::document::object;
use super::scene::Scene;
use crate::clients::{installed, wanted};
use label::{Change, LabelState, Verdict};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/openapi.json");

fn document() -> Value {
    serde_json::from_str(include_str!("../../../schema/openapi.json")).unwrap()
}

/// What a component lists.
fn listed(component: &str) -> Vec<String> {
    let document = document();
    let words = document["components"]["schemas"][component]["enum"].as_array();
    let words = words.unwrap_or_else(|| panic!("{component} lists nothing"));
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn sorted(words: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    words.into_iter().map(Into::into).collect()
}

#[test]
fn every_list_of_words_is_the_codes() {
    assert_eq!(listed("LabelerState"), fleet::State::ALL.map(fleet::State::as_str));
    assert_eq!(listed("Change"), Change::ALL.map(Change::as_str));
    assert_eq!(listed("Source"), store::Source::ALL.map(store::Source::as_str));
    let verdicts = |holds| Verdict::ALL.into_iter().filter(move |one| one.holds() == holds);
    assert_eq!(listed("RejectedVerdict"), verdicts(false).map(Verdict::as_str).collect::<Vec<_>>());
    assert_eq!(sorted(listed("LabelVerdict")), sorted(verdicts(true).map(Verdict::as_str)));
    assert_eq!(listed("LabelState"), LabelState::ALL.map(LabelState::as_str));
    assert_eq!(listed("LabelStatsBy"), tally::By::ALL.map(tally::By::as_str));
}

/// What only the service knows: it says what it would have taken.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_connection_can_ask_for_is_what_is_listed() {
    let scene = Scene::set().await;
    let asked = scene.serve(&[]).await;
    for (parameter, component) in [("types", "EventType"), ("subject", "SubjectKind")] {
        let (_, answer) =
            asked.tap.ask(reqwest::Method::GET, &format!("/channel?{parameter}=x"), None).await;
        let message = answer["message"].as_str().unwrap();
        let known = format!(" is none of {}", listed(component).join(", "));
        assert!(message.ends_with(&known), "{message}, and described{known}");
    }
}

#[test]
fn every_object_says_whether_it_is_closed() {
    fn look(place: &str, value: &Value) {
        if let Value::Object(fields) = value {
            if fields.get("type").is_some_and(|kind| kind == "object") {
                assert!(fields.contains_key("additionalProperties"), "{place}");
            }
            fields.iter().for_each(|(name, inner)| look(&format!("{place}/{name}"), inner));
        } else if let Value::Array(items) = value {
            items.iter().for_each(|inner| look(place, inner));
        }
    }
    let document = document();
    for (name, schema) in object(&document["components"]["schemas"]) {
        // What a client says may have more than is read.
        if name != "Ack" {
            look(name, schema);
        }
    }
}

#[test]
fn everything_defined_is_used_and_everything_used_is_defined() {
    let (document, text) = (document(), document().to_string());
    for (kind, all) in object(&document["components"]) {
        for name in object(all).keys().filter(|_| kind != "securitySchemes") {
            assert!(text.contains(&format!("\"#/components/{kind}/{name}\"")), "{kind}/{name}");
        }
    }
    for rest in text.split("\"$ref\":\"#").skip(1) {
        let place = rest.split('"').next().unwrap();
        assert!(document.pointer(place).is_some(), "{place}");
    }
}

#[test]
fn it_is_openapi() {
    if !wanted() {
        return;
    }
    let mut node = Command::new(installed("node_modules/.bin/node"));
    node.arg(installed("openapi.js")).arg(DOCUMENT).env_clear();
    let output = node.output().expect("tests/clients/setup.sh has been run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.trim(), "OpenAPI 3.1");
}
