//! `/metrics`: what the process counts, as Prometheus reads it. The counting and the text
//! are the caller's.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Makes the text of the moment.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// The text with the type that Prometheus expects.
pub(crate) fn page(render: &Render) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response()
}
