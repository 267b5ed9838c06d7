//! Comma-separated values (RFC 4180): a line of names, lines that end in CR LF, and quotes
//! around what would be read otherwise without them.

use crate::format::Sheet;
use crate::text;
use label::LabelEvent;
use std::io::{self, Write};

/// The names of the columns.
const NAMES: [&str; 17] = [
    "id",
    "received_at",
    "src",
    "seq",
    "epoch",
    "place",
    "live",
    "verdict",
    "ver",
    "uri",
    "cid",
    "val",
    "neg",
    "cts",
    "exp",
    "sig",
    "raw",
];

/// Writes CSV.
pub(crate) struct Csv<W> {
    out: W,
    lines: Vec<u8>,
}

impl<W: Write> Csv<W> {
    /// Begins with the names.
    pub(crate) fn new(out: W) -> Self {
        let mut lines = Vec::new();
        line(&mut lines, &NAMES);
        Self { out, lines }
    }
}

impl<W: Write> Sheet for Csv<W> {
    fn put(&mut self, event: LabelEvent) {
        row(&mut self.lines, &event);
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

/// What the label does not have is empty.
fn row(lines: &mut Vec<u8>, event: &LabelEvent) {
    let label = &event.label;
    let truth = |truth| if truth { "true" } else { "false" };
    let fields: [&str; NAMES.len()] = [
        &event.id.get().to_string(),
        &text::time(event.received_at),
        label.src.as_str(),
        &event.seq.get().to_string(),
        &event.epoch.0.to_string(),
        &event.place.to_string(),
        truth(event.live),
        event.verdict.as_str(),
        "1",
        &label.uri,
        label.cid.as_deref().unwrap_or_default(),
        &label.val,
        label.neg.map_or("", truth),
        &label.cts,
        label.exp.as_deref().unwrap_or_default(),
        &text::bytes(&label.sig),
        &event.raw.as_deref().map(text::bytes).unwrap_or_default(),
    ];
    line(lines, &fields);
}

fn line(lines: &mut Vec<u8>, fields: &[&str]) {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            lines.push(b',');
        }
        put(lines, field);
    }
    lines.extend(b"\r\n");
}

fn put(lines: &mut Vec<u8>, field: &str) {
    if field.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        lines.push(b'"');
        lines.extend(field.replace('"', "\"\"").bytes());
        lines.push(b'"');
    } else {
        lines.extend(field.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_where_they_are_needed() {
        let mut lines = Vec::new();
        line(&mut lines, &["", "plain", "a,b", "say \"it\"", "one\r\ntwo", " ", "ä"]);
        let expected = ",plain,\"a,b\",\"say \"\"it\"\"\",\"one\r\ntwo\", ,ä\r\n";
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
    }
}
