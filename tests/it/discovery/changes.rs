//! Labelers that are tracked change, are deleted, return, or were removed.

use super::{World, found, is_tracked, read_up_to};
use serde_json::json;
use std::time::Duration;
use testkit::{LabelSpec, SigningKey};

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_removed_stays_removed_whatever_is_heard_of_it() {
    let world = World::new().await;
    let labeler = world.labeler("unwanted").await;
    let did = labeler.did();
    let tap = world.finder(&[]).await;
    world.relay.identity(did);
    found(&tap, &labeler, &["identity"]).await;
    tap.remove(&[did], false).await;
    world.relay.list(vec![did.to_owned()]);
    world.relay.identity(did);
    world.relay.declare(did, &["spam"]);
    read_up_to(&tap, world.relay.head()).await;
    drop(tap.stop());
    world.publish(&labeler); // Shows in the log.
    let other = world.labeler("wanted").await;
    let tap = world.finder(&[]).await;
    world.relay.identity(did);
    found(&tap, &other, &["plc"]).await;
    assert!(!is_tracked(&tap, did).await);
    tap.remove(&[other.did()], true).await;
    world.relay.identity(other.did());
    world.relay.identity(did);
    read_up_to(&tap, world.relay.head()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!is_tracked(&tap, other.did()).await && !is_tracked(&tap, did).await);
    tap.add(&[did]).await;
    let shown = tap.state(did, "live").await;
    assert_eq!(shown["sources"], json!(["identity", "api"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_discovery_the_firehose_tells_of_tracked_labelers_only() {
    let world = World::new().await;
    let (labeler, stranger) = (world.labeler("tracked").await, world.labeler("a stranger").await);
    let tap = world.tap(&["--firehose", "on", "--labelers", labeler.did()]);
    world.relay.wait_for_open(1).await;
    tap.state_when_tracked(labeler.did(), "live").await;
    world.relay.identity(stranger.did());
    world.relay.declare(stranger.did(), &["spam"]);
    labeler.rotate(SigningKey::k256(77));
    world.publish(&labeler);
    world.relay.identity(labeler.did());
    let key = labeler.key().did_key();
    tap.labeler_until(labeler.did(), |shown| shown["key"] == key).await;
    labeler.emit([LabelSpec::numbered(1)]);
    tap.labeler_until(labeler.did(), |shown| shown["labels"] == 1).await;
    world.relay.declare(labeler.did(), &["spam"]);
    let shown = tap
        .labeler_until(labeler.did(), |shown| {
            shown["declaration"]["policies"]["labelValues"] == json!(["spam"])
        })
        .await;
    assert_eq!(shown["sources"], json!(["config"]));
    assert!(!is_tracked(&tap, stranger.did()).await);
    assert_eq!(world.plc.requests(stranger.did()), 0);
    assert!(world.relay.lists().is_empty() && world.plc.exports().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_deleted_is_gone_until_it_returns() {
    let world = World::new().await;
    let labeler = world.labeler("deleted").await;
    let did = labeler.did();
    let tap = world.finder(&["--labelers", did]).await;
    tap.state_when_tracked(did, "live").await;
    world.relay.status(did, false, Some("deactivated"));
    read_up_to(&tap, world.relay.head()).await;
    assert_eq!(tap.labeler(did).await["state"], "live");
    world.relay.status(did, false, Some("deleted"));
    tap.state(did, "gone").await;
    labeler.wait_for_open(0).await;
    // Also after a restart, though no event says so again.
    drop(tap.stop());
    let tap = world.finder(&[]).await;
    tap.state(did, "gone").await;
    world.relay.status(did, true, None);
    labeler.emit([LabelSpec::numbered(1)]);
    tap.state(did, "live").await;
    tap.labeler_until(did, |shown| shown["labels"] == 1).await;
}
