//! What the tests stand on.

use crate::said::{Said, said};
use axum::http::StatusCode;
use deliver::{AskError, Change, Deliver, DeliverError, Limits, Settings, Start, Told};
use futures_util::{SinkExt, StreamExt};
use label::{Did, Epoch, Hosts, Millis, Seq};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use store::{Batch, Source, Store};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

pub(crate) const LABELER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

/// Another one, which is tracked when it first says something.
pub(crate) const OTHER: &str = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";
/// Labels in one commit, at most.
const TOGETHER: usize = 10_000;

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
    cursors: HashMap<&'static str, Seq>,
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
        Self::serve(dir, store, HashMap::new(), settings, limits).await
    }

    async fn serve(
        dir: TempDir,
        store: Store,
        cursors: HashMap<&'static str, Seq>,
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
        Self { dir, store, cursors, deliver, address, stop, crew, server }
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
        Self::serve(self.dir, store, self.cursors, settings, Limits::default()).await
    }

    /// Stores one label for each uri, in one commit.
    pub(crate) async fn labels(&mut self, uris: &[&str]) {
        self.log(uris.iter().map(|uri| said(uri))).await;
    }

    /// Stores these in this order, each under the next id.
    pub(crate) async fn log(&mut self, all: impl IntoIterator<Item = Said>) {
        let all: Vec<Said> = all.into_iter().collect();
        for run in all.chunk_by(|a, b| a.labeler == b.labeler).flat_map(|run| run.chunks(TOGETHER))
        {
            self.commit(run).await;
        }
    }

    async fn commit(&mut self, run: &[Said]) {
        let labeler = run[0].labeler;
        let did = Did::parse(labeler).unwrap();
        if labeler != LABELER && !self.cursors.contains_key(labeler) {
            self.store.add_labelers(vec![did.clone()], Source::Api, Millis(1)).await.unwrap();
        }
        let after = self.cursors.get(labeler).copied().unwrap_or(Seq::START);
        let first = after.get() + 1;
        let seqs = (first..).map(|seq| Seq::new(seq).unwrap());
        let entries: Vec<_> = seqs.zip(run).map(|(seq, said)| said.entry(seq)).collect();
        let cursor = Seq::new(first + run.len() as i64 - 1).unwrap();
        self.cursors.insert(labeler, cursor);
        let received_at = Millis(1);
        let epoch = Epoch::FIRST;
        let batch = Batch { labeler: did, epoch, after, cursor, received_at, entries };
        self.store.commit(batch).await.unwrap();
    }

    /// Changes a consumer, or makes it.
    pub(crate) async fn put(&self, name: &str, change: Change) -> Told {
        soon(self.deliver.put(name, change)).await.unwrap()
    }

    pub(crate) async fn filter(&self, name: &str, filter: serde_json::Value) -> Told {
        let fields = filter.as_object().unwrap();
        let filter = deliver::filter::read(fields, Hosts::Public).unwrap();
        self.put(name, Change { filter: Some(Some(filter)), ..Change::default() }).await
    }

    pub(crate) async fn begin(&self, name: &str, start: Start) -> Told {
        self.put(name, Change { start: Some(start), ..Change::default() }).await
    }

    pub(crate) fn told(&self, name: &str) -> Told {
        self.deliver.consumer(name).unwrap()
    }

    /// Waits until everything up to there is acked or passed over, or given up.
    pub(crate) async fn position(&self, name: &str, position: i64) {
        until(|| self.told(name).position == position).await;
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<(), AskError> {
        soon(self.deliver.remove(name)).await
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
        // One limit for all of it: pings would begin it anew for ever.
        let text = async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Text(text) => return text.as_str().to_owned(),
                    Message::Ping(_) => {}
                    other => panic!("{other:?} is no event"),
                }
            }
        };
        soon(text).await
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

    /// Acks in one message.
    pub(crate) async fn acks(&mut self, ids: &[i64]) {
        self.say(&serde_json::json!({ "type": "ack", "ids": ids }).to_string()).await;
    }

    /// The next events' ids, each acked as it comes.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.id().await);
            self.ack(ids[ids.len() - 1]).await;
        }
        ids
    }

    /// Asserts that nothing has come: a ping is answered before anything else.
    ///
    /// What the consumer was told before is dealt with by then only if it shows elsewhere.
    pub(crate) async fn assert_quiet(&mut self) {
        self.socket.send(Message::Ping("quiet?".into())).await.unwrap();
        loop {
            match soon(self.socket.next()).await.unwrap().unwrap() {
                Message::Pong(_) => return,
                Message::Ping(_) => {}
                other => panic!("{other:?} came"),
            }
        }
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
