//! The directory's operations, as its `/export` shows them (facts 4.2): JSON lines by time. Pure.

use jiff::Timestamp;
use label::{Did, Millis, syntax};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The most lines that `/export` answers with.
pub(super) const PAGE: usize = 1000;

/// The longest line that is read, in bytes; an operation has at most 7500.
const LONGEST: usize = 64 << 10;

/// A page of operations.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// How many lines it has, whatever is in them.
    lines: usize,
    /// The latest time among them.
    last: Option<Millis>,
    /// Whose they are, in order.
    pub(super) operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) did: Did,
    /// Whether it has a labeler's service or key.
    pub(super) of_a_labeler: bool,
}

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is another page.
    More {
        /// What comes after this is asked for.
        after: Millis,
    },
    /// This was the last one.
    End,
}

#[derive(Deserialize)]
struct Line {
    did: String,
    operation: Body,
    #[serde(rename = "createdAt")]
    created_at: String,
}

/// A tombstone has neither, and nor has an operation in the format of 2022.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    services: Services,
    #[serde(default, rename = "verificationMethods")]
    methods: Methods,
}

#[derive(Deserialize, Default)]
struct Services {
    atproto_labeler: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
struct Methods {
    atproto_label: Option<IgnoredAny>,
}

impl Page {
    /// Reads a page. Lines that cannot be read are passed over: they are somebody else's
    /// mistake, and what follows them is not.
    pub(super) fn read(body: &[u8]) -> Self {
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut page = Self { lines: 0, last: None, operations: Vec::new() };
        for line in lines {
            page.lines += 1;
            if line.len() > LONGEST {
                continue;
            }
            let Ok(line) = serde_json::from_slice::<Line>(line) else { continue };
            if let Some(micros) = syntax::instant(&line.created_at) {
                page.last = page.last.max(Some(Millis(micros.div_euclid(1000))));
            }
            if let Ok(did) = Did::parse(&line.did) {
                let Body { services, methods } = line.operation;
                let of_a_labeler =
                    services.atproto_labeler.is_some() || methods.atproto_label.is_some();
                page.operations.push(Operation { did, of_a_labeler });
            }
        }
        page
    }

    /// The latest time that was seen, which may be no later than `after`.
    pub(super) fn until(&self, after: Millis) -> Millis {
        self.last.unwrap_or(after).max(after)
    }

    /// Where to go on after a page that was asked for with `after`. The directory leaves out
    /// what has that very time. So that operations of one time may lie on two pages, the next
    /// one begins a millisecond earlier; should that show the same page, it does not, and
    /// what lies beyond a thousand operations of one millisecond cannot be asked for.
    pub(super) fn step(&self, after: Millis) -> Step {
        if self.lines < PAGE {
            return Step::End;
        }
        match self.last {
            Some(last) if last.0 - 1 > after.0 => Step::More { after: Millis(last.0 - 1) },
            Some(last) if last > after => Step::More { after: last },
            // A full page that says nothing of its time, or of an earlier one than asked for.
            _ => Step::End,
        }
    }
}

/// A time as the directory writes it.
pub(super) fn written(at: Millis) -> Option<String> {
    let at = Timestamp::from_millisecond(at.0).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "did:plc:ar7c4by46qjdydhdevvrndac";

    fn line(operation: &str, at: &str) -> String {
        format!(
            r#"{{"did":"{A}","operation":{operation},"cid":"b","nullified":false,"createdAt":"{at}"}}"#
        )
    }

    /// A page of so many lines, a few milliseconds apart.
    fn page(lines: usize, first: i64, apart: i64) -> Page {
        let at = |number: usize| written(Millis(first + apart * number as i64)).unwrap();
        let lines: Vec<_> = (0..lines).map(|number| line("{}", &at(number))).collect();
        Page::read(lines.join("\n").as_bytes())
    }

    #[test]
    fn an_operation_of_a_labeler_is_told_by_its_service_or_key() {
        for (operation, expected) in [
            (r#"{"services":{"atproto_labeler":{"type":"x","endpoint":"y"}}}"#, true),
            (r#"{"services":{"atproto_pds":{}},"verificationMethods":{"atproto":"k"}}"#, false),
            (r#"{"verificationMethods":{"atproto_label":"did:key:z"}}"#, true),
            (r#"{"type":"plc_tombstone","prev":"b"}"#, false),
            (r#"{"type":"create","signingKey":"k","service":"https://x"}"#, false),
        ] {
            let read = Page::read(line(operation, "2026-01-01T00:00:00.001Z").as_bytes());
            assert_eq!(read.operations.len(), 1, "{operation}");
            assert_eq!(read.operations[0].of_a_labeler, expected, "{operation}");
            assert_eq!(read.last, Some(Millis(1_767_225_600_001)));
        }
    }

    #[test]
    fn a_line_that_makes_no_sense_costs_nobody_else_theirs() {
        let good = line(r#"{"services":{"atproto_labeler":{}}}"#, "2026-01-01T00:00:00.000Z");
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(LONGEST));
        let body = ["", "{", &long, r#"{"did":1}"#, "\u{0}", &good, ""].join("\n");
        let page = Page::read(body.as_bytes());
        assert_eq!((page.lines, page.operations.len()), (5, 1));
        let odd = line(r#"{"services":null}"#, "yesterday").replace(A, "nobody");
        assert_eq!(Page::read(odd.as_bytes()).operations, []);
    }

    #[test]
    fn pages_go_on_just_before_the_last_ones_end() {
        let after = Millis(5_000);
        assert_eq!(page(999, 6_000, 1).step(after), Step::End);
        assert_eq!(page(0, 0, 1).step(after), Step::End);
        assert_eq!(page(1000, 6_000, 1).step(after), Step::More { after: Millis(6_998) });
        assert_eq!(page(1000, 6_000, 0).step(after), Step::More { after: Millis(5_999) });
    }

    #[test]
    fn a_thousand_of_one_time_are_no_endless_loop() {
        let (mut after, mut pages) = (Millis(5_000), 0);
        while let Step::More { after: next } = page(1000, 6_000, 0).step(after) {
            assert!(next > after);
            (after, pages) = (next, pages + 1);
        }
        assert_eq!((pages, after), (2, Millis(6_000)));
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        let at = Millis(1_792_567_650_007);
        assert_eq!(written(at).as_deref(), Some("2026-10-21T07:27:30.007Z"));
        assert_eq!(written(Millis(i64::MAX)), None);
    }
}
