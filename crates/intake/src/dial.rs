//! Opens streams: a labeler's through the guard, the relay's as the operator has it; then the
//! WebSocket handshake.

use crate::clock::wall_clock;
use crate::gate::Gate;
use crate::socket::Socket;
use http::header::{RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, StatusCode, Uri};
use identity::Guard;
use label::{Millis, Seq};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, http};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tracing::Instrument as _;
use url::Url;
use wire::MAX_FRAME;

/// The longest that connecting may take, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// The longest that a labeler may take to answer the handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);

/// Bytes read at once. Small, since most of a thousand connections are idle; large enough
/// that a backfill spends its time elsewhere.
const READ_BUFFER: usize = 4 << 10;

/// Bytes of pongs that may wait for a peer that does not read; beyond, it is a broken one.
const WRITE_BUFFER: usize = 64 << 10;

/// The same for the relay, from which something comes all the time.
const RELAY_BUFFER: usize = 64 << 10;

const LABELS: &str = "/xrpc/com.atproto.label.subscribeLabels";
const REPOS: &str = "/xrpc/com.atproto.sync.subscribeRepos";

/// Why a stream did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// No connection: name, address, TCP or TLS.
    #[error(transparent)]
    Connect(#[from] identity::ConnectError),
    /// The server answered with something else than a WebSocket.
    #[error("the server answered {status}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// It did not answer in time.
    #[error("the server did not answer the handshake within {} s", HANDSHAKE_LIMIT.as_secs())]
    Silent,
    /// The handshake failed otherwise.
    #[error("handshake failed: {0}")]
    Handshake(String),
}

impl DialError {
    /// How long the labeler asks us to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether it wants credentials, which nobody has.
    pub(crate) fn wants_auth(&self) -> bool {
        let Self::Refused { status, .. } = self else { return false };
        matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }
}

/// Opens the stream of the labeler at `service`, after `cursor`, or live only without one;
/// `passes` are for its large frames.
pub(crate) async fn dial(
    guard: &Guard,
    service: &Url,
    cursor: Option<Seq>,
    passes: Arc<Semaphore>,
) -> Result<Socket, DialError> {
    let dialing = async {
        let stream = guard.connect(service, CONNECT_LIMIT).await?;
        let address = address(service, LABELS, cursor)?;
        shake_hands(Gate::new(stream, passes), address, READ_BUFFER).await
    };
    dialing.instrument(tracing::debug_span!("dial", host = service.host_str())).await
}

/// Opens the firehose of the operator's relay, after `cursor`, or live only without one.
pub(crate) async fn dial_relay(
    guard: &Guard,
    relay: &Url,
    cursor: Option<Seq>,
    passes: Arc<Semaphore>,
) -> Result<Socket, DialError> {
    let stream = guard.connect_of_operator(relay, CONNECT_LIMIT).await?;
    let address = address(relay, REPOS, cursor)?;
    shake_hands(Gate::new(stream, passes), address, RELAY_BUFFER).await
}

async fn shake_hands(stream: Gate, address: Uri, buffer: usize) -> Result<Socket, DialError> {
    let shaken = tokio::time::timeout(HANDSHAKE_LIMIT, handshake(stream, address, buffer)).await;
    shaken.map_err(|_| DialError::Silent)?.map(Socket::new)
}

/// The stream's address. A path of the service is kept, a slash at its end is not.
fn address(service: &Url, method: &str, cursor: Option<Seq>) -> Result<Uri, DialError> {
    let scheme = if matches!(service.scheme(), "https" | "wss") { "wss" } else { "ws" };
    let host = service.host_str().unwrap_or_default();
    let port = service.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = service.path().trim_end_matches('/');
    let query = cursor.map(|seq| format!("?cursor={seq}")).unwrap_or_default();
    let text = format!("{scheme}://{host}{port}{path}{method}{query}");
    text.parse().map_err(|error: http::uri::InvalidUri| DialError::Handshake(error.to_string()))
}

async fn handshake(
    stream: Gate,
    uri: Uri,
    buffer: usize,
) -> Result<WebSocketStream<Gate>, DialError> {
    let agent = concat!("labeltap/", env!("CARGO_PKG_VERSION"));
    let request = ClientRequestBuilder::new(uri).with_header(USER_AGENT.as_str(), agent);
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => Err(DialError::Refused {
            status: answer.status(),
            retry_after: retry_after(answer.headers(), wall_clock()),
        }),
        Err(error) => Err(DialError::Handshake(error.to_string())),
    }
}

/// `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = date.as_millisecond().saturating_sub(now.0);
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_keeps_port_and_path_and_always_says_the_cursor() {
        let cases = [
            ("https://l.test", "wss://l.test/xrpc/com.atproto.label.subscribeLabels?cursor=0"),
            ("https://l.test/", "wss://l.test/xrpc/com.atproto.label.subscribeLabels?cursor=0"),
            ("http://l.test:99", "ws://l.test:99/xrpc/com.atproto.label.subscribeLabels?cursor=0"),
            ("https://l.test/a/", "wss://l.test/a/xrpc/com.atproto.label.subscribeLabels?cursor=0"),
        ];
        for (service, expected) in cases {
            let address = address(&Url::parse(service).unwrap(), LABELS, Some(Seq::START)).unwrap();
            assert_eq!(address.to_string(), expected);
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        // 21 October 2026, 07:27:30 UTC.
        let now = Millis(1_792_567_650_000);
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers, now), None);
        headers.insert(RETRY_AFTER, "30".parse().unwrap());
        assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(30)));
        headers.insert(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(30)));
        let later = Millis(now.0 + 60_000);
        assert_eq!(retry_after(&headers, later), Some(Duration::ZERO));
        headers.insert(RETRY_AFTER, "soon".parse().unwrap());
        assert_eq!(retry_after(&headers, now), None);
    }
}
