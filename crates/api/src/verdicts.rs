//! `/labelers/:did/verdicts`: how many labels of a labeler were rejected, by verdict.

use crate::error::ApiError;
use crate::labelers::tracked;
use crate::path::PathDid;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

/// Ever; also those that are no longer kept. A verdict that was never found is absent.
pub(crate) async fn show(
    State(state): State<Shared>,
    PathDid(did): PathDid,
) -> Result<Json<Value>, ApiError> {
    let did = tracked(&state, did).await?.did;
    let found = state.store.verdicts(Some(did)).await?;
    let found: Map<String, Value> = found
        .into_iter()
        .map(|(verdict, count)| (verdict.as_str().to_owned(), count.into()))
        .collect();
    Ok(Json(json!({ "verdicts": found })))
}
