//! Labelers that lose their database and number from 1 again, or publish something late, or say
//! that they no longer have what was asked for (contract section 6).

use crate::tap::{Tap, next, take, within};
use client::Client;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Cursors, FakeLabeler, Faults, LabelSpec, Plc, SigningKey, When, frame, plc_did};

/// Reads until this has happened to a labeler, acking all, and answers that event.
async fn until(client: &mut Client, change: &str) -> Value {
    within(async {
        loop {
            let event = next(client).await;
            client.ack(&[event["id"].as_i64().expect("an id")]).await;
            if event["labeler"]["change"] == change {
                return event["labeler"].clone();
            }
        }
    })
    .await
}

/// Nothing more comes for a while.
async fn nothing_more(client: &mut Client) {
    let more = tokio::time::timeout(Duration::from_millis(1500), client.next()).await;
    assert!(more.is_err(), "{more:?}");
}

/// What a label is about, its number and the epoch it was told in.
fn told(events: &[Value]) -> Vec<(i64, String)> {
    let told = |event: &Value| {
        let uri = event["label"]["uri"].as_str().expect("a label");
        let subject = uri.rsplit('/').next().unwrap_or_default();
        (event["label"]["seq"].as_i64().expect("a number"), subject.to_owned())
    };
    events.iter().map(told).collect()
}

/// A labeler that has said `before` labels, all delivered and acked.
struct Stage {
    _dir: tempfile::TempDir,
    _plc: Plc,
    did: String,
    labeler: FakeLabeler,
    tap: Tap,
    labels: Client,
    life: Client,
}

impl Stage {
    async fn set(name: &str, seed: u64, before: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plc = Plc::start().await;
        let did = plc_did(name);
        let labeler = FakeLabeler::start(&did, SigningKey::k256(seed), &plc).await;
        labeler.preload(before);
        let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
        let mut labels = tap.client(&[]);
        let mut life = tap.client(&[("consumer", "life"), ("types", "labeler")]);
        tap.add(&[&did]).await;
        take(&mut labels, usize::try_from(before).unwrap()).await;
        until(&mut life, "caught-up").await;
        Self { _dir: dir, _plc: plc, did, labeler, tap, labels, life }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_in_the_future_opens_a_new_epoch_and_nothing_is_told_twice() {
    let mut stage = Stage::set("future", 71, 20).await;
    stage.labeler.reset();
    // A backup of three hours ago: the first 12 labels, and two that nobody has seen.
    stage.labeler.emit_each((0..12).map(LabelSpec::numbered));
    stage.labeler.emit_each((100..102).map(LabelSpec::numbered));
    let reset = until(&mut stage.life, "sequence-reset").await;
    assert_eq!((&reset["epoch"], &reset["cursor"]), (&json!(2), &json!(0)));
    let events = take(&mut stage.labels, 2).await;
    assert_eq!(told(&events), [(13, "100".to_owned()), (14, "101".to_owned())]);
    let caught_up = until(&mut stage.life, "caught-up").await;
    assert_eq!((&caught_up["epoch"], &caught_up["cursor"]), (&json!(2), &json!(14)));
    // What comes from now on is live again, and counts from the new numbering.
    stage.labeler.emit([LabelSpec::numbered(103)]);
    let live = take(&mut stage.labels, 1).await;
    assert_eq!((&live[0]["label"]["live"], &live[0]["label"]["seq"]), (&json!(true), &json!(15)));
    let shown = stage.tap.state(&stage.did, "live").await;
    let counted = (&shown["labels"], &shown["epoch"], &shown["cursor"], &shown["caught_up"]);
    assert_eq!(counted, (&json!(23), &json!(2), &json!(15), &json!(true)));
    nothing_more(&mut stage.labels).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_head_that_nobody_mentions_is_noticed_by_the_first_frame() {
    let mut stage = Stage::set("lower-head", 72, 20).await;
    stage.labeler.faults(Faults::cursors(Cursors::NoFuture));
    stage.labeler.reset();
    // It takes our cursor for none, so nothing shows that it has started over ...
    stage.tap.labeler_until(&stage.did, |labeler| labeler["state"] == "live").await;
    stage.labeler.wait_for_upgrades(2).await;
    // ... until it speaks.
    stage.labeler.emit([LabelSpec::numbered(200)]);
    until(&mut stage.life, "sequence-reset").await;
    assert_eq!(told(&take(&mut stage.labels, 1).await), [(1, "200".to_owned())]);
    until(&mut stage.life, "caught-up").await;
    stage.labeler.emit([LabelSpec::numbered(201)]);
    assert_eq!(told(&take(&mut stage.labels, 1).await), [(2, "201".to_owned())]);
    nothing_more(&mut stage.labels).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_published_late_is_stored_and_the_cursor_stays() {
    let mut stage = Stage::set("late", 73, 10).await;
    stage.labeler.skip_to(16);
    stage.labeler.emit([LabelSpec::numbered(16)]);
    assert_eq!(told(&take(&mut stage.labels, 1).await), [(16, "16".to_owned())]);
    // Its transaction was slower than the one after it.
    let late = stage.labeler.sign(LabelSpec::numbered(13));
    stage.labeler.insert(13, &frame::labels(13, &[late]));
    assert_eq!(told(&take(&mut stage.labels, 1).await), [(13, "13".to_owned())]);
    let shown = stage.tap.state(&stage.did, "live").await;
    assert_eq!(
        (&shown["cursor"], &shown["epoch"], &shown["labels"]),
        (&json!(16), &json!(1), &json!(12))
    );
    nothing_more(&mut stage.labels).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_come_again_are_no_news_whatever_they_hold() {
    let mut stage = Stage::set("again", 74, 10).await;
    stage.labeler.emit([]);
    let foreign = LabelSpec::numbered(12).src("did:web:somebody.else");
    stage.labeler.emit([foreign]);
    stage.tap.labeler_until(&stage.did, |labeler| labeler["cursor"] == 12).await;
    // Everything, on every connection, whatever was asked.
    stage.labeler.faults(Faults::cursors(Cursors::Everything));
    stage.labeler.drop_connections(testkit::Ending::Fin);
    stage.labeler.wait_for_upgrades(2).await;
    stage.labeler.emit([LabelSpec::numbered(13)]);
    assert_eq!(told(&take(&mut stage.labels, 1).await), [(13, "13".to_owned())]);
    let shown = stage.tap.state(&stage.did, "live").await;
    assert_eq!(
        (&shown["epoch"], &shown["labels"], &shown["rejected"]),
        (&json!(1), &json!(11), &json!(1))
    );
    assert_eq!(stage.labeler.upgrades().len(), 2, "nobody had a doubt");
    nothing_more(&mut stage.labels).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_that_is_no_longer_kept_is_a_gap_and_the_first_reading_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("outdated");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(75), &plc).await;
    labeler.preload(5);
    let outdated = frame::info("OutdatedCursor", None);
    labeler.faults(Faults::rule(When::Open, vec![testkit::Deed::Send(outdated)]));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let mut life = tap.client(&[("types", "labeler")]);
    tap.add(&[&did]).await;
    for change in ["added", "connected", "caught-up"] {
        let event = next(&mut life).await;
        life.ack(&[event["id"].as_i64().unwrap()]).await;
        assert_eq!(event["labeler"]["change"], change, "{event}");
    }
    labeler.drop_connections(testkit::Ending::Fin);
    let gap = until(&mut life, "gap").await;
    assert_eq!((&gap["cursor"], &gap["epoch"]), (&json!(5), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_breaks_the_stream_for_ever_is_left_out_and_said() {
    let mut stage = Stage::set("broken-row", 76, 5).await;
    // Numbers 6 to 8 cannot be served, 7 does not exist.
    stage.labeler.faults(Faults::error_within(6, 8, "InternalServerError"));
    stage.labeler.emit([LabelSpec::numbered(6)]);
    stage.labeler.skip_to(8);
    stage.labeler.emit([LabelSpec::numbered(8)]);
    stage.labeler.emit([LabelSpec::numbered(9)]);
    stage.labeler.emit([LabelSpec::numbered(10)]);
    let gap = until(&mut stage.life, "gap").await;
    assert_eq!(gap["cursor"], 5);
    let events = take(&mut stage.labels, 2).await;
    assert_eq!(told(&events), [(9, "9".to_owned()), (10, "10".to_owned())]);
    stage.tap.labeler_until(&stage.did, |labeler| labeler["cursor"] == 10).await;
}
