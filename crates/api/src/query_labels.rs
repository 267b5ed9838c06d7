//! `com.atproto.label.queryLabels`, over everything that is stored (contract section 7).

use crate::error::ApiError;
use crate::page::Asked;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use label::{Did, EventId};
use serde::Serialize;
use store::{Pattern, Query};
use wire::LabelJson;

/// The lexicon's limits.
const USUAL: usize = 50;
const MOST: usize = 250;

/// Patterns and sources in one question: each costs a look at the index.
const MOST_ASKED: usize = 100;

/// Short reads for one answer, of 20,000 rows at most: what is found by then is answered, with a
/// cursor from which to go on.
const READS: usize = 20;

#[derive(Debug, Serialize)]
struct Answer<'a> {
    labels: Vec<LabelJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `GET /xrpc/com.atproto.label.queryLabels`
pub(crate) async fn query(State(state): State<Shared>, asked: Asked) -> Result<Response, ApiError> {
    let limit = asked.limit_of(USUAL, MOST)?;
    let after = asked.after("labels", |text| text.parse().ok().and_then(EventId::new))?;
    let query = Query {
        patterns: patterns(&asked)?,
        sources: sources(&asked)?,
        negated: asked.flag("includeNegated")?,
        expired: asked.flag("includeExpired")?,
        now: (state.now)(),
    };
    let mut read = Some(after.unwrap_or(EventId::START));
    let mut labels = Vec::new();
    for _ in 0..READS {
        let Some(from) = read.filter(|_| labels.len() < limit) else { break };
        let found = state.store.query(query.clone(), from, limit - labels.len()).await?;
        labels.extend(found.labels);
        read = found.read;
    }
    let answer = Answer {
        labels: labels.iter().map(|event| LabelJson::new(&event.label)).collect(),
        cursor: read.map(|read| Asked::cursor("labels", &read.to_string())),
    };
    Ok(Json(answer).into_response())
}

/// What is answered to a method that is not served here (XRPC spec).
pub(crate) async fn not_implemented() -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "this method is not served here")
}

fn patterns(asked: &Asked) -> Result<Vec<Pattern>, ApiError> {
    let texts = few(asked, "uriPatterns")?;
    if texts.is_empty() {
        return Err(ApiError::invalid("uriPatterns is missing"));
    }
    texts.into_iter().map(pattern).collect()
}

fn pattern(text: &str) -> Result<Pattern, ApiError> {
    let (with, star) = match text.strip_suffix('*') {
        Some(with) => (with, true),
        None => (text, false),
    };
    if with.contains('*') || text.is_empty() {
        let text: String = text.chars().take(100).collect();
        let message = format!("{text:?} is no pattern: a URI, or the beginning of one and a *");
        return Err(ApiError::invalid(message));
    }
    Ok(if star { Pattern::Begins(with.to_owned()) } else { Pattern::Is(with.to_owned()) })
}

fn sources(asked: &Asked) -> Result<Vec<Did>, ApiError> {
    let did = |text: &str| Did::parse(text).map_err(|error| ApiError::invalid(error.to_string()));
    few(asked, "sources")?.into_iter().map(did).collect()
}

fn few<'a>(asked: &'a Asked, name: &str) -> Result<Vec<&'a str>, ApiError> {
    let texts: Vec<&str> = asked.all(name).collect();
    if texts.len() > MOST_ASKED {
        return Err(ApiError::invalid(format!("{name} is given more than {MOST_ASKED} times")));
    }
    Ok(texts)
}
