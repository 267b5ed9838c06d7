//! What is not proven is not believed.

use super::{World, account_key, found, is_tracked, metric_until};
use crate::tap::Tap;
use serde_json::json;
use testkit::repo::{Account, Forgery};
use testkit::{Answer, FakeLabeler, SigningKey, Trouble};

const AT_FIREHOSE: &str = r#"labeltap_discovery_forged_total{place="firehose"}"#;
const AT_SERVER: &str = r#"labeltap_discovery_forged_total{place="server"}"#;

async fn assert_nobody(tap: &Tap, labelers: &[FakeLabeler]) {
    for labeler in labelers {
        assert!(!is_tracked(tap, labeler.did()).await, "{} is tracked", labeler.did());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_forged_in_any_way_makes_no_labeler() {
    let world = World::new().await;
    let tap = world.finder(&[]).await;
    let mut labelers = Vec::new();
    for forgery in Forgery::ALL {
        let labeler = world.labeler(&format!("{forgery:?}")).await;
        world.relay.forge(labeler.did(), forgery);
        labelers.push(labeler);
    }
    metric_until(&tap, AT_FIREHOSE, |count| count == Forgery::ALL.len() as f64).await;
    // Each of their servers was asked in the end, and proved that there is no declaration.
    metric_until(&tap, r#"labeltap_discovery_lookups_total{outcome="labeler"}"#, |count| {
        count >= Forgery::ALL.len() as f64
    })
    .await;
    assert_nobody(&tap, &labelers).await;
    assert_eq!(tap.metric(AT_SERVER).await, 0.0);
    // A good one is believed in spite of all that.
    world.relay.declare(labelers[0].did(), &["spam"]);
    found(&tap, &labelers[0], &["record"]).await;
    assert_nobody(&tap, &labelers[1..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_makes_up_declarations_is_not_believed_either() {
    let world = World::new().await;
    let labeler = world.labeler("boaster").await;
    let tap = world.finder(&[]).await;
    // The account the server shows signs with a key of its own.
    let forger = SigningKey::p256(99);
    let mut account = Account::new(labeler.did(), forger);
    account.declare(&["spam"]);
    world.relay.add(account);
    world.relay.change(labeler.did(), |account| account.declare(&["rude"]));
    metric_until(&tap, AT_FIREHOSE, |count| count == 1.0).await;
    metric_until(&tap, AT_SERVER, |count| count >= 1.0).await;
    assert!(!is_tracked(&tap, labeler.did()).await);
    let nonsense = Answer::new(200, "x".repeat(3_000_000));
    world.relay.record_trouble(Trouble::Says(nonsense));
    world.relay.forge(labeler.did(), Forgery::NoCar);
    metric_until(&tap, AT_FIREHOSE, |count| count == 2.0).await;
    assert!(!is_tracked(&tap, labeler.did()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_commit_takes_nothing_from_a_labeler_that_is_followed() {
    let world = World::new().await;
    let labeler = world.labeler("steady").await;
    let tap = world.finder(&[]).await;
    world.relay.declare(labeler.did(), &["spam"]);
    found(&tap, &labeler, &["record"]).await;
    let values =
        |shown: &serde_json::Value| shown["declaration"]["policies"]["labelValues"].clone();
    tap.labeler_until(labeler.did(), |shown| values(shown) == json!(["spam"])).await;
    for forgery in [Forgery::StillThere, Forgery::WrongSignature, Forgery::SwappedRecord] {
        world.relay.forge(labeler.did(), forgery);
    }
    metric_until(&tap, AT_FIREHOSE, |count| count == 3.0).await;
    // After a rotation of the account's key, the new one counts.
    world.relay.change(labeler.did(), |account| {
        account.rotate(account_key());
        account.declare(&["spam", "rude"])
    });
    tap.labeler_until(labeler.did(), |shown| values(shown) == json!(["spam", "rude"])).await;
}
