use super::*;
use pulse::{History, Labelers, Limits, Rates, Store};

fn snapshot() -> Snapshot {
    let states = [("live", 398), ("backfilling", 6), ("waiting", 8), ("gone", 0)];
    Snapshot {
        version: "1.2.3".to_owned(),
        now: "2026-11-26T16:00:00.000Z".to_owned(),
        started_at: "2026-11-26T12:00:00.000Z".to_owned(),
        store: Store {
            accepts_writes: true,
            refusal: None,
            labels: 12_345_678,
            last_id: 12_400_000,
            file_bytes: 3_100_000_000,
            free_bytes: Some(80_000_000_000),
            min_free_bytes: 1 << 30,
        },
        limits: Limits { labelers: 1000, labels_per_labeler: None },
        labelers: Labelers {
            total: 412,
            by_state: states.map(|(state, count)| (state.to_owned(), count)).into(),
        },
        rejected: [("unsigned".to_owned(), 3)].into(),
        rates: Rates { labels: 1234.4, rejected: 0.0, delivered: 0.25 },
        history: History::default(),
        backfills: Vec::new(),
        backfilling: 0,
        busiest: Vec::new(),
        troubled: Vec::new(),
        troubled_total: 0,
        firehose: None,
        consumers: Vec::new(),
        consumers_total: 0,
    }
}

fn text(line: &Line) -> &str {
    match line {
        Line::Plain(text) | Line::Bar(text, _) => text,
    }
}

fn texts(snapshot: &Snapshot) -> Vec<String> {
    lines(snapshot).iter().map(|line| text(line).to_owned()).collect()
}

#[test]
fn what_is_stored_and_who_is_followed_comes_first() {
    assert_eq!(
        texts(&snapshot()),
        [
            "labels    12,345,678 stored, 1,234/s in, 0.2/s out, 3.1 GB on disk, room for 79 GB more",
            "labelers  412: 398 live, 8 waiting, 6 backfilling",
            "rejected  3 unsigned",
        ]
    );
}

#[test]
fn a_store_that_accepts_nothing_is_said_loudly() {
    let mut snapshot = snapshot();
    snapshot.store.refusal = Some("the disk is full".to_owned());
    assert!(
        texts(&snapshot)
            .contains(&"STOPPED   nothing more is accepted: the disk is full".to_owned())
    );
}

#[test]
fn backfills_have_a_bar_where_the_head_is_known() {
    let mut snapshot = snapshot();
    let one = Backfill {
        did: "did:plc:ar7c4by46qjdydhdevvrndac".to_owned(),
        handle: Some("mod.test".to_owned()),
        state: "backfilling".to_owned(),
        cursor: 250,
        head: Some(1000),
        labels: 240,
        labels_per_second: 8.0,
        seconds_left: Some(94),
    };
    let unknown = Backfill { handle: None, head: None, seconds_left: None, ..one.clone() };
    snapshot.backfills = vec![one, unknown];
    snapshot.backfilling = 9;
    let shown = lines(&snapshot);
    assert_eq!(
        shown[2],
        Line::Bar("reading   mod.test: 240 labels, 8.0/s, 94 s left".to_owned(), 0.25)
    );
    let plain = "reading   did:plc:ar7c4by46qjdydhdevvrndac: 240 labels, 8.0/s";
    assert_eq!(shown[3], Line::Plain(plain.to_owned()));
    assert_eq!(text(&shown[4]), "reading   and 4 more");
}

#[test]
fn trouble_is_told_with_its_reason_and_moves_no_cursor() {
    let mut snapshot = snapshot();
    snapshot.troubled = vec![Troubled {
        did: "did:web:mod.test".to_owned(),
        handle: None,
        state: "waiting".to_owned(),
        error: Some("refused\u{1b}[2J\r\n".to_owned()),
        rejected: 4,
        rejected_per_minute: 0.0,
        retry_count: 7,
        retry_after: None,
    }];
    snapshot.troubled_total = 1;
    assert_eq!(texts(&snapshot)[2], "trouble   did:web:mod.test: waiting, refused [2J  ");
}

#[test]
fn readers_and_the_firehose_are_told_with_what_is_wrong() {
    let mut snapshot = snapshot();
    snapshot.consumers = vec![Consumer {
        name: "search".to_owned(),
        lag: 1500,
        in_flight: 10,
        connections: 1,
        oldest_unacked_seconds: Some(125.0),
        webhook: false,
        reserved: false,
        last_error: None,
    }];
    snapshot.consumers_total = 1;
    let mut firehose = Firehose {
        connected: true,
        error: None,
        lag_seconds: Some(0.84),
        silent_seconds: Some(45.0),
        events: 9,
        cursor: 9,
    };
    snapshot.firehose = Some(firehose.clone());
    let shown = texts(&snapshot);
    assert_eq!(shown[3], "firehose  0.8 s behind, nothing for 45 s");
    let consumer = "search: 1,500 not acked, 10 in flight, the oldest for 2 min, 1 connection";
    assert_eq!(shown[4], format!("consumer  {consumer}"));
    firehose.connected = false;
    firehose.error = Some("HTTP 502".to_owned());
    snapshot.firehose = Some(firehose);
    assert_eq!(texts(&snapshot)[3], "firehose  not connected: HTTP 502");
}

#[test]
fn numbers_are_written_for_people() {
    for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
        assert_eq!(number(count), text);
    }
    for (amount, text) in
        [(999, "999 B"), (1000, "1.0 KB"), (999_999, "1.0 MB"), (25_000_000, "25 MB")]
    {
        assert_eq!(bytes(amount), text);
    }
    for (seconds, text) in [
        (0.04, "0.0 s"),
        (59.0, "59 s"),
        (600.0, "10 min"),
        (11_100.0, "3 h 5 min"),
        (190_000.0, "2 d 4 h"),
    ] {
        assert_eq!(span(seconds), text);
    }
}
