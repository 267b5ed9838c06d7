//! A service with something of everything, and a way to ask it and have the answer judged.

use super::document::{Answer, Document};
use super::fields::{fields, fields_of};
use crate::tap::{LIMIT, Tap};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use testkit::repo::Account;
use testkit::{
    Document as DidDocument, FakeLabeler, FakeRelay, LabelSpec, Plc, Receiver, Reply, Sig,
    SigningKey, plc_did,
};

const PASSWORD: &str = "s3cret";
/// The same as Basic authentication has it.
pub(super) const CREDENTIALS: &str = "YWRtaW46czNjcmV0";
pub(super) const SUBJECT: &str =
    "at://did:plc:ar7c4by46qjdydhdevvrndac/app.bsky.feed.post/3jzfcijpj2z2a";

/// Peers with something to say, and where labeltap keeps it.
pub(super) struct Scene {
    pub(super) plc: Plc,
    pub(super) did: String,
    /// A labeler that nobody can reach.
    pub(super) lost: String,
    /// Refuses every event.
    pub(super) receiver: Receiver,
    relay: FakeRelay,
    _labeler: FakeLabeler,
    dir: tempfile::TempDir,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let (plc, relay) = (Plc::start().await, FakeRelay::start().await);
        let (did, lost) = (plc_did("described"), plc_did("lost"));
        let labeler = FakeLabeler::start_unlisted(&did, SigningKey::k256(130)).await;
        labeler.emit([LabelSpec::new(SUBJECT, "!takedown").cid(CID).exp(LATER)]);
        labeler.emit([LabelSpec::new(SUBJECT, "spam"), LabelSpec::new(&did, "rude")]);
        labeler.emit([LabelSpec::new(&did, "rude").neg(true)]);
        labeler.emit([LabelSpec::numbered(1).sig(Sig::Absent)]);
        labeler.emit([
            LabelSpec::numbered(2).ver(None).cid(CID).exp(LATER),
            LabelSpec::numbered(3).without("uri"),
        ]);
        let account = SigningKey::p256(131);
        relay.add(Account::new(&did, account.clone()));
        relay.change(&did, |account| account.declare(&["spam", "rude"]));
        let document = DidDocument::labeler(&did, &labeler.key(), &labeler.url());
        plc.set(&did, &document.atproto_key(&account).pds(&relay.url()).json());
        for key in [133, 132] {
            plc.set_labeler(&lost, &SigningKey::k256(key), "http://127.0.0.1:9");
        }
        let receiver = Receiver::start().await;
        receiver.reply(Reply::status(500));
        let dir = tempfile::tempdir().unwrap();
        Self { plc, did, lost, receiver, relay, _labeler: labeler, dir }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.path().join("tap.db")
    }

    /// Starts a service here, with a password.
    pub(super) async fn serve(&self, more: &[&str]) -> Asked {
        let relay = self.relay.url();
        let usual = ["--relay-url", &relay, "--admin-password", PASSWORD];
        let args = [usual.as_slice(), more].concat();
        let tap = Tap::start(&self.plc, &self.database(), &args).with_password(PASSWORD);
        let document = Document(tap.get("/openapi.json").await);
        let http = reqwest::Client::new();
        Asked { tap, document, http, seen: Mutex::default(), fields: Mutex::default() }
    }
}

const LATER: &str = "2999-01-01T00:00:00Z";
const CID: &str = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a";

/// A service whose every answer is judged.
pub(super) struct Asked {
    pub(super) tap: Tap,
    pub(super) document: Document,
    http: reqwest::Client,
    /// What was answered: path, method and status.
    seen: Mutex<BTreeSet<(String, String, u16)>>,
    fields: Mutex<BTreeSet<String>>,
}

/// What a request has besides its target.
#[derive(Debug, Default, Clone)]
pub(super) struct With {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<String>,
    pub(super) no_password: bool,
}

impl With {
    pub(super) fn body(body: &Value) -> Self {
        Self { body: Some(body.to_string()), ..Self::default() }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Asked {
    /// Asks, judges the answer, and says that it is of this status.
    pub(super) async fn ask(&self, status: u16, method: &str, target: &str, with: With) -> Value {
        let answer = self.send(method, target, with).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        self.judge(method, target, &answer);
        answer.body()
    }

    pub(super) async fn get(&self, status: u16, target: &str) -> Value {
        self.ask(status, "get", target, With::default()).await
    }

    pub(super) async fn post(&self, status: u16, target: &str, body: &Value) -> Value {
        self.ask(status, "post", target, With::body(body)).await
    }

    pub(super) async fn put(&self, status: u16, target: &str, body: &Value) -> Value {
        self.ask(status, "put", target, With::body(body)).await
    }

    /// Asks for a WebSocket.
    pub(super) async fn upgrade(&self, status: u16, target: &str) {
        let with = With::default()
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        self.ask(status, "get", target, with).await;
    }

    async fn send(&self, method: &str, target: &str, with: With) -> Answer {
        let name = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let mut request =
            self.http.request(name, format!("{}{target}", self.tap.url)).timeout(LIMIT);
        if !with.no_password {
            request = request.basic_auth("admin", Some(PASSWORD));
        }
        let mut headers = HeaderMap::new();
        if let Some(body) = with.body {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            request = request.body(body);
        }
        for (name, value) in with.headers {
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        let answer = request.headers(headers).send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        // What comes after is no body.
        let upgraded = status == StatusCode::SWITCHING_PROTOCOLS;
        let text = if upgraded { String::new() } else { answer.text().await.unwrap() };
        Answer { status: status.as_u16(), headers, text }
    }

    pub(super) fn judge(&self, method: &str, target: &str, answer: &Answer) {
        let (path, method, status) = self.document.check(method, target, answer);
        let said = &self.document.0["paths"][&path][&method]["responses"][status.to_string()];
        if let Some(schema) = self.document.schema(said) {
            let found = fields_of(&self.document, &schema, &answer.body());
            self.fields.lock().unwrap().extend(found);
        }
        self.seen.lock().unwrap().insert((path, method, status));
    }

    /// What is described and was not answered.
    pub(super) fn never_answered(&self) -> Vec<(String, String, u16)> {
        let seen = self.seen.lock().unwrap();
        let all = self.document.operations().into_iter().flat_map(|one| {
            let statuses: Vec<u16> = one.statuses().collect();
            statuses
                .into_iter()
                .map(move |status| (one.path.to_owned(), one.method.to_owned(), status))
        });
        all.filter(|answer| !seen.contains(answer)).collect()
    }

    /// Fields of answers that are described and no answer had.
    pub(super) fn never_there(&self) -> BTreeSet<String> {
        let mut described = BTreeSet::new();
        for operation in self.document.operations() {
            for response in operation.said["responses"].as_object().unwrap().values() {
                let schema = self.document.schema(response);
                described.extend(schema.iter().flat_map(|schema| fields(&self.document, schema)));
            }
        }
        &described - &self.fields.lock().unwrap()
    }

    /// Waits until what is answered is as wanted.
    pub(super) async fn until(&self, target: &str, wanted: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let answer = self.get(200, target).await;
            if wanted(&answer) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "{target} is still {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Follows both labelers, and waits until all is read that can be.
    pub(super) async fn follow(&self, scene: &Scene) {
        self.post(200, "/labelers/add", &json!({ "dids": [scene.did, scene.lost] })).await;
        self.until(&format!("/labelers/{}", scene.did), |shown| {
            shown["state"] == "live" && shown["cursor"] == 5 && shown["declaration"].is_object()
        })
        .await;
        self.until(&format!("/labelers/{}", scene.lost), |shown| shown["retry_after"].is_string())
            .await;
    }
}
