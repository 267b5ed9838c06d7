//! Behind the password.

use super::{play, start_at, wanted};
use crate::tap::Tap;
use serde_json::Value;
use testkit::Plc;

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_asked_for() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &database, &["--admin-password", "s3cret: with a colon"]);
    let url = tap.url.clone();
    let mut tap = Some(tap);

    play("password", &url, async |what, _| {
        match what {
            "stop" => tap.take().unwrap().kill(),
            "start with another password" => {
                tap = Some(start_at(&url, &plc, &database, &["--admin-password", "another"]));
            }
            other => panic!("{other}"),
        }
        Value::Null
    })
    .await;
}
