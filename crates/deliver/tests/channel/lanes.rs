//! Long logs, deep lanes and rare labels: nobody waits for what does not concern them.

use crate::rig::{Peer, Rig, settings, soon, until};
use crate::said::said;
use deliver::{Limits, Settings};
use serde_json::json;

/// Deeper than any page, and than what a lane may hold in memory.
const DEEP: i64 = 20_000;

async fn wide() -> Rig {
    let settings = Settings { window: 1000, ..settings() };
    Rig::start_with(settings, Limits::default()).await
}

#[tokio::test]
async fn a_deep_lane_does_not_hold_up_others_and_drains_in_order() {
    let mut rig = wide().await;
    let deep = (0..DEEP).map(|_| said("at://deep/1"));
    rig.log(deep.chain((0..300).map(|n| said(&format!("at://a/{n}"))))).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.id().await, 1);
    let others: Vec<i64> = (DEEP + 1..=DEEP + 300).collect();
    assert_eq!(peer.take(300).await, others, "all others, while the lane stands still");
    until(|| rig.told("default").lag == DEEP as u64).await;
    peer.assert_quiet().await;
    rig.labels(&["at://a/new"]).await;
    assert_eq!(peer.take(1).await, [DEEP + 301]);
    peer.ack(1).await;
    for expected in 2..=DEEP {
        assert_eq!(peer.take(1).await, [expected]);
    }
    rig.position("default", DEEP + 301).await;
    assert_eq!(rig.told("default").lag, 0);
}

#[tokio::test]
async fn several_deep_lanes_do_not_hold_up_others_over_a_restart() {
    let mut rig = wide().await;
    let deep = (0..DEEP).map(|n| said(&format!("at://deep/{}", n % 3)));
    rig.log(deep.chain((0..300).map(|n| said(&format!("at://a/{n}"))))).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(3).await, [1, 2, 3]);
    let others: Vec<i64> = (DEEP + 1..=DEEP + 300).collect();
    assert_eq!(peer.take(300).await, others);
    until(|| rig.told("default").lag == DEEP as u64).await;
    let mut rig = rig.restart(Settings { window: 1000, ..settings() }).await;
    assert_eq!(rig.told("default").lag, DEEP as u64);
    let mut peer = rig.connect("").await;
    assert_eq!(peer.take(3).await, [1, 2, 3]);
    rig.labels(&["at://a/new"]).await;
    let (mut last, mut new) = ([1, 2, 3], false);
    for _ in 4..=DEEP + 1 {
        let id = peer.id().await;
        peer.ack(id).await;
        if id > DEEP {
            assert_eq!((id, new), (DEEP + 301, false));
            new = true;
            continue;
        }
        let lane = &mut last[(id as usize - 1) % 3];
        assert_eq!(id, *lane + 3);
        *lane = id;
    }
    rig.position("default", DEEP + 301).await;
}

/// Reads and acks until told to stop, and says how far it came.
async fn read_on(mut peer: Peer, enough: usize) -> usize {
    for _ in 0..enough {
        let id = peer.id().await;
        peer.ack(id).await;
    }
    enough
}

#[tokio::test]
async fn rare_labels_in_a_long_log_come_soon_while_others_are_served() {
    let mut rig = wide().await;
    let val = |n: i64| if n % 10_000 == 0 { "rare" } else { "spam" };
    rig.log((1..=200_000).map(|n| said(&format!("at://a/{}", n % 5000)).val(val(n)))).await;
    let rare: Vec<i64> = (1..=20).map(|n| n * 10_000).collect();
    rig.filter("rare", json!({ "val": ["rare"] })).await;
    let busy = tokio::spawn(read_on(rig.connect("?consumer=busy").await, 10_000));
    let mut patient = rig.connect("?consumer=rare").await;
    assert_eq!(patient.take(20).await, rare);
    rig.position("rare", 200_000).await;
    until(|| rig.told("rare").lag == 0).await;
    // A filter of the connection: everything else stays owed, and what is behind it in the
    // lane of the rare ones waits.
    let mut peer = rig.connect("?consumer=narrow&val=spam&uri=at://a/1,at://a/2").await;
    let expected: Vec<i64> = (0..40).flat_map(|n| [n * 5000 + 1, n * 5000 + 2]).collect();
    let mut came = peer.take(80).await;
    came.sort_unstable();
    assert_eq!(came, expected);
    until(|| rig.told("narrow").lag == 200_000 - 80).await;
    assert_eq!(soon(busy).await.unwrap(), 10_000);
    rig.log([said("at://a/9").val("rare")]).await;
    assert_eq!(patient.take(1).await, [200_001]);
}

#[tokio::test]
async fn a_filter_that_takes_nothing_reaches_the_end_of_a_long_log() {
    let mut rig = wide().await;
    rig.log((1..=100_000).map(|n| said(&format!("at://a/{}", n % 5000)))).await;
    rig.filter("none", json!({ "val": ["nothing"] })).await;
    let mut peer = rig.connect("?consumer=none").await;
    rig.position("none", 100_000).await;
    peer.assert_quiet().await;
    assert_eq!((rig.told("none").lag, rig.told("none").in_flight), (0, 0));
}
