//! Values as the text formats have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use label::{Millis, syntax};

/// Bytes, in base64 without padding, as the data model writes them in JSON.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// A time. What no calendar has becomes its number.
pub(crate) fn time(at: Millis) -> String {
    syntax::written(at.0).unwrap_or_else(|| at.0.to_string())
}
