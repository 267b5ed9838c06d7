//! `GET /subjects/:subject`: all that anybody says about a subject, and has said.

use crate::error::ApiError;
use crate::hydrate::is_subject;
use crate::page::Asked;
use crate::router::Shared;
use crate::time::rfc3339;
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use label::{Did, EventId, LabelEvent};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Before the subject, in a path.
const PREFIX: &str = "/subjects/";

/// Something that was said.
#[derive(Debug, Serialize)]
struct Said {
    id: i64,
    seq: i64,
    received_at: String,
    label: Value,
}

/// A labeler that has said something, and its own words for it.
#[derive(Debug, Serialize)]
struct Labeler {
    did: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
    /// Of the values it has used here, those that its declaration defines.
    values: BTreeMap<String, Value>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Subject {
    subject: String,
    labels: Vec<Value>,
    history: Vec<Said>,
    labelers: Vec<Labeler>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `GET /subjects/:subject`
pub(crate) async fn show(
    State(state): State<Shared>,
    uri: Uri,
    asked: Asked,
) -> Result<Json<Subject>, ApiError> {
    let subject = subject(&uri)?;
    let limit = asked.limit()?;
    let after = asked.after("subject", |text| text.parse().ok().and_then(EventId::new))?;
    let mut current = state.store.current(vec![subject.clone()], None).await?;
    let after = after.unwrap_or(EventId::START);
    let found = state.store.history(subject.clone(), after, limit).await?;
    let cursor = found.read.map(|read| Asked::cursor("subject", &read.to_string()));
    let history = found.labels;
    let mut used: BTreeMap<Did, BTreeSet<String>> = BTreeMap::new();
    for event in current.iter().chain(&history) {
        used.entry(event.labeler.clone()).or_default().insert(event.label.val.clone());
    }
    let mut labelers = Vec::new();
    for (did, values) in used {
        labelers.push(labeler(&state, did, &values).await?);
    }
    let now = (state.now)();
    current.retain(|event| event.label.applies(now));
    current.sort_unstable_by_key(|event| event.id);
    let labels = current.iter().map(label_json).collect();
    let history = history.iter().map(said).collect();
    Ok(Json(Subject { subject, labels, history, labelers, cursor }))
}

/// What follows in the path, decoded or as it came.
fn subject(uri: &Uri) -> Result<String, ApiError> {
    let rest = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let decoded = percent_decode_str(rest).decode_utf8();
    let decoded = decoded.map_err(|_| ApiError::invalid("the path is not UTF-8"))?;
    // A did:web with a port has a %3A of its own, which it would lose to decoding. Who writes its
    // colons as they are has not encoded it.
    let plain = rest.starts_with("did:web:") || rest.starts_with("at://did:web:");
    let text = if plain { rest } else { decoded.as_ref() };
    let found = Some(text).filter(|text| is_subject(text));
    found.map(str::to_owned).ok_or_else(|| {
        let text: String = decoded.chars().take(100).collect();
        ApiError::invalid(format!("{text:?} is neither a DID nor an at-uri"))
    })
}

fn label_json(event: &LabelEvent) -> Value {
    json!(wire::LabelJson::new(&event.label))
}

fn said(event: &LabelEvent) -> Said {
    Said {
        id: event.id.get(),
        seq: event.seq.get(),
        received_at: rfc3339(event.received_at),
        label: label_json(event),
    }
}

async fn labeler(state: &Shared, did: Did, values: &BTreeSet<String>) -> Result<Labeler, ApiError> {
    let row = state.store.labeler(did.clone()).await?;
    let declaration = state.store.declaration(did.clone()).await?;
    let record = declaration.and_then(|row| row.record);
    let record: Value =
        record.and_then(|record| serde_json::from_str(&record).ok()).unwrap_or_default();
    let defined = record.pointer("/policies/labelValueDefinitions").and_then(Value::as_array);
    let named = |definition: &Value| {
        let name = definition.get("identifier")?.as_str()?;
        values.contains(name).then(|| (name.to_owned(), definition.clone()))
    };
    Ok(Labeler {
        did: did.as_str().to_owned(),
        handle: row.and_then(|row| row.noted.handle),
        values: defined.into_iter().flatten().filter_map(named).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_encoded_and_as_it_is() {
        let read = |path: &str| subject(&path.parse().unwrap()).ok();
        let post = "at://did:plc:ar7c4by46qjdydhdevvrndac/app.bsky.feed.post/3k";
        let encoded = "at%3A%2F%2Fdid%3Aplc%3Aar7c4by46qjdydhdevvrndac%2Fapp.bsky.feed.post%2F3k";
        let web = "did:web:localhost%3A8080";
        for (path, expected) in [
            (encoded, Some(post)),
            (post, Some(post)),
            ("did%3Aplc%3Aar7c4by46qjdydhdevvrndac", Some("did:plc:ar7c4by46qjdydhdevvrndac")),
            (web, Some(web)),
            ("did%3Aweb%3Alocalhost%253A8080", Some(web)),
            ("", None),
            ("https%3A%2F%2Fexample.com", None),
            ("%ff", None),
        ] {
            let read = read(&format!("{PREFIX}{path}"));
            assert_eq!(read.as_deref(), expected, "{path}");
        }
    }
}
