//! Reads a stream for a while and keeps what came: labels, numbers, and how it ended.

use crate::dial::Socket;
use crate::means::{MAX_STREAM, Means};
use bytes::Bytes;
use futures_util::StreamExt as _;
use label::Seq;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::{Error, Message};
use wire::{Frame, RawLabel, decode};

/// Frames without labels that are read beside the sample.
const EMPTY_FRAMES: usize = 1_000;

/// How long a closing handshake may take. Who does not answer is left.
const FAREWELL: Duration = Duration::from_millis(200);

/// One label, and the number of the frame it came in.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    pub(crate) seq: Seq,
    pub(crate) raw: RawLabel,
}

/// How reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// We had enough, or no more time.
    Enough,
    /// Nothing came any more: that was all there is.
    Quiet,
    /// The labeler ended the stream, with these words.
    Closed(String),
    /// The labeler sent an error frame.
    Error(String, Option<String>),
    /// A frame or a message breaks the rules.
    Broken(String),
    /// A text frame.
    Text,
}

/// What was heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) labels: Vec<Spoken>,
    /// The numbers of the frames, as they came.
    pub(crate) seqs: Vec<Seq>,
    /// What an `OutdatedCursor` said.
    pub(crate) outdated: Option<String>,
    pub(crate) ending: Ending,
}

impl Heard {
    /// Whether this is all that the labeler has to say.
    pub(crate) fn is_all(&self) -> bool {
        self.ending == Ending::Quiet
    }

    /// Takes in one frame; answers how reading ends, if it does.
    fn take(&mut self, frame: &Bytes, sample: usize) -> Option<Ending> {
        match decode(frame) {
            Ok(Frame::Labels { seq, labels }) => {
                self.seqs.push(seq);
                let room = sample.saturating_sub(self.labels.len());
                self.labels.extend(labels.into_iter().take(room).map(|raw| Spoken { seq, raw }));
            }
            Ok(Frame::Info { name, message }) if name == "OutdatedCursor" => {
                self.outdated = Some(message.unwrap_or(name));
            }
            Ok(Frame::Info { .. } | Frame::Other) => {}
            Ok(Frame::Error { error, message }) => return Some(Ending::Error(error, message)),
            Err(error) => return Some(Ending::Broken(error.to_string())),
        }
        None
    }
}

/// Reads until there are `sample` labels, the labeler is quiet or ends, or time or bytes
/// run out. `first` is how long it may be quiet before its first frame.
pub(crate) async fn listen(
    means: Means<'_>,
    mut socket: Socket,
    sample: usize,
    first: Duration,
) -> Heard {
    let mut heard =
        Heard { labels: Vec::new(), seqs: Vec::new(), outdated: None, ending: Ending::Enough };
    heard.ending = read(means, &mut socket, sample, first, &mut heard).await;
    let _left = tokio::time::timeout(FAREWELL, socket.close(None)).await;
    heard
}

async fn read(
    means: Means<'_>,
    socket: &mut Socket,
    sample: usize,
    first: Duration,
    heard: &mut Heard,
) -> Ending {
    let begun = Instant::now();
    let deadline = begun + means.settings.timeout;
    // Frames count and nothing else: pings alone keep nobody waiting.
    let mut quiet_at = begun + first;
    let (mut bytes, mut frames) = (0, 0);
    while heard.labels.len() < sample && bytes < MAX_STREAM && frames < sample + EMPTY_FRAMES {
        let until = quiet_at.min(deadline);
        let Ok(message) = tokio::time::timeout_at(until, socket.next()).await else {
            return if quiet_at <= deadline { Ending::Quiet } else { Ending::Enough };
        };
        match message {
            Some(Ok(Message::Binary(frame))) => {
                bytes += frame.len();
                frames += 1;
                quiet_at = Instant::now() + means.quiet();
                if let Some(ending) = heard.take(&frame, sample) {
                    return ending;
                }
            }
            Some(Ok(Message::Text(_))) => return Ending::Text,
            Some(Ok(Message::Close(frame))) => {
                let words = frame.map(|frame| format!("{} {}", frame.code, frame.reason));
                return Ending::Closed(words.unwrap_or_default().trim_end().to_owned());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return of_error(&error),
            None => return Ending::Closed(String::new()),
        }
    }
    Ending::Enough
}

fn of_error(error: &Error) -> Ending {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) | Error::Tls(_) => {
            Ending::Closed(error.to_string())
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Ending::Closed("without a close frame".into())
        }
        Error::Capacity(CapacityError::MessageTooLong { size, .. }) => {
            Ending::Broken(format!("message of {size} bytes, the limit is {}", wire::MAX_FRAME))
        }
        other => Ending::Broken(other.to_string()),
    }
}
