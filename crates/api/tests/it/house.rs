//! A whole API on a database of its own, and a way to ask it.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use label::{Did, Epoch, Hosts, Label, Millis, Parts, Seq, Verdict};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use store::{Batch, Entry, Rejected, Store};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

pub(crate) const ANN: &str = "did:plc:ar7c4by46qjdydhdevvrndac";
pub(crate) const BOB: &str = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";
pub(crate) const CAT: &str = "did:web:localhost%3A8080";

/// 2024-10-07T12:00:00.050Z
pub(crate) const NOW: Millis = Millis(1_728_302_400_050);

/// The name of its relay.
pub(crate) const RELAY: &str = "https://relay.test";

pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) board: fleet::Board,
    pub(crate) router: Router,
    pub(crate) deliver: deliver::Deliver,
    _stop: DropGuard,
    _dir: tempfile::TempDir,
}

/// What may differ between two houses.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) password: Option<&'static str>,
    pub(crate) plc: Option<String>,
    pub(crate) public_xrpc: bool,
    pub(crate) no_metrics: bool,
    /// Handles that DNS knows, and whose they are; `None`: the DNS of this machine is asked.
    pub(crate) handles: Option<&'static [(&'static str, &'static str)]>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let kind = self.headers.get("content-type").map(|kind| kind.to_str().unwrap());
        assert_eq!(kind, Some("application/json"), "{self:?}");
        serde_json::from_str(&self.text).unwrap()
    }

    /// Asserts that this is a refusal in the one shape, and answers its sentence.
    pub(crate) fn refusal(&self, status: u16, error: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let json = self.json();
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
        assert_eq!(json["error"], error, "{json}");
        let message = json["message"].as_str().unwrap();
        assert!(!message.is_empty());
        message.to_owned()
    }
}

impl House {
    pub(crate) fn plain() -> Self {
        Self::with(Wishes::default())
    }

    pub(crate) fn with(wishes: Wishes) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("labels.db")).unwrap();
        let stop = CancellationToken::new();
        let settings = deliver::Settings { window: 10, ..deliver::Settings::usual(|| NOW) };
        let (deliver, running) = deliver::Deliver::start(store.clone(), settings, stop.clone());
        drop(tokio::spawn(running));
        let plc = wishes.plc.unwrap_or_else(|| "http://127.0.0.1:1".to_owned());
        let settings =
            identity::Settings { plc_url: plc.parse().unwrap(), allow_private_hosts: true };
        let resolver = match wishes.handles {
            Some(handles) => {
                let names = Arc::new(Handles(handles));
                identity::Resolver::with(settings, names, identity::Limits::default())
            }
            None => identity::Resolver::new(settings),
        };
        let board = fleet::Board::default();
        let (pulse, beating) = pulse::Pulse::start(
            pulse::Parts {
                store: store.clone(),
                board: board.clone(),
                deliver: deliver.clone(),
                parallelism: 1000,
                most_labels: None,
                version: "0.0.0",
                started_at: NOW,
                now: || NOW,
            },
            stop.clone(),
        );
        drop(tokio::spawn(beating));
        let router = api::router(api::Parts {
            store: store.clone(),
            board: board.clone(),
            resolver: resolver.unwrap(),
            deliver: deliver.clone(),
            stream: stream::Stream::new(store.clone(), stream::Limits::USUAL, stop.clone()),
            pulse,
            hosts: Hosts::Private,
            password: wishes.password.map(str::to_owned),
            public_xrpc: wishes.public_xrpc,
            browser_hosts: vec!["labels.example".to_owned()],
            metrics: (!wishes.no_metrics).then(|| Arc::new(|| "labeltap_up 1\n".to_owned()) as _),
            relay: RELAY.to_owned(),
            now: || NOW,
        });
        Self { store, board, router, deliver, _stop: stop.drop_guard(), _dir: dir }
    }

    /// One whose consumers run.
    pub(crate) async fn with_consumers() -> Self {
        let house = Self::plain();
        house.deliver.counted().await;
        house
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/json");
        self.ask(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Adds these labelers through the API.
    pub(crate) async fn add(&self, dids: &[&str]) {
        let body = serde_json::json!({ "dids": dids }).to_string();
        let answer = self.post("/labelers/add", &body).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    }

    /// What `GET /labelers` lists, as DIDs.
    pub(crate) async fn tracked(&self) -> Vec<String> {
        let json = self.get("/labelers").await.json();
        let labelers = json["labelers"].as_array().unwrap();
        labelers.iter().map(|labeler| labeler["did"].as_str().unwrap().to_owned()).collect()
    }

    /// Has a labeler say these, one frame each: what it is about, and what it says. Nobody here
    /// checks signatures.
    pub(crate) async fn say(&self, labeler: &str, labels: &[(&str, &str)]) {
        let after = self.store.labeler(did(labeler)).await.unwrap().unwrap().cursor;
        let entry = |(seq, (uri, val)): (i64, &(&str, &str))| {
            let label = Label::vouched(Parts {
                src: did(labeler),
                uri: (*uri).to_owned(),
                cid: None,
                val: (*val).to_owned(),
                neg: None,
                cts: "2024-10-07T11:59:00.000Z".to_owned(),
                exp: None,
                sig: vec![7; 64],
            });
            let seq = Seq::new(seq).unwrap();
            Entry::Label { seq, place: 0, label, verdict: Verdict::Verified, raw: None }
        };
        let entries: Vec<Entry> = (after.get() + 1..).zip(labels).map(entry).collect();
        let cursor = Seq::new(after.get() + entries.len() as i64).unwrap();
        let (labeler, epoch) = (did(labeler), Epoch::FIRST);
        let batch = Batch { labeler, epoch, after, cursor, received_at: NOW, entries };
        self.store.commit(batch).await.unwrap();
    }

    /// Stores one rejected label per frame, in the frames 1 to `frames`.
    pub(crate) async fn reject(&self, labeler: &str, frames: i64) {
        for seq in 1..=frames {
            let rejected = Rejected {
                seq: Seq::new(seq).unwrap(),
                place: 0,
                verdict: Verdict::Unsigned,
                reason: format!("no signature in frame {seq}"),
                raw: vec![0xa1, 0x61, b'n', u8::try_from(seq).unwrap()],
            };
            let batch = Batch {
                labeler: did(labeler),
                epoch: Epoch::FIRST,
                after: Seq::cursor(seq - 1).unwrap(),
                cursor: Seq::new(seq).unwrap(),
                received_at: NOW,
                entries: vec![Entry::Rejected(rejected)],
            };
            self.store.commit(batch).await.unwrap();
        }
    }
}

pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

pub(crate) fn did(text: &str) -> Did {
    Did::parse_followable(text, Hosts::Private).unwrap()
}

/// A number for a status that tests compare.
pub(crate) const OK: u16 = StatusCode::OK.as_u16();

/// A DNS of handles alone; hosts have no address in it, and a name that begins with `broken` no
/// answer.
struct Handles(&'static [(&'static str, &'static str)]);

impl identity::Names for Handles {
    fn addresses<'a>(&'a self, host: &'a str) -> identity::Answer<'a, IpAddr> {
        let unknown = || identity::LookupError::NoSuchName;
        let broken = || identity::LookupError::Failed("no answer".to_owned());
        let error = if host.starts_with("broken") { broken() } else { unknown() };
        Box::pin(async { Err(error) })
    }

    fn texts<'a>(&'a self, name: &'a str) -> identity::Answer<'a, String> {
        let handle = name.trim_start_matches("_atproto.");
        let known = self.0.iter().find(|(known, _)| *known == handle);
        let found = known.map(|(_, did)| vec![format!("did={did}")]);
        let broken = || identity::LookupError::Failed("no answer".to_owned());
        let unknown = || identity::LookupError::NoSuchName;
        let missing = if handle.starts_with("broken") { broken() } else { unknown() };
        Box::pin(async { found.ok_or(missing) })
    }
}
