//! `/resolve/:did`: the DID document, as the directory or host serves it at this moment.

use crate::error::ApiError;
use crate::path::PathDid;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use identity::{ResolveError, Want};
use serde_json::Value;

/// Asks anew each time: who calls this wants to see what is, not what was an hour ago.
pub(crate) async fn show(
    State(state): State<Shared>,
    PathDid(did): PathDid,
) -> Result<Json<Value>, ApiError> {
    match state.resolver.resolve(&did, Want::Fresh).await {
        Ok(resolved) => Ok(Json(resolved.document.clone())),
        Err(ResolveError::NotFound(reason)) => {
            Err(ApiError::not_found(format!("there is no {did}: {reason}")))
        }
        Err(error) => {
            let message = format!("{did} cannot be looked up now: {error}");
            Err(ApiError::new(StatusCode::BAD_GATEWAY, message))
        }
    }
}
