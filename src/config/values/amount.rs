//! Numbers, durations and sizes.

use super::Wrong;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Longer than anybody waits for one thing, and far from what a clock cannot add.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

const TIMES: &[(&str, u64)] = &[
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const SIZES: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// A whole number within a range.
pub(in crate::config) fn number(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, Wrong> {
    move |text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && range.contains(number));
        number.ok_or_else(Wrong::value)
    }
}

/// A duration above 0 and not longer than 30 days: `500ms`, `1s`, `1m30s`, `1.5h`.
pub(in crate::config) fn span(text: &str) -> Result<Duration, Wrong> {
    age(text).and_then(|span| if span > LONGEST { Err(Wrong::value()) } else { Ok(span) })
}

/// `forever`, which is `None`, or a duration above 0, however long.
pub(in crate::config) fn retention(text: &str) -> Result<Option<Duration>, Wrong> {
    if text == "forever" { Ok(None) } else { age(text).map(Some) }
}

/// A duration above 0.
fn age(text: &str) -> Result<Duration, Wrong> {
    let mut nanos = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = measure(rest, TIMES).ok_or_else(Wrong::value)?;
        nanos = nanos.checked_add(part).ok_or_else(Wrong::value)?;
        rest = after;
    }
    let span = Duration::from_nanos(nanos);
    if span.is_zero() { Err(Wrong::value()) } else { Ok(span) }
}

/// A size in bytes: `1GiB`, `500MB`, `0`.
pub(in crate::config) fn size(text: &str) -> Result<u64, Wrong> {
    if text == "0" {
        return Ok(0);
    }
    let lower = text.to_ascii_lowercase();
    match measure(&lower, SIZES) {
        Some((size, "")) => Ok(size),
        _ => Err(Wrong::value()),
    }
}

/// Cuts a number and its unit off the front; answers the product and what is left.
fn measure<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(u64, &'a str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(*factor)?;
    let places = u32::try_from(part.len()).ok().filter(|places| *places <= 9)?;
    let part = u128::from(part.parse::<u64>().ok()?) * u128::from(*factor) / 10_u128.pow(places);
    Some((whole.checked_add(u64::try_from(part).ok()?)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, millis) in [
            ("1s", 1_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("30d", 2_592_000_000),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("0.25h", 900_000),
        ] {
            assert_eq!(span(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in [
            "",
            "1",
            "60",
            "0s",
            "0ms",
            "-1s",
            "+1s",
            "1 s",
            " 1s",
            "s",
            "1.s",
            ".5s",
            "1..5s",
            "1sec",
            "1S",
            "1s2",
            "31d",
            "99999999999999999999s",
            "99999999999d",
            "1e3s",
            "½s",
        ] {
            assert!(span(text).is_err(), "{text:?}");
        }
        let year = Duration::from_secs(365 * 86_400);
        assert_eq!(retention("365d").unwrap(), Some(year));
        assert_eq!(retention("forever").unwrap(), None);
        assert!(retention("0s").is_err() && retention("Forever").is_err());
    }

    #[test]
    fn sizes_need_a_unit_unless_nothing() {
        for (text, bytes) in
            [("0", 0), ("1GiB", 1 << 30), ("500MB", 500_000_000), ("1.5kib", 1536), ("12b", 12)]
        {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "1", "1073741824", "-1GiB", "1 GiB", "1GiB1MiB", "1G", "99999999TiB"] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_are_digits_within_their_range() {
        let read = number(1..=10);
        assert_eq!(read("10").unwrap(), 10);
        for text in ["", "0", "11", "-1", "+1", "1.0", "0x1", " 1", "99999999999999999999"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
