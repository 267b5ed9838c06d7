//! `/labelers/:did/keys`: the keys that a labeler has signed with, as the directory's log has them.

use crate::error::ApiError;
use crate::labelers::tracked;
use crate::path::PathDid;
use crate::router::Shared;
use crate::time::rfc3339;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use verify::{Key, KeyTerm};

#[derive(Debug, Serialize)]
struct Term {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<&KeyTerm> for Term {
    fn from(term: &KeyTerm) -> Self {
        let until = term.until.map(rfc3339);
        Self { key: term.key.did_key(), from: Some(rfc3339(term.from)), until }
    }
}

/// Oldest first. Of a method without a log only the present one is known, and not since when.
pub(crate) async fn list(
    State(state): State<Shared>,
    PathDid(did): PathDid,
) -> Result<Json<Value>, ApiError> {
    let row = tracked(&state, did).await?;
    let present = row.noted.key;
    let key = present.as_deref().and_then(|text| Key::from_did_key(text).ok());
    let history = state.resolver.key_history(&row.did, key.as_ref()).await;
    let history = history.map_err(|error| {
        let message = format!("the keys of {} cannot be looked up now: {error}", row.did);
        ApiError::new(StatusCode::BAD_GATEWAY, message)
    })?;
    let mut terms: Vec<Term> = history.iter().map(Term::from).collect();
    if terms.is_empty() {
        terms.extend(present.map(|key| Term { key, from: None, until: None }));
    }
    Ok(Json(json!({ "keys": terms })))
}
