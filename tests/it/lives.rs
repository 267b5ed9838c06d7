//! Events of labelers: what consumers hear of a labeler's life (contract section 4).

use crate::tap::{Tap, next, within};
use client::Client;
use serde_json::{Value, json};
use testkit::{Ending, FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

/// The next event, acked.
async fn heard(client: &mut Client) -> Value {
    let event = next(client).await;
    client.ack(&[event["id"].as_i64().expect("an id")]).await;
    event
}

/// Reads until this has happened, and answers that event.
async fn until(client: &mut Client, change: &str) -> Value {
    within(async {
        loop {
            let event = heard(client).await;
            assert_eq!(event["type"], "labeler", "{event}");
            if event["labeler"]["change"] == change {
                return event["labeler"].clone();
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labelers_life_is_told_to_those_who_ask() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("told");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(41), &plc).await;
    labeler.preload(3);
    let database = dir.path().join("tap.db");
    let tap = Tap::start(&plc, &database, &["--retry-timeout", "1s"]);
    let mut life = tap.client(&[("consumer", "life"), ("types", "labeler")]);
    tap.add(&[&did]).await;

    let added = until(&mut life, "added").await;
    assert_eq!((&added["did"], &added["epoch"]), (&json!(did), &json!(1)));
    let connected = until(&mut life, "connected").await;
    assert_eq!(connected["state"], "backfilling");
    let caught_up = until(&mut life, "caught-up").await;
    assert_eq!((&caught_up["state"], &caught_up["cursor"]), (&json!("live"), &json!(3)));
    assert_eq!(caught_up["service_url"], tap.labeler(&did).await["service_url"]);

    // Another key: told once a label shows that there is one.
    labeler.rotate(SigningKey::k256(42));
    labeler.publish(&plc);
    labeler.emit([LabelSpec::numbered(4)]);
    until(&mut life, "key-changed").await;

    labeler.drop_connections(Ending::Reset);
    until(&mut life, "disconnected").await;
    until(&mut life, "connected").await;
    tap.remove(&[&did], false).await;
    assert_eq!(until(&mut life, "removed").await["did"], json!(did));

    // The labels of all this are still owed to whoever wants labels.
    let mut labels = tap.client(&[("consumer", "life")]);
    for seq in 1..=4 {
        assert_eq!(heard(&mut labels).await["label"]["seq"], seq);
    }
}
