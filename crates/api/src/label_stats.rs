//! `GET /stats/labels`: everything that is stored, counted. What that costs, and how long a count
//! is handed out, is in `kept`.

use crate::error::ApiError;
use crate::kept::counted;
use crate::page::Asked;
use crate::router::Shared;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use store::Archive;
use tally::By;

/// `GET /stats/labels`
pub(crate) async fn show(
    shared: axum::extract::State<Shared>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let by = by(&asked)?;
    let now = (shared.now)();
    let count = move |archive: &mut Archive| tally::count(archive, now);
    let tally = counted(&shared.store, shared.tally.clone(), count).await?;
    // Tables may be long, and there may be many values in them.
    let text = tokio::task::spawn_blocking(move || serde_json::to_vec(&tally.answer(by))).await;
    match text {
        Ok(Ok(text)) => Ok(([(CONTENT_TYPE, "application/json")], text).into_response()),
        Ok(Err(_)) | Err(_) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "what was counted cannot be written",
        )),
    }
}

/// By labeler, if nothing is said.
fn by(asked: &Asked) -> Result<By, ApiError> {
    let Some(name) = asked.one("by")? else { return Ok(By::Labeler) };
    By::from_name(name).ok_or_else(|| {
        let known = By::ALL.map(By::as_str).join(", ");
        let name: String = name.chars().take(100).collect();
        ApiError::invalid(format!("by {name:?} is none of {known}"))
    })
}
