//! What is said while the table is kept.

use crate::rig::{CID, OTHER_CID, Rig, post, row, said, taken_back};
use label::Parts;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn labels_come_and_go_as_they_are_said() {
    let Some(rig) = Rig::new().await else { return };
    let sink = rig.sink();
    rig.say("ann", [said("did:plc:subject", "spam")]).await;
    rig.say("bob", [said("did:plc:subject", "spam"), said(&post(1), "rude")]).await;
    sink.in_step().await;
    let account = |labeler| row(labeler, "did:plc:subject", "spam");
    let rude = row("bob", &post(1), "rude");
    rig.becomes([account("ann"), account("bob"), rude.clone()]).await;
    rig.say("bob", [taken_back("did:plc:subject", "spam")]).await;
    sink.in_step().await;
    rig.becomes([account("ann"), rude.clone()]).await;
    rig.say("bob", [said("did:plc:subject", "spam"), taken_back("did:plc:nobody", "x")]).await;
    sink.in_step().await;
    rig.becomes([account("ann"), account("bob"), rude]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_takes_the_place_whatever_version_it_is_about() {
    let Some(rig) = Rig::new().await else { return };
    let sink = rig.sink();
    let about = |cid: &str| Parts { cid: Some(cid.into()), ..said(&post(1), "spam") };
    let stands = |cid: &str| {
        let (src, uri, _, val, exp) = row("ann", &post(1), "spam");
        (src, uri, cid.to_owned(), val, exp)
    };
    for cid in [CID, OTHER_CID] {
        rig.say("ann", [about(cid)]).await;
        rig.becomes([stands(cid)]).await;
    }
    rig.say("ann", [said(&post(1), "spam")]).await;
    rig.becomes([stands("")]).await;
    rig.say("ann", [about(CID)]).await;
    rig.becomes([stands(CID)]).await;
    // A negation without a cid takes back what was said with one.
    rig.say("ann", [taken_back(&post(1), "spam")]).await;
    rig.becomes([]).await;
    sink.in_step().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_what_stands_changes_nothing() {
    let Some(rig) = Rig::new().await else { return };
    let sink = rig.sink();
    rig.say("ann", [said(&post(1), "spam")]).await;
    sink.in_step().await;
    let before = "2025-06-01T00:00:00.000Z";
    rig.say("ann", [Parts { cts: before.into(), ..taken_back(&post(1), "spam") }]).await;
    rig.say("ann", [Parts { cts: before.into(), ..said(&post(2), "spam") }]).await;
    rig.say("ann", [taken_back(&post(2), "spam")]).await;
    rig.say("ann", [Parts { cts: before.into(), ..said(&post(2), "spam") }]).await;
    sink.in_step().await;
    rig.becomes([row("ann", &post(1), "spam")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_written_so_that_the_appview_reads_it_right() {
    let Some(rig) = Rig::new().await else { return };
    let sink = rig.sink();
    let until = |number, exp: &str| Parts { exp: Some(exp.into()), ..said(&post(number), "spam") };
    let ends = [
        "2020-01-01T00:00:00.000Z",
        "2099-12-31T23:59:59.999Z",
        "2099-06-01T02:00:00.123456+02:00",
        "2099-06-01T00:00:00.12345678901234567890123456789012345678901Z",
        // No timestamp to Postgres: the AppView's query would fail on it.
        "0000-06-01T00:00:00Z",
    ];
    rig.say("ann", ends.iter().enumerate().map(|(number, exp)| until(number, exp))).await;
    sink.in_step().await;
    let shown = "SELECT uri, exp::timestamp > now() FROM label ORDER BY uri";
    let shown = rig.db.query(shown, &[]).await.unwrap();
    let shown: Vec<(String, bool)> = shown.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(shown, [(post(0), false), (post(1), true), (post(2), true), (post(3), true)]);
    let written: Vec<Option<String>> = rig.rows().await.into_iter().map(|row| row.4).collect();
    assert_eq!(written[1].as_deref(), Some(ends[1]));
    assert_eq!(written[2].as_deref(), Some("2099-06-01T00:00:00.123Z"));
}

/// Not a promise about time, but it should not be noticed.
#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_take_long() {
    let Some(rig) = Rig::new().await else { return };
    let sink = rig.sink();
    rig.say("ann", [said(&post(0), "spam")]).await;
    sink.in_step().await;
    let mut slowest = std::time::Duration::ZERO;
    for number in 1..50 {
        let begun = Instant::now();
        rig.say("ann", [said(&post(number), "spam")]).await;
        let uri = post(number);
        while rig.db.query("SELECT FROM label WHERE uri = $1", &[&uri]).await.unwrap().is_empty() {}
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest.as_secs() < 3, "{slowest:?}");
}
