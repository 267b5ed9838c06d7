//! Reading a request's JSON body: its type, its size, its fields. What the fields mean is
//! left to the handlers.

use crate::error::{ApiError, is_json};
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use serde_json::{Map, Value};
use std::time::Duration;

/// Contract section 3: 1 MiB.
const LARGEST: usize = 1024 * 1024;

/// A client has this long to send its body; who is slower holds a connection for nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fields of a JSON object that came as the request's body.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// A list of texts; missing or anything else is refused.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&str>, ApiError> {
        let value = self.0.get(name);
        let value = value.ok_or_else(|| ApiError::invalid(format!("{name} is missing")))?;
        let wrong = || ApiError::invalid(format!("{name} must be a list of texts"));
        let list = value.as_array().ok_or_else(wrong)?;
        list.iter().map(|item| item.as_str().ok_or_else(wrong)).collect()
    }

    /// True or false; false when it is missing.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.0.get(name) {
            None => Ok(false),
            Some(Value::Bool(yes)) => Ok(*yes),
            Some(_) => Err(ApiError::invalid(format!("{name} must be true or false"))),
        }
    }
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let sent = !request.body().is_end_stream();
        if sent && !is_json(request.headers()) {
            let message = "the body must be application/json";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let bytes = tokio::time::timeout(PATIENCE, read(request))
            .await
            .map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))??;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(ApiError::invalid("the body must be a JSON object")),
            Err(_) if bytes.is_empty() => Err(ApiError::invalid("the body is missing")),
            Err(error) => Err(ApiError::invalid(format!("the body is not JSON: {error}"))),
        }
    }
}

async fn read(request: Request) -> Result<axum::body::Bytes, ApiError> {
    let too_large = || {
        let message = format!("the body is larger than {LARGEST} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let told = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if told.and_then(|text| text.parse::<u64>().ok()).is_some_and(|n| n > LARGEST as u64) {
        return Err(too_large());
    }
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
        let Some(frame) = frame else { return Ok(bytes.into()) };
        let frame = frame.map_err(|_| ApiError::invalid("the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > LARGEST {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
}
