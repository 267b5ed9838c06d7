//! `/status`: how the service is doing, for the page and for `labeltap status`.

use crate::error::ApiError;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use pulse::Snapshot;

/// Looks at this moment.
pub(crate) async fn show(State(state): State<Shared>) -> Result<Json<Snapshot>, ApiError> {
    Ok(Json(state.pulse.snapshot().await?))
}
