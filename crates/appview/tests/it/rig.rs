//! A store that is filled by hand, a Postgres with the AppView's table, and the sink between them.

use appview::{Limits, Progress, Target};
use label::{Did, Epoch, Label, Millis, Parts, Seq, Verdict};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use store::{Batch, Entry, Source, Store, StoreError};
use tempfile::TempDir;
use testkit::Postgres;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// When labels are received, in milliseconds.
const RECEIVED: i64 = 1_780_000_000_000;

/// What the AppView's migrations make of it, by September 2026.
const LABEL_TABLE: &str = "
    CREATE TABLE label (src varchar NOT NULL, uri varchar NOT NULL, cid varchar NOT NULL,
        val varchar NOT NULL, neg boolean NOT NULL, cts varchar NOT NULL,
        CONSTRAINT label_pkey PRIMARY KEY (src, uri, cid, val));
    CREATE INDEX label_uri_index ON label (uri);
    CREATE INDEX label_cts_idx ON label (cts);
    ALTER TABLE label ADD COLUMN exp varchar;";

pub(crate) const CID: &str = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq";
pub(crate) const OTHER_CID: &str = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";

/// Short, so that nothing is waited for long.
pub(crate) const QUICK: Limits = Limits {
    rows: 100,
    bytes: 1 << 20,
    shortest_pause: Duration::from_millis(20),
    longest_pause: Duration::from_millis(100),
    look_every: Duration::from_millis(200),
    save_every: Duration::from_millis(20),
};

/// A row of the table: src, uri, cid, val, exp.
pub(crate) type Row = (String, String, String, String, Option<String>);

pub(crate) struct Rig {
    pub(crate) postgres: Postgres,
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) db: Client,
}

/// A sink that runs. Dropping it ends it in the middle of whatever it does.
pub(crate) struct Running {
    pub(crate) progress: Progress,
    task: JoinHandle<Result<(), StoreError>>,
    stop: CancellationToken,
    store: Store,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    /// Asks it to stop.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap().unwrap();
    }

    /// Ends it where it is.
    pub(crate) async fn kill(mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
    }

    /// Everything that was said is in the table.
    pub(crate) async fn in_step(&self) {
        let there = || {
            let head = self.store.head().borrow().last.get();
            self.progress.position() == head && self.progress.trouble().is_none()
        };
        self.until("in step", there).await;
        assert_eq!(self.progress.lag(), 0);
    }

    /// It waits, and says why.
    pub(crate) async fn waits_for(&self, why: &str) {
        let says = || self.progress.trouble().is_some_and(|trouble| trouble.contains(why));
        self.until(why, says).await;
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let shown = (self.progress.position(), self.progress.trouble());
            assert!(begun.elapsed() < LIMIT, "not {what}: {shown:?}");
            assert!(!self.task.is_finished(), "the sink ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn did(name: &str) -> Did {
    Did::parse(&format!("did:web:{name}.test")).unwrap()
}

pub(crate) fn post(number: usize) -> String {
    format!("at://did:plc:subject/app.bsky.feed.post/{number}")
}

/// A row as a label without `cid` and `exp` makes it.
pub(crate) fn row(labeler: &str, uri: &str, val: &str) -> Row {
    (did(labeler).as_str().to_owned(), uri.to_owned(), String::new(), val.to_owned(), None)
}

/// What somebody says.
pub(crate) fn said(uri: &str, val: &str) -> Parts {
    Parts {
        src: did("nobody"),
        uri: uri.into(),
        cid: None,
        val: val.into(),
        neg: None,
        cts: "2026-01-01T00:00:00.000Z".into(),
        exp: None,
        sig: vec![7; 64],
    }
}

/// The same, taken back.
pub(crate) fn taken_back(uri: &str, val: &str) -> Parts {
    Parts { neg: Some(true), ..said(uri, val) }
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(&dir.join("labeltap.db")).unwrap()
}

impl Rig {
    /// With two labelers, ann and bob; `None` where no Postgres is to be had.
    pub(crate) async fn new() -> Option<Self> {
        Self::with_settings(&[]).await
    }

    pub(crate) async fn with_settings(settings: &[&str]) -> Option<Self> {
        if !Postgres::wanted() {
            return None;
        }
        let postgres = Postgres::start_with(settings);
        let db = connect(&postgres.url()).await;
        db.batch_execute(LABEL_TABLE).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.add_labelers(vec![did("ann"), did("bob")], Source::Api, Millis(1)).await.unwrap();
        Some(Self { postgres, dir, store, db })
    }

    /// Says these, in a frame each, in the order given.
    pub(crate) async fn say(&self, labeler: &str, labels: impl IntoIterator<Item = Parts>) {
        let row = self.store.labeler(did(labeler)).await.unwrap().unwrap();
        let entry = |(number, parts)| Entry::Label {
            seq: Seq::cursor(number).unwrap(),
            place: 0,
            label: Label::vouched(Parts { src: did(labeler), ..parts }),
            verdict: Verdict::Verified,
            raw: None,
        };
        let frames = row.cursor.get() + 1..;
        let entries: Vec<Entry> = frames.zip(labels).map(entry).collect();
        let cursor = Seq::cursor(row.cursor.get() + entries.len() as i64).unwrap();
        let batch = Batch {
            labeler: did(labeler),
            epoch: row.epoch,
            after: row.cursor,
            cursor,
            received_at: Millis(RECEIVED),
            entries,
        };
        assert!(row.epoch >= Epoch::FIRST);
        self.store.commit(batch).await.unwrap();
    }

    /// Somebody's history has been read.
    pub(crate) async fn caught_up(&self, labeler: &str) {
        self.store.caught_up(did(labeler), "live", Millis(RECEIVED)).await.unwrap();
    }

    pub(crate) fn sink(&self) -> Running {
        self.sink_at(&self.postgres.url())
    }

    pub(crate) fn sink_at(&self, url: &str) -> Running {
        start(&self.store, url, QUICK)
    }

    /// All rows of the table. None of them says that it takes something back.
    pub(crate) async fn rows(&self) -> BTreeSet<Row> {
        rows(&self.db, "label").await
    }

    /// Waits until the table has these rows.
    pub(crate) async fn becomes(&self, expected: impl IntoIterator<Item = Row>) {
        let expected: BTreeSet<Row> = expected.into_iter().collect();
        let begun = Instant::now();
        loop {
            let rows = self.rows().await;
            if rows == expected {
                return;
            }
            let some = |one: &BTreeSet<Row>, other: &BTreeSet<Row>| {
                one.difference(other).take(5).cloned().collect::<Vec<_>>()
            };
            let (missing, wrong) = (some(&expected, &rows), some(&rows, &expected));
            assert!(begun.elapsed() < LIMIT, "missing: {missing:#?}, wrong: {wrong:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Writes a row as somebody else would.
    pub(crate) async fn insert(&self, row: &Row) {
        let (src, uri, cid, val, exp) = row;
        let insert = "INSERT INTO label VALUES ($1, $2, $3, $4, false, '2020-01-01T00:00:00Z', $5)";
        self.db.execute(insert, &[src, uri, cid, val, exp]).await.unwrap();
    }

    /// Where the row beside the table says that it is.
    pub(crate) async fn marked(&self) -> i64 {
        let row = self.db.query_one("SELECT position FROM labeltap_sink", &[]).await.unwrap();
        row.get(0)
    }
}

pub(crate) fn start(store: &Store, url: &str, limits: Limits) -> Running {
    let stop = CancellationToken::new();
    let target = Target::read(url).unwrap();
    let (progress, work) = appview::start(store.clone(), target, limits, stop.clone());
    Running { progress, task: tokio::spawn(work), stop, store: store.clone() }
}

pub(crate) async fn rows(db: &Client, table: &str) -> BTreeSet<Row> {
    let select = format!("SELECT src, uri, cid, val, exp, neg FROM {table}");
    let rows = db.query(&select, &[]).await.unwrap();
    assert!(rows.iter().all(|row| !row.get::<_, bool>(5)), "a row that takes back");
    let count = rows.len();
    let rows: BTreeSet<Row> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect();
    assert_eq!(count, rows.len());
    rows
}
