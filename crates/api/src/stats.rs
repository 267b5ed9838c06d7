//! `/stats/…`: single numbers for dashboards. Each costs the same however much is stored;
//! what does not is in `label_stats`.

use crate::error::ApiError;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// Counting what is owed takes a moment after the start; who asks in that moment waits.
const PATIENCE: Duration = Duration::from_secs(5);

type Answer = Result<Json<Value>, ApiError>;

/// Labelers tracked.
pub(crate) async fn labeler_count(State(state): State<Shared>) -> Answer {
    Ok(Json(json!({ "labeler_count": state.store.counts().await?.labelers })))
}

/// Labels stored.
pub(crate) async fn label_count(State(state): State<Shared>) -> Answer {
    Ok(Json(json!({ "label_count": state.store.counts().await?.labels })))
}

/// Events that the default consumer has not acked.
pub(crate) async fn outbox_buffer(State(state): State<Shared>) -> Answer {
    let counted = tokio::time::timeout(PATIENCE, state.deliver.counted()).await;
    counted.map_err(|_| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "events are still being counted")
    })?;
    Ok(Json(json!({ "outbox_buffer": state.deliver.unacked() })))
}

/// Where each stream stands, as it is on disk.
pub(crate) async fn cursors(State(state): State<Shared>) -> Answer {
    let relay = state.store.relay(state.relay.clone()).await?;
    let rows = state.store.labelers().await?;
    let labelers: Vec<Value> = rows
        .iter()
        .map(|row| json!({ "did": row.did.as_str(), "cursor": row.cursor.get() }))
        .collect();
    Ok(Json(json!({
        "firehose": relay.firehose.get(),
        "list_repos": relay.list_page,
        "labelers": labelers,
    })))
}
