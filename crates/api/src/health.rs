//! `/health`: whether the service can do its work, for those who restart it.

use crate::error::ApiError;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// 200 while the store accepts writes.
pub(crate) async fn show(State(state): State<Shared>) -> Result<Json<Value>, ApiError> {
    if state.store.accepts_writes() {
        return Ok(Json(json!({ "status": "ok" })));
    }
    let why = state.store.refusal().map(|why| format!(": {why}")).unwrap_or_default();
    let message = format!("the database does not accept writes at the moment{why}");
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message))
}
