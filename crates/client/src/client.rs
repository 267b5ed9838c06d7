//! The client: one connection at a time, opened again whenever it ends.

use crate::ClientError;
use crate::acks::Acks;
use crate::request::{refusal, request};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Between two tries: 250 ms, doubling up to 10 s, with jitter.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);
/// For the handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// The server pings every 20 s, so a connection this silent is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// For sending acks to a server that does not read.
const WRITE: Duration = Duration::from_secs(30);
/// An event is far smaller.
const LARGEST_MESSAGE: usize = 16 * 1024 * 1024;

/// Whom to connect to, and how.
#[derive(Clone)]
pub struct Settings {
    /// The server: `http://host:port`.
    pub url: url::Url,
    /// For Basic auth, user `admin`.
    pub password: Option<String>,
    /// The query of `/channel`: `consumer`, `types`, `raw`, …; a [`Query`](crate::Query)
    /// makes one.
    pub query: Vec<(String, String)>,
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What an ack names.
    pub id: i64,
    /// Its `type`.
    pub kind: String,
    /// The whole JSON text.
    pub text: String,
}

#[derive(Deserialize)]
struct Envelope {
    id: i64,
    r#type: String,
}

/// A reader of the channel. All its methods may be cancelled; nothing is lost by it but
/// what the server sends again.
#[derive(Debug)]
pub struct Client {
    request: http::Request<()>,
    socket: Option<Socket>,
    /// Given and not sent yet.
    acks: Acks,
    /// Connections that ended so far.
    losses: u64,
    /// When the server last gave a sign of life.
    heard: Instant,
    pauses: ExponentialBackoff,
    /// Not to be tried again before.
    rests_until: Option<Instant>,
}

impl Client {
    /// A client that is not connected yet.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        let request = request(&settings)?;
        let heard = Instant::now();
        Ok(Self {
            request,
            socket: None,
            acks: Acks::default(),
            losses: 0,
            heard,
            pauses: pauses(),
            rests_until: None,
        })
    }

    /// The next event. Connects, and connects again, as often as it takes.
    ///
    /// # Errors
    /// What trying again would not mend: see [`ClientError`].
    pub async fn next(&mut self) -> Result<Received, ClientError> {
        loop {
            if self.socket.is_none() {
                self.connect().await?;
            } else if let Some(received) = self.read().await? {
                return Ok(received);
            }
        }
    }

    /// The next event of this connection; `None` when there is none any more.
    pub(crate) async fn read(&mut self) -> Result<Option<Received>, ClientError> {
        while let Some(socket) = &mut self.socket {
            let message = timeout_at(self.heard + SILENCE, socket.next()).await;
            self.heard = Instant::now();
            match message {
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.pauses = pauses();
                    return received(text.as_str()).map(Some);
                }
                Ok(Some(Ok(Message::Binary(_)))) => {
                    return Err(ClientError::NoEvent("a binary message".to_owned()));
                }
                // Pings are answered underneath, with the next read.
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => self.hang_up(),
            }
        }
        Ok(None)
    }

    /// Says that these events are done: now, or on the next connection when there is none or
    /// it breaks. Of more than 100,000 that cannot be sent the oldest are forgotten; their
    /// events come again.
    pub async fn ack(&mut self, ids: &[i64]) {
        self.acks.record(ids);
        self.flush().await;
    }

    /// Whether there is a connection now, as far as we know.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Connects once, after the pause that is due. A failure that may pass is no error.
    async fn connect(&mut self) -> Result<(), ClientError> {
        if let Some(moment) = self.rests_until {
            sleep_until(moment).await;
        }
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(LARGEST_MESSAGE);
        let dial = connect_async_with_config(self.request.clone(), Some(config), true);
        let dialled = timeout(CONNECT, dial).await;
        // Also after a success: a server that cuts at once is not to be hammered.
        self.rests_until = self.pauses.next().map(|pause| Instant::now() + pause);
        match dialled {
            Ok(Ok((socket, _))) => {
                self.socket = Some(socket);
                self.heard = Instant::now();
                self.flush().await;
            }
            Ok(Err(error)) => {
                if let Some(refusal) = refusal(&error) {
                    return Err(refusal);
                }
                tracing::debug!(%error, "the server cannot be reached");
            }
            Err(_) => tracing::debug!("the server does not answer"),
        }
        Ok(())
    }

    fn hang_up(&mut self) {
        tracing::debug!("the connection ended");
        self.socket = None;
        self.losses += 1;
    }

    /// Sends the acks there are, if there is a connection. Those that did not go out are
    /// kept.
    pub(crate) async fn flush(&mut self) {
        while let (Some(socket), Some((ack, count))) = (&mut self.socket, self.acks.message()) {
            let sent = timeout(WRITE, socket.send(Message::text(ack))).await;
            if matches!(sent, Ok(Ok(()))) {
                self.acks.sent(count);
            } else {
                self.hang_up();
            }
        }
    }

    /// An ack to be sent with the next ones.
    pub(crate) fn record(&mut self, id: i64) {
        self.acks.record(&[id]);
    }

    /// When acks should be sent at the latest, if they can be.
    pub(crate) fn acks_due(&self) -> Option<Instant> {
        self.socket.as_ref().and_then(|_| self.acks.due())
    }

    pub(crate) fn losses(&self) -> u64 {
        self.losses
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .build()
}

fn received(text: &str) -> Result<Received, ClientError> {
    match serde_json::from_str(text) {
        Ok(Envelope { id, r#type }) => Ok(Received { id, kind: r#type, text: text.to_owned() }),
        Err(_) => Err(ClientError::NoEvent(text.chars().take(200).collect())),
    }
}

impl std::fmt::Debug for Settings {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.as_str();
        f.debug_struct("Settings").field("url", &url).field("query", &self.query).finish()
    }
}
