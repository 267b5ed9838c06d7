//! `/tail`: the end of the log for whoever looks on. No consumer is made and nothing is acked.

use crate::error::ApiError;
use crate::page::Asked;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use deliver::{TailError, TailWish};
use label::EventId;
use serde::Serialize;
use serde_json::value::RawValue;

/// Events of one answer, if nothing is said.
const USUAL: usize = 50;
const MOST: usize = 1000;

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// As `/channel` sends them.
    events: Vec<Box<RawValue>>,
    next: i64,
    left_out: u64,
    passed_over: u64,
}

/// The last events, or those above `after`.
pub(crate) async fn show(
    State(state): State<Shared>,
    asked: Asked,
) -> Result<Json<Shown>, ApiError> {
    let limit = asked.limit_of(USUAL, MOST)?;
    let wrong = || ApiError::invalid("after must be an event id");
    let id = |text: &str| text.parse().ok().and_then(EventId::new).ok_or_else(wrong);
    let after = asked.one("after")?.map(id).transpose()?;
    let found = state.deliver.tail(asked.pairs(), TailWish { after, limit }).await;
    let found = found.map_err(|error| match error {
        TailError::Store(error) => error.into(),
        error => ApiError::invalid(error.to_string()),
    })?;
    // What was written as JSON a moment ago reads back.
    let events = found.events.into_iter().filter_map(|text| RawValue::from_string(text).ok());
    Ok(Json(Shown {
        events: events.collect(),
        next: found.next.get(),
        left_out: found.left_out,
        passed_over: found.passed_over,
    }))
}
