//! As much HTTP/1.1 as a stream needs: one request, then an answer or an upgrade.

use bytes::BytesMut;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The longest request head that is read; real clients send a few hundred bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(super) headers: Vec<(String, String)>,
    /// What came after the head already.
    pub(super) rest: BytesMut,
}

impl Request {
    /// Reads one. `None`: the client left, was too slow or sent no HTTP.
    pub(super) async fn read(stream: &mut TcpStream) -> Option<Self> {
        tokio::time::timeout(PATIENCE, Self::read_all(stream)).await.ok()?
    }

    async fn read_all(stream: &mut TcpStream) -> Option<Self> {
        let mut buffer = BytesMut::with_capacity(1024);
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let read = stream.read_buf(&mut buffer).await.ok()?;
            if read == 0 || buffer.len() > LONGEST_HEAD {
                return None;
            }
        };
        let rest = buffer.split_off(end);
        let head = String::from_utf8(buffer.to_vec()).ok()?;
        let mut lines = head.split("\r\n");
        let target = lines.next()?.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = lines.filter_map(header).collect();
        Some(Self { path: path.to_owned(), query: query.to_owned(), headers, rest })
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }

    /// The value of a query parameter, as it was written.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(present, _)| *present == name).map(|(_, value)| value).next()
    }

    /// The answer to an upgrade; `None` when this is no upgrade to a websocket.
    pub(super) fn upgrade(&self) -> Option<String> {
        let upgrades = self.header("upgrade")?.eq_ignore_ascii_case("websocket");
        let key = self.header("sec-websocket-key").filter(|_| upgrades)?;
        Some(format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        ))
    }
}

/// What a path answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// More headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Page {
    /// A page without headers of its own.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes the answer and ends the connection.
    pub(super) async fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let (status, length) = (self.status, self.body.len());
        let mut head =
            format!("HTTP/1.1 {status} \r\ncontent-length: {length}\r\nconnection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(&[head.as_bytes(), b"\r\n", &self.body].concat()).await?;
        stream.shutdown().await
    }
}
