//! When a label was made, which decides what is newer.

/// As far as its labeler is believed, in microseconds since 1970: its `cts`, but not after its
/// receipt (contract section 7). `cts` in microseconds, `received_at` in milliseconds.
pub(crate) fn believed(cts: Option<i64>, received_at: i64) -> i64 {
    let received = received_at.saturating_mul(1000);
    cts.map_or(received, |made| made.min(received))
}

/// By its `cts` alone, given in microseconds: in milliseconds since 1970, at least 1.
pub(crate) fn said(cts: Option<i64>) -> i64 {
    cts.map_or(1, |instant| instant.div_euclid(1000).max(1))
}
