//! A DID directory in memory, behind HTTP, that can be made to fail.
//!
//! It answers `GET /{did}` with the document it was given, 404 for others, and counts who
//! was asked for. It checks no operation and keeps no log.

use crate::Document;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// What the directory says about one DID.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// More headers, such as `location` or `retry-after`.
    pub headers: Vec<(String, String)>,
    /// The body, sent as it is.
    pub body: String,
}

impl Answer {
    /// An answer without headers of its own.
    #[must_use]
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn response(&self) -> Response {
        let mut builder =
            Response::builder().status(self.status).header("content-type", "application/json");
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        builder.body(Body::from(self.body.clone())).unwrap_or_default()
    }
}

/// What ails the whole directory.
#[derive(Debug, Clone, Default)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Every request gets this answer.
    Says(Answer),
    /// Requests are taken and never answered.
    Hangs,
}

#[derive(Debug, Default)]
struct Directory {
    answers: HashMap<String, Answer>,
    requests: HashMap<String, u64>,
    trouble: Trouble,
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
        let router =
            Router::new().route("/{did}", axum::routing::get(answer)).with_state(directory.clone());
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

    /// Gives a DID its document.
    pub fn set(&self, did: &str, document: &Value) {
        self.set_answer(did, Answer::new(200, document.to_string()));
    }

    /// Gives a DID the document of a labeler.
    pub fn set_labeler(&self, did: &str, key: &crate::SigningKey, endpoint: &str) {
        self.set(did, &Document::labeler(did, key, endpoint).json());
    }

    /// Gives a DID any answer: a redirect, HTML, a document that is too long.
    pub fn set_answer(&self, did: &str, answer: Answer) {
        self.lock().answers.insert(did.to_owned(), answer);
    }

    /// Forgets a DID: 404 from now on.
    pub fn remove(&self, did: &str) {
        self.lock().answers.remove(did);
    }

    /// The DID is a tombstone: 410 from now on.
    pub fn tombstone(&self, did: &str) {
        let message = format!(r#"{{"message":"DID not available: {did}"}}"#);
        self.set_answer(did, Answer::new(410, message));
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

    /// Waits so long before each answer.
    pub fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// How often a DID was asked for, also in vain.
    #[must_use]
    pub fn requests(&self, did: &str) -> u64 {
        self.lock().requests.get(did).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a hanging request looks whether the directory was mended.
const GLANCE: Duration = Duration::from_millis(10);

async fn answer(
    State(directory): State<Arc<Mutex<Directory>>>,
    Path(did): Path<String>,
) -> Response {
    let lock = || directory.lock().unwrap_or_else(PoisonError::into_inner);
    let delay = {
        let mut directory = lock();
        *directory.requests.entry(did.clone()).or_default() += 1;
        directory.delay
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    loop {
        match &lock().trouble {
            Trouble::None => break,
            Trouble::Says(answer) => return answer.response(),
            Trouble::Hangs => {}
        }
        tokio::time::sleep(GLANCE).await;
    }
    let unknown = || Answer::new(404, format!(r#"{{"message":"DID not registered: {did}"}}"#));
    lock().answers.get(&did).cloned().unwrap_or_else(unknown).response()
}
