//! Databases with labels of every kind, and readers of what is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use export::Format;
use label::{Did, Epoch, EventId, Label, LabelEvent, Millis, Parts, Seq, Verdict, syntax};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use std::collections::BTreeMap;
use std::path::PathBuf;
use store::{Archive, Batch, Entry, Source, Store};
use tempfile::TempDir;

/// When labels are received, and then looked at.
pub(crate) const NOW: Millis = Millis(1_750_000_000_000);

const CID: &str = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq";

/// A row of whatever format: its columns as text, bytes in base64; what is absent is absent.
pub(crate) type Row = BTreeMap<String, String>;

/// A label to be stored.
#[derive(Clone, Copy)]
pub(crate) struct Said {
    labeler: &'static str,
    uri: &'static str,
    val: &'static str,
    cid: Option<&'static str>,
    neg: Option<bool>,
    exp: Option<&'static str>,
    raw: bool,
    verdict: Verdict,
}

impl Said {
    pub(crate) const fn new(labeler: &'static str, uri: &'static str, val: &'static str) -> Self {
        let (cid, neg, exp, raw, verdict) = (None, None, None, false, Verdict::Verified);
        Self { labeler, uri, val, cid, neg, exp, raw, verdict }
    }

    pub(crate) const fn with_cid(self) -> Self {
        Self { cid: Some(CID), ..self }
    }

    pub(crate) const fn neg(self, neg: Option<bool>) -> Self {
        Self { neg, ..self }
    }

    pub(crate) const fn exp(self, exp: &'static str) -> Self {
        Self { exp: Some(exp), ..self }
    }

    pub(crate) const fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    pub(crate) const fn old_key(self) -> Self {
        Self { verdict: Verdict::VerifiedOldKey, ..self }
    }

    fn entry(self, number: i64) -> Entry {
        let label = Label::vouched(Parts {
            src: did(self.labeler),
            uri: self.uri.to_owned(),
            cid: self.cid.map(str::to_owned),
            val: self.val.to_owned(),
            neg: self.neg,
            cts: format!("2024-06-0{}T00:00:00.000Z", number % 9 + 1),
            exp: self.exp.map(str::to_owned),
            sig: (0..64).map(|byte| byte ^ number as u8).collect(),
        });
        let raw = self.raw.then(|| vec![0xa1, 0xff]);
        Entry::Label { seq: seq(number), place: 0, label, verdict: self.verdict, raw }
    }
}

pub(crate) fn did(name: &str) -> Did {
    Did::parse(&format!("did:web:{name}.test")).unwrap()
}

fn seq(number: i64) -> Seq {
    Seq::cursor(number).unwrap()
}

async fn open(dir: &TempDir) -> (Store, PathBuf) {
    let path = dir.path().join("labeltap.db");
    let store = Store::open(&path).unwrap();
    store.add_labelers(vec![did("ann"), did("bob")], Source::Api, NOW).await.unwrap();
    (store, path)
}

async fn say(store: &Store, labeler: &str, after: i64, entries: Vec<Entry>) {
    let cursor = seq(after + entries.len() as i64);
    let (labeler, epoch, after) = (did(labeler), Epoch::FIRST, seq(after));
    let batch = Batch { labeler, epoch, after, cursor, received_at: NOW, entries };
    store.commit(batch).await.unwrap();
}

/// Of a database in which these were said, each in a frame of its own, in this order.
pub(crate) async fn archive(dir: &TempDir, said: &[Said]) -> Archive {
    let (store, path) = open(dir).await;
    let mut frames: BTreeMap<&str, i64> = BTreeMap::new();
    for one in said {
        let frame = frames.entry(one.labeler).or_default();
        *frame += 1;
        say(&store, one.labeler, *frame - 1, vec![one.entry(*frame)]).await;
    }
    store.close().await;
    Archive::open(&path).unwrap()
}

/// Of a database with so many labels of one labeler.
pub(crate) async fn many(dir: &TempDir, count: i64) -> Archive {
    let (store, path) = open(dir).await;
    let one = Said::new("ann", "at://did:plc:subject/app.bsky.feed.post/1", "spam").with_cid();
    for after in (0..count).step_by(10_000) {
        let frames = after + 1..=count.min(after + 10_000);
        say(&store, "ann", after, frames.map(|frame| one.entry(frame)).collect()).await;
    }
    store.close().await;
    Archive::open(&path).unwrap()
}

/// Every label, as the store has it.
pub(crate) fn stored(archive: &mut Archive) -> Vec<LabelEvent> {
    let head = archive.head().unwrap();
    let mut labels = Vec::new();
    let page = archive.page(EventId::START, head, |glance| {
        labels.push(glance.read()?);
        Ok(())
    });
    assert_eq!(page.unwrap().read, None);
    labels
}

/// What a row is to hold.
pub(crate) fn of(event: &LabelEvent) -> Row {
    let label = &event.label;
    let cells = [
        ("id", Some(event.id.to_string())),
        ("received_at", syntax::written(event.received_at.0)),
        ("src", Some(label.src.to_string())),
        ("seq", Some(event.seq.to_string())),
        ("epoch", Some(event.epoch.0.to_string())),
        ("place", Some(event.place.to_string())),
        ("live", Some(event.live.to_string())),
        ("verdict", Some(event.verdict.to_string())),
        ("ver", Some("1".to_owned())),
        ("uri", Some(label.uri.clone())),
        ("cid", label.cid.clone()),
        ("val", Some(label.val.clone())),
        ("neg", label.neg.map(|neg| neg.to_string())),
        ("cts", Some(label.cts.clone())),
        ("exp", label.exp.clone()),
        ("sig", Some(STANDARD_NO_PAD.encode(&label.sig))),
        ("raw", event.raw.as_ref().map(|raw| STANDARD_NO_PAD.encode(raw))),
    ];
    let there = cells.into_iter().filter_map(|(name, cell)| Some((name.to_owned(), cell?)));
    there.collect()
}

/// Reads what was written.
pub(crate) fn rows_of(format: Format, bytes: &[u8]) -> Vec<Row> {
    match format {
        Format::JsonLines => std::str::from_utf8(bytes).unwrap().lines().map(json).collect(),
        Format::Csv => csv(std::str::from_utf8(bytes).unwrap()),
        Format::Parquet => parquet(bytes),
    }
}

fn json(line: &str) -> Row {
    let row: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    let text = |value: serde_json::Value| match value.get("$bytes").cloned().unwrap_or(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    row.into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// By the grammar of RFC 4180.
fn csv(text: &str) -> Vec<Row> {
    let (mut lines, mut line, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut chars, mut quoted) = (text.chars().peekable(), false);
    while let Some(char) = chars.next() {
        match (char, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => cell.extend(chars.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => line.push(std::mem::take(&mut cell)),
            ('\r', false) => assert_eq!(chars.peek(), Some(&'\n')),
            ('\n', false) => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            (char, _) => cell.push(char),
        }
    }
    assert!(line.is_empty() && cell.is_empty() && !quoted, "it ends with a line");
    let mut lines = lines.into_iter();
    let names = lines.next().unwrap();
    let row = |line: Vec<String>| {
        assert_eq!(line.len(), names.len());
        let cells = names.iter().cloned().zip(line);
        cells.filter(|(_, cell)| !cell.is_empty()).collect()
    };
    lines.map(row).collect()
}

fn parquet(bytes: &[u8]) -> Vec<Row> {
    let file = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let text = |field: &Field| match field {
        Field::Null => None,
        Field::Bool(truth) => Some(truth.to_string()),
        Field::Int(number) => Some(number.to_string()),
        Field::Long(number) => Some(number.to_string()),
        Field::TimestampMillis(millis) => syntax::written(*millis),
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => Some(STANDARD_NO_PAD.encode(bytes.data())),
        other => panic!("{other:?}"),
    };
    let rows = file.get_row_iter(None).unwrap().map(Result::unwrap);
    rows.map(|row| {
        let cells = row.get_column_iter().map(|(name, field)| (name.clone(), text(field)));
        cells.filter_map(|(name, cell)| Some((name, cell?))).collect()
    })
    .collect()
}
