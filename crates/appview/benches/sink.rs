//! What the sink costs: so many labels loaded from the beginning, then one at a time, into a
//! Postgres of its own with the AppView's table and indexes.
//!
//! `cargo bench -p appview -- [LABELS]` (200,000). A third of the keys are said twice.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark says what it found")]

use appview::{Limits, Target};
use label::{Did, Label, Millis, Parts, Seq, Verdict};
use std::time::{Duration, Instant};
use store::{Batch, Entry, Source, Store};
use testkit::Postgres;
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;

const LABELERS: [&str; 4] =
    ["did:web:a.test", "did:web:b.test", "did:web:c.test", "did:web:d.test"];
const TOGETHER: i64 = 2000;
const ONE_BY_ONE: i64 = 500;

fn label(labeler: &str, number: i64) -> Parts {
    let key = number - number % 3 / 2;
    // Accounts as they come, in no order.
    let account = (key as u64).wrapping_mul(6_364_136_223_846_793_005) >> 24;
    Parts {
        src: Did::parse(labeler).unwrap(),
        uri: format!("at://did:plc:{account:024}/app.bsky.feed.post/3l{key:011}"),
        cid: None,
        val: ["spam", "rude", "porn", "!hide"].get(key as usize % 4).copied().unwrap().to_owned(),
        neg: (number % 30 == 29).then_some(true),
        cts: format!("2026-01-01T00:00:00.{:03}Z", number % 1000),
        exp: None,
        sig: vec![7; 64],
    }
}

async fn say(store: &Store, labeler: &str, from: i64, count: i64) {
    let seq = |number| Seq::cursor(number).unwrap();
    let entry = |number| Entry::Label {
        seq: seq(number),
        place: 0,
        label: Label::vouched(label(labeler, number)),
        verdict: Verdict::Verified,
        raw: None,
    };
    let did = Did::parse(labeler).unwrap();
    let row = store.labeler(did.clone()).await.unwrap().unwrap();
    let batch = Batch {
        labeler: did,
        epoch: row.epoch,
        after: row.cursor,
        cursor: seq(from + count - 1),
        received_at: Millis(1_800_000_000_000),
        entries: (from..from + count).map(entry).collect(),
    };
    store.commit(batch).await.unwrap();
}

#[tokio::main]
async fn main() {
    let labels = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(200_000i64);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    let dids = LABELERS.iter().map(|did| Did::parse(did).unwrap()).collect();
    store.add_labelers(dids, Source::Api, Millis(1)).await.unwrap();
    let begun = Instant::now();
    let each = labels / LABELERS.len() as i64;
    for from in (1..=each).step_by(TOGETHER as usize) {
        for labeler in LABELERS {
            say(&store, labeler, from, TOGETHER.min(each - from + 1)).await;
        }
    }
    println!("{labels} labels stored in {:?}", begun.elapsed());

    let postgres = Postgres::start_with(&["fsync=on", "shared_buffers=256MB"]);
    let (db, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    db.batch_execute(
        "CREATE TABLE label (src varchar NOT NULL, uri varchar NOT NULL, cid varchar NOT NULL,
             val varchar NOT NULL, neg boolean NOT NULL, cts varchar NOT NULL, exp varchar,
             PRIMARY KEY (src, uri, cid, val));
         CREATE INDEX label_uri_index ON label (uri); CREATE INDEX label_cts_idx ON label (cts)",
    )
    .await
    .unwrap();
    for round in ["loaded", "loaded again, nothing to be written"] {
        let stop = CancellationToken::new();
        let target = Target::read(&postgres.url()).unwrap();
        let begun = Instant::now();
        let (progress, work) =
            appview::start(store.clone(), target, Limits::default(), stop.clone());
        let work = tokio::spawn(work);
        while progress.position() < store.head().borrow().last.get() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let took = begun.elapsed();
        let rows: i64 = db.query_one("SELECT count(*) FROM label", &[]).await.unwrap().get(0);
        let speed = |count: i64| count as f64 / took.as_secs_f64();
        let (labels_a_second, rows_a_second) = (speed(labels), speed(rows));
        println!("{round} in {took:?}: {labels_a_second:.0} labels/s, {rows_a_second:.0} rows/s");
        if round == "loaded" {
            one_by_one(&store, &db, each).await;
        }
        stop.cancel();
        work.await.unwrap().unwrap();
        db.batch_execute("UPDATE labeltap_sink SET position = 0").await.unwrap();
    }
}

async fn one_by_one(store: &Store, db: &tokio_postgres::Client, each: i64) {
    let there = db.prepare("SELECT FROM label WHERE uri = $1").await.unwrap();
    let mut delays = Vec::new();
    for number in (each + 1..).filter(|number| number % 3 == 0).take(ONE_BY_ONE as usize) {
        let uri = label(LABELERS.first().unwrap(), number).uri;
        say(store, LABELERS.first().unwrap(), number, 1).await;
        let begun = Instant::now();
        while db.query(&there, &[&uri]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        delays.push(begun.elapsed());
    }
    delays.sort_unstable();
    let part = |share: usize| delays.get(delays.len() * share / 100).copied().unwrap();
    println!("one at a time: median {:?}, p99 {:?}", part(50), part(99));
}
