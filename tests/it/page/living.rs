//! What becomes of labelers is seen without a reload.

use super::{play, wanted};
use crate::tap::Tap;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Ending, FakeLabeler, Faults, LabelSpec, Plc, Sig, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn states_change_while_somebody_looks() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (calm_did, slow_did, nobody) = (plc_did("calm"), plc_did("slow"), plc_did("nobody"));
    let mut calm = FakeLabeler::start(&calm_did, SigningKey::k256(140), &plc).await;
    let slow = FakeLabeler::start(&slow_did, SigningKey::p256(141), &plc).await;
    calm.preload(20);
    slow.preload(3_000);
    slow.faults(Faults { pace: Duration::from_millis(10), ..Faults::none() });
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let url = tap.url.clone();

    let mut spoken = 0;
    play("living", &url, async |what, _| {
        match what {
            "follow" => tap.add(&[&calm_did, &slow_did, &nobody]).await,
            "speak" => {
                spoken += 1;
                slow.emit([LabelSpec::new(&slow_did, format!("spoken-{spoken}"))]);
            }
            "hurry" => slow.faults(Faults::none()),
            "leave" => calm.stop(Ending::Reset).await,
            "return" => calm.resume().await,
            "reject" => {
                calm.emit_each((1..=3).map(|n| LabelSpec::numbered(n).sig(Sig::Absent)));
            }
            "end" => {
                plc.tombstone(&slow_did);
                slow.drop_connections(Ending::Reset);
            }
            other => panic!("{other}"),
        }
        Value::Null
    })
    .await;
    assert_eq!(tap.get("/stats/label-count").await, json!({ "label_count": 3_020 + spoken }));
}
