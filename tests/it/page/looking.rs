//! What was said, by whom, about what, and who is owed it.

use super::{play, until, wanted};
use crate::tap::Tap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::repo::Account;
use testkit::{
    Document, FakeLabeler, FakeRelay, LabelSpec, Plc, Receiver, Reply, Sig, SigningKey, cts,
    plc_did,
};

pub(super) const SUBJECT: &str =
    "at://did:plc:ar7c4by46qjdydhdevvrndac/app.bsky.feed.post/3jzfcijpj2z2a";

/// Two labelers with something of everything, and a receiver of webhooks that refuses.
pub(super) struct Scene {
    pub(super) plc: Plc,
    pub(super) did: String,
    pub(super) other_did: String,
    labeler: FakeLabeler,
    other: FakeLabeler,
    relay: FakeRelay,
    receiver: Receiver,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let (plc, relay) = (Plc::start().await, FakeRelay::start().await);
        let (did, other_did) = (plc_did("looked at"), plc_did("other"));
        let labeler = FakeLabeler::start_unlisted(&did, SigningKey::k256(150)).await;
        let other = FakeLabeler::start(&other_did, SigningKey::p256(151), &plc).await;
        let account = SigningKey::p256(152);
        relay.add(Account::new(&did, account.clone()));
        relay.change(&did, |account| account.declare(&["spam", "rude", "!hide"]));
        let document = Document::labeler(&did, &labeler.key(), &labeler.url());
        plc.set(&did, &document.atproto_key(&account).pds(&relay.url()).json());
        labeler.emit([LabelSpec::new(SUBJECT, "spam"), LabelSpec::new(SUBJECT, "rude")]);
        labeler.emit([LabelSpec::new(SUBJECT, "spam").neg(true).cts(cts(5))]);
        // Over four months, so that there is something to draw.
        const DAY: u64 = 86_400_000;
        let vals = ["spam", "rude", "scam", "!hide", "bot", "porn", "ai-art", "misleading"];
        labeler.emit_each((0..160u64).map(|n| {
            let val = vals.iter().cycle().nth((n * n % 23) as usize).unwrap();
            LabelSpec::new(format!("at://{did}/app.bsky.feed.post/{n}"), *val)
                .cts(cts(n * DAY * 3 / 4))
        }));
        labeler.emit_each((1..=12).map(|n| LabelSpec::numbered(n).sig(Sig::Absent)));
        labeler.emit([LabelSpec::numbered(19).ver(None)]);
        let receiver = Receiver::start().await;
        receiver.reply(Reply::status(500));
        Self { plc, did, other_did, labeler, other, relay, receiver }
    }

    /// Follows both, and has a consumer whose events are set aside.
    pub(super) async fn follow(&self, tap: &Tap) {
        tap.add(&[&self.did, &self.other_did]).await;
        tap.state(&self.did, "live").await;
        tap.state(&self.other_did, "live").await;
        tap.labeler_until(&self.did, |shown| shown["declaration"].is_object()).await;
        let hook = json!({ "filter": { "val": ["rude"] }, "webhook": self.receiver.url() });
        let (status, _) = tap.ask(Method::PUT, "/consumers/hook", Some(hook)).await;
        assert_eq!(status, StatusCode::OK);
        until(async || {
            let dead = tap.get("/consumers/hook/dead").await;
            dead["dead"].as_array().is_some_and(|dead| dead.len() > 1)
        })
        .await;
    }

    pub(super) fn settings(&self) -> [String; 4] {
        ["--relay-url".into(), self.relay.url(), "--max-deliveries".into(), "1".into()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_found_and_followed() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::set().await;
    let settings = scene.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let tap = Tap::start(&scene.plc, &dir.path().join("tap.db"), &settings);

    play("looking", &tap.url, async |what, asked| {
        match what {
            "speak" => {
                scene.follow(&tap).await;
                return json!({ "did": scene.did, "other": scene.other_did, "subject": SUBJECT });
            }
            "say more" => scene.other.emit([LabelSpec::new(SUBJECT, "rude")]),
            "say" => {
                let val = asked["val"].as_str().unwrap();
                let uri = asked["uri"].as_str().unwrap_or(&scene.did);
                scene.labeler.emit([LabelSpec::new(uri, val).cts(cts(7))])
            }
            "flood" => scene.other.preload(700),
            "mend the receiver" => {
                scene.receiver.reply(Reply::status(200));
                0
            }
            other => panic!("{other}"),
        };
        Value::Null
    })
    .await;
}
