//! Why an event was not taken, in a sentence that operators read, and for how long the
//! receiver asks to be left alone.

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// A longer `Retry-After` is cut to this: whoever asks for more is down, not busy.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(3600);
/// Certificates and the like may bring texts of any length.
const LONGEST_TEXT: usize = 200;

/// Why one request did not deliver its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong, in a few words, without any part of the URL.
    pub(crate) error: String,
    /// How long the receiver asks us to wait, an hour at most.
    pub(crate) retry_after: Option<Duration>,
    /// It answered, and did not say that it is down or busy: the fault may be the event's.
    pub(crate) refused: bool,
}

impl Failure {
    /// Answered, but not with success.
    pub(super) fn answered(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Self {
        let status = status.as_u16();
        let error = match status {
            301 | 302 | 303 | 307 | 308 => {
                format!("answered {status}, and redirects are not followed")
            }
            _ => format!("answered {status}"),
        };
        let retry_after = retry_after(headers, now);
        let refused = retry_after.is_none() && !matches!(status, 429 | 502 | 503 | 504);
        Self { error, retry_after, refused }
    }

    /// Not answered.
    pub(super) fn unanswered(error: &reqwest::Error, limit: Duration) -> Self {
        let error = if error.is_timeout() { timed_out(limit) } else { innermost(error) };
        Self { error, retry_after: None, refused: false }
    }
}

/// In seconds, or as a date; one that has passed means now.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit ask for more than is believed anyway.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_REST));
    }
    let until = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let rest = until.duration_since(now);
    Some(Duration::try_from(rest).unwrap_or_default().min(LONGEST_REST))
}

fn timed_out(limit: Duration) -> String {
    match limit.subsec_millis() {
        0 => format!("timed out after {} s", limit.as_secs()),
        _ => format!("timed out after {} ms", limit.as_millis()),
    }
}

/// The cause beneath all others: the ones above it say only that something was tried, and
/// name the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if let Some(known) = cause.downcast_ref::<io::Error>().and_then(|error| known(error.kind())) {
        return known.to_owned();
    }
    // With no cause beneath it, it is the client's own, which would name the URL.
    if cause.downcast_ref::<reqwest::Error>().is_some() {
        return "the request could not be made".to_owned();
    }
    let words = cause.to_string();
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_TEXT).collect()
}

/// What the system calls otherwise on each platform.
fn known(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::ConnectionRefused => Some("connection refused"),
        ErrorKind::ConnectionReset => Some("connection reset"),
        ErrorKind::ConnectionAborted => Some("connection aborted"),
        ErrorKind::BrokenPipe => Some("connection closed while we wrote"),
        ErrorKind::UnexpectedEof => Some("connection closed"),
        ErrorKind::HostUnreachable => Some("host unreachable"),
        ErrorKind::NetworkUnreachable => Some("network unreachable"),
        ErrorKind::TimedOut => Some("connection timed out"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(value: &str) -> Option<Duration> {
        let now = "1994-11-06T08:49:37Z".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_cut_to_an_hour() {
        assert_eq!(rest("120"), Some(Duration::from_secs(120)));
        assert_eq!(rest(" 0 "), Some(Duration::ZERO));
        for long in ["3601", "18446744073709551615", "99999999999999999999999999"] {
            assert_eq!(rest(long), Some(LONGEST_REST), "{long}");
        }
        for wrong in ["", "-1", "+1", "1.5", "soon", "1 s"] {
            assert_eq!(rest(wrong), None, "{wrong:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn retry_after_is_read_as_a_date() {
        assert_eq!(rest("Sun, 06 Nov 1994 08:51:37 GMT"), Some(Duration::from_secs(120)));
        assert_eq!(rest("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(rest("Sun, 06 Nov 1993 08:49:37 GMT"), None, "no such day of the week");
        assert_eq!(rest("Sat, 06 Nov 1993 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(rest("Fri, 31 Dec 1999 23:59:59 GMT"), Some(LONGEST_REST));
        assert_eq!(rest("Thu, 31 Dec 9998 23:59:59 GMT"), Some(LONGEST_REST));
    }

    #[test]
    fn a_status_is_told_in_a_few_words() {
        let said = |status| {
            let status = StatusCode::from_u16(status).unwrap();
            Failure::answered(status, &HeaderMap::new(), Timestamp::UNIX_EPOCH).error
        };
        assert_eq!(said(503), "answered 503");
        assert_eq!(said(307), "answered 307, and redirects are not followed");
        assert_eq!(said(304), "answered 304");
        assert_eq!(timed_out(Duration::from_secs(30)), "timed out after 30 s");
        assert_eq!(timed_out(Duration::from_millis(1500)), "timed out after 1500 ms");
    }
}
