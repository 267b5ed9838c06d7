//! A labeler that really signs, on a real socket, with faults to order.
//!
//! [`FakeLabeler`] serves `com.atproto.label.subscribeLabels` as real ones do: without a
//! cursor only what comes from now on, with one every frame above it and then what comes;
//! a cursor above the head is answered with `FutureCursor` and a close. A cursor that is no
//! number counts as none. It sends no pings and answers those it gets.

mod faults;
mod http;
mod link;
mod log;
mod server;

pub use faults::{Deed, Ending, Faults, Refusal, Rule, When};
pub use log::{Backlog, Numbering};

use crate::{Document, LabelSpec, Plc, SignedLabel, SigningKey, frame};
use bytes::Bytes;
use http::Request;
use log::Message;
use server::Server;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long the `wait_…` functions wait before they fail the test.
const LIMIT: Duration = Duration::from_secs(20);

/// One request for the stream.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// When it was answered.
    pub at: Instant,
    /// The parameter `cursor` as it was written.
    pub cursor: Option<String>,
    /// 101, or the status it was refused with.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Frames of the log sent on it so far.
    pub frames: u64,
    /// Pings heard on it so far.
    pub pings: u64,
    /// When it ended, however it did.
    pub ended: Option<Instant>,
}

/// A fake labeler. Dropping it frees the port and cuts every connection.
#[derive(Debug)]
pub struct FakeLabeler {
    did: String,
    shared: Arc<Shared>,
    server: Server,
}

impl FakeLabeler {
    /// Starts a labeler under a DID and puts it into the directory.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn start(did: &str, key: SigningKey, plc: &Plc) -> Self {
        let labeler = Self::start_unlisted(did, key).await;
        labeler.publish(plc);
        labeler
    }

    /// Starts a labeler that no directory knows yet.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub async fn start_unlisted(did: &str, key: SigningKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener, Some(did), key)
    }

    /// Starts a labeler under `did:web:localhost%3APORT`, which serves its own document.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub async fn start_web(key: SigningKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let labeler = Self::on(listener, None, key.clone());
        let document = Document::labeler(&labeler.did, &key, &labeler.url());
        labeler.serve_document(Some(document.json().to_string()));
        labeler
    }

    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    fn on(listener: TcpListener, did: Option<&str>, key: SigningKey) -> Self {
        let address = listener.local_addr().expect("a bound port");
        let web = || format!("did:web:localhost%3A{}", address.port());
        let did = did.map_or_else(web, str::to_owned);
        let shared = Arc::new(Shared::new(key));
        let server = Server::start(listener, address, shared.clone());
        Self { did, shared, server }
    }

    /// Its DID.
    #[must_use]
    pub fn did(&self) -> &str {
        &self.did
    }

    /// Where it listens: `http://127.0.0.1:port`. It stays there through `stop` and `resume`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The key it signs with now.
    #[must_use]
    pub fn key(&self) -> SigningKey {
        self.shared.lock().key.clone()
    }

    /// Puts its present key and address into the directory.
    pub fn publish(&self, plc: &Plc) {
        plc.set_labeler(&self.did, &self.key(), &self.url());
    }

    /// What it answers at `/.well-known/did.json`; `None`: 404.
    pub fn serve_document(&self, document: Option<String>) {
        self.shared.lock().document = document;
    }

    /// Signs with another key from now on. The directory does not hear of it.
    pub fn rotate(&self, key: SigningKey) {
        self.shared.lock().key = key;
    }

    /// Signs a label as it would before sending it.
    #[must_use]
    pub fn sign(&self, spec: LabelSpec) -> SignedLabel {
        spec.sign(&self.did, &self.key())
    }

    /// Says these in one frame, and answers its `seq`. An empty frame is a frame too.
    pub fn emit(&self, specs: impl IntoIterator<Item = LabelSpec>) -> i64 {
        let labels: Vec<_> = specs.into_iter().map(|spec| self.sign(spec)).collect();
        self.emit_signed(&labels)
    }

    /// Says each in a frame of its own, and answers the last `seq`.
    pub fn emit_each(&self, specs: impl IntoIterator<Item = LabelSpec>) -> i64 {
        specs.into_iter().fold(self.head(), |_, spec| self.emit([spec]))
    }

    /// Says labels that are signed already, in one frame, and answers its `seq`.
    pub fn emit_signed(&self, labels: &[impl AsRef<[u8]>]) -> i64 {
        self.shared.append(|seq| frame::labels(seq, labels))
    }

    /// Sends any message in the place of the next frame, and answers the `seq` that it
    /// takes up: asked for a cursor of that or more, the message is not sent again.
    pub fn emit_raw(&self, message: impl FnOnce(i64) -> Vec<u8>) -> i64 {
        self.shared.append(message)
    }

    /// Puts a message at the end of the log under any `seq`, also one that is not above
    /// the others.
    pub fn insert(&self, seq: i64, message: &[u8]) {
        self.shared.insert(seq, message);
    }

    /// Signs so many plain labels ([`LabelSpec::numbered`]), one in each frame, and puts
    /// them at the end of the log. Answers the last `seq`.
    pub fn preload(&self, count: u64) -> i64 {
        let numbering = Numbering { first: self.head() + 1, per_frame: 1 };
        let key = self.key();
        self.extend(&Backlog::sign(&self.did, &key, numbering, count, LabelSpec::numbered))
    }

    /// Puts a backlog at the end of the log, whatever its numbers. Answers the last `seq`.
    pub fn extend(&self, backlog: &Backlog) -> i64 {
        self.shared.extend(backlog);
        self.head()
    }

    /// The `seq` of the newest frame; 0 when there was none.
    #[must_use]
    pub fn head(&self) -> i64 {
        self.shared.head()
    }

    /// Leaves out sequence numbers: the next frame gets this one.
    pub fn skip_to(&self, seq: i64) {
        self.shared.lock().head = seq - 1;
    }

    /// Forgets everything it said, and numbers from 1 again. Connections are cut.
    pub fn reset(&self) {
        {
            let mut state = self.shared.lock();
            state.messages.clear();
            state.head = 0;
        }
        self.drop_connections(Ending::Reset);
    }

    /// Does this wrong from now on, on open connections too.
    pub fn faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// Ends every open connection, and goes on accepting new ones.
    pub fn drop_connections(&self, ending: Ending) {
        self.shared.cut.send_replace(Some(ending));
    }

    /// Ends every connection and closes the port: connecting is refused.
    pub async fn stop(&mut self, ending: Ending) {
        self.drop_connections(ending);
        self.server.stop().await;
    }

    /// Listens again, on the same port, with everything it has said.
    ///
    /// # Panics
    ///
    /// When another process took the port.
    pub async fn resume(&mut self) {
        self.server.resume(self.shared.clone()).await;
    }

    /// Every request for the stream so far, oldest first.
    #[must_use]
    pub fn upgrades(&self) -> Vec<Upgrade> {
        self.shared.lock().upgrades.clone()
    }

    /// How many streams are open.
    #[must_use]
    pub fn open(&self) -> usize {
        let state = self.shared.lock();
        state.upgrades.iter().filter(|up| up.status == 101 && up.ended.is_none()).count()
    }

    /// Waits until there were so many requests for the stream in all.
    ///
    /// # Panics
    ///
    /// When it takes longer than 20 s.
    pub async fn wait_for_upgrades(&self, count: usize) {
        self.wait_until("upgrades", |labeler| labeler.shared.lock().upgrades.len() >= count).await;
    }

    /// Waits until exactly so many streams are open.
    ///
    /// # Panics
    ///
    /// When it takes longer than 20 s.
    pub async fn wait_for_open(&self, count: usize) {
        self.wait_until("open streams", |labeler| labeler.open() == count).await;
    }

    #[expect(clippy::panic, reason = "a test whose peer does not come should stop")]
    async fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            if start.elapsed() > LIMIT {
                panic!("{}: no such number of {what}: {:#?}", self.did, self.upgrades());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What the handle and the connections share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts changes of the log and the faults, to wake the connections.
    moved: watch::Sender<u64>,
    /// Orders all connections to end.
    cut: watch::Sender<Option<Ending>>,
}

#[derive(Debug)]
struct State {
    key: SigningKey,
    document: Option<String>,
    messages: Vec<Message>,
    head: i64,
    faults: Arc<Faults>,
    generation: u64,
    /// How many more upgrades get these faults, if they are limited.
    left: u64,
    upgrades: Vec<Upgrade>,
}

/// Which faults concern a connection that was opened under a generation of them.
#[derive(Debug, Clone, Copy)]
struct Treatment {
    /// The generation of limited faults that it was counted in.
    counted_in: Option<u64>,
}

impl Shared {
    fn new(key: SigningKey) -> Self {
        let state = State {
            key,
            document: None,
            messages: Vec::new(),
            head: 0,
            faults: Arc::default(),
            generation: 0,
            left: 0,
            upgrades: Vec::new(),
        };
        let (moved, cut) = (watch::Sender::new(0), watch::Sender::new(None));
        Self { state: Mutex::new(state), moved, cut }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.moved.send_modify(|moves| *moves += 1);
    }

    fn document(&self) -> Option<String> {
        self.lock().document.clone()
    }

    fn head(&self) -> i64 {
        self.lock().head
    }

    fn append(&self, make: impl FnOnce(i64) -> Vec<u8>) -> i64 {
        let seq = {
            let mut state = self.lock();
            let seq = state.head + 1;
            let wire = Bytes::from(log::message(log::BINARY, &make(seq)));
            state.messages.push(Message { seq, wire });
            state.head = seq;
            seq
        };
        self.wake();
        seq
    }

    fn insert(&self, seq: i64, payload: &[u8]) {
        {
            let mut state = self.lock();
            let wire = Bytes::from(log::message(log::BINARY, payload));
            state.messages.push(Message { seq, wire });
            state.head = state.head.max(seq);
        }
        self.wake();
    }

    fn extend(&self, backlog: &Backlog) {
        {
            let mut state = self.lock();
            state.messages.extend_from_slice(&backlog.messages);
            state.head = state.head.max(backlog.last());
        }
        self.wake();
    }

    /// Index of the first message above the cursor; without one, of the next to come.
    /// `None`: the cursor is in the future.
    fn start(&self, cursor: Option<i64>) -> Option<usize> {
        let state = self.lock();
        if cursor.is_some_and(|cursor| cursor > state.head) {
            return None;
        }
        let above = |cursor| state.messages.iter().position(|message| message.seq > cursor);
        Some(cursor.and_then(above).unwrap_or(state.messages.len()))
    }

    fn seq_at(&self, index: usize) -> Option<i64> {
        self.lock().messages.get(index).map(|message| message.seq)
    }

    /// The messages from an index on, as bytes and their number: at least one, if there
    /// is one, and no more once `limit` bytes are reached.
    fn messages(&self, from: usize, limit: usize) -> (Vec<u8>, usize) {
        let state = self.lock();
        let (mut out, mut count) = (Vec::new(), 0);
        for message in state.messages.get(from..).unwrap_or_default() {
            if out.len() >= limit {
                break;
            }
            out.extend_from_slice(&message.wire);
            count += 1;
        }
        (out, count)
    }

    fn set_faults(&self, faults: Faults) {
        {
            let mut state = self.lock();
            state.left = faults.only_first.unwrap_or(0);
            state.faults = Arc::new(faults);
            state.generation += 1;
        }
        self.wake();
    }

    fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Counts a new connection against limited faults.
    fn admit(&self) -> Treatment {
        let mut state = self.lock();
        let counted = state.left > 0;
        state.left = state.left.saturating_sub(1);
        Treatment { counted_in: counted.then_some(state.generation) }
    }

    /// The faults that a connection has to suffer now.
    fn treat(&self, treatment: &Treatment) -> Arc<Faults> {
        let state = self.lock();
        let counted = treatment.counted_in == Some(state.generation);
        if counted || state.faults.only_first.is_none() {
            state.faults.clone()
        } else {
            Arc::default()
        }
    }

    fn note_upgrade(&self, request: &Request, status: u16) -> usize {
        let mut state = self.lock();
        state.upgrades.push(Upgrade {
            at: Instant::now(),
            cursor: request.parameter("cursor").map(str::to_owned),
            status,
            headers: request.headers.clone(),
            frames: 0,
            pings: 0,
            ended: (status != 101).then(Instant::now),
        });
        state.upgrades.len() - 1
    }

    fn note(&self, entry: usize, change: impl FnOnce(&mut Upgrade)) {
        if let Some(upgrade) = self.lock().upgrades.get_mut(entry) {
            change(upgrade);
        }
    }

    fn note_sent(&self, entry: usize, frames: u64) {
        self.note(entry, |upgrade| upgrade.frames += frames);
    }

    fn note_ping(&self, entry: usize) {
        self.note(entry, |upgrade| upgrade.pings += 1);
    }

    fn note_end(&self, entry: usize) {
        self.note(entry, |upgrade| upgrade.ended = Some(Instant::now()));
    }
}
