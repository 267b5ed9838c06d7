//! Each way for itself, and what an operator sees of it.

use super::{World, found, is_tracked, metric_until, read_up_to};
use crate::tap::take;
use serde_json::json;
use std::time::Duration;
use testkit::{LabelSpec, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn by_an_identity_event_of_somebody_nobody_knew() {
    let world = World::new().await;
    let labeler = world.labeler("announced").await;
    labeler.emit([LabelSpec::numbered(1)]);
    let stranger = world.unlisted("a stranger").await;
    let tap = world.finder(&[]).await;
    world.relay.identity(stranger.did());
    world.relay.identity(&plc_did("in no directory"));
    world.relay.emit_raw(|_| b"\xa1\x62op\x07\xa0".to_vec());
    let last = world.relay.identity(labeler.did());
    let shown = found(&tap, &labeler, &["identity"]).await;
    assert_eq!(shown["service_url"], labeler.url());
    assert_eq!(take(&mut tap.client(&[]), 1).await[0]["label"]["src"], labeler.did());
    assert!(!is_tracked(&tap, stranger.did()).await);
    read_up_to(&tap, last).await;
    assert_eq!(tap.metric("labeltap_firehose_connected").await, 1.0);
    let heard = tap.metric(r#"labeltap_firehose_events_total{kind="identity"}"#).await;
    assert_eq!(heard, 3.0);
    let lag = tap.metric("labeltap_firehose_lag_seconds").await;
    assert!(lag > -1.0 && lag < 10.0, "{lag}");
    let counted = |outcome| format!("labeltap_discovery_lookups_total{{outcome={outcome:?}}}");
    metric_until(&tap, &counted("labeler"), |count| count == 1.0).await;
    metric_until(&tap, &counted("no-labeler"), |count| count == 1.0).await;
    metric_until(&tap, &counted("nobody"), |count| count == 1.0).await;
    let stopped = tap.stop();
    assert!(stopped.status.success());
    let line = stopped.log.iter().filter(|line| line.contains("labeler found"));
    let line: Vec<serde_json::Value> =
        line.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(line.len(), 1, "{line:?}");
    assert_eq!(
        (&line[0]["labeler"], &line[0]["sources"]),
        (&json!(labeler.did()), &json!("identity"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_declaration_with_its_proof_and_what_it_declares_is_shown() {
    let world = World::new().await;
    let labeler = world.labeler("declared").await;
    let did = labeler.did();
    let tap = world.finder(&[]).await;
    world.relay.post(did, "nothing to see here");
    world.relay.declare(did, &["spam"]);
    found(&tap, &labeler, &["record"]).await;
    let values =
        |shown: &serde_json::Value| shown["declaration"]["policies"]["labelValues"].clone();
    let shown = tap.labeler_until(did, |shown| values(shown) == json!(["spam"])).await;
    assert_eq!(shown["declaration"]["$type"], "app.bsky.labeler.service");
    let listed = tap.get("/labelers").await;
    assert!(listed["labelers"][0].get("declaration").is_none(), "{listed}");

    world.relay.declare(did, &["spam", "rude"]);
    tap.labeler_until(did, |shown| values(shown) == json!(["spam", "rude"])).await;
    world.relay.undeclare(did);
    let shown = tap.labeler_until(did, |shown| shown.get("declaration").is_none()).await;
    assert_eq!(shown["state"], "live", "the document decides who is followed: {shown}");
    assert_eq!(tap.metric(r#"labeltap_discovery_forged_total{place="firehose"}"#).await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_without_a_service_is_no_labeler() {
    let world = World::new().await;
    let account = world.unlisted("only a record").await;
    let tap = world.finder(&[]).await;
    world.relay.declare(account.did(), &["spam"]);
    let counted = r#"labeltap_discovery_lookups_total{outcome="no-labeler"}"#;
    metric_until(&tap, counted, |count| count >= 1.0).await;
    assert!(!is_tracked(&tap, account.did()).await);
    // It becomes one while the second look is still to come.
    world.publish(&account);
    world.relay.identity(account.did());
    let shown = tap.state_when_tracked(account.did(), "live").await;
    assert_eq!(shown["sources"], json!(["record", "identity"]), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_declaration_of_a_labeler_that_was_named_is_fetched_from_its_server() {
    let world = World::new().await;
    let labeler = world.labeler("named").await;
    world.relay.change(labeler.did(), |account| account.declare(&["spam"]));
    // Neither firehose nor discovery.
    let tap = world.tap(&["--labelers", labeler.did()]);
    let shown = tap.state_when_tracked(labeler.did(), "live").await;
    assert_eq!(shown["sources"], json!(["config"]));
    tap.labeler_until(labeler.did(), |shown| {
        shown["declaration"]["policies"]["labelValues"] == json!(["spam"])
    })
    .await;
    let asked = world.relay.records();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(
        (asked[0].did.as_str(), asked[0].path.as_str()),
        (labeler.did(), "app.bsky.labeler.service/self")
    );
    assert!(world.relay.upgrades().is_empty() && world.relay.lists().is_empty());
    assert!(world.plc.exports().is_empty());
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(world.relay.records().len(), 1, "it is asked for once a day");
}
