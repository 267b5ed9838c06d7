//! Labelers are found: by each of the ways, only when there is proof, and whatever breaks
//! meanwhile (contract section 6).

mod changes;
mod forged;
mod lists;
mod relays;
mod resuming;
mod ways;

use crate::tap::{LIMIT, Tap};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::repo::Account;
use testkit::{Document, FakeLabeler, FakeRelay, Plc, SigningKey, plc_did};

/// A directory, a relay, and a place for a database.
struct World {
    plc: Plc,
    relay: FakeRelay,
    dir: TempDir,
}

impl World {
    async fn new() -> Self {
        let (plc, relay) = (Plc::start().await, FakeRelay::start().await);
        Self { plc, relay, dir: tempfile::tempdir().unwrap() }
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("tap.db")
    }

    /// Starts the service on this relay.
    fn tap(&self, more: &[&str]) -> Tap {
        let url = self.relay.url();
        let args = [&["--relay-url", url.as_str()], more].concat();
        Tap::start(&self.plc, &self.database(), &args)
    }

    /// Starts it so that it looks for labelers, and waits until it hears the firehose and has
    /// asked for the list, which it does once a day, and for the directory's log, once an hour:
    /// what a story does then is found in no other way than it means.
    async fn finder(&self, more: &[&str]) -> Tap {
        let before = self.relay.upgrades().len();
        let tap = self.tap(&[&["--discover-labelers"], more].concat());
        self.relay.wait_for_upgrades(before + 1).await;
        let begun = Instant::now();
        while self.relay.lists().is_empty() || self.plc.exports().is_empty() {
            assert!(begun.elapsed() < LIMIT, "the lists were not asked for");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tap
    }

    /// A labeler, known to the directory, with an account at the relay that declares nothing.
    async fn labeler(&self, name: &str) -> FakeLabeler {
        let labeler = self.unlisted(name).await;
        self.publish(&labeler);
        labeler
    }

    /// The same before the directory knows of it as a labeler.
    async fn unlisted(&self, name: &str) -> FakeLabeler {
        let did = plc_did(name);
        let labeler = FakeLabeler::start_unlisted(&did, SigningKey::k256(7)).await;
        self.relay.add(Account::new(&did, account_key()).with_posts(20));
        self.plc.set_account(&did, &account_key(), &self.relay.url());
        labeler
    }

    /// Puts service and keys into the directory.
    fn publish(&self, labeler: &FakeLabeler) {
        let document = Document::labeler(labeler.did(), &labeler.key(), &labeler.url());
        let document = document.atproto_key(&account_key()).pds(&self.relay.url());
        self.plc.set(labeler.did(), &document.json());
    }
}

/// What the accounts sign with.
fn account_key() -> SigningKey {
    SigningKey::p256(8)
}

async fn is_tracked(tap: &Tap, did: &str) -> bool {
    tap.ask(Method::GET, &format!("/labelers/{did}"), None).await.0 == StatusCode::OK
}

/// The labeler, once it is followed, which it is by these hints.
async fn found(tap: &Tap, labeler: &FakeLabeler, sources: &[&str]) -> Value {
    let shown = tap.state_when_tracked(labeler.did(), "live").await;
    assert_eq!(shown["sources"], json!(sources), "{shown}");
    shown
}

/// Waits until a metric is as wanted.
async fn metric_until(tap: &Tap, name: &str, wanted: impl Fn(f64) -> bool) -> f64 {
    let begun = Instant::now();
    loop {
        let value = tap.metric(name).await;
        if wanted(value) {
            return value;
        }
        assert!(begun.elapsed() < LIMIT, "{name} is still {value}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the firehose was read up to there, as far as the disk knows.
async fn read_up_to(tap: &Tap, seq: i64) {
    let begun = Instant::now();
    loop {
        let cursor = tap.get("/stats/cursors").await["firehose"].as_i64().unwrap();
        if cursor >= seq {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "the firehose is still read up to {cursor}, not {seq}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
