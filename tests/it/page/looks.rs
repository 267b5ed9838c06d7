//! How it looks: at every width, in both colours, for everybody. Leaves pictures in `target/page-screenshots`.

use super::looking::{SUBJECT, Scene};
use super::{play, start_at, wanted};
use crate::tap::Tap;
use serde_json::json;
use std::time::Duration;
use testkit::{FakeLabeler, Faults, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_and_can_be_read_by_everybody() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::set().await;
    let slow_did = plc_did("slow to read");
    let slow = FakeLabeler::start(&slow_did, SigningKey::k256(153), &scene.plc).await;
    slow.preload(9_000);
    slow.faults(Faults { pace: Duration::from_millis(10), ..Faults::none() });
    let (lost, gone) = (plc_did("lost"), plc_did("nobody"));
    scene.plc.set_labeler(&lost, &SigningKey::k256(154), "http://127.0.0.1:9");
    let settings = scene.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let tap = Tap::start(&scene.plc, &dir.path().join("tap.db"), &settings);
    let url = tap.url.clone();
    let mut tap = Some(tap);

    play("looks", &url, async |what, _| match what {
        "fill" => {
            let tap = tap.as_ref().unwrap();
            scene.follow(tap).await;
            tap.add(&[&slow_did, &lost, &gone]).await;
            tap.state(&slow_did, "backfilling").await;
            tap.state(&lost, "waiting").await;
            tap.state(&gone, "gone").await;
            json!({ "did": scene.did, "subject": SUBJECT })
        }
        "begin anew" => {
            tap.take().unwrap().kill();
            tap = Some(start_at(&url, &scene.plc, &dir.path().join("other.db"), &[]));
            json!({ "url": url })
        }
        other => panic!("{other}"),
    })
    .await;
}
