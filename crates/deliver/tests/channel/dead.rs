//! Dead letters: what was delivered too often without an ack.

use crate::rig::{Rig, settings, soon, until};
use crate::said::said;
use deliver::{AskError, Limits, Settings, Start};
use label::EventId;
use std::time::Duration;

fn impatient(most: u32) -> Settings {
    let retry_timeout = Duration::from_millis(500);
    Settings { max_deliveries: Some(most), retry_timeout, ..settings() }
}

/// Only losing a connection makes these deliveries count.
fn patient(most: u32) -> Settings {
    Settings { max_deliveries: Some(most), ..settings() }
}

fn id(number: i64) -> EventId {
    EventId::new(number).unwrap()
}

/// Each with how often it was delivered and why it was not the last time.
async fn dead(rig: &Rig, name: &str) -> Vec<(i64, u32, String)> {
    let rows = rig.deliver.dead(name, None, 100).await.unwrap();
    let told = rows
        .into_iter()
        .map(|row| (row.id.get(), row.deliveries, row.last_error.unwrap_or_default()));
    told.collect()
}

async fn retry(rig: &Rig, name: &str, ids: &[i64]) -> Vec<i64> {
    let ids = ids.iter().map(|number| id(*number)).collect();
    let retried = soon(rig.deliver.retry(name, ids)).await.unwrap();
    retried.into_iter().map(EventId::get).collect()
}

#[tokio::test]
async fn what_is_never_acked_is_set_aside_and_its_lane_goes_on() {
    let mut rig = Rig::start_with(impatient(3), Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    let mut seen = Vec::new();
    while !seen.contains(&2) {
        let id = peer.id().await;
        seen.push(id);
        if id != 1 {
            peer.ack(id).await;
        }
    }
    assert_eq!(seen.iter().filter(|seen| **seen == 1).count(), 3, "{seen:?}");
    assert_eq!(dead(&rig, "c").await, [(1, 3, "it was not acked in time".to_owned())]);
    rig.position("c", 3).await;
    let told = rig.told("c");
    assert_eq!((told.lag, told.in_flight), (0, 0));
    // An ack that comes now is too late.
    peer.ack(1).await;
    rig.labels(&["at://a/1"]).await;
    assert_eq!(peer.take(1).await, [4]);
    assert_eq!(dead(&rig, "c").await.len(), 1);
    assert_eq!(dead(&rig, "default").await, [], "each consumer has its own");
}

#[tokio::test]
async fn an_ack_before_the_last_delivery_is_over_saves_an_event() {
    let mut rig = Rig::start_with(impatient(2), Limits::default()).await;
    rig.labels(&["at://a/1"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 1]);
    peer.ack(1).await;
    rig.position("default", 1).await;
    assert_eq!(dead(&rig, "default").await, []);
}

#[tokio::test]
async fn lost_connections_count_as_deliveries() {
    let mut rig = Rig::start_with(patient(3), Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/2"]).await;
    for round in 1..=3 {
        let mut peer = rig.connect("").await;
        assert_eq!(peer.id().await, 1, "round {round}");
        if round == 1 {
            assert_eq!(peer.take(1).await, [3]);
            until(|| rig.told("default").lag == 2).await;
        }
        peer.cut();
        until(|| rig.told("default").connections == 0).await;
    }
    let mut peer = rig.connect("").await;
    assert_eq!(peer.id().await, 2);
    assert_eq!(dead(&rig, "default").await, [(1, 3, "the connection was lost".to_owned())]);
}

#[tokio::test]
async fn a_dead_letter_comes_again_when_it_is_asked_for_and_may_die_again() {
    let mut rig = Rig::start_with(impatient(2), Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("").await;
    until(|| rig.told("default").position == 2).await;
    assert_eq!(dead(&rig, "default").await.len(), 2);
    let mut seen = peer.ids(4).await;
    seen.sort_unstable();
    assert_eq!(seen, [1, 1, 2, 2]);

    assert_eq!(retry(&rig, "default", &[2, 9, 2]).await, [2], "those that were there");
    assert_eq!(peer.ids(2).await, [2, 2], "it may be delivered as often as before");
    rig.position("default", 2).await;
    assert_eq!(dead(&rig, "default").await.len(), 2);

    assert_eq!(retry(&rig, "default", &[1, 2]).await, [1, 2]);
    peer.take(2).await;
    rig.position("default", 2).await;
    assert_eq!(dead(&rig, "default").await, []);
    assert!(retry(&rig, "default", &[1, 2]).await.is_empty());
    assert_eq!(rig.told("default").lag, 0);
}

#[tokio::test]
async fn dead_letters_and_what_was_retried_survive_a_restart() {
    let mut rig = Rig::start_with(impatient(2), Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3", "at://a/4"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.ids(4).await, [1, 2, 3, 4]);
    peer.acks(&[2, 4]).await;
    rig.position("c", 4).await;
    peer.cut();

    let mut rig = rig.restart(patient(2)).await;
    assert_eq!(dead(&rig, "c").await.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 3]);
    let mut peer = rig.connect("?consumer=c").await;
    rig.labels(&["at://a/5"]).await;
    assert_eq!(peer.take(1).await, [5], "and none of the dead");
    rig.position("c", 5).await;

    assert_eq!(retry(&rig, "c", &[3]).await, [3]);
    assert_eq!(peer.id().await, 3);
    assert_eq!(rig.told("c").position, 2, "the dead do not count, what is sent again does");
    let rig = rig.restart(patient(2)).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.take(1).await, [3], "not acked, so it comes again");
    rig.position("c", 5).await;
    assert_eq!(dead(&rig, "c").await.iter().map(|row| row.0).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn what_is_retried_keeps_the_order_of_its_lane() {
    let mut rig = Rig::start_with(impatient(1), Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/1"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    rig.position("default", 2).await;
    drop(peer);
    until(|| rig.told("default").connections == 0).await;
    assert_eq!(retry(&rig, "default", &[2, 1]).await, [1, 2]);
    let rig = rig.restart(patient(1)).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.id().await, 1);
    peer.assert_quiet().await;
    peer.ack(1).await;
    assert_eq!(peer.take(1).await, [2]);
}

#[tokio::test]
async fn a_removed_consumer_takes_its_dead_letters_along() {
    let mut rig = Rig::start_with(impatient(1), Limits::default()).await;
    rig.labels(&["at://a/1"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.id().await, 1);
    rig.position("c", 1).await;
    assert_eq!(dead(&rig, "c").await.len(), 1);
    rig.remove("c").await.unwrap();
    assert!(matches!(rig.deliver.dead("c", None, 9).await, Err(AskError::NotFound(_))));
    assert!(matches!(rig.deliver.retry("c", vec![id(1)]).await, Err(AskError::NotFound(_))));
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.take(1).await, [1]);
    rig.position("c", 1).await;
    assert_eq!(dead(&rig, "c").await, []);
}

#[tokio::test]
async fn a_replay_brings_dead_letters_too_and_they_are_owed_until_they_are_acked() {
    let mut rig = Rig::start_with(impatient(1), Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(3).await, [1, 2, 3]);
    rig.position("default", 3).await;
    let rig = rig.restart(patient(1)).await;
    let told = rig.begin("default", Start::After(id(1))).await;
    assert_eq!((told.position, told.lag), (1, 2));
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [2, 3]);
    assert_eq!(dead(&rig, "default").await.iter().map(|row| row.0).collect::<Vec<_>>(), [1]);
    // Stopped before the connection is lost, which would make them dead letters again.
    let rig = rig.restart(settings()).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.take(2).await, [2, 3]);
    rig.position("default", 3).await;
}

#[tokio::test]
async fn many_die_at_once_and_are_all_there() {
    let settings = Settings { window: 1000, ..impatient(1) };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.log((0..2500).map(|n| said(&format!("at://a/{n}")))).await;
    let mut peer = rig.connect("").await;
    let mut seen = peer.ids(2500).await;
    seen.sort_unstable();
    assert_eq!(seen, (1..=2500).collect::<Vec<_>>());
    rig.position("default", 2500).await;
    let rows = rig.deliver.dead("default", None, 5000).await.unwrap();
    assert_eq!(rows.len(), 2500);
    let rig = rig.restart(patient(1)).await;
    let mut peer = rig.connect("").await;
    assert_eq!(retry(&rig, "default", &(1..=2500).collect::<Vec<_>>()).await.len(), 2500);
    let mut again = peer.take(2500).await;
    again.sort_unstable();
    assert_eq!(again, seen);
    rig.position("default", 2500).await;
}
