//! Times as servers write them.

use jiff::Timestamp;

/// So many milliseconds after 1970, or the real time.
#[expect(clippy::expect_used, reason = "a time that a test made up should be one")]
pub(crate) fn at(ms: Option<i64>) -> Timestamp {
    let ms = ms.unwrap_or_else(|| Timestamp::now().as_millisecond());
    Timestamp::from_millisecond(ms).expect("a time")
}

/// RFC 3339 with milliseconds.
pub(crate) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
