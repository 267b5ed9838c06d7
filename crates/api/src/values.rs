//! `/labelers/:did/values`: what a labeler says, by value and time, for a chart.

use crate::error::ApiError;
use crate::kept::{Kept, counted};
use crate::labelers::tracked;
use crate::path::PathDid;
use crate::router::Shared;
use crate::time::rfc3339;
use axum::Json;
use axum::extract::State;
use label::Millis;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use store::Archive;
use tally::Values;

/// Labelers of which a count is kept.
const LABELERS: usize = 64;

/// The last counts, by the labeler's row, the one that was begun last at the end. A purge gives a
/// labeler another row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<Mutex<VecDeque<Counted>>>);

/// By this row.
type Counted = (i64, Kept<Of>);

/// What was counted, and when.
#[derive(Debug)]
struct Of {
    values: Values,
    at: Millis,
}

impl Known {
    fn of(&self, row: i64) -> Kept<Of> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, kept)) = known.iter().find(|(of, _)| *of == row) {
            return kept.clone();
        }
        if known.len() >= LABELERS {
            known.pop_front();
        }
        let kept = Kept::default();
        known.push_back((row, kept.clone()));
        kept
    }
}

/// Counted at some time lately.
pub(crate) async fn show(
    State(state): State<Shared>,
    PathDid(did): PathDid,
) -> Result<Json<Value>, ApiError> {
    let row = tracked(&state, did).await?;
    let (kept, at, did) = (state.values.of(row.row), (state.now)(), row.did);
    let count =
        move |archive: &mut Archive| tally::values(archive, &did).map(|values| Of { values, at });
    let Of { values, at } = &*counted(&state.store, kept, count).await?;
    let shown = values.values.iter().map(|value| {
        json!({
            "val": value.val,
            "labels": value.labels,
            "negations": value.negations,
            "counts": value.counts,
        })
    });
    Ok(Json(json!({
        "step": if values.by_day { "day" } else { "month" },
        "periods": values.periods,
        "values": shown.collect::<Vec<Value>>(),
        "others": {
            "values": values.other_values,
            "labels": values.others.labels,
            "negations": values.others.negations,
            "counts": values.others.counts,
        },
        "labels": values.labels,
        "as_of": rfc3339(*at),
    })))
}
