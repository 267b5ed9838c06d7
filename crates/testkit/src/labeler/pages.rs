//! What a fake labeler answers beside its stream: `queryLabels` from what it said, and any
//! page that a test puts there.

use crate::SigningKey;
use crate::frame::LABELS_HEADER;
use crate::stream::{Message, Page, Pages, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ipld_core::ipld::Ipld;
use reqwest::Url;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where the document of a did:web is.
const DOCUMENT: &str = "/.well-known/did.json";
/// Where `queryLabels` is.
const QUERY: &str = "/xrpc/com.atproto.label.queryLabels";

/// What a labeler has besides its stream.
#[derive(Debug)]
pub(super) struct State {
    pub(super) key: SigningKey,
    pub(super) document: Option<String>,
    pub(super) pages: HashMap<String, Page>,
}

#[derive(Debug)]
pub(super) struct Own(Mutex<State>);

impl Own {
    pub(super) fn new(key: SigningKey) -> Self {
        Self(Mutex::new(State { key, document: None, pages: HashMap::new() }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages for Own {
    fn page(&self, request: &Request, log: &[Message]) -> Option<Page> {
        let state = self.lock();
        let path = request.path.as_str();
        let document = state.document.as_ref().filter(|_| path == DOCUMENT);
        Some(match (state.pages.get(path), document) {
            (_, Some(document)) => Page::new(200, document.as_str()),
            (Some(page), None) => page.clone(),
            (None, None) if path == QUERY => query(log, request),
            (None, None) => Page::new(404, ""),
        })
    }
}

impl Page {
    /// The record `app.bsky.labeler.service/self` with these values, as a PDS answers it.
    #[must_use]
    pub fn declaration(did: &str, values: &[&str]) -> Self {
        let uri = format!("at://{did}/app.bsky.labeler.service/self");
        let record = json!({
            "$type": "app.bsky.labeler.service",
            "createdAt": "2024-10-01T00:00:00.000Z",
            "policies": { "labelValues": values },
        });
        Self::new(200, json!({ "uri": uri, "value": record }).to_string())
    }
}

/// The labels of the log that a query asks for, the way Skyware answers: all of them in one
/// page, negated ones too, and a cursor that is "0" where there are none. A frame that no
/// strict reader reads is not in it.
fn query(log: &[Message], request: &Request) -> Page {
    let patterns = patterns(&request.query);
    let mut labels = Vec::new();
    for message in log {
        let found = labels_in(&message.wire).unwrap_or_default();
        labels.extend(found.into_iter().filter(|label| {
            let uri = label.get("uri").and_then(Value::as_str).unwrap_or_default();
            patterns.iter().any(|pattern| matches(pattern, uri))
        }));
    }
    let first = request.parameter("cursor").is_none();
    let labels = if first { labels } else { Vec::new() };
    let cursor = labels.len().to_string();
    Page::new(200, json!({ "labels": labels, "cursor": cursor }).to_string())
}

fn patterns(query: &str) -> Vec<String> {
    let url = Url::parse(&format!("http://labeler.test/?{query}"));
    let pairs = url.iter().flat_map(Url::query_pairs);
    pairs.filter(|(name, _)| name == "uriPatterns").map(|(_, value)| value.into_owned()).collect()
}

fn matches(pattern: &str, uri: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => uri.starts_with(start),
        None => uri == pattern,
    }
}

/// The labels of one websocket message with a label frame in it, as JSON.
fn labels_in(wire: &[u8]) -> Option<Vec<Value>> {
    // A server's messages are not masked: two bytes, and the length if it is a long one.
    let head = match wire.get(1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let body = wire.get(head..)?.strip_prefix(LABELS_HEADER)?;
    let mut body: BTreeMap<String, Ipld> = serde_ipld_dagcbor::from_slice(body).ok()?;
    let Ipld::List(labels) = body.remove("labels")? else { return None };
    Some(labels.into_iter().map(shown).collect())
}

fn shown(data: Ipld) -> Value {
    match data {
        Ipld::Bool(truth) => truth.into(),
        Ipld::Integer(number) => i64::try_from(number).unwrap_or_default().into(),
        Ipld::String(text) => text.into(),
        Ipld::Bytes(bytes) => json!({ "$bytes": STANDARD_NO_PAD.encode(bytes) }),
        Ipld::List(items) => items.into_iter().map(shown).collect(),
        Ipld::Map(entries) => entries.into_iter().map(|(key, item)| (key, shown(item))).collect(),
        Ipld::Null | Ipld::Float(_) | Ipld::Link(_) => Value::Null,
    }
}
