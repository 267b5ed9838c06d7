//! One JSON object on each line.

use crate::format::Sheet;
use crate::text;
use label::LabelEvent;
use serde::Serialize;
use std::io::{self, Write};

/// Bytes as the data model writes them in JSON (atproto data model spec, "bytes").
#[derive(Serialize)]
struct Bytes {
    #[serde(rename = "$bytes")]
    text: String,
}

impl Bytes {
    fn of(bytes: &[u8]) -> Self {
        Self { text: text::bytes(bytes) }
    }
}

/// A label and its place in the log. What the label does not have is absent: `neg: false` is
/// there if it was signed.
#[derive(Serialize)]
struct Row<'a> {
    id: i64,
    received_at: String,
    src: &'a str,
    seq: i64,
    epoch: u32,
    place: u32,
    live: bool,
    verdict: &'static str,
    ver: i64,
    uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    val: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    neg: Option<bool>,
    cts: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<&'a str>,
    sig: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<Bytes>,
}

impl<'a> Row<'a> {
    fn of(event: &'a LabelEvent) -> Self {
        let label = &event.label;
        Self {
            id: event.id.get(),
            received_at: text::time(event.received_at),
            src: label.src.as_str(),
            seq: event.seq.get(),
            epoch: event.epoch.0,
            place: event.place,
            live: event.live,
            verdict: event.verdict.as_str(),
            ver: 1,
            uri: &label.uri,
            cid: label.cid.as_deref(),
            val: &label.val,
            neg: label.neg,
            cts: &label.cts,
            exp: label.exp.as_deref(),
            sig: Bytes::of(&label.sig),
            raw: event.raw.as_deref().map(Bytes::of),
        }
    }
}

/// Writes JSON Lines.
pub(crate) struct JsonLines<W> {
    out: W,
    lines: Vec<u8>,
}

impl<W: Write> JsonLines<W> {
    pub(crate) const fn new(out: W) -> Self {
        Self { out, lines: Vec::new() }
    }
}

impl<W: Write> Sheet for JsonLines<W> {
    fn put(&mut self, event: LabelEvent) {
        // Memory takes everything, and the names of the fields are texts.
        let written = serde_json::to_writer(&mut self.lines, &Row::of(&event));
        debug_assert!(written.is_ok(), "{written:?}");
        self.lines.push(b'\n');
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write()?;
        self.out.flush()
    }
}
