//! Datetimes: their form, and the instant they name. The text itself is never rewritten,
//! since it is part of what a labeler signed.

use jiff::civil::{Date, DateTime};
use std::fmt::Write as _;

/// Whether `text` is a datetime (atproto lexicon spec, "datetime"): the form that RFC 3339,
/// ISO 8601 and HTML share, on a day that exists, with any number of fraction digits.
///
/// There are no leap seconds in it, and the offset `-00:00` is not allowed. At most 64
/// bytes, as the reference implementation has it.
#[must_use]
pub fn is_datetime(text: &str) -> bool {
    Written::read(text).is_some()
}

/// The instant that a datetime names, in microseconds since 1970 UTC.
///
/// Further digits are cut off, never rounded up. `None` if `text` is no datetime, and for
/// the few that the offset moves out of the years 0000 to 9999: these can be written but
/// not be given in UTC.
#[must_use]
pub fn instant(text: &str) -> Option<i64> {
    Written::read(text)?.instant()
}

/// The milliseconds since 1970 UTC of a datetime as most write it, `2024-10-07T12:00:00.000Z`, of
/// which [`written`] makes the same text again. `None` if it is written in another way.
#[must_use]
pub fn plain_millis(text: &str) -> Option<i64> {
    let is_plain = text.len() == PLAIN && text.ends_with('Z');
    let micros = is_plain.then(|| instant(text)).flatten()?;
    let millis = micros.div_euclid(1000);
    (written(millis)? == text).then_some(millis)
}

/// The datetime of so many milliseconds since 1970, in UTC and with three digits. `None` outside
/// of the years 0000 to 9999.
#[must_use]
pub fn written(millis: i64) -> Option<String> {
    let seconds = millis.div_euclid(1000);
    if !(FIRST..=LAST).contains(&seconds) {
        return None;
    }
    let since = jiff::SignedDuration::from_secs(seconds);
    let at = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since).ok()?;
    let millis = millis.rem_euclid(1000);
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    let mut text = String::with_capacity(PLAIN);
    let wrote = write!(
        text,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    );
    wrote.ok().map(|()| text)
}

/// The month of a time in seconds since 1970, in months since January 1970. Outside of the years
/// 0000 to 9999 it is that month.
#[must_use]
pub fn month(seconds: i64) -> i64 {
    let days = seconds.clamp(FIRST, LAST).div_euclid(86_400);
    let since = jiff::SignedDuration::from_hours(24 * days);
    let at = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since);
    at.map_or(0, |at| (i64::from(at.year()) - 1970) * 12 + i64::from(at.month()) - 1)
}

/// The length of a datetime with three digits, in bytes.
const PLAIN: usize = 24;

/// Seconds since 1970 of 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200;
/// Seconds since 1970 of 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// The longest datetime, in bytes.
const LONGEST: usize = 64;

/// A datetime as written.
struct Written {
    local: DateTime,
    micros: i64,
    /// Seconds east of UTC.
    offset: i64,
}

impl Written {
    fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut rest = Rest(text.as_bytes());
        let date = rest.date()?;
        rest.byte(b'T')?;
        let (hour, minute) = rest.hour_and_minute()?;
        rest.byte(b':')?;
        let second = i8::try_from(rest.digits(2)?).ok()?;
        // Refuses hours over 23, minutes over 59 and leap seconds.
        let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
        let micros = rest.fraction()?;
        let offset = rest.offset()?;
        rest.0.is_empty().then(|| Self { local: date.to_datetime(time), micros, offset })
    }

    fn instant(&self) -> Option<i64> {
        // By civil arithmetic, since jiff's timestamps end a day before the year 9999 does,
        // and "9999-12-31T23:59:59Z" is how people write "never".
        let seconds = self.local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
        let seconds = seconds.as_secs() - self.offset;
        (FIRST..=LAST).contains(&seconds).then(|| seconds * 1_000_000 + self.micros)
    }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self, wanted: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[wanted])?;
        Some(())
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i16> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0i16, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i16::from(byte - b'0'))
        })
    }

    /// `YYYY-MM-DD`, a day that exists.
    fn date(&mut self) -> Option<Date> {
        let year = self.digits(4)?;
        self.byte(b'-')?;
        let month = i8::try_from(self.digits(2)?).ok()?;
        self.byte(b'-')?;
        let day = i8::try_from(self.digits(2)?).ok()?;
        Date::new(year, month, day).ok()
    }

    /// `HH:MM`, in range.
    fn hour_and_minute(&mut self) -> Option<(i8, i8)> {
        let hour = i8::try_from(self.digits(2)?).ok()?;
        self.byte(b':')?;
        let minute = i8::try_from(self.digits(2)?).ok()?;
        (hour < 24 && minute < 60).then_some((hour, minute))
    }

    /// Nothing, or a dot and at least one digit; as microseconds.
    fn fraction(&mut self) -> Option<i64> {
        if self.byte(b'.').is_none() {
            return Some(0);
        }
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(length).filter(|(it, _)| !it.is_empty())?;
        self.0 = rest;
        let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
        Some(padded.fold(0, |number, byte| number * 10 + i64::from(byte - b'0')))
    }

    /// `Z` or `+HH:MM` or `-HH:MM`; as seconds east.
    fn offset(&mut self) -> Option<i64> {
        if self.byte(b'Z').is_some() {
            return Some(0);
        }
        let west = self.byte(b'-').is_some();
        if !west {
            self.byte(b'+')?;
        }
        let (hour, minute) = self.hour_and_minute()?;
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60;
        match (west, seconds) {
            (true, 0) => None,
            (true, seconds) => Some(-seconds),
            (false, seconds) => Some(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_datetime_has_64_bytes_at_most() {
        let with = |digits: usize| format!("2024-01-01T00:00:00.{}Z", "1".repeat(digits));
        assert!(is_datetime(&with(43)));
        assert!(!is_datetime(&with(44)));
    }

    #[test]
    fn digits_beyond_the_microsecond_are_cut_off() {
        assert_eq!(instant("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(instant("1970-01-01T00:00:00.1Z"), Some(100_000));
        assert_eq!(instant("1970-01-01T00:00:00.1234567Z"), Some(123_456));
        assert_eq!(instant("1970-01-01T00:00:00.99999999999999999999Z"), Some(999_999));
        assert_eq!(instant("1969-12-31T23:59:59.999999999Z"), Some(-1));
    }

    #[test]
    fn offsets_name_the_same_instant() {
        let noon = instant("2024-10-07T12:00:00Z");
        assert_eq!(noon, Some(1_728_302_400_000_000));
        for text in ["2024-10-07T14:00:00+02:00", "2024-10-07T00:30:00-11:30"] {
            assert_eq!(instant(text), noon, "{text}");
        }
        assert_eq!(instant("2024-10-07T12:00:00+00:00"), noon);
        assert_eq!(instant("2024-10-07T12:00:00-00:00"), None);
    }

    #[test]
    fn never_has_an_instant() {
        assert_eq!(instant("9999-12-31T23:59:59.999Z"), Some(LAST * 1_000_000 + 999_000));
        assert_eq!(instant("0000-01-01T00:00:00Z"), Some(FIRST * 1_000_000));
    }

    #[test]
    fn what_leaves_the_years_can_be_written_and_has_no_instant() {
        for text in ["0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999-23:59"] {
            assert!(is_datetime(text), "{text}");
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn days_that_do_not_exist_are_no_datetimes() {
        for day in
            ["2024-02-30", "2023-02-29", "2024-04-31", "2024-13-01", "2024-00-01", "2024-01-00"]
        {
            assert!(!is_datetime(&format!("{day}T00:00:00Z")), "{day}");
        }
        assert!(is_datetime("2024-02-29T00:00:00Z"));
    }

    #[test]
    fn times_that_do_not_exist_are_no_datetimes() {
        for time in ["24:00:00", "23:60:00", "23:59:60", "23:59:61", "3:00:00", "03:00", "030000"] {
            assert!(!is_datetime(&format!("2016-12-31T{time}Z")), "{time}");
        }
    }

    #[test]
    fn the_form_is_strict() {
        for text in ["", "2024", "2024-10-07", "2024-10-07T12:00:00", "2024-10-07t12:00:00Z"] {
            assert!(!is_datetime(text), "{text}");
        }
        for tail in ["z", ".Z", "Z ", "ZZ", "+2:00", "+02", "+0200", "+24:00", "+02:60", ".1", "+"]
        {
            let text = format!("2024-10-07T12:00:00{tail}");
            assert!(!is_datetime(&text), "{text}");
        }
        for text in ["+2024-10-07T12:00:00Z", "-2024-10-07T12:00:00Z", "2024-10-07 12:00:00Z"] {
            assert!(!is_datetime(text), "{text}");
        }
    }

    #[test]
    fn what_most_write_is_a_number_and_comes_back() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2024-10-07T12:00:00.007Z", 1_728_302_400_007),
            ("1969-12-31T23:59:59.999Z", -1),
            ("0000-01-01T00:00:00.000Z", FIRST * 1000),
            ("9999-12-31T23:59:59.999Z", LAST * 1000 + 999),
        ] {
            assert_eq!(plain_millis(text), Some(millis));
            assert_eq!(written(millis).as_deref(), Some(text));
        }
        for text in [
            "2024-10-07T12:00:00Z",
            "2024-10-07T12:00:00.00Z",
            "2024-10-07T12:00:00.0000Z",
            "2024-10-07T12:00+01:00.Z",
            "2024-02-30T12:00:00.000Z",
            "2024-10-07T12:00:00+00:0",
        ] {
            assert_eq!(plain_millis(text), None, "{text}");
        }
        assert_eq!(written(FIRST * 1000 - 1), None);
        assert_eq!(written((LAST + 1) * 1000), None);
    }

    proptest! {
        #[test]
        fn every_millisecond_can_be_written(millis in FIRST * 1000..(LAST + 1) * 1000) {
            let text = written(millis).unwrap();
            prop_assert_eq!(instant(&text), Some(millis * 1000));
            prop_assert_eq!(plain_millis(&text), Some(millis));
        }

        #[test]
        fn jiff_reads_the_same_instant(
            (year, month, day) in (1i16..9999, 1i8..=12, 1i8..=31),
            (hour, minute, second) in (0i8..24, 0i8..60, 0i8..60),
            fraction in "(\\.[0-9]{1,9})?",
            offset in "Z|[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]",
        ) {
            prop_assume!(offset != "-00:00");
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}"
            );
            let theirs = text.parse::<jiff::Timestamp>().ok();
            let theirs = theirs.map(|it| it.as_nanosecond().div_euclid(1000));
            prop_assert_eq!(instant(&text).map(i128::from), theirs, "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:+. -]{0,40}|\\PC{0,40}") {
            prop_assert!(is_datetime(&text) || instant(&text).is_none());
        }
    }
}
