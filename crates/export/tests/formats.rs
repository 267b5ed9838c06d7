//! Labels of every kind, written in every format and read again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use common::{NOW, Said, archive, did, of, rows_of, stored};
use export::{Format, Wanted, export};
use label::{Filter, Hosts, Millis};
use std::collections::BTreeSet;
use std::io::{self, Write};
use store::Archive;

fn wanted(fields: &[(&str, &str)], history: bool) -> Wanted {
    let fields = fields.iter().map(|(name, value)| (*name, value.split(' ').collect()));
    Wanted { filter: Filter::read(fields, Hosts::Private).unwrap(), history, now: NOW }
}

fn write(archive: &mut Archive, wanted: &Wanted, format: Format) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    let mut last = None;
    let written = export(archive, wanted, format, &mut out, |progress| last = Some(progress));
    let (written, last) = (written.unwrap(), last.unwrap());
    assert_eq!((last.written, last.read), (written, last.until));
    (out, written)
}

/// Labels of every kind, and a value that needs quotes, in a file.
const SAID: &[Said] = &[
    Said::new("ann", "did:plc:subject", "spam"),
    Said::new("ann", "at://did:plc:subject/app.bsky.feed.post/1", "one, \"two\"").with_cid(),
    Said::new("bob", "at://did:plc:subject/app.bsky.feed.post/1", "line\r\nline"),
    Said::new("ann", "did:plc:subject", "spam").neg(Some(true)),
    Said::new("bob", "did:plc:subject", "rude").neg(Some(false)).exp("2030-01-01T00:00:00Z"),
    Said::new("bob", "https://example.com/a,b", "porn").exp("2020-01-01T00:00:00Z").raw(),
    Said::new("bob", "did:plc:subject", "ünïcode").old_key(),
];

#[tokio::test]
async fn what_is_written_reads_back_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let mut archive = archive(&dir, SAID).await;
    let expected: Vec<_> = stored(&mut archive).iter().map(of).collect();
    assert_eq!(expected.len(), SAID.len());
    for format in Format::ALL {
        let (bytes, written) = write(&mut archive, &wanted(&[], true), format);
        assert_eq!(rows_of(format, &bytes), expected, "{format:?}");
        assert_eq!(written, expected.len() as u64);
    }
}

#[tokio::test]
async fn without_history_it_is_what_applies_now() {
    let dir = tempfile::tempdir().unwrap();
    let mut archive = archive(&dir, SAID).await;
    let mut values = |wanted: &Wanted| -> BTreeSet<String> {
        let (bytes, _) = write(&mut archive, wanted, Format::JsonLines);
        let rows = rows_of(Format::JsonLines, &bytes);
        rows.into_iter().map(|mut row| row.remove("val").unwrap()).collect()
    };
    let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let current: BTreeSet<String> = set(&["one, \"two\"", "line\r\nline", "rude", "ünïcode"]);
    assert_eq!(values(&wanted(&[], false)), current);
    let before = Wanted { now: Millis(1), ..wanted(&[], false) };
    assert!(values(&before).contains("porn"), "which had not run out then");
    let bob = did("bob");
    for (fields, expected) in [
        (vec![("src", bob.as_str())], set(&["line\r\nline", "rude", "ünïcode"])),
        (vec![("subject", "record")], set(&["one, \"two\"", "line\r\nline"])),
        (vec![("val", "r* one*")], set(&["rude", "one, \"two\""])),
        (vec![("uri", "did:plc:subject"), ("val", "spam rude")], set(&["rude"])),
        (vec![("verdict", "verified-old-key")], set(&["ünïcode"])),
        (vec![("val", "nothing")], set(&[])),
    ] {
        assert_eq!(values(&wanted(&fields, false)), expected, "{fields:?}");
    }
    assert_eq!(values(&wanted(&[("val", "spam")], true)), set(&["spam"]));
}

#[tokio::test]
async fn nothing_is_a_whole_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut archive = archive(&dir, &[]).await;
    for format in Format::ALL {
        let mut out = Vec::new();
        let written = export(&mut archive, &wanted(&[], false), format, &mut out, |_| {});
        assert_eq!(written.unwrap(), 0);
        assert_eq!(rows_of(format, &out), [], "{format:?}");
    }
}

#[tokio::test]
async fn many_labels_are_written_page_by_page_and_group_by_group() {
    let dir = tempfile::tempdir().unwrap();
    let mut archive = common::many(&dir, 130_000).await;
    let history = wanted(&[], true);
    let ids = |rows: Vec<common::Row>| -> Vec<i64> {
        rows.iter().map(|row| row.get("id").unwrap().parse().unwrap()).collect()
    };
    for format in Format::ALL {
        let (bytes, written) = write(&mut archive, &history, format);
        assert_eq!(written, 130_000);
        assert!(ids(rows_of(format, &bytes)).into_iter().eq(1..=130_000), "{format:?}");
    }
}

/// Somebody who has heard enough.
struct Gone(usize);

impl Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_has_gone_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut archive = common::many(&dir, 130_000).await;
    for format in Format::ALL {
        let ended = export(&mut archive, &wanted(&[], true), format, Gone(200_000), |_| {});
        assert!(ended.unwrap_err().is_broken_pipe(), "{format:?}");
    }
}
