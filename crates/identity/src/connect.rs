//! Opening the connections that the guard has allowed: TCP, and TLS over it.

use crate::error::ConnectError;
use crate::guard::{Checked, Guard};
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

/// A connection, encrypted or not.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP, for development.
    Plain(TcpStream),
    /// TLS, the server's certificate checked.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Guard {
    /// Opens a connection to the host and port of a URL: `https` and `wss` with TLS, `http`
    /// and `ws` without, the latter only with `--allow-private-hosts`. Every address is
    /// checked, and the ones that pass are tried in turn; all of it together, name lookup and
    /// handshake included, takes at most `limit`.
    ///
    /// # Errors
    /// Any [`ConnectError`].
    pub async fn connect(&self, url: &Url, limit: Duration) -> Result<Stream, ConnectError> {
        self.check_url(url)?;
        let deadline = Instant::now() + limit;
        let late = |_| {
            let host = url.host_str().unwrap_or_default().to_owned();
            Err(ConnectError::Timeout { host, limit })
        };
        tokio::time::timeout_at(deadline, self.open(url, deadline)).await.unwrap_or_else(late)
    }

    async fn open(&self, url: &Url, deadline: Instant) -> Result<Stream, ConnectError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(ConnectError::Url("the URL has no host".into()));
        };
        let addresses = self.checked(&host).await?;
        let tcp = dial(&addresses, port, deadline).await?;
        if matches!(url.scheme(), "http" | "ws") {
            return Ok(Stream::Plain(tcp));
        }
        let host = host.to_string();
        let secured = secure(self, &host, tcp).await;
        secured.map_err(|error| ConnectError::Tls { host, error })
    }
}

/// Tries the addresses in turn. Each gets its share of the time that is left, so that one
/// that swallows everything does not use up the turn of the next.
async fn dial(
    addresses: &[Checked],
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, ConnectError> {
    let mut last = Err(ConnectError::Url("the host has no address".into()));
    for (waiting, ip) in (1..=addresses.len()).rev().zip(addresses) {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(waiting).unwrap_or(u32::MAX);
        let address = ip.at(port);
        let tried = tokio::time::timeout(share, TcpStream::connect(address)).await;
        match tried.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(tcp) => {
                // Acks and pings are small and should not wait for company.
                let set = tcp.set_nodelay(true);
                return set.map(|()| tcp).map_err(|error| ConnectError::Tcp { address, error });
            }
            Err(error) => last = Err(ConnectError::Tcp { address, error }),
        }
    }
    last
}

async fn secure(guard: &Guard, host: &str, tcp: TcpStream) -> io::Result<Stream> {
    // An IPv6 address stands in brackets in a URL, but not in a certificate; a name may end
    // in a dot in a URL, but not in a certificate.
    let bare = host.trim_start_matches('[').trim_end_matches([']', '.']).to_owned();
    let name = ServerName::try_from(bare).map_err(io::Error::other)?;
    let tls = TlsConnector::from(guard.tls()).connect(name, tcp).await?;
    Ok(Stream::Tls(Box::new(tls)))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
