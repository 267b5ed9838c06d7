//! What a user of Tap may count on, with labels in the place of records. The numbers in the
//! names are those of `docs/tap-behaviours.md`, which says where the others are shown.

mod acks;
mod counts;
mod ids;
mod lanes;
mod streams;
mod table;
mod wrong;

use crate::tap::Tap;
use client::Client;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

/// Long enough for an event that is not held back to arrive.
const QUIET: Duration = Duration::from_millis(400);

/// One labeler that is followed.
struct Scene {
    dir: TempDir,
    plc: Plc,
    labeler: FakeLabeler,
    did: String,
}

impl Scene {
    async fn set(name: &str) -> Self {
        let (plc, did) = (Plc::start().await, plc_did(name));
        let labeler = FakeLabeler::start(&did, SigningKey::k256(130), &plc).await;
        Self { dir: tempfile::tempdir().unwrap(), plc, labeler, did }
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("tap.db")
    }

    /// Says one label for each of these lanes, in this order, and answers the last `seq`.
    fn say(&self, lanes: &str) -> i64 {
        self.labeler.emit_each(lanes.chars().map(about))
    }

    /// Starts labeltap and waits until everything said so far is stored as history.
    async fn start(&self, more: &[&str]) -> Tap {
        let tap = Tap::start(&self.plc, &self.database(), more);
        tap.add(&[&self.did]).await;
        tap.state(&self.did, "live").await;
        tap
    }

    /// Waits until it is stored up to here.
    async fn stored(&self, tap: &Tap, seq: i64) {
        tap.labeler_until(&self.did, |labeler| labeler["cursor"] == seq).await;
    }
}

/// A label of this lane.
fn about(lane: char) -> LabelSpec {
    LabelSpec::new(
        format!("at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/{lane}"),
        "spam",
    )
}

fn id(event: &Value) -> i64 {
    event["id"].as_i64().expect("an id")
}

fn seq(event: &Value) -> i64 {
    event["label"]["seq"].as_i64().expect("a label")
}

async fn nothing_more(client: &mut Client) {
    let more = tokio::time::timeout(QUIET, client.next()).await;
    assert!(more.is_err(), "{more:?} was to be held back");
}

/// Waits until the default consumer is owed so many.
async fn owed(tap: &Tap, count: i64) {
    let settled = async {
        while tap.get("/stats/outbox-buffer").await["outbox_buffer"] != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    crate::tap::within(settled).await;
}
