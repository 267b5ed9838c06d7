//! Where the table stands is known to itself: after crashes, when it was emptied, made anew or
//! set back, and when we were.

use crate::rig::{QUICK, Rig, open, post, row, said, start, taken_back};
use appview::CONSUMER;
use label::{EventId, Millis};
use std::fs;
use store::Store;

async fn saved(store: &Store) -> i64 {
    let row = store.find_consumer(CONSUMER.into()).await.unwrap().unwrap();
    assert!(row.ahead.is_empty());
    row.position.get()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_killed_anywhere_loses_nothing() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..3000).map(|number| said(&post(number), "spam"))).await;
    rig.say("ann", (0..3000).step_by(3).map(|number| taken_back(&post(number), "spam"))).await;
    let mut before = 0;
    for round in 0..40u64 {
        let sink = rig.sink();
        tokio::time::sleep(std::time::Duration::from_millis(5 + round * 7 % 60)).await;
        let shown = sink.progress.position();
        sink.kill().await;
        let there = "SELECT FROM pg_tables WHERE tablename = 'labeltap_sink'";
        if !rig.db.query(there, &[]).await.unwrap().is_empty() {
            let marked = rig.db.query("SELECT position FROM labeltap_sink", &[]).await.unwrap();
            let marked: i64 = marked.first().map_or(0, |row| row.get(0));
            assert!(marked >= before.max(shown), "{marked} after {before}, shown {shown}");
            before = marked;
        }
    }
    assert!(before > 0);
    let sink = rig.sink();
    sink.in_step().await;
    let stand = (0..3000).filter(|number| number % 3 != 0);
    rig.becomes(stand.map(|number| row("ann", &post(number), "spam"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_position_is_kept_in_the_store_too_and_retention_waits_for_it() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", [said(&post(1), "spam"), taken_back(&post(1), "spam")]).await;
    // Known from the moment it starts, at the beginning, also while there is no Postgres.
    let nowhere = rig.sink_at("postgres://keeper@127.0.0.1:1/postgres");
    nowhere.waits_for("cannot be reached").await;
    assert_eq!(saved(&rig.store).await, 0);
    assert_eq!(retire_all(&rig.store).await, 0, "what is not in the table yet");
    nowhere.stop().await;

    let sink = rig.sink();
    sink.in_step().await;
    rig.say("ann", [said(&post(2), "spam")]).await;
    sink.in_step().await;
    sink.stop().await;
    assert_eq!(saved(&rig.store).await, 3);
    assert_eq!(rig.marked().await, 3);
    assert_eq!(retire_all(&rig.store).await, 2);
}

/// Takes away whatever does not apply any more.
async fn retire_all(store: &Store) -> u64 {
    let mut all = 0;
    loop {
        let some = store.retire(Millis(1_900_000_000_000)).await.unwrap();
        all += some;
        if some == 0 {
            return all;
        }
    }
}

/// Loads, does something to the table, says something more and looks whether all is there.
async fn comes_back_after(rig: &Rig, doing: &str, while_it_runs: bool, last: usize) {
    rig.say("ann", (0..300).map(|number| said(&post(number), "spam"))).await;
    let sink = rig.sink();
    sink.in_step().await;
    let sink = if while_it_runs {
        rig.db.batch_execute(doing).await.unwrap();
        // It finds out by itself.
        rig.becomes((0..last).map(|number| row("ann", &post(number), "spam"))).await;
        sink
    } else {
        sink.stop().await;
        rig.db.batch_execute(doing).await.unwrap();
        rig.sink()
    };
    rig.say("ann", [said(&post(last), "spam")]).await;
    sink.in_step().await;
    rig.becomes((0..=last).map(|number| row("ann", &post(number), "spam"))).await;
}

const ANEW: &str = "DROP TABLE label;
    CREATE TABLE label (src varchar NOT NULL, uri varchar NOT NULL, cid varchar NOT NULL,
        val varchar NOT NULL, neg boolean NOT NULL, cts varchar NOT NULL, exp varchar,
        PRIMARY KEY (src, uri, cid, val))";

/// Some rows of ours are in it, but it is not what it was.
const HALF: &str = "CREATE TEMP TABLE kept AS SELECT * FROM label WHERE uri LIKE '%7';
    TRUNCATE label; INSERT INTO label TABLE kept; DROP TABLE kept";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_emptied_or_made_anew_is_filled_again() {
    let Some(rig) = Rig::new().await else { return };
    comes_back_after(&rig, "TRUNCATE label", false, 300).await;
    let other =
        "UPDATE labeltap_sink SET database = 'other'; DELETE FROM label WHERE uri LIKE '%3'";
    let ways = [
        ("TRUNCATE label", true),
        ("DELETE FROM label", false),
        ("DELETE FROM label", true),
        (ANEW, false),
        (ANEW, true),
        (HALF, false),
        (HALF, true),
        ("DROP TABLE labeltap_sink", false),
        ("DROP TABLE labeltap_sink, labeltap_sources", true),
        (other, true),
    ];
    for ((doing, while_it_runs), last) in ways.into_iter().zip(301..) {
        println!("{doing}, {while_it_runs}");
        comes_back_after(&rig, doing, while_it_runs, last).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_rightly_empty_is_not_filled_for_ever() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", [said(&post(1), "spam"), taken_back(&post(1), "spam")]).await;
    let sink = rig.sink();
    sink.in_step().await;
    sink.stop().await;
    let sink = rig.sink();
    sink.in_step().await;
    let began: std::time::SystemTime =
        rig.db.query_one("SELECT updated_at FROM labeltap_sink", &[]).await.unwrap().get(0);
    tokio::time::sleep(QUICK.look_every * 5).await;
    let now: std::time::SystemTime =
        rig.db.query_one("SELECT updated_at FROM labeltap_sink", &[]).await.unwrap().get(0);
    assert_eq!(began, now);
    drop(sink);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_was_set_back_is_looked_through() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..10).map(|number| said(&post(number), "spam"))).await;
    rig.caught_up("ann").await;
    let sink = rig.sink();
    sink.in_step().await;
    sink.stop().await;
    // A backup is made here.
    rig.db
        .batch_execute(
            "CREATE TABLE label_backup AS TABLE label;
        CREATE TABLE sink_backup AS TABLE labeltap_sink",
        )
        .await
        .unwrap();
    rig.say("ann", [taken_back(&post(4), "spam"), said(&post(11), "spam")]).await;
    let sink = rig.sink();
    sink.in_step().await;
    sink.stop().await;
    // Nothing in the log tells of post 4 any more.
    assert_eq!(retire_all(&rig.store).await, 2);
    // And is brought back here.
    rig.db
        .batch_execute(
            "DELETE FROM label; INSERT INTO label TABLE label_backup;
        DELETE FROM labeltap_sink; INSERT INTO labeltap_sink TABLE sink_backup",
        )
        .await
        .unwrap();
    let _sink = rig.sink();
    let stand = (0..12).filter(|number| ![4, 10].contains(number));
    rig.becomes(stand.map(|number| row("ann", &post(number), "spam"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_we_were_set_back_everything_is_loaded_again() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..10).map(|number| said(&post(number), "spam"))).await;
    rig.store.close().await;
    let backup = rig.dir.path().join("backup");
    fs::create_dir(&backup).unwrap();
    fs::copy(rig.dir.path().join("labeltap.db"), backup.join("labeltap.db")).unwrap();

    let rig = Rig { store: open(rig.dir.path()), ..rig };
    rig.say("ann", (10..20).map(|number| said(&post(number), "spam"))).await;
    let sink = rig.sink();
    sink.in_step().await;
    sink.stop().await;
    rig.store.close().await;

    let rig = Rig { store: open(&backup), ..rig };
    let sink = start(&rig.store, &rig.postgres.url(), QUICK);
    // The same ids, other labels.
    rig.say("ann", (10..15).map(|number| said(&post(number), "rude"))).await;
    rig.caught_up("ann").await;
    sink.in_step().await;
    let stand = (0..10).map(|number| row("ann", &post(number), "spam"));
    rig.becomes(stand.chain((10..15).map(|number| row("ann", &post(number), "rude")))).await;
    assert!(EventId::new(sink.progress.position()).is_some());
}
