//! The service goes and comes back.

use super::{play, start_at, wanted};
use crate::tap::Tap;
use serde_json::Value;
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_survived_and_said() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("stays");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(144), &plc).await;
    labeler.preload(30);
    let tap = Tap::start(&plc, &database, &[]);
    let url = tap.url.clone();
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    let mut tap = Some(tap);

    play("restart", &url, async |what, _| {
        match what {
            "kill" => tap.take().unwrap().kill(),
            "start" => tap = Some(start_at(&url, &plc, &database, &[])),
            "say" => {
                tap.as_ref().unwrap().state(&did, "live").await;
                labeler.emit([LabelSpec::numbered(900), LabelSpec::new(&did, "after-the-restart")]);
            }
            other => panic!("{other}"),
        }
        Value::Null
    })
    .await;
}
