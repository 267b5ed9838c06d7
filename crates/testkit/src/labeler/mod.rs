//! A labeler that really signs, on a real socket, with faults to order.
//!
//! [`FakeLabeler`] serves `com.atproto.label.subscribeLabels` as real ones do: without a
//! cursor only what comes from now on, with one every frame above it and then what comes;
//! a cursor above the head is answered with `FutureCursor` and a close. A cursor that is no
//! number counts as none. It sends no pings and answers those it gets. Beside its stream it
//! answers `queryLabels` from what it said, and what a test puts at other paths.

mod log;
mod pages;

pub use log::{Backlog, Numbering};

use crate::stream::{Ending, Faults, Page, Server, Shared, Upgrade};
use crate::{Document, LabelSpec, Plc, SignedLabel, SigningKey, frame};
use pages::Own;
use std::sync::Arc;
use tokio::net::TcpListener;

const METHOD: &str = "/xrpc/com.atproto.label.subscribeLabels";

/// A fake labeler. Dropping it frees the port and cuts every connection.
#[derive(Debug)]
pub struct FakeLabeler {
    did: String,
    own: Arc<Own>,
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
        let own = Arc::new(Own::new(key));
        let shared = Arc::new(Shared::new(METHOD, own.clone()));
        let server = Server::start(listener, address, shared.clone());
        Self { did, own, shared, server }
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
        self.own.lock().key.clone()
    }

    /// Puts its present key and address into the directory.
    pub fn publish(&self, plc: &Plc) {
        plc.set_labeler(&self.did, &self.key(), &self.url());
    }

    /// What it answers at `/.well-known/did.json`; `None`: 404.
    pub fn serve_document(&self, document: Option<String>) {
        self.own.lock().document = document;
    }

    /// What a path answers; `queryLabels`, unless it is set here, from what was said.
    pub fn serve_page(&self, path: &str, page: Page) {
        self.own.lock().pages.insert(path.to_owned(), page);
    }

    /// Signs with another key from now on. The directory does not hear of it.
    pub fn rotate(&self, key: SigningKey) {
        self.own.lock().key = key;
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
        self.shared.extend(&backlog.messages, backlog.last());
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
        self.shared.open()
    }

    /// Waits until there were so many requests for the stream in all.
    ///
    /// # Panics
    ///
    /// When it takes longer than 20 s.
    pub async fn wait_for_upgrades(&self, count: usize) {
        let what = format!("{}: fewer than {count} upgrades", self.did);
        self.shared.wait_until(&what, |shared| shared.lock().upgrades.len() >= count).await;
    }

    /// Waits until exactly so many streams are open.
    ///
    /// # Panics
    ///
    /// When it takes longer than 20 s.
    pub async fn wait_for_open(&self, count: usize) {
        let what = format!("{}: not {count} open streams", self.did);
        self.shared.wait_until(&what, |shared| shared.open() == count).await;
    }
}
