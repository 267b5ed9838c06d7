//! What arrives, where and when.

use crate::rig::{LABELER, Rig, settings};
use deliver::{Limits, Settings};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn every_label_arrives_in_log_order_as_the_contract_writes_it() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("").await;
    let event = peer.event().await;
    assert_eq!((&event["id"], &event["type"]), (&1.into(), &"label".into()));
    let label = &event["label"];
    assert_eq!(label["labelerDID"], LABELER);
    assert_eq!((&label["seq"], &label["live"]), (&1.into(), &false.into()));
    assert_eq!((&label["uri"], &label["verdict"]), (&"at://a/1".into(), &"verified".into()));
    assert!(label.get("raw").is_none() && label.get("cid").is_none());
    assert_eq!(peer.id().await, 2);
    rig.labels(&["at://a/3"]).await;
    assert_eq!(peer.id().await, 3, "what comes while we are connected arrives too");
}

#[tokio::test]
async fn a_long_log_arrives_whole_and_in_order() {
    let mut rig = Rig::start().await;
    let uris: Vec<String> = (0..5000).map(|number| format!("at://a/{number}")).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    rig.labels(&uris).await;
    let mut peer = rig.connect("").await;
    for expected in 1..=5000 {
        let id = peer.id().await;
        assert_eq!(id, expected);
        peer.ack(id).await;
    }
}

#[tokio::test]
async fn one_lane_in_a_long_log_arrives_one_by_one() {
    let mut rig = Rig::start().await;
    // More than a shelf holds, so most bodies are read again.
    let uris = vec!["at://a/1"; 3000];
    rig.labels(&uris).await;
    let mut peer = rig.connect("").await;
    for expected in 1..=3000 {
        let id = peer.id().await;
        assert_eq!(id, expected);
        peer.ack(id).await;
    }
}

#[tokio::test]
async fn large_labels_arrive_whole_and_in_order_and_again() {
    let mut rig = Rig::start().await;
    // A page of these is short, and so is an answer with their bodies.
    let pad = "x".repeat(60 * 1024);
    let uris: Vec<String> = (0..200).map(|number| format!("at://a/{number}/{pad}")).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    rig.labels(&uris).await;
    let mut peer = rig.connect("").await;
    let most = settings().window;
    assert_eq!(peer.ids(most).await, (1..=100).collect::<Vec<_>>());
    peer.cut();
    let mut peer = rig.connect("").await;
    let mut again = peer.ids(most).await;
    again.sort_unstable();
    assert_eq!(again, (1..=100).collect::<Vec<_>>());
    for id in again {
        peer.ack(id).await;
    }
    assert_eq!(peer.ids(most).await, (101..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn raw_brings_the_bytes() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1"]).await;
    let mut peer = rig.connect("?raw=true").await;
    assert!(peer.event().await["label"]["raw"]["$bytes"].is_string());
}

#[tokio::test]
async fn a_connection_that_takes_no_labels_stays_and_gets_none() {
    let mut rig = Rig::start().await;
    let mut idle = rig.connect("?types=record,identity").await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    idle.socket.send(Message::Ping("still there?".into())).await.unwrap();
    let first = idle.socket.next().await.unwrap().unwrap();
    assert_eq!(first, Message::Pong("still there?".into()), "nothing came before it");
}

#[tokio::test]
async fn within_a_lane_the_next_waits_for_the_ack_and_other_lanes_flow() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/2", "at://a/1"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 3]);
    peer.ack(1).await;
    assert_eq!(peer.id().await, 2);
    rig.labels(&["at://a/5"]).await;
    assert_eq!(peer.id().await, 5, "and 4 is still waiting");
    peer.ack(2).await;
    assert_eq!(peer.id().await, 4);
}

#[tokio::test]
async fn no_more_than_the_window_is_in_flight() {
    let mut rig = Rig::start_with(Settings { window: 3, ..settings() }, Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3", "at://a/4", "at://a/5"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(3).await, [1, 2, 3]);
    let mut other = rig.connect("").await;
    assert_eq!(other.ids(2).await, [4, 5], "the fourth was left for somebody else");
}

#[tokio::test]
async fn several_connections_share_the_work_and_keep_lanes() {
    let mut rig = Rig::start_with(Settings { window: 1, ..settings() }, Limits::default()).await;
    let mut one = rig.connect("").await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/2"]).await;
    assert_eq!(one.id().await, 1);
    let mut two = rig.connect("").await;
    assert_eq!(two.id().await, 3);
    two.ack(3).await;
    // `two` has room, but 2 is in the lane of 1.
    rig.labels(&["at://a/4"]).await;
    assert_eq!(two.id().await, 4);
    two.ack(1).await;
    assert_eq!(one.id().await, 2, "another connection's ack counts as well");
}

#[tokio::test]
async fn consumers_do_not_share_anything() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/1"]).await;
    let mut one = rig.connect("?consumer=one").await;
    assert_eq!(one.id().await, 1);
    let mut two = rig.connect("?consumer=two").await;
    assert_eq!(two.id().await, 1, "it begins at the beginning");
    two.ack(1).await;
    assert_eq!(two.id().await, 2);
    rig.labels(&["at://a/3"]).await;
    assert_eq!(one.id().await, 3, "2 still waits here");
    let names: Vec<String> =
        rig.store.consumers().await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["default", "one", "two"]);
}

#[tokio::test]
async fn what_is_not_acked_in_time_comes_again() {
    let settings = Settings { retry_timeout: Duration::from_millis(100), ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/1"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(3).await, [1, 1, 1]);
    peer.ack(1).await;
    while peer.id().await != 2 {}
}

#[tokio::test]
async fn nothing_piles_up_while_nobody_is_there() {
    let settings = Settings { retry_timeout: Duration::from_millis(20), ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.labels(&["at://a/1"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.id().await, 1);
    peer.cut();
    // Ten times the retry timeout, for copies to be made if any are.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.id().await, 1);
    peer.ack(1).await;
    rig.labels(&["at://a/2"]).await;
    assert_eq!(peer.id().await, 2);
}
