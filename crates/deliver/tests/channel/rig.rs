//! What the tests stand on.

use axum::http::StatusCode;
use deliver::{Deliver, DeliverError, Limits, Settings};
use futures_util::{SinkExt, StreamExt};
use label::{Did, Epoch, Label, Millis, Parts, Seq, Verdict};
use std::net::SocketAddr;
use std::time::Duration;
use store::{Batch, Entry, Source, Store};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

pub(crate) const LABELER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

/// No step of these tests takes long.
pub(crate) async fn soon<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), step).await.unwrap()
}

/// Waits for something that has no other sign.
pub(crate) async fn until(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub(crate) fn settings() -> Settings {
    Settings { window: 100, ..Settings::usual(|| Millis(1_000_000)) }
}

/// A database, and the service on it while it runs.
pub(crate) struct Rig {
    dir: TempDir,
    pub(crate) store: Store,
    cursor: Seq,
    pub(crate) deliver: Deliver,
    address: SocketAddr,
    stop: CancellationToken,
    pub(crate) crew: JoinHandle<Result<(), DeliverError>>,
    server: JoinHandle<()>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::start_with(settings(), Limits::default()).await
    }

    pub(crate) async fn start_with(settings: Settings, limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db")).unwrap();
        let did = Did::parse(LABELER).unwrap();
        store.add_labelers(vec![did], Source::Api, Millis(1)).await.unwrap();
        Self::serve(dir, store, Seq::START, settings, limits).await
    }

    async fn serve(
        dir: TempDir,
        store: Store,
        cursor: Seq,
        settings: Settings,
        limits: Limits,
    ) -> Self {
        let stop = CancellationToken::new();
        let (deliver, crew) = Deliver::start_within(limits, store.clone(), settings, stop.clone());
        let crew = tokio::spawn(crew);
        soon(deliver.counted()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = deliver.routes();
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { dir, store, cursor, deliver, address, stop, crew, server }
    }

    /// Tells the crew to stop and waits for it.
    pub(crate) async fn stop(&mut self) -> Result<(), DeliverError> {
        self.stop.cancel();
        soon(&mut self.crew).await.unwrap()
    }

    /// Stops and starts on the same database, which is closed and opened in between.
    pub(crate) async fn restart(mut self, settings: Settings) -> Self {
        self.stop().await.unwrap();
        self.server.abort();
        let _aborted = self.server.await;
        self.store.close().await;
        let path = self.dir.path().join("db");
        drop((self.store, self.deliver));
        let store = Store::open(&path).unwrap();
        Self::serve(self.dir, store, self.cursor, settings, Limits::default()).await
    }

    /// Stores one label for each uri, in one commit.
    pub(crate) async fn labels(&mut self, uris: &[&str]) {
        let after = self.cursor;
        let did = Did::parse(LABELER).unwrap();
        let mut entries = Vec::new();
        for uri in uris {
            self.cursor = Seq::new(self.cursor.get() + 1).unwrap();
            let parts = Parts {
                src: did.clone(),
                uri: (*uri).to_owned(),
                cid: None,
                val: "spam".to_owned(),
                neg: None,
                cts: "2024-10-07T12:00:00.000Z".to_owned(),
                exp: None,
                sig: vec![7; 64],
            };
            entries.push(Entry::Label {
                seq: self.cursor,
                place: 0,
                label: Label::vouched(parts),
                verdict: Verdict::Verified,
                raw: None,
            });
        }
        let batch = Batch {
            labeler: did,
            epoch: Epoch::FIRST,
            after,
            cursor: self.cursor,
            received_at: Millis(1),
            entries,
        };
        self.store.commit(batch).await.unwrap();
    }

    pub(crate) async fn connect(&self, query: &str) -> Peer {
        self.try_connect(query).await.unwrap()
    }

    pub(crate) async fn try_connect(&self, query: &str) -> Result<Peer, Error> {
        let url = format!("ws://{}/channel{query}", self.address);
        Ok(Peer { socket: soon(connect_async(url)).await?.0 })
    }

    /// The answer to a connection that is refused.
    pub(crate) async fn refused(&self, query: &str) -> (StatusCode, serde_json::Value) {
        let Err(Error::Http(response)) = self.try_connect(query).await.map(|_| ()) else {
            panic!("{query} was not refused");
        };
        let body = response.body().as_deref().unwrap_or_default();
        (response.status(), serde_json::from_slice(body).unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A client.
pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Peer {
    /// The next event's text; pings are passed over.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match soon(self.socket.next()).await.unwrap().unwrap() {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) => {}
                other => panic!("{other:?} is no event"),
            }
        }
    }

    pub(crate) async fn event(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    pub(crate) async fn id(&mut self) -> i64 {
        self.event().await["id"].as_i64().unwrap()
    }

    pub(crate) async fn ids(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.id().await);
        }
        ids
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn ack(&mut self, id: i64) {
        self.say(&format!(r#"{{"type":"ack","id":{id}}}"#)).await;
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(self) {
        drop(self);
    }

    /// Reads to the end and says how it ended; an answer to our close frame, or nothing.
    pub(crate) async fn end(&mut self) -> Option<Message> {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Close(frame))) => return Some(Message::Close(frame)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}
