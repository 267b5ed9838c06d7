//! Which acks count, and for how long.

use crate::rig::{Rig, settings, until};
use deliver::{Limits, Settings};
use futures_util::SinkExt;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn acks_single_and_many_survive_a_restart() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3", "at://a/4", "at://a/5"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(5).await, [1, 2, 3, 4, 5]);
    peer.ack(1).await;
    peer.say(r#"{"type":"ack","ids":[3,5]}"#).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 2).await;
    let mut rig = rig.restart(settings()).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [2, 4]);
    rig.labels(&["at://a/6"]).await;
    assert_eq!(peer.id().await, 6, "ids go on, and nothing else comes again");
}

#[tokio::test]
async fn acks_are_kept_within_a_second_without_a_stop() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(3).await, [1, 2, 3]);
    peer.ack(1).await;
    peer.ack(3).await;
    let kept = async {
        loop {
            let row = rig.store.consumer("default".into()).await.unwrap();
            if row.position.get() == 1 && row.ahead == [3..=3] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), kept).await.unwrap();
}

#[tokio::test]
async fn what_makes_no_sense_is_ignored() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 3]);
    for text in [
        "",
        "nonsense",
        "[]",
        r#"{"type":"ack"}"#,
        r#"{"type":"ack","id":"1"}"#,
        r#"{"type":"ack","id":-1}"#,
        r#"{"type":"ack","id":2}"#,
        r#"{"type":"ack","ids":[2,4,9007199254740991]}"#,
        r#"{"type":"hello","id":1}"#,
    ] {
        peer.say(text).await;
    }
    peer.socket.send(Message::binary(vec![0xff, 0x00])).await.unwrap();
    // A binary ack counts as one; twice is harmless.
    for _ in 0..2 {
        peer.socket.send(Message::binary(&br#"{"type":"ack","id":1}"#[..])).await.unwrap();
    }
    assert_eq!(peer.id().await, 2, "2 was not acked before it was sent");
    rig.labels(&["at://a/4"]).await;
    assert_eq!(peer.id().await, 4, "4 neither");
}

#[tokio::test]
async fn what_a_cut_connection_had_goes_to_another_at_once() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/2"]).await;
    let mut one = rig.connect("").await;
    assert_eq!(one.ids(2).await, [1, 3]);
    let mut two = rig.connect("").await;
    one.cut();
    assert_eq!(two.ids(2).await, [1, 3]);
    two.ack(1).await;
    assert_eq!(two.id().await, 2);
}

#[tokio::test]
async fn an_ack_may_come_through_a_later_connection() {
    // The second connection takes nothing, so nothing is sent again elsewhere.
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.id().await, 1);
    peer.cut();
    let mut later = rig.connect("?types=labeler").await;
    later.ack(1).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 0).await;
}

#[tokio::test]
async fn whoever_lost_an_event_cannot_ack_it_any_more() {
    let settings = Settings { retry_timeout: Duration::from_secs(2), ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/1"]).await;
    let mut slow = rig.connect("").await;
    assert_eq!(slow.id().await, 1);
    let mut quick = rig.connect("").await;
    assert_eq!(quick.id().await, 1, "sent again, to the other one");
    rig.labels(&["at://a/9"]).await;
    assert_eq!(slow.id().await, 3, "the one with less in flight is next");
    // In one message, so that both are judged when the number changes.
    slow.say(r#"{"type":"ack","ids":[1,3]}"#).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() != 3).await;
    assert_eq!(deliver.unacked(), 2, "only 3 was its own");
    quick.ack(1).await;
    until(|| deliver.unacked() == 1).await;
}

#[tokio::test]
async fn without_acks_written_is_acked() {
    let settings = Settings { disable_acks: true, ..settings() };
    let mut rig = Rig::start_with(settings.clone(), Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/1"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(3).await, [1, 2, 3]);
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 0).await;
    let mut rig = rig.restart(settings).await;
    let mut peer = rig.connect("").await;
    rig.labels(&["at://a/1"]).await;
    assert_eq!(peer.id().await, 4);
}

#[tokio::test]
async fn one_message_may_ack_more_than_one_word_holds() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    let ids: Vec<String> = (2..100_000).rev().map(|id: i64| id.to_string()).collect();
    peer.say(&format!(r#"{{"type":"ack","ids":[{},1]}}"#, ids.join(","))).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 0).await;
}
