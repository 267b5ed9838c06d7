//! The load from the beginning, and what it makes of a table that has rows already.

use crate::rig::{CID, Rig, did, post, row, said, taken_back};
use label::Parts;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_is_loaded_and_only_what_stands() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..950).map(|number| said(&post(number), "spam"))).await;
    rig.say("bob", (0..950).map(|number| said(&post(number), "rude"))).await;
    rig.say("ann", (0..400).map(|number| taken_back(&post(number), "spam"))).await;
    let again = |number| Parts { cid: Some(CID.into()), ..said(&post(number), "spam") };
    rig.say("ann", (0..100).map(again)).await;
    let sink = rig.sink();
    sink.in_step().await;
    let with_cid = |number| {
        let (src, uri, _, val, exp) = row("ann", &post(number), "spam");
        (src, uri, CID.to_owned(), val, exp)
    };
    let ann =
        (0..100).map(with_cid).chain((400..950).map(|number| row("ann", &post(number), "spam")));
    let expected: Vec<_> =
        ann.chain((0..950).map(|number| row("bob", &post(number), "rude"))).collect();
    assert_eq!(rig.rows().await, expected.into_iter().collect());
    assert_eq!(rig.marked().await, rig.store.head().borrow().last.get());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_ours_that_are_not_current_go_and_those_of_others_stay() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..1200).map(|number| said(&post(number), "spam"))).await;
    rig.say("ann", [taken_back(&post(3), "spam")]).await;
    let foreign = row("stranger", &post(1), "spam");
    rig.insert(&foreign).await;
    // Taken back since; never said; said otherwise; said of another version; right but for cts.
    let mut other_version = row("ann", &post(5), "spam");
    other_version.2 = CID.into();
    let mut other_end = row("ann", &post(6), "spam");
    other_end.4 = Some("2020-01-01T00:00:00Z".into());
    let stale = [row("ann", &post(3), "spam"), row("ann", &post(3), "nonsense"), other_version];
    for stale in stale.iter().chain([&other_end, &row("ann", &post(7), "spam")]) {
        rig.insert(stale).await;
    }
    for number in 0..1100 {
        rig.insert(&row("ann", &format!("at://did:plc:old/app.bsky.feed.post/{number}"), "old"))
            .await;
    }
    rig.insert(&row("bob", &post(9), "gone")).await;

    let sink = rig.sink();
    sink.in_step().await;
    // Whatever ann and bob have not sent yet may still come.
    let (old, gone) = (row("ann", &post(3), "nonsense"), row("bob", &post(9), "gone"));
    let rows = rig.rows().await;
    assert!(rows.contains(&old) && rows.contains(&gone) && rows.contains(&foreign));
    rig.caught_up("ann").await;
    let standing = (0..1200).filter(|number| *number != 3);
    let standing: Vec<_> = standing.map(|number| row("ann", &post(number), "spam")).collect();
    rig.becomes(standing.iter().cloned().chain([foreign.clone(), gone])).await;
    rig.caught_up("bob").await;
    rig.becomes(standing.iter().cloned().chain([foreign.clone()])).await;
    let made =
        "SELECT count(*) FROM label WHERE src <> 'did:web:stranger.test' AND cts LIKE '2020%'";
    let wrong: i64 = rig.db.query_one(made, &[]).await.unwrap().get(0);
    assert_eq!(wrong, 0, "rows that keep what somebody else wrote");

    // It was looked through once: what somebody else writes later is not our business.
    let later = row("ann", &post(99_999), "later");
    rig.insert(&later).await;
    rig.say("ann", [said(&post(2000), "spam")]).await;
    sink.in_step().await;
    let checked = "SELECT bool_and(checked) FROM labeltap_sources";
    assert!(rig.db.query_one(checked, &[]).await.unwrap().get::<_, bool>(0));
    assert!(rig.rows().await.contains(&later));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_was_removed_keeps_its_rows_and_one_that_was_purged_loses_them() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..50).map(|number| said(&post(number), "spam"))).await;
    rig.say("bob", (0..50).map(|number| said(&post(number), "rude"))).await;
    let sink = rig.sink();
    sink.in_step().await;
    let ann: Vec<_> = (0..50).map(|number| row("ann", &post(number), "spam")).collect();
    let bob: Vec<_> = (0..50).map(|number| row("bob", &post(number), "rude")).collect();
    rig.becomes(ann.iter().chain(&bob).cloned()).await;

    rig.store.remove_labelers(vec![did("ann")], false).await.unwrap();
    rig.store.remove_labelers(vec![did("bob")], true).await.unwrap();
    rig.becomes(ann.iter().cloned()).await;
    // One that was removed before is purged.
    rig.store.remove_labelers(vec![did("ann")], true).await.unwrap();
    rig.becomes([]).await;

    // A new life begins with nothing of the one before.
    let again = vec![did("bob")];
    rig.store.add_labelers(again, store::Source::Api, label::Millis(2)).await.unwrap();
    rig.say("bob", [said(&post(7), "rude")]).await;
    sink.in_step().await;
    rig.becomes([row("bob", &post(7), "rude")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_purged_while_nobody_kept_the_table_loses_the_rows_then() {
    let Some(rig) = Rig::new().await else { return };
    rig.say("ann", (0..250).map(|number| said(&post(number), "spam"))).await;
    rig.say("bob", [said(&post(1), "rude")]).await;
    let sink = rig.sink();
    sink.in_step().await;
    sink.stop().await;
    rig.store.remove_labelers(vec![did("ann")], true).await.unwrap();
    rig.store.add_labelers(vec![did("ann")], store::Source::Api, label::Millis(2)).await.unwrap();
    rig.say("ann", [said(&post(3), "spam")]).await;
    let sink = rig.sink();
    sink.in_step().await;
    rig.becomes([row("ann", &post(3), "spam"), row("bob", &post(1), "rude")]).await;
    drop(sink);
}
