//! What every request has, whatever route it takes: an id, a span that its log lines stand in,
//! one line at its end, and its place in the numbers.
//!
//! A few lines of our own and not the layers of `tower-http`: those are three that pass the id
//! on to each other through the request, take any id that somebody sends, and know no route.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tracing::Instrument as _;

/// Where the id is, in requests and answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer id is not taken over.
const LONGEST: usize = 64;

/// The route of what is none: paths are without end, and so would be the series.
const NONE: &str = "none";

/// Middleware around everything else. What is asked for beyond the route, and by whom, is not
/// written anywhere: there are passwords in it, and people.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = id(request.headers());
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or(NONE, MatchedPath::as_str).to_owned();
    let method = known(request.method());
    // At the highest level: whatever line is written stands in it.
    let span = tracing::error_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        method,
        route,
        status = tracing::field::Empty,
    );
    traces::adopt(&span, request.headers());
    let given_up = GivenUp { span: &span, route: &route, begun, answered: false };
    let mut response = next.run(request).instrument(span.clone()).await;
    given_up.answered();
    let (status, took) = (response.status(), begun.elapsed());
    span.record("status", status.as_u16());
    span.in_scope(|| tell(&route, status, took));
    count(route, status.as_str().to_owned(), took);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The method, if it is one that somebody has defined: it may be as long as a request's head, and
/// this is before anybody was asked for a password.
fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::CONNECT,
        Method::TRACE,
    ];
    const NAMES: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    let found = KNOWN.iter().zip(NAMES).find(|(known, _)| *known == method);
    found.map_or("_OTHER", |(_, name)| name)
}

/// The request's own id, if it has one that can stand in a line of a log; else a new one.
fn id(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        !bytes.is_empty() && bytes.len() <= LONGEST && bytes.iter().all(plain)
    };
    headers.get(&REQUEST_ID).filter(sane).cloned().unwrap_or_else(new_id)
}

/// Two are the same about as often as two hashes of 64 bits under a random key.
fn new_id() -> HeaderValue {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static LAST: AtomicU64 = AtomicU64::new(0);
    let hash = KEY.hash_one(LAST.fetch_add(1, Ordering::Relaxed));
    HeaderValue::from_str(&format!("{hash:016x}")).unwrap_or(HeaderValue::from_static("-"))
}

/// Somebody who has asked and does not wait for the answer is counted, too: it may be the slow ones
/// that they give up on.
struct GivenUp<'a> {
    span: &'a tracing::Span,
    route: &'a str,
    begun: Instant,
    answered: bool,
}

impl GivenUp<'_> {
    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let took = self.begun.elapsed();
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.span.in_scope(|| tracing::debug!(ms, "request given up"));
            count(self.route.to_owned(), "given-up".to_owned(), took);
        }
    }
}

/// Whoever watches our health hears of its failure by the answer.
fn tell(route: &str, status: StatusCode, took: Duration) {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() && route != "/health" && may_warn() {
        tracing::warn!(status = status.as_u16(), ms, "request failed");
    } else {
        tracing::debug!(status = status.as_u16(), ms, "request answered");
    }
}

/// At most one such line a second: while the disk is full, everybody's requests fail.
fn may_warn() -> bool {
    static LAST: LazyLock<(Instant, AtomicU64)> =
        LazyLock::new(|| (Instant::now(), AtomicU64::new(0)));
    let (begun, last) = &*LAST;
    let now = begun.elapsed().as_secs() + 1;
    last.fetch_max(now, Ordering::Relaxed) < now
}

fn count(route: String, status: String, took: Duration) {
    let route = metrics::SharedString::from(route);
    // How long a socket lives says nothing about how quick we are.
    if status != StatusCode::SWITCHING_PROTOCOLS.as_str() {
        metrics::histogram!("labeltap_api_request_seconds", "route" => route.clone()).record(took);
    }
    metrics::counter!("labeltap_api_requests_total", "route" => route, "status" => status)
        .increment(1);
}

/// Says what the numbers are.
pub(crate) fn describe() {
    metrics::describe_counter!("labeltap_api_refused_total", "requests refused, by error");
    metrics::describe_counter!(
        "labeltap_api_requests_total",
        "answers of the API, by route and status; an upgrade is a 101"
    );
    metrics::describe_histogram!(
        "labeltap_api_request_seconds",
        metrics::Unit::Seconds,
        "until the API began to answer, by route, without upgrades"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_only_when_it_is_short_and_plain() {
        let given = |text: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(text).unwrap());
            id(&headers)
        };
        let longest = "a".repeat(64);
        for kept in ["7", "4bf92f35-77b3.4da6:a_Z", &longest] {
            assert_eq!(given(kept.as_bytes()), kept);
        }
        let longer = "a".repeat(65);
        for other in [&b""[..], b"a b", b"a\"b", b"a{b", "\u{fc}".as_bytes(), longer.as_bytes()] {
            let made = given(other);
            assert!(made.as_bytes() != other && made.len() == 16, "{made:?}");
        }
        assert_ne!(id(&HeaderMap::new()), id(&HeaderMap::new()));
    }
}
