//! The programs of `tests/clients` that read us, and what they print.

use super::said::Asked;
use crate::clients::installed;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use testkit::bytes_of;

/// Whose packages read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// `@atproto/…` of npm.
    JavaScript,
    /// `atproto` of PyPI.
    Python,
}

pub(super) const READERS: [Reader; 2] = [Reader::JavaScript, Reader::Python];

/// Where it reads, and where it looks up DIDs.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) url: &'a str,
    pub(super) plc: &'a str,
}

/// A label as a reader found it.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// Of its frame; 0 in a page.
    pub(super) seq: i64,
    /// Its DAG-CBOR, made again by the reader.
    pub(super) label: Vec<u8>,
    /// Whether its message is as the lexicon wants it.
    pub(super) valid: bool,
}

impl Read {
    /// Takes what was printed of a label. Its signature must hold.
    fn new(line: &Value) -> Self {
        assert_eq!(line["verifies"], true, "{line}");
        Self {
            seq: line["seq"].as_i64().unwrap_or_default(),
            label: bytes_of(&json!({ "$bytes": line["label"] })),
            valid: line.get("invalid").is_none(),
        }
    }
}

impl Reader {
    fn command(self, mode: &str, at: At<'_>, number: usize) -> Command {
        let (program, script) = match self {
            Self::JavaScript => ("node_modules/.bin/node", "reread.js"),
            Self::Python => (".venv/bin/python", "reread.py"),
        };
        let mut command = Command::new(installed(program));
        command.arg(installed(script)).env_clear().stdout(Stdio::piped());
        command.args([mode, at.url, at.plc, &number.to_string()]);
        command
    }

    /// So many frames of the stream above a cursor.
    pub(super) fn stream(self, at: At<'_>, frames: usize, cursor: i64) -> Vec<Read> {
        let mut command = self.command("stream", at, frames);
        command.arg(cursor.to_string()).stderr(Stdio::inherit());
        let run = || command.output().expect("tests/clients/setup.sh has been run");
        let output = tokio::task::block_in_place(run);
        assert!(output.status.success(), "{self:?}: {}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| Read::new(&serde_json::from_str(line).unwrap())).collect()
    }

    /// Begins to page through everything, so many labels at a time.
    pub(super) fn pages(self, at: At<'_>, limit: usize, asked: Asked) -> Pages {
        let mut command = self.command("pages", at, limit);
        command.args(asked.flags()).stdin(Stdio::piped());
        let mut child = command.spawn().expect("tests/clients/setup.sh has been run");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Pages { child, stdin, stdout, at_the_end: false }
    }
}

/// A reader between two pages. Stopped on drop.
pub(super) struct Pages {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    at_the_end: bool,
}

/// One page.
pub(super) struct Page {
    pub(super) labels: Vec<Read>,
    /// Leads to the next one.
    pub(super) cursor: Option<String>,
}

impl Pages {
    /// The next page, if there is one.
    pub(super) fn next(&mut self) -> Option<Page> {
        if self.at_the_end {
            return None;
        }
        let line = tokio::task::block_in_place(|| {
            self.stdin.write_all(b"\n").unwrap();
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            line
        });
        let page: Value = serde_json::from_str(&line).expect("its errors are above");
        let cursor = page.get("cursor").map(|cursor| cursor.as_str().unwrap().to_owned());
        self.at_the_end = cursor.is_none();
        let labels = page["labels"].as_array().unwrap().iter().map(Read::new).collect();
        Some(Page { labels, cursor })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
