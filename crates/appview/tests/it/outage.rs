//! Postgres away, away again, read-only, slow, without the table: it is waited for.

use crate::rig::{Rig, connect, post, row, said};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_restarted_in_the_middle_loses_nothing() {
    let Some(mut rig) = Rig::new().await else { return };
    rig.say("ann", (0..5000).map(|number| said(&post(number), "spam"))).await;
    let sink = rig.sink();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        rig.postgres.stop();
        sink.waits_for("cannot be reached").await;
        rig.postgres.start_again();
    }
    rig.say("ann", (5000..5100).map(|number| said(&post(number), "spam"))).await;
    sink.in_step().await;
    rig.db = connect(&rig.postgres.url()).await;
    rig.becomes((0..5100).map(|number| row("ann", &post(number), "spam"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_yet_is_waited_for() {
    let Some(rig) = Rig::new().await else { return };
    rig.db.batch_execute("ALTER TABLE label RENAME TO later").await.unwrap();
    rig.say("ann", [said(&post(1), "spam")]).await;
    let sink = rig.sink();
    sink.waits_for("no label table").await;
    // From before labels had an end.
    rig.db
        .batch_execute(
            "CREATE TABLE label (src text, uri text, cid text, val text, neg boolean, cts text)",
        )
        .await
        .unwrap();
    sink.waits_for("exp").await;
    rig.db.batch_execute("DROP TABLE label; ALTER TABLE later RENAME TO label").await.unwrap();
    sink.in_step().await;
    rig.becomes([row("ann", &post(1), "spam")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_waited_for() {
    let Some(rig) = Rig::new().await else { return };
    let read_only =
        |on| format!("ALTER DATABASE postgres SET default_transaction_read_only = {on}");
    rig.db.batch_execute(&read_only("on")).await.unwrap();
    rig.say("ann", [said(&post(1), "spam")]).await;
    let sink = rig.sink();
    sink.waits_for("takes no writes").await;
    rig.db
        .batch_execute(&format!("SET default_transaction_read_only = off; {}", read_only("off")))
        .await
        .unwrap();
    sink.in_step().await;
    rig.becomes([row("ann", &post(1), "spam")]).await;
}

/// Takes ten seconds, which is how long a lock is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_somebody_else_is_waited_for_and_holds_up_nobody() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", [said(&post(1), "spam")]).await;
    let sink = rig.sink();
    sink.in_step().await;
    let mut other = connect(&rig.postgres.url()).await;
    let locked = other.transaction().await.unwrap();
    locked.batch_execute("LOCK TABLE label IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // What is said is stored meanwhile.
    rig.say("ann", (2..10).map(|number| said(&post(number), "spam"))).await;
    assert_eq!(rig.store.counts().await.unwrap().labels, 9);
    sink.waits_for("too slow").await;
    assert_eq!((rig.marked().await, sink.progress.lag()), (1, 8));
    locked.rollback().await.unwrap();
    sink.in_step().await;
    rig.becomes((1..10).map(|number| row("ann", &post(number), "spam"))).await;
}
