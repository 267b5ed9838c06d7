//! Labelers are found on the real network: a PDS with its firehose, and a directory, that this
//! project did not write.

use crate::tap::{Tap, take};
use serde_json::{Value, json};
use testkit::network::{Labeler, Network};

/// A labeler of the network, with what is said of it and where.
async fn labeler(network: &Network, name: &str, publish: bool, announce: bool) -> Labeler {
    let kind = "skyware";
    let asked = json!({ "kind": kind, "name": name, "publish": publish, "announce": announce });
    serde_json::from_value(network.post("/labelers", &asked).await).expect("a labeler")
}

fn tap(network: &Network, dir: &tempfile::TempDir, more: &[&str]) -> Tap {
    let args = ["--discover-labelers", "--relay-url", network.urls().firehose.as_str()];
    Tap::start_at(network.plc_url(), &dir.path().join("tap.db"), &[&args, more].concat())
}

fn has(shown: &Value, source: &str) -> bool {
    shown["sources"].as_array().is_some_and(|sources| sources.contains(&json!(source)))
}

#[tokio::test(flavor = "multi_thread")]
async fn real_labelers_are_found_by_identity_by_record_and_in_the_directory() {
    if !Network::wanted() {
        return;
    }
    let network = Network::start().await;
    let dir = tempfile::tempdir().unwrap();
    let tap_running = tap(&network, &dir, &[]);
    let connected = "labeltap_firehose_connected";
    while tap_running.metric(connected).await < 1.0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    let announced = labeler(&network, "announced", false, true).await;
    let shown = tap_running.state_when_tracked(&announced.did, "live").await;
    assert!(has(&shown, "identity") && !has(&shown, "record"), "{shown}");

    let declared = labeler(&network, "declared", true, false).await;
    tap_running.state_when_tracked(&declared.did, "live").await;
    let shown = tap_running
        .labeler_until(&declared.did, |shown| {
            has(shown, "record") && shown["declaration"].is_object()
        })
        .await;
    assert_eq!(shown["declaration"]["$type"], "app.bsky.labeler.service", "{shown}");
    let publish = format!("/labelers/{}/publish", declared.name);
    network.post(&publish, &json!({ "values": ["spam", "rude"] })).await;
    tap_running
        .labeler_until(&declared.did, |shown| {
            shown["declaration"]["policies"]["labelValues"] == json!(["spam", "rude"])
        })
        .await;
    network.post(&format!("/labelers/{}/unpublish", declared.name), &json!({})).await;
    tap_running.labeler_until(&declared.did, |shown| shown.get("declaration").is_none()).await;
    for place in ["firehose", "server"] {
        let forged = format!("labeltap_discovery_forged_total{{place={place:?}}}");
        assert_eq!(tap_running.metric(&forged).await, 0.0);
    }

    // Labels come as from any other.
    let label = json!([{ "uri": announced.did, "val": "spam" }]);
    network.emit(&announced, &label).await;
    let event = take(&mut tap_running.client(&[]), 1).await.remove(0);
    assert_eq!(
        (&event["label"]["src"], &event["label"]["verdict"]),
        (&json!(announced.did), &json!("verified"))
    );

    // A PDS has no list of labelers, and a start that replays nothing hears nothing.
    assert!(tap_running.stop().status.success());
    let silent = labeler(&network, "silent", false, false).await;
    let tap_running = tap(&network, &dir, &["--no-replay"]);
    let shown = tap_running.state_when_tracked(&silent.did, "live").await;
    assert_eq!(shown["sources"], json!(["plc"]), "{shown}");
    let stopped = tap_running.stop();
    assert!(stopped.status.success());
    assert!(!stopped.log.iter().any(|line| line.contains("panicked")), "{:?}", stopped.log);
}

/// Waits until the firehose is connected, or is not.
async fn firehose(tap: &Tap, connected: bool) {
    let begun = std::time::Instant::now();
    while (tap.metric("labeltap_firehose_connected").await >= 1.0) != connected {
        assert!(begun.elapsed() < 2 * crate::tap::LIMIT, "connected is not {connected}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pds_that_goes_away_and_comes_back_and_a_move_that_it_announces() {
    if !Network::wanted() {
        return;
    }
    let network = Network::start().await;
    let dir = tempfile::tempdir().unwrap();
    let tap = tap(&network, &dir, &[]);
    firehose(&tap, true).await;
    let first = labeler(&network, "first", false, true).await;
    tap.state_when_tracked(&first.did, "live").await;

    network.post("/pds/stop", &json!({})).await;
    firehose(&tap, false).await;
    // Who is known is read all the same.
    let mut labels = tap.client(&[]);
    network.emit(&first, &json!([{ "uri": first.did, "val": "meanwhile" }])).await;
    assert_eq!(take(&mut labels, 1).await.remove(0)["label"]["val"], "meanwhile");
    network.post("/pds/start", &json!({})).await;
    firehose(&tap, true).await;
    let second = labeler(&network, "second", false, true).await;
    let shown = tap.state_when_tracked(&second.did, "live").await;
    assert!(has(&shown, "identity"), "{shown}");

    let moved = network.order(&first, "move", &json!({ "announce": true })).await;
    tap.labeler_until(&first.did, |shown| {
        shown["service_url"] == moved.url && shown["state"] == "live"
    })
    .await;
    network.emit(&moved, &json!([{ "uri": first.did, "val": "elsewhere" }])).await;
    assert_eq!(take(&mut labels, 1).await.remove(0)["label"]["val"], "elsewhere");
}
