//! `/labelers/:did/rejected`: what a labeler sent that does not hold, and why.

use crate::error::ApiError;
use crate::labelers::tracked;
use crate::page::{Asked, cut};
use crate::path::PathDid;
use crate::router::Shared;
use crate::time::rfc3339;
use axum::Json;
use axum::extract::State;
use label::EventId;
use serde::Serialize;
use serde_json::Value;
use store::RejectedRow;

#[derive(Debug, Serialize)]
struct Refused {
    seq: i64,
    verdict: &'static str,
    reason: String,
    received_at: String,
    /// As JSON, as far as it can be read; null when it was too large to be kept.
    label: Value,
}

impl From<RejectedRow> for Refused {
    fn from(row: RejectedRow) -> Self {
        Self {
            seq: row.seq.get(),
            verdict: row.verdict.as_str(),
            reason: row.reason,
            received_at: rfc3339(row.received_at),
            label: row.raw.as_deref().map_or(Value::Null, wire::rejected_label_json),
        }
    }
}

/// One page, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    rejected: Vec<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `GET /labelers/:did/rejected`
pub(crate) async fn list(
    State(state): State<Shared>,
    PathDid(did): PathDid,
    asked: Asked,
) -> Result<Json<Listed>, ApiError> {
    let limit = asked.limit()?;
    let before = asked.after("rejected", |text| text.parse().ok().and_then(EventId::new))?;
    let did = tracked(&state, did).await?.did;
    let rows = state.store.rejected(did, before, limit + 1).await?;
    let (rows, cursor) = cut("rejected", rows, limit, |last| last.id.to_string());
    Ok(Json(Listed { rejected: rows.into_iter().map(Refused::from).collect(), cursor }))
}
