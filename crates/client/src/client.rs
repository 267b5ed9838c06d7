//! The client: one connection at a time, opened again whenever it ends.

use crate::ClientError;
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
    /// The query of `/channel`: `consumer`, `types`, `raw`, …
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
        Ok(Self { request, socket: None, heard, pauses: pauses(), rests_until: None })
    }

    /// The next event. Connects, and connects again, as often as it takes.
    ///
    /// # Errors
    /// What trying again would not mend: see [`ClientError`].
    pub async fn next(&mut self) -> Result<Received, ClientError> {
        loop {
            let Some(socket) = &mut self.socket else {
                self.connect().await?;
                continue;
            };
            let message = timeout_at(self.heard + SILENCE, socket.next()).await;
            self.heard = Instant::now();
            let text = match message {
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(Message::Binary(_)))) => {
                    return Err(ClientError::NoEvent("a binary message".to_owned()));
                }
                // Pings are answered underneath, with the next read.
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => {
                    self.hang_up();
                    continue;
                }
            };
            self.pauses = pauses();
            return received(text.as_str());
        }
    }

    /// Says that these events are done. Dropped when there is no connection, or when it
    /// breaks: their events come again.
    pub async fn ack(&mut self, ids: &[i64]) {
        let (Some(socket), false) = (&mut self.socket, ids.is_empty()) else { return };
        let ack = match ids {
            [id] => serde_json::json!({ "type": "ack", "id": id }),
            ids => serde_json::json!({ "type": "ack", "ids": ids }),
        };
        let sent = timeout(WRITE, socket.send(Message::text(ack.to_string()))).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.hang_up();
        }
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
        match timeout(CONNECT, dial).await {
            Ok(Ok((socket, _))) => {
                self.socket = Some(socket);
                self.heard = Instant::now();
            }
            Ok(Err(error)) => {
                if let Some(refusal) = refusal(&error) {
                    return Err(refusal);
                }
                tracing::debug!(%error, "the server cannot be reached");
            }
            Err(_) => tracing::debug!("the server does not answer"),
        }
        // Also after a success: a server that cuts at once is not to be hammered.
        self.rests_until = self.pauses.next().map(|pause| Instant::now() + pause);
        Ok(())
    }

    fn hang_up(&mut self) {
        tracing::debug!("the connection ended");
        self.socket = None;
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
