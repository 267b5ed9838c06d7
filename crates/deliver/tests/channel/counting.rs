//! `unacked`: what the default consumer has not acked.

use crate::rig::{Rig, settings, until};
use label::{Did, Millis};
use store::Source;

#[tokio::test]
async fn it_is_right_before_anybody_was_ever_connected() {
    let mut rig = Rig::start().await;
    assert_eq!(rig.deliver.unacked(), 0);
    rig.labels(&["at://a/1", "at://a/1", "at://a/2"]).await;
    assert_eq!(rig.deliver.unacked(), 3);
    let mut rig = rig.restart(settings()).await;
    assert_eq!(rig.deliver.unacked(), 3);
    rig.labels(&["at://a/3"]).await;
    assert_eq!(rig.deliver.unacked(), 4);
}

#[tokio::test]
async fn it_follows_acks_and_new_labels_and_restarts() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/2", "at://a/3"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(3).await, [1, 2, 4]);
    assert_eq!(rig.deliver.unacked(), 4, "sent is not acked");
    peer.say(r#"{"type":"ack","ids":[2,4]}"#).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 2).await;
    peer.cut();
    rig.labels(&["at://a/4"]).await;
    assert_eq!(rig.deliver.unacked(), 3);
    let rig = rig.restart(settings()).await;
    assert_eq!(rig.deliver.unacked(), 3);
    let mut peer = rig.connect("").await;
    peer.ids(3).await;
    peer.say(r#"{"type":"ack","ids":[1,3,5]}"#).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 0).await;
}

#[tokio::test]
async fn other_consumers_do_not_count() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1"]).await;
    let mut peer = rig.connect("?consumer=other").await;
    assert_eq!(peer.id().await, 1);
    peer.ack(1).await;
    rig.labels(&["at://a/1"]).await;
    assert_eq!(peer.id().await, 2);
    assert_eq!(rig.deliver.unacked(), 2);
}

#[tokio::test]
async fn purged_labels_are_owed_to_nobody_once_the_log_is_read() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let did = Did::parse(crate::rig::LABELER).unwrap();
    rig.store.remove_labelers(vec![did.clone()], true).await.unwrap();
    rig.store.add_labelers(vec![did], Source::Api, Millis(2)).await.unwrap();
    let _peer = rig.connect("").await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 0).await;
}
