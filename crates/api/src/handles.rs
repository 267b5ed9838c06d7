//! `/handles/:handle`: whose handle it is, so that people need not know DIDs.

use crate::error::ApiError;
use crate::path::PathName;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use identity::HandleError;
use serde_json::{Value, json};

/// Asks DNS and the host of that name, each time anew.
pub(crate) async fn show(
    State(state): State<Shared>,
    PathName(handle): PathName,
) -> Result<Json<Value>, ApiError> {
    let found = state.resolver.did_of_handle(handle.trim_start_matches('@')).await;
    found.map(|did| Json(json!({ "did": did.as_str() }))).map_err(|error| match error {
        HandleError::Invalid(_) => ApiError::invalid(short(&error)),
        HandleError::NotFound(_) => ApiError::not_found(short(&error)),
        _ => ApiError::new(StatusCode::BAD_GATEWAY, short(&error)),
    })
}

/// What somebody typed may be long.
fn short(error: &HandleError) -> String {
    error.to_string().chars().take(300).collect()
}
