//! `POST /labels/hydrate`: which labels apply to these subjects now, for whoever shows them.

use crate::accept::{self, Accepted};
use crate::body::Fields;
use crate::error::ApiError;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use label::{LabelEvent, syntax};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use wire::LabelJson;

/// Contract section 7.
const MOST: usize = 500;

/// So many labelers are named in an answer to somebody who did not choose: more would be a header
/// that many clients do not take.
const NAMED: usize = 100;

/// What takes the content away, of labelers from whom that is accepted (label spec, "redact").
const REDACTING: [&str; 2] = ["!takedown", "!suspend"];

#[derive(Debug, Default, Serialize)]
struct Subject<'a> {
    labels: Vec<LabelJson<'a>>,
    redacted: bool,
}

#[derive(Debug, Serialize)]
struct Hydrated<'a> {
    subjects: BTreeMap<&'a str, Subject<'a>>,
}

/// `POST /labels/hydrate`
pub(crate) async fn hydrate(
    State(state): State<Shared>,
    headers: HeaderMap,
    body: Fields,
) -> Result<Response, ApiError> {
    let accepted = accept::accepted(&headers)?;
    let uris = subjects(&body)?;
    let chosen = accepted.is_some();
    let mut labelers = heard(&state, accepted).await?;
    let sources = labelers.iter().map(|one| one.did.clone()).collect();
    let mut labels = state.store.current(uris.clone(), Some(sources)).await?;
    let now = (state.now)();
    labels.retain(|event| event.label.applies(now));
    labels.sort_unstable_by_key(|event| event.id);
    let answer = Json(hydrated(&uris, &labels, &labelers)).into_response();
    if !chosen && labelers.len() > NAMED {
        let said: HashSet<_> = labels.iter().map(|event| &event.labeler).collect();
        labelers.retain(|one| said.contains(&one.did));
        labelers.truncate(NAMED);
    }
    Ok(([(accept::CONTENT, accept::content(&labelers))], answer).into_response())
}

/// Those that are tracked, of those that were asked for, or all.
async fn heard(state: &Shared, accepted: Option<Vec<Accepted>>) -> Result<Vec<Accepted>, ApiError> {
    let tracked = state.store.tracked().await?;
    Ok(match accepted {
        Some(mut accepted) => {
            let tracked: HashSet<_> = tracked.into_iter().collect();
            accepted.retain(|one| tracked.contains(&one.did));
            accepted
        }
        None => tracked.into_iter().map(|did| Accepted { did, redact: false }).collect(),
    })
}

/// The body's subjects, each once.
fn subjects(body: &Fields) -> Result<Vec<String>, ApiError> {
    let texts = body.texts("uris")?;
    if texts.is_empty() || texts.len() > MOST {
        let message = format!("uris must be 1 to {MOST} subjects, not {}", texts.len());
        return Err(ApiError::invalid(message));
    }
    let mut seen = HashSet::new();
    let mut subjects = Vec::new();
    for text in texts {
        if !is_subject(text) {
            let text: String = text.chars().take(100).collect();
            return Err(ApiError::invalid(format!("{text:?} is neither a DID nor an at-uri")));
        }
        if seen.insert(text) {
            subjects.push(text.to_owned());
        }
    }
    Ok(subjects)
}

/// Whether labels can be asked for by this: a DID or an at-uri.
pub(crate) fn is_subject(text: &str) -> bool {
    syntax::is_did(text) || syntax::is_at_uri(text)
}

fn hydrated<'a>(
    uris: &'a [String],
    labels: &'a [LabelEvent],
    labelers: &[Accepted],
) -> Hydrated<'a> {
    let redacts: HashMap<_, bool> = labelers.iter().map(|one| (&one.did, one.redact)).collect();
    let mut subjects: BTreeMap<&str, Subject<'_>> =
        uris.iter().map(|uri| (uri.as_str(), Subject::default())).collect();
    for event in labels {
        let Some(subject) = subjects.get_mut(event.label.uri.as_str()) else { continue };
        let redact = redacts.get(&event.labeler).is_some_and(|redact| *redact);
        subject.redacted |= redact && REDACTING.contains(&event.label.val.as_str());
        subject.labels.push(LabelJson::new(&event.label));
    }
    Hydrated { subjects }
}
