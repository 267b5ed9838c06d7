//! Two at once, and a schema of its own.

use crate::rig::{QUICK, Rig, connect, post, row, rows, said, start};
use appview::Limits;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_waits_until_the_first_is_gone() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..500).map(|number| said(&post(number), "spam"))).await;
    let first = rig.sink();
    first.in_step().await;
    let second = rig.sink();
    second.waits_for("another labeltap").await;
    rig.say("ann", (500..600).map(|number| said(&post(number), "spam"))).await;
    first.in_step().await;
    assert!(second.progress.trouble().is_some());
    first.kill().await;
    second.in_step().await;
    rig.say("ann", [said(&post(600), "spam")]).await;
    second.in_step().await;
    rig.becomes((0..601).map(|number| row("ann", &post(number), "spam"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_lost_its_lock_does_not_write_over_the_other() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..100).map(|number| said(&post(number), "spam"))).await;
    // So long that it finds out when it writes, and not before.
    let limits = Limits { look_every: Duration::from_secs(60), ..QUICK };
    let first = start(&rig.store, &rig.postgres.url(), limits);
    first.in_step().await;
    // As a pooler might do it: the connection stays, the lock does not. Somebody else writes.
    rig.db
        .batch_execute(
            "SELECT pg_advisory_unlock_all(); UPDATE labeltap_sink SET position = 1;
             DELETE FROM label WHERE uri LIKE '%3'",
        )
        .await
        .unwrap();
    rig.say("ann", [said(&post(100), "spam")]).await;
    rig.becomes((0..101).map(|number| row("ann", &post(number), "spam"))).await;
    first.in_step().await;
    assert_eq!(rig.marked().await, rig.store.head().borrow().last.get());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_named_as_the_appview_names_it_or_found_on_the_search_path() {
    let Some(rig) = Rig::new().await else { return };
    rig.db
        .batch_execute(
            "CREATE SCHEMA bsky; CREATE SCHEMA \"Other One\";
             CREATE TABLE bsky.label (LIKE label INCLUDING ALL);
             CREATE TABLE \"Other One\".label (LIKE label INCLUDING ALL)",
        )
        .await
        .unwrap();
    rig.say("ann", [said(&post(1), "spam")]).await;
    let expected = BTreeSet::from([row("ann", &post(1), "spam")]);
    let url = rig.postgres.url();
    // Each has its own lock and its own position.
    let named = rig.sink_at(&format!("{url}?schema=bsky"));
    let on_path = rig.sink_at(&format!("{url}?options=-c%20search_path%3D%22Other%5C%20One%22"));
    named.in_step().await;
    on_path.in_step().await;
    assert_eq!(rows(&rig.db, "bsky.label").await, expected);
    assert_eq!(rows(&rig.db, "\"Other One\".label").await, expected);
    assert!(rig.rows().await.is_empty());
    let missing = rig.sink_at(&format!("{url}?schema=nowhere"));
    missing.waits_for("label table").await;
    drop(missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_needs_no_more_than_the_manual_says() {
    let Some(rig) = Rig::new().await else { return };
    let manual = include_str!("../../../../docs/appview.md");
    let sql = manual.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(sql.contains("CREATE ROLE labeltap"), "{sql}");
    rig.db
        .batch_execute("CREATE SCHEMA bsky; CREATE TABLE bsky.label (LIKE label INCLUDING ALL)")
        .await
        .unwrap();
    rig.say("ann", (0..10).map(|number| said(&post(number), "spam"))).await;
    let url = format!("postgres://labeltap@127.0.0.1:{}/postgres?schema=bsky", rig.postgres.port());
    let sink = rig.sink_at(&url);
    sink.waits_for("does not let us in").await;
    rig.db.batch_execute("CREATE ROLE labeltap LOGIN").await.unwrap();
    sink.waits_for("may not do").await;
    rig.db.batch_execute("DROP ROLE labeltap").await.unwrap();
    rig.db.batch_execute(sql).await.unwrap();
    sink.in_step().await;
    rig.say("ann", [crate::rig::taken_back(&post(1), "spam")]).await;
    sink.in_step().await;
    let expected = (0..10).filter(|number| *number != 1);
    let expected: BTreeSet<_> = expected.map(|number| row("ann", &post(number), "spam")).collect();
    assert_eq!(rows(&rig.db, "bsky.label").await, expected);
    drop(connect(&rig.postgres.url()).await);
}
