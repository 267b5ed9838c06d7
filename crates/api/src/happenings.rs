//! `/labelers/:did/events`: what happened to a labeler, and when.

use crate::error::ApiError;
use crate::labelers::tracked;
use crate::page::{Asked, cut};
use crate::path::PathDid;
use crate::router::Shared;
use crate::time::rfc3339;
use axum::Json;
use axum::extract::State;
use label::{EventId, LabelerEvent};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Happened {
    id: i64,
    change: &'static str,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_url: Option<String>,
    cursor: i64,
    epoch: u32,
    at: String,
}

impl From<LabelerEvent> for Happened {
    fn from(event: LabelerEvent) -> Self {
        Self {
            id: event.id.get(),
            change: event.change.as_str(),
            state: event.state,
            service_url: event.service_url,
            cursor: event.cursor.get(),
            epoch: event.epoch.0,
            at: rfc3339(event.at),
        }
    }
}

/// One page, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    events: Vec<Happened>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `GET /labelers/:did/events`
pub(crate) async fn list(
    State(state): State<Shared>,
    PathDid(did): PathDid,
    asked: Asked,
) -> Result<Json<Listed>, ApiError> {
    let limit = asked.limit()?;
    let before = asked.after("events", |text| text.parse().ok().and_then(EventId::new))?;
    let did = tracked(&state, did).await?.did;
    let rows = state.store.happenings(did, before, limit + 1).await?;
    let (rows, cursor) = cut("events", rows, limit, |last| last.id.to_string());
    Ok(Json(Listed { events: rows.into_iter().map(Happened::from).collect(), cursor }))
}
