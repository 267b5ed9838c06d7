//! One open WebSocket to a labeler, or to the relay: frames in, pings out.
//!
//! Neither of the two common servers ever pings, and proxies cut idle connections; so we
//! do (facts 3.2).

use crate::gate::Gate;
use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};
use wire::MAX_FRAME;

/// How often a labeler is pinged.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(20);

/// A labeler from which nothing came for so long, not even a pong, is gone.
const DEAD_AFTER: Duration = Duration::from_secs(65);

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The server closed it.
    #[error("the server closed the connection{0}")]
    Closed(String),
    /// The connection broke.
    #[error("connection lost: {0}")]
    Broken(String),
    /// A frame over the limit.
    #[error("frame over the limit of {MAX_FRAME} bytes")]
    TooLong,
    /// A text frame; streams are binary.
    #[error("text frame in a binary stream")]
    Text,
    /// Nothing came, not even an answer to a ping.
    #[error("no sign of life for {} s", DEAD_AFTER.as_secs())]
    Dead,
}

/// Something that came.
#[derive(Debug)]
pub(crate) enum Came {
    /// A frame.
    Frame(Bytes),
    /// The answer to a ping.
    Pong,
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<Gate>,
    /// When anything last came.
    heard_at: Instant,
}

impl Socket {
    pub(crate) fn new(stream: WebSocketStream<Gate>) -> Self {
        Self { stream, heard_at: Instant::now() }
    }

    /// The next frame or pong. May be dropped at any await without losing one.
    pub(crate) async fn next(&mut self) -> Result<Came, Ended> {
        loop {
            let message = self.stream.next().await;
            self.heard_at = Instant::now();
            self.stream.get_mut().whole();
            match message {
                Some(Ok(Message::Binary(frame))) => return Ok(Came::Frame(frame)),
                Some(Ok(Message::Pong(_))) => return Ok(Came::Pong),
                Some(Ok(Message::Text(_))) => return Err(Ended::Text),
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map(|frame| format!(": {} {}", frame.code, frame.reason));
                    return Err(Ended::Closed(why.unwrap_or_default().trim_end().to_owned()));
                }
                Some(Ok(_)) => {}
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                    return Err(Ended::TooLong);
                }
                Some(Err(error)) => return Err(Ended::Broken(error.to_string())),
                None => return Err(Ended::Closed(String::new())),
            }
        }
    }

    /// Bytes received so far, and whether the last of them are of a frame on its way.
    pub(crate) fn received(&self) -> (u64, bool) {
        let gate = self.stream.get_ref();
        (gate.total(), gate.is_mid_message())
    }

    /// Whether the labeler has more for us that we do not take yet.
    pub(crate) fn is_held_up(&self) -> bool {
        self.stream.get_ref().waits()
    }

    /// How long nothing has come.
    pub(crate) fn silence(&self) -> Duration {
        self.heard_at.elapsed()
    }

    /// Says that we were not listening, so that the silence is not the labeler's.
    pub(crate) fn excuse(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Sends a ping, and finds out whether the labeler still lives. Never waits: a peer
    /// that does not read must not hold up what is being carried. What cannot be written
    /// now is written when it can be.
    pub(crate) fn ping(&mut self) -> Result<(), Ended> {
        if self.heard_at.elapsed() >= DEAD_AFTER {
            return Err(Ended::Dead);
        }
        match self.stream.send(Message::Ping(Bytes::new())).now_or_never() {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Ended::Broken(error.to_string())),
        }
    }
}
