//! Makes labels and batches for the tests of the store.

use label::{
    Did, Epoch, Event, EventId, Label, LabelEvent, MAX_NUMBER, Millis, Parts, Seq, Verdict,
};
use store::{Batch, Entry, Rejected, Scan, Store};

pub fn did(name: &str) -> Did {
    Did::parse(&format!("did:web:{name}.test")).unwrap()
}

pub fn seq(number: i64) -> Seq {
    Seq::cursor(number).unwrap()
}

pub fn id(number: i64) -> EventId {
    EventId::new(number).unwrap()
}

pub fn parts(labeler: &str, val: &str) -> Parts {
    Parts {
        src: did(labeler),
        uri: "at://did:web:subject.test/app.bsky.feed.post/1".into(),
        cid: None,
        val: val.into(),
        neg: None,
        cts: "2026-01-01T00:00:00.000Z".into(),
        exp: None,
        sig: vec![7; 64],
    }
}

pub fn entry(labeler: &str, number: i64, val: &str) -> Entry {
    let label = Label::vouched(parts(labeler, val));
    Entry::Label { seq: seq(number), place: 0, label, verdict: Verdict::Verified, raw: None }
}

pub fn refused(number: i64, raw: Vec<u8>) -> Entry {
    let (verdict, reason) = (Verdict::BadSignature, "the signature does not hold".to_owned());
    Entry::Rejected(Rejected { seq: seq(number), place: 0, verdict, reason, raw })
}

/// Frames `after + 1` and on, one label each.
pub fn batch(labeler: &str, after: i64, vals: &[&str]) -> Batch {
    let numbered = (after + 1..).zip(vals);
    let entries: Vec<_> = numbered.map(|(number, val)| entry(labeler, number, val)).collect();
    let cursor = seq(after + entries.len() as i64);
    Batch {
        labeler: did(labeler),
        epoch: Epoch::FIRST,
        after: seq(after),
        cursor,
        received_at: Millis(1_700_000_000_000),
        entries,
    }
}

/// One page of labels above `after`, as a scan finds them.
pub async fn page(store: &Store, after: EventId, limit: usize) -> (Vec<LabelEvent>, EventId) {
    let until = EventId::new(MAX_NUMBER).unwrap();
    let scan = Scan {
        after,
        until,
        rows: usize::MAX,
        events: limit,
        rejected: false,
        labelers: false,
        states: false,
    };
    let scanned = store.scan(scan, (), |(), _| true).await.unwrap();
    (labels(scanned.events), scanned.read)
}

/// Those that hold.
pub fn labels(events: Vec<Event>) -> Vec<LabelEvent> {
    let label = |event| match event {
        Event::Label(label) => Some(label),
        _ => None,
    };
    events.into_iter().filter_map(label).collect()
}

/// Every label above `after`, at most so many.
pub async fn events_after(store: &Store, after: EventId, limit: usize) -> Vec<LabelEvent> {
    let (mut events, mut from) = (Vec::new(), after);
    while from < store.head().borrow().last && events.len() < limit {
        let (more, read) = page(store, from, limit - events.len()).await;
        events.extend(more);
        from = read;
    }
    events
}

/// Every label in the log, with its id.
pub async fn log(store: &Store) -> Vec<(i64, String)> {
    let events = events_after(store, EventId::START, usize::MAX).await;
    events.into_iter().map(|event| (event.id.get(), event.label.val.clone())).collect()
}
