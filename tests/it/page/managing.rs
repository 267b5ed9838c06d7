//! Labelers are added, found and removed from the page; and all of it by keys.

use super::{play, wanted};
use crate::tap::Tap;
use serde_json::{Value, json};
use testkit::{FakeLabeler, Plc, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn labelers_are_added_and_removed() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (first_did, second_did, lost) = (plc_did("first"), plc_did("second"), plc_did("lost"));
    let first = FakeLabeler::start(&first_did, SigningKey::k256(145), &plc).await;
    let second = FakeLabeler::start(&second_did, SigningKey::p256(146), &plc).await;
    plc.set_labeler(&lost, &SigningKey::k256(147), "http://127.0.0.1:9");
    first.preload(12);
    second.preload(34);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);

    play("managing", &tap.url, async |what, asked| match what {
        "who is there" => json!({ "first": first_did, "second": second_did, "lost": lost }),
        "add" => {
            tap.add(&[asked["did"].as_str().unwrap()]).await;
            Value::Null
        }
        "count" => json!({ "labels": tap.get("/stats/label-count").await["label_count"] }),
        other => panic!("{other}"),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_reached_by_keys() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("keyed");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(148), &plc).await;
    labeler.preload(5);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    play("keyboard", &tap.url, async |_, _| json!({ "did": did })).await;
    assert_eq!(tap.get("/labelers").await, json!({ "labelers": [] }));
}
