//! What may be in flight together and what has to wait. Tap's barrier is a live record of
//! an account; ours is the label before in the lane of (labeler, `uri`), live or not.

use super::{Scene, about, id, nothing_more, owed, seq};
use crate::tap::{next, seqs, take};
use serde_json::Value;
use testkit::{FakeLabeler, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_18_without_acks_five_labels_of_one_lane_arrive() {
    let scene = Scene::set("carefree").await;
    let tap = scene.start(&["--disable-acks"]).await;
    let mut client = tap.client(&[]);
    scene.say("xxxxx");
    for seq in 1..=5 {
        let event = next(&mut client).await;
        assert_eq!((&event["type"], &event["label"]["seq"]), (&"label".into(), &seq.into()));
        assert_eq!(event["label"]["labelerDID"], scene.did);
    }
    owed(&tap, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_19_without_acks_two_labelers_arrive() {
    let scene = Scene::set("one").await;
    let did = plc_did("two");
    let other = FakeLabeler::start(&did, SigningKey::k256(131), &scene.plc).await;
    scene.say("xyz");
    other.emit_each("xyz".chars().map(about));
    let tap = scene.start(&["--disable-acks"]).await;
    tap.add(&[&did]).await;
    let mut client = tap.client(&[]);
    let mut came: Vec<(Value, i64)> = Vec::new();
    for _ in 0..6 {
        let event = next(&mut client).await;
        came.push((event["label"]["labelerDID"].clone(), seq(&event)));
    }
    for did in [&scene.did, &did] {
        let of_it: Vec<i64> =
            came.iter().filter(|(from, _)| from == did).map(|(_, seq)| *seq).collect();
        assert_eq!(of_it, [1, 2, 3], "{did}");
    }
    nothing_more(&mut client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_20_three_lanes_arrive_before_any_ack_and_acks_are_taken() {
    let scene = Scene::set("patient").await;
    scene.say("xyz");
    let tap = scene.start(&[]).await;
    let mut client = tap.client(&[]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(id(&next(&mut client).await));
    }
    assert_eq!(tap.get("/stats/outbox-buffer").await["outbox_buffer"], 3);
    for (left, id) in ids.iter().enumerate().rev() {
        client.ack(&[*id]).await;
        owed(&tap, left as i64).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_21_a_live_label_waits_for_its_own_lane_and_for_no_other() {
    let scene = Scene::set("barred").await;
    scene.say("xy");
    let tap = scene.start(&[]).await;
    scene.stored(&tap, scene.say("xzx")).await;
    let mut client = tap.client(&[]);
    let mut first = Vec::new();
    for _ in 0..3 {
        first.push(next(&mut client).await);
    }
    assert_eq!(seqs(&first), [1, 2, 4], "the first of each lane");
    let live: Vec<&Value> = first.iter().map(|event| &event["label"]["live"]).collect();
    assert_eq!(live, [false, false, true]);
    client.ack(&[id(&first[1]), id(&first[2])]).await;
    nothing_more(&mut client).await;
    client.ack(&[id(&first[0])]).await;
    let second = next(&mut client).await;
    assert_eq!((seq(&second), &second["label"]["live"]), (3, &true.into()));
    nothing_more(&mut client).await;
    client.ack(&[id(&second)]).await;
    assert_eq!(seq(&next(&mut client).await), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_22_three_live_labels_of_a_lane_come_one_at_a_time() {
    let scene = Scene::set("queued").await;
    let tap = scene.start(&[]).await;
    scene.stored(&tap, scene.say("xxx")).await;
    let mut client = tap.client(&[]);
    for expected in 1..=3 {
        let event = next(&mut client).await;
        assert_eq!((seq(&event), &event["label"]["live"]), (expected, &true.into()));
        nothing_more(&mut client).await;
        client.ack(&[id(&event)]).await;
    }
    owed(&tap, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_23_what_follows_on_the_first_live_label_waits_for_its_ack() {
    let scene = Scene::set("awaited").await;
    let tap = scene.start(&[]).await;
    let mut client = tap.client(&[]);
    scene.say("x");
    let first = next(&mut client).await;
    scene.stored(&tap, scene.say("x")).await;
    nothing_more(&mut client).await;
    client.ack(&[id(&first)]).await;
    assert_eq!(seq(&next(&mut client).await), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_24_what_came_before_any_client_is_delivered_to_the_first() {
    let scene = Scene::set("early").await;
    scene.say("xyxy");
    let tap = scene.start(&["--disable-acks"]).await;
    owed(&tap, 4).await;
    let mut client = tap.client(&[]);
    assert_eq!(seqs(&take(&mut client, 4).await), [1, 2, 3, 4]);
    owed(&tap, 0).await;
    nothing_more(&mut client).await;
}
