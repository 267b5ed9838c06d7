//! Relays that break, and relays that are not what they were.

use super::{World, found, metric_until, read_up_to};
use testkit::{Ending, Faults, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_forgot_what_we_lack_is_read_on_from_what_it_has() {
    let world = World::new().await;
    let tap = world.finder(&[]).await;
    world.relay.identity(&plc_did("nobody"));
    read_up_to(&tap, 1).await;
    drop(tap.stop());
    for _ in 0..5 {
        world.relay.identity(&plc_did("nobody"));
    }
    let labeler = world.labeler("still there").await;
    world.relay.identity(labeler.did());
    world.relay.forget(4);
    let tap = world.finder(&[]).await;
    tap.state_when_tracked(labeler.did(), "live").await;
    read_up_to(&tap, 7).await;
    assert_eq!(tap.metric("labeltap_firehose_outdated_total").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_starts_over_is_read_from_its_present() {
    for silent in [false, true] {
        let world = World::new().await;
        world.relay.skip_to(1_000);
        let tap = world.finder(&[]).await;
        world.relay.identity(&plc_did("nobody"));
        read_up_to(&tap, 1_000).await;
        world.relay.silent(silent);
        world.relay.reset();
        // One that says so is left and met again; one that does not just goes on.
        world.relay.wait_for_upgrades(if silent { 2 } else { 3 }).await;
        world.relay.wait_for_open(1).await;
        let labeler = world.labeler("in the new time").await;
        world.relay.identity(labeler.did());
        found(&tap, &labeler, &["identity"]).await;
        let begun = std::time::Instant::now();
        while tap.get("/stats/cursors").await["firehose"] != 1 {
            assert!(begun.elapsed() < crate::tap::LIMIT);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_hangs_up_refuses_or_says_nonsense_is_met_again() {
    let mut world = World::new().await;
    let tap = world.finder(&[]).await;
    world.relay.identity(&plc_did("nobody"));
    read_up_to(&tap, 1).await;
    world.relay.stop(Ending::Reset).await;
    metric_until(&tap, "labeltap_firehose_connected", |open| open == 0.0).await;
    world.relay.resume().await;
    world.relay.faults(Faults::too_many(2).only_first(1));
    world.relay.wait_for_upgrades(3).await;
    let waited = world.relay.upgrades();
    assert!(waited[2].at - waited[1].at >= std::time::Duration::from_secs(2));
    world.relay.wait_for_open(1).await;
    let labeler = world.labeler("after all that").await;
    world.relay.faults(Faults::error_at(2, "ConsumerTooSlow").only_first(1));
    world.relay.drop_connections(Ending::Close(1001));
    world.relay.identity(labeler.did());
    found(&tap, &labeler, &["identity"]).await;
    let resumed = world.relay.cursors();
    assert!(resumed[1..].iter().all(|cursor| cursor.as_deref() >= Some("1")), "{resumed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_breaks_the_rules_is_got_past() {
    let world = World::new().await;
    let labeler = world.labeler("behind a broken frame").await;
    let tap = world.finder(&[]).await;
    world.relay.identity(&plc_did("nobody"));
    world.relay.emit_raw(|_| b"\xa1\x62op".to_vec());
    world.relay.identity(labeler.did());
    found(&tap, &labeler, &["identity"]).await;
    assert_eq!(tap.metric(r#"labeltap_firehose_events_total{kind="broken"}"#).await, 1.0);
    assert_eq!(world.relay.upgrades().len(), 3, "{:?}", world.relay.cursors());
}
