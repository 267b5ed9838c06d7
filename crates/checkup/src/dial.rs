//! Opens the stream of a labeler: through the guard, then the WebSocket handshake.

use crate::code::Code;
use crate::connect;
use crate::means::{Means, at};
use identity::Stream;
use label::Seq;
use std::time::Duration;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::http::{StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, http};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;
use wire::MAX_FRAME;

const PATH: &str = "/xrpc/com.atproto.label.subscribeLabels";
const AGENT: &str = concat!("labeltap/", env!("CARGO_PKG_VERSION"));

/// An open stream.
pub(crate) type Socket = WebSocketStream<Stream>;

/// Why a stream did not open.
#[derive(Debug)]
pub(crate) struct NotOpened {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// Whether something answered at the endpoint nevertheless.
    pub(crate) answered: bool,
}

/// Opens the stream of the labeler at `service`, from `cursor` on.
pub(crate) async fn dial(
    means: Means<'_>,
    service: &Url,
    cursor: Seq,
) -> Result<Socket, NotOpened> {
    let limit = means.settings.timeout;
    let connected = means.resolver.guard().connect(service, limit).await;
    let stream = connected.map_err(|error| NotOpened {
        code: connect::code(&error),
        message: error.to_string(),
        answered: false,
    })?;
    let mut url = at(service, PATH, &[("cursor", &cursor.to_string())]);
    let scheme = if matches!(url.scheme(), "https") { "wss" } else { "ws" };
    // From one web scheme to another, which is never refused.
    let _set = url.set_scheme(scheme);
    let shaken = tokio::time::timeout(limit, handshake(stream, &url)).await;
    shaken.unwrap_or_else(|_| Err(silent(limit)))
}

fn silent(limit: Duration) -> NotOpened {
    failed(format!("no answer to the handshake within {limit:?}"))
}

fn failed(message: String) -> NotOpened {
    NotOpened { code: Code::HandshakeFailed, message, answered: true }
}

async fn handshake(stream: Stream, url: &Url) -> Result<Socket, NotOpened> {
    let uri: Uri = url.as_str().parse().map_err(|error| failed(format!("{url}: {error}")))?;
    let request =
        ClientRequestBuilder::new(uri).with_header(http::header::USER_AGENT.as_str(), AGENT);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(refused(answer.status(), answer.headers())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn refused(status: StatusCode, headers: &http::HeaderMap) -> NotOpened {
    let code = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Code::AuthRequired,
        _ if status.is_redirection() => Code::Redirected,
        _ => Code::HandshakeRefused,
    };
    let location = headers.get(http::header::LOCATION).and_then(|to| to.to_str().ok());
    let to = location.map(|to| format!(", to {to}")).unwrap_or_default();
    let message = format!("subscribeLabels answered HTTP {}{to}", status.as_u16());
    NotOpened { code, message, answered: true }
}
