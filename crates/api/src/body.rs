//! Reading a request's JSON body: its type, its size, its fields. What the fields mean is
//! left to the handlers.

use crate::error::{ApiError, is_json};
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use serde_json::{Map, Value};
use std::time::Duration;

/// Contract section 3: 1 MiB.
const LARGEST: usize = 1024 * 1024;

/// A client has this long to send its body; who is slower holds a connection for nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of an unwanted body that are read all the same, and how long that may take.
const MOST_DRAINED: usize = 16 << 20;
const DRAINED_WITHIN: Duration = Duration::from_secs(5);

/// The fields of a JSON object that came as the request's body.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// A field as it came.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Refuses a body that has any other field.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(50).collect();
                let known = known.join(", ");
                Err(ApiError::invalid(format!("{name:?} is none of the fields {known}")))
            }
        }
    }

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
            drain(request.into_body()).await;
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

async fn read(request: Request) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("the body is larger than {LARGEST} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let told = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let told = told.and_then(|text| text.parse::<u64>().ok());
    let mut body = request.into_body();
    if told.is_some_and(|length| length > LARGEST as u64) {
        drain(body).await;
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(data) = piece(&mut body).await? {
        if bytes.len() + data.len() > LARGEST {
            drain(body).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

/// The next piece of a body; `None` at its end.
async fn piece(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await;
        let Some(frame) = frame else { return Ok(None) };
        let frame = frame.map_err(|_| ApiError::invalid("the body broke off"))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// Reads what is left of a body that nobody wants, within limits. A client that is still
/// writing when we answer and close would see a broken connection instead of the answer.
pub(crate) async fn drain(mut body: Body) {
    let rest = async {
        let mut left = MOST_DRAINED;
        while let Ok(Some(data)) = piece(&mut body).await {
            left = left.saturating_sub(data.len());
            if left == 0 {
                break;
            }
        }
    };
    drop(tokio::time::timeout(DRAINED_WITHIN, rest).await);
}
