//! A receiver of webhooks: a real HTTP server whose answers a test chooses as it goes, and
//! that keeps every request it got.

mod http;
mod serve;

use crate::Answer;
use serde_json::Value;
use serve::{Server, Shared};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the `wait_…` functions wait before they fail the test.
const LIMIT: Duration = Duration::from_secs(60);

/// What a receiver does with a request that it has read.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Gives this answer, and keeps the connection.
    Says(Answer),
    /// Gives no answer. When the receiver is told to reply otherwise, so is this request.
    Hangs,
    /// Closes the connection.
    HangsUp,
    /// Sends half of an answer with this status and closes the connection. The half breaks
    /// off within the head.
    BreaksOff(u16),
    /// Answers with this status and a body that never ends.
    NeverEnds(u16),
}

impl Reply {
    /// An answer with this status and no body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Says(Answer::new(status, ""))
    }

    /// 429, and when to come back.
    #[must_use]
    pub fn too_many(retry_after: &str) -> Self {
        Self::Says(Answer::new(429, "").header("retry-after", retry_after))
    }

    /// A redirect to there.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Says(Answer::new(status, "").header("location", location))
    }
}

/// One request, and what became of it.
#[derive(Debug, Clone)]
pub struct Post {
    /// When it was read to its end.
    pub at: Instant,
    /// On which connection it came: 1 is the first.
    pub connection: u64,
    /// `POST`, one hopes.
    pub method: String,
    /// Path and query, as they were written.
    pub target: String,
    /// In the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// The status it was answered with, once it was.
    pub status: Option<u16>,
    /// When it was answered or given up by either side.
    pub ended: Option<Instant>,
}

impl Post {
    /// The value of a header, if it came exactly once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(present, _)| present == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it was answered with success.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// The receiver. Dropping it frees the port and cuts every connection.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    server: Server,
}

impl Receiver {
    /// Starts a receiver on a free port of 127.0.0.1 that answers 200 to everything.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::new());
        let server = Server::start("127.0.0.1:0", &shared).await;
        Self { shared, server }
    }

    /// Where it listens, `http://127.0.0.1:port/hook`, also while it is stopped.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.server.address)
    }

    /// Replies like this from now on.
    pub fn reply(&self, reply: Reply) {
        self.reply_by(move |_| reply.clone());
    }

    /// Replies to each request as this says, from now on. A request that hangs is asked
    /// about again.
    pub fn reply_by(&self, decide: impl Fn(&Post) -> Reply + Send + Sync + 'static) {
        self.shared.decide(Arc::new(decide));
    }

    /// Replies like this to the next requests, one each, before what holds otherwise.
    pub fn reply_next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.lock().next.extend(replies);
    }

    /// Takes so long before each reply, from the next request on.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Closes every new connection before a word is said on it, or stops doing so.
    pub fn slam(&self, on: bool) {
        self.shared.lock().slams = on;
    }

    /// Cuts every connection and closes the port: connecting is refused.
    pub async fn stop(&mut self) {
        self.server.stop().await;
    }

    /// Listens again, on the same port.
    ///
    /// # Panics
    ///
    /// When another process took the port.
    pub async fn resume(&mut self) {
        if !self.server.runs() {
            self.server = Server::start(&self.server.address.to_string(), &self.shared).await;
        }
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        self.shared.lock().posts.clone()
    }

    /// How many requests came so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.lock().posts.len()
    }

    /// How many requests are under way.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.lock().posts.iter().filter(|post| post.ended.is_none()).count()
    }

    /// How many connections were accepted, those slammed shut included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Waits until this holds.
    ///
    /// # Panics
    ///
    /// When it takes longer than a minute.
    #[expect(clippy::panic, reason = "a test whose peer does not come should stop")]
    pub async fn wait_until(&self, what: &str, holds: impl Fn(&[Post]) -> bool) {
        let start = Instant::now();
        while !holds(&self.shared.lock().posts) {
            if start.elapsed() > LIMIT {
                panic!("not in time: {what}; {} requests came", self.count());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many requests have come.
    ///
    /// # Panics
    ///
    /// When it takes longer than a minute.
    pub async fn wait_for(&self, count: usize) {
        self.wait_until(&format!("{count} requests"), |posts| posts.len() >= count).await;
    }
}
