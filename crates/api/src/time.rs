//! Times as the API writes them: RFC 3339, UTC, milliseconds.

use jiff::Timestamp;
use label::Millis;

/// `2024-10-07T12:00:00.000Z`. Times beyond the calendar become its nearest end.
pub(crate) fn rfc3339(time: Millis) -> String {
    let nearest = if time.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let moment = Timestamp::from_millisecond(time.0).unwrap_or(nearest);
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_exactly_three_digits() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_728_302_400_050, "2024-10-07T12:00:00.050Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(Millis(millis)), text);
        }
        assert!(rfc3339(Millis(i64::MAX)).starts_with("9999-12-3"));
    }
}
