//! A database that is full before labeltap starts: labels of a labeler that is no more, put
//! there through the store. They are not signed, since nobody looks again.

use label::{Did, Epoch, Label, Millis, Parts, Seq, Verdict};
use std::path::Path;
use store::{Batch, Entry, Source, Store};
use testkit::{cts, plc_did};

/// Labels to a batch.
const BATCH: u64 = 500;

/// Puts labels about these subjects there, in this order.
pub(crate) async fn fill(database: &Path, subjects: impl Iterator<Item = String>) {
    let labeler = Did::parse(&plc_did("no more")).unwrap();
    let store = Store::open(database).unwrap();
    store.add_labelers(vec![labeler.clone()], Source::Api, Millis(1)).await.unwrap();
    let entries: Vec<Entry> =
        subjects.zip(1..).map(|(uri, n)| entry(label(&labeler, uri, n), n)).collect();
    for (chunk, from) in entries.chunks(BATCH as usize).zip((0..).step_by(BATCH as usize)) {
        let batch = Batch {
            labeler: labeler.clone(),
            epoch: Epoch::FIRST,
            after: seq(from),
            cursor: seq(from + chunk.len() as u64),
            received_at: Millis(1_730_000_000_000),
            entries: chunk.to_vec(),
        };
        store.commit(batch).await.unwrap();
    }
    store.close().await;
}

fn entry(label: Label, n: u64) -> Entry {
    Entry::Label { seq: seq(n), place: 0, label, verdict: Verdict::Verified, raw: None }
}

fn label(labeler: &Did, uri: String, n: u64) -> Label {
    Label::vouched(Parts {
        src: labeler.clone(),
        uri,
        cid: None,
        val: "spam".to_owned(),
        neg: None,
        cts: cts(n),
        exp: None,
        sig: n.to_le_bytes().repeat(8),
    })
}

fn seq(n: u64) -> Seq {
    Seq::cursor(n.cast_signed()).unwrap()
}
