//! The one shape of everything that is not an answer: `{"error","message"}`.
//!
//! Handlers return an [`ApiError`]. What they did not make themselves (axum's refusals,
//! those of `/channel`) is brought into the same shape by [`normalise`], so that no
//! client ever has to read two kinds of error.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;

/// How much of a foreign error's text is taken over: a sentence, not a page.
const LONGEST_TEXT: usize = 1024;

/// A refusal, ready to be sent.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
}

#[derive(Serialize)]
struct Shape<'a> {
    error: &'static str,
    message: &'a str,
}

impl ApiError {
    /// Any status; the name follows from it.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400: the request cannot be understood.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: there is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 403: not from there, or not under that name.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// The status it will be sent with.
    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) | StoreError::NoRoom { .. } | StoreError::Indexing => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
            _ => {
                tracing::error!(%error, "an API request failed in the store");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = name(self.status);
        metrics::counter!("labeltap_api_refused_total", "error" => error).increment(1);
        let shape = Json(Shape { error, message: &self.message });
        let mut response = (self.status, shape).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let wanted = HeaderValue::from_static(r#"Basic realm="admin", charset="UTF-8""#);
            response.headers_mut().insert(WWW_AUTHENTICATE, wanted);
        }
        response
    }
}

/// The XRPC-style name of a status.
pub(crate) fn name(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "AuthRequired",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        408 => "RequestTimeout",
        413 => "PayloadTooLarge",
        415 => "UnsupportedMediaType",
        426 => "UpgradeRequired",
        429 => "RateLimitExceeded",
        501 => "MethodNotImplemented",
        502 => "UpstreamFailure",
        503 => "ServiceUnavailable",
        504 => "UpstreamTimeout",
        400..=499 => "InvalidRequest",
        _ => "InternalServerError",
    }
}

/// Middleware: gives errors that somebody else made the shape of ours. Their headers
/// (`Allow`, `Sec-WebSocket-Version`) stay.
pub(crate) async fn normalise(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || is_json(response.headers()) {
        return response;
    }
    let (theirs, body) = response.into_parts();
    let message = sentence(status, body).await;
    let mut ours = ApiError::new(status, message).into_response();
    for (header, value) in &theirs.headers {
        if ![CONTENT_TYPE, CONTENT_LENGTH, TRANSFER_ENCODING].contains(header) {
            ours.headers_mut().append(header, value.clone());
        }
    }
    ours
}

/// Whether this says that it carries JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// What they said, if they said something short; else what the status means.
async fn sentence(status: StatusCode, body: Body) -> String {
    let bytes = axum::body::to_bytes(body, LONGEST_TEXT).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&bytes);
    match said.trim() {
        "" => meaning(status).to_owned(),
        text => text.to_owned(),
    }
}

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => "this route does not take that method",
        StatusCode::NOT_FOUND => NO_ROUTE,
        _ => status.canonical_reason().unwrap_or("the request was refused"),
    }
}

const NO_ROUTE: &str = "there is no such route";

/// The answer to every path that is no route.
pub(crate) async fn no_route(request: Request) -> ApiError {
    crate::body::drain(request.into_body()).await;
    ApiError::not_found(NO_ROUTE)
}
