//! Nothing that was heard is lost: not by a crash, a stop, an outage of the directory, or a
//! flood.

use super::{World, found, metric_until, read_up_to};
use serde_json::json;
use testkit::{Ending, FakeLabeler, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn hints_outlive_a_kill_and_an_outage_of_the_directory() {
    let world = World::new().await;
    let mut labelers: Vec<FakeLabeler> = Vec::new();
    for number in 0..3 {
        labelers.push(world.labeler(&format!("patient {number}")).await);
    }
    world.plc.outage(true);
    let tap = world.finder(&[]).await;
    world.relay.identity(labelers[0].did());
    read_up_to(&tap, world.relay.head()).await;
    tap.kill();
    // Heard by nobody yet.
    world.relay.identity(labelers[1].did());
    let tap = world.finder(&[]).await;
    read_up_to(&tap, world.relay.head()).await;
    world.relay.identity(labelers[2].did());
    read_up_to(&tap, world.relay.head()).await;
    assert_eq!(world.relay.cursors(), [None, Some("1".to_owned())]);
    metric_until(&tap, "labeltap_discovery_backlog", |waiting| waiting == 3.0).await;
    let counted = r#"labeltap_discovery_lookups_total{outcome="unreachable"}"#;
    metric_until(&tap, counted, |count| count >= 1.0).await;
    assert_eq!(tap.get("/labelers").await, json!({ "labelers": [] }));
    world.plc.outage(false);
    for labeler in &labelers {
        found(&tap, labeler, &["identity"]).await;
    }
    metric_until(&tap, "labeltap_discovery_backlog", |waiting| waiting == 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_saves_the_cursor_however_rarely_that_is_done() {
    let world = World::new().await;
    let labeler = world.labeler("just before the end").await;
    let tap = world.finder(&["--cursor-save-interval", "1h"]).await;
    for number in 0..5 {
        world.relay.identity(&plc_did(&format!("nobody {number}")));
    }
    // Hints do not wait for the cursor.
    world.relay.identity(labeler.did());
    found(&tap, &labeler, &["identity"]).await;
    assert_eq!(tap.get("/stats/cursors").await["firehose"], 0);
    let stopped = tap.stop();
    assert!(stopped.status.success() && stopped.took.as_secs() < 10);
    let tap = world.finder(&[]).await;
    assert_eq!(world.relay.cursors()[1].as_deref(), Some("6"));
    assert_eq!(tap.get("/stats/cursors").await["firehose"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_replay_a_start_is_at_the_present_and_a_reconnect_is_not() {
    let world = World::new().await;
    let tap = world.finder(&[]).await;
    world.relay.identity(&plc_did("nobody"));
    read_up_to(&tap, 1).await;
    drop(tap.stop());
    let missed = world.labeler("missed").await;
    world.relay.identity(missed.did());
    let tap = world.finder(&["--no-replay", "--labelers", missed.did()]).await;
    assert_eq!(world.relay.cursors()[1], None);
    world.relay.identity(&plc_did("nobody"));
    read_up_to(&tap, 3).await;
    world.relay.drop_connections(Ending::Fin);
    world.relay.wait_for_upgrades(3).await;
    assert_eq!(world.relay.cursors()[2].as_deref(), Some("3"));
    let shown = tap.state(missed.did(), "live").await;
    // The directory's log is another matter.
    assert_ne!(shown["sources"][1], "identity", "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_waits_on_disk_and_does_not_hold_up_what_is_proven() {
    let world = World::new().await;
    let labeler = world.labeler("behind a flood").await;
    let tap = world.finder(&[]).await;
    let before = tap.rss_kib();
    for number in 0..20_000 {
        world.relay.identity(&plc_did(&format!("flood {number}")));
    }
    world.relay.declare(labeler.did(), &["spam"]);
    found(&tap, &labeler, &["record"]).await;
    read_up_to(&tap, world.relay.head()).await;
    let waiting = tap.metric("labeltap_discovery_backlog").await;
    assert!(waiting > 19_000.0 && waiting <= 20_001.0, "{waiting}");
    let grown = tap.rss_kib().saturating_sub(before);
    assert!(grown < 48 << 10, "{grown} KiB more");
    // Looked up at a pace that a directory can bear.
    let asked = tap.metric(r#"labeltap_discovery_lookups_total{outcome="nobody"}"#).await;
    assert!(asked < 600.0, "{asked}");
}
