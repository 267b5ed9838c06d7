//! Events of labelers: only for those who ask, in order, until they are acked.

use crate::rig::{LABELER, Rig, settings};
use label::{Change, Did, Millis};

async fn happened(rig: &Rig, change: Change) {
    let did = Did::parse(LABELER).unwrap();
    rig.store.happened(did, change, "live", Millis(1)).await.unwrap();
}

/// Type, and what happened.
async fn told(peer: &mut crate::rig::Peer) -> (i64, String, String) {
    let event = peer.event().await;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (event["id"].as_i64().unwrap(), text(&event["type"]), text(&event["labeler"]["change"]))
}

#[tokio::test]
async fn they_come_to_those_who_ask_in_the_order_of_the_log() {
    let mut rig = Rig::start().await;
    happened(&rig, Change::Connected).await;
    rig.labels(&["at://a/1"]).await;
    happened(&rig, Change::CaughtUp).await;
    let mut plain = rig.connect("?consumer=plain").await;
    assert_eq!(plain.id().await, 2, "nobody of this consumer has asked");
    let mut both = rig.connect("?consumer=both&types=label,labeler").await;
    assert_eq!(told(&mut both).await, (1, "labeler".into(), "connected".into()));
    assert_eq!(told(&mut both).await, (2, "label".into(), String::new()));
    both.ack(1).await;
    assert_eq!(told(&mut both).await, (3, "labeler".into(), "caught-up".into()), "one lane");
}

#[tokio::test]
async fn once_asked_for_they_are_owed_also_across_a_restart() {
    let rig = Rig::start().await;
    let asker = rig.connect("?types=labeler").await;
    // It is kept that somebody asked, before anything is sent.
    happened(&rig, Change::Connected).await;
    let mut asker = asker;
    assert_eq!(told(&mut asker).await.0, 1);
    asker.ack(1).await;
    asker.cut();
    happened(&rig, Change::Disconnected).await;
    let rig = rig.restart(settings()).await;
    let mut plain = rig.connect("").await;
    let mut later = rig.connect("?types=labeler&src=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").await;
    assert_eq!(told(&mut later).await, (2, "labeler".into(), "disconnected".into()));
    later.ack(2).await;
    let mut rig = rig;
    rig.labels(&["at://a/1"]).await;
    assert_eq!(plain.id().await, 3, "a plain connection is not told");
}

#[tokio::test]
async fn a_filter_by_labeler_holds_for_them_too() {
    let rig = Rig::start().await;
    happened(&rig, Change::Connected).await;
    let other = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";
    let mut narrow = rig.connect(&format!("?types=labeler&src={other}")).await;
    let mut wide = rig.connect("?types=labeler").await;
    assert_eq!(told(&mut wide).await.0, 1);
    wide.ack(1).await;
    narrow.say("nothing was sent to this one").await;
}
