//! What lasts through a restart: the numbers of events, and what was in flight.

use super::{Scene, id, nothing_more, owed};
use crate::tap::{Tap, next, take};
use serde_json::Value;
use std::time::Duration;

fn ids(events: &[Value]) -> Vec<i64> {
    events.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_05_ids_grow_through_restarts_with_a_backlog_and_without() {
    let scene = Scene::set("numbered").await;
    scene.say("xyz");
    assert_eq!(scene.start(&[]).await.stop().status.code(), Some(0));
    // Three are owed.
    scene.say("ab");
    let tap = scene.start(&[]).await;
    let mut all = ids(&take(&mut tap.client(&[]), 5).await);
    owed(&tap, 0).await;
    assert_eq!(tap.stop().status.code(), Some(0));
    // None is.
    scene.say("cd");
    let tap = scene.start(&[]).await;
    all.extend(ids(&take(&mut tap.client(&[]), 2).await));
    assert!(all.is_sorted_by(|one, next| one < next), "{all:?}");
    assert!(all.iter().all(|id| (1..=(1 << 53) - 1).contains(id)), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_20_what_is_in_flight_at_the_end_comes_again_and_what_is_acked_does_not() {
    let scene = Scene::set("ended").await;
    scene.say("abcdefghij");
    let tap = scene.start(&[]).await;
    let mut client = tap.client(&[]);
    let mut events = Vec::new();
    for _ in 0..10 {
        events.push(next(&mut client).await);
    }
    let sent = ids(&events);
    client.ack(&[sent[0], sent[3], sent[6], sent[9]]).await;
    owed(&tap, 6).await;
    let stopped = tap.stop();
    assert_eq!(stopped.status.code(), Some(0), "{:?}", stopped.log.last());
    assert!(stopped.took < Duration::from_secs(10), "{:?}", stopped.took);
    drop(client);

    let tap = Tap::start(&scene.plc, &scene.database(), &[]);
    let mut client = tap.client(&[]);
    let expected: Vec<i64> = [1, 2, 4, 5, 7, 8].map(|place: usize| sent[place]).to_vec();
    assert_eq!(ids(&take(&mut client, 6).await), expected);
    nothing_more(&mut client).await;
    owed(&tap, 0).await;
}
