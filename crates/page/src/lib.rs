//! The page at `/`: a document, a script, a style sheet and an icon, in the binary.
//!
//! They are built from `web/` into `dist/`, which is committed, so nothing but cargo is needed to build the
//! service; `tests/page/setup.sh` says when one is not what the other builds. The page asks the JSON routes of
//! the API and nobody else. Who may have it is the API's matter, as are refusals: what is not here is a bare 404.

mod asset;
mod policy;

use asset::Asset;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Where the document is.
pub const DOCUMENT: &str = "/";
/// Where what it needs is.
pub const FILE: &str = "/page/{file}";

/// Both of them, to be put behind the API's guard.
pub fn routes() -> Router {
    Router::new().route(DOCUMENT, get(document)).route(FILE, get(file))
}

async fn document(headers: HeaderMap) -> Response {
    asset::DOCUMENT.answer(&headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found: Option<&Asset> = asset::FILES.iter().find(|asset| asset.name() == name);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |asset| asset.answer(&headers))
}

#[cfg(test)]
mod tests;
