//! The numbers of each consumer.

use crate::rig::{Rig, settings, until};
use deliver::{Limits, Settings, Told};
use label::Millis;
use std::time::Duration;

#[tokio::test]
async fn each_consumer_has_numbers_of_its_own() {
    let retry_timeout = Duration::from_millis(300);
    let settings = Settings { retry_timeout, ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/2", "at://a/3"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.ids(3).await, [1, 2, 4]);
    peer.ack(1).await;
    rig.position("c", 1).await;
    // Each of the others once more.
    let mut again = peer.ids(2).await;
    again.sort_unstable();
    assert_eq!(again, [2, 4]);
    let told = |name: &str| rig.deliver.consumer(name).unwrap();
    until(|| told("c").oldest == Some(Millis(1))).await;
    let Told { lag, in_flight, connections, delivered, redelivered, .. } = told("c");
    assert_eq!((lag, in_flight, connections), (3, 2, 1));
    assert!(delivered >= 5 && redelivered >= 2, "{delivered}, {redelivered}");
    assert!(rig.deliver.delivered() >= delivered);
    let Told { lag, in_flight, redelivered, reserved, .. } = told("default");
    assert_eq!((lag, in_flight, redelivered, reserved), (4, 0, 0, false));

    peer.acks(&[2, 4]).await;
    while peer.id().await != 3 {}
    peer.ack(3).await;
    rig.position("c", 4).await;
    let Told { lag, in_flight, oldest, .. } = rig.deliver.consumer("c").unwrap();
    assert_eq!((lag, in_flight, oldest), (0, 0, None));
}

#[tokio::test]
async fn a_removed_consumer_leaves_nothing_but_what_all_were_sent() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    until(|| rig.deliver.delivered() == 2).await;
    rig.remove("c").await.unwrap();
    assert_eq!(rig.deliver.consumer("c"), None);
    assert_eq!(rig.deliver.delivered(), 2, "it never gets less");
}

#[tokio::test]
async fn since_when_something_is_owed_is_known_also_where_nobody_listens() {
    let mut rig = Rig::start().await;
    rig.deliver.counted().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.labels(&["at://a/1"]).await;
    until(|| rig.deliver.consumer("default").unwrap().oldest == Some(Millis(1))).await;
}
