//! A DID directory in memory, behind HTTP, that can be made to fail.
//!
//! It answers `GET /{did}` with the document it was given, 404 for others, and counts who
//! was asked for. Every document it is given becomes an operation of its log, which
//! `/{did}/log/audit` and `/export` show. It checks no operation.

mod answer;
mod log;
mod serve;

pub use answer::{Answer, Trouble};
pub use log::Operation;
pub use serve::ExportAsked;

use crate::Document;
use log::Log;
use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

#[derive(Debug, Default)]
struct Directory {
    answers: HashMap<String, Answer>,
    log: Log,
    requests: HashMap<String, u64>,
    audits: HashMap<String, u64>,
    exports: Vec<ExportAsked>,
    trouble: Trouble,
    export_trouble: Trouble,
    delay: Duration,
}

/// The directory. Dropping it closes the port; open connections end with the runtime.
#[derive(Debug)]
pub struct Plc {
    directory: Arc<Mutex<Directory>>,
    address: SocketAddr,
    server: AbortHandle,
}

impl Drop for Plc {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Plc {
    /// Starts an empty directory on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub async fn start() -> Self {
        let directory = Arc::new(Mutex::new(Directory::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let router = serve::router(directory.clone());
        let serving = tokio::spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        Self { directory, address, server: serving.abort_handle() }
    }

    /// Where it listens: `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives a DID its document. For a did:plc that is one more operation in the log.
    pub fn set(&self, did: &str, document: &Value) {
        let mut directory = self.lock();
        directory.log.update(did, document);
        directory.answers.insert(did.to_owned(), Answer::new(200, document.to_string()));
    }

    /// The same, with the time of the operation in milliseconds since 1970. Times need not
    /// grow: `/export` sorts by them.
    pub fn set_at(&self, did: &str, document: &Value, ms: i64) {
        let before = self.lock().log.set_time(Some(ms));
        self.set(did, document);
        self.lock().log.set_time(before);
    }

    /// Gives a DID the document of a labeler.
    pub fn set_labeler(&self, did: &str, key: &crate::SigningKey, endpoint: &str) {
        self.set(did, &Document::labeler(did, key, endpoint).json());
    }

    /// Gives a DID the document of an account: its `#atproto` key and its PDS.
    pub fn set_account(&self, did: &str, key: &crate::SigningKey, pds: &str) {
        self.set(did, &Document::account(did, key, pds).json());
    }

    /// Gives a DID any answer: a redirect, HTML, a document that is too long. The log does
    /// not hear of it.
    pub fn set_answer(&self, did: &str, answer: Answer) {
        self.lock().answers.insert(did.to_owned(), answer);
    }

    /// Forgets a DID: 404 from now on. What the log has of it stays.
    pub fn remove(&self, did: &str) {
        self.lock().answers.remove(did);
    }

    /// The DID is a tombstone: 410 from now on.
    pub fn tombstone(&self, did: &str) {
        let message = format!(r#"{{"message":"DID not available: {did}"}}"#);
        self.set_answer(did, Answer::new(410, message));
        self.lock().log.tombstone(did);
    }

    /// Operations from now on bear this time, in milliseconds since 1970; `None`: the real
    /// one. Two of one time are as possible as in the real directory.
    pub fn set_time(&self, ms: Option<i64>) {
        self.lock().log.set_time(ms);
    }

    /// Marks the newest operation of a DID that is not nullified yet as nullified, as a
    /// recovery does. Which document it has then is for the test to say.
    pub fn nullify(&self, did: &str) {
        self.lock().log.nullify(did);
    }

    /// The whole log, in the order of `/export`.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.lock().log.sorted().cloned().collect()
    }

    /// Breaks the whole directory, or mends it. A request that hangs is answered once it
    /// is mended.
    pub fn trouble(&self, trouble: Trouble) {
        self.lock().trouble = trouble;
    }

    /// Answers 503 to everything, or stops doing so.
    pub fn outage(&self, on: bool) {
        let message = r#"{"message":"told to fail"}"#;
        self.trouble(if on { Trouble::Says(Answer::new(503, message)) } else { Trouble::None });
    }

    /// Breaks `/export` alone, or mends it.
    pub fn export_trouble(&self, trouble: Trouble) {
        self.lock().export_trouble = trouble;
    }

    /// Waits so long before each answer.
    pub fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// How often a DID's document was asked for, also in vain.
    #[must_use]
    pub fn requests(&self, did: &str) -> u64 {
        self.lock().requests.get(did).copied().unwrap_or(0)
    }

    /// How often the log of a DID was asked for, also in vain.
    #[must_use]
    pub fn audits(&self, did: &str) -> u64 {
        self.lock().audits.get(did).copied().unwrap_or(0)
    }

    /// What `/export` was asked so far, also in vain.
    #[must_use]
    pub fn exports(&self) -> Vec<ExportAsked> {
        self.lock().exports.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
