//! As much HTTP/1.1 as a webhook needs: requests with a body of known length, one after
//! the other on a connection, and answers to them.

use crate::Answer;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest request head that is read; real clients send a few hundred bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// The longest body; events are far smaller.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    /// In the order they came, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads the next one. `buffer` keeps what came after it. `None`: the client left, or
    /// sent something else.
    pub(super) async fn read(stream: &mut TcpStream, buffer: &mut BytesMut) -> Option<Self> {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if buffer.len() > LONGEST_HEAD || stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        };
        let mut request = Self::parse(std::str::from_utf8(buffer.get(..end)?).ok()?)?;
        buffer.advance(end);
        let length = request.headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
        if length > LONGEST_BODY {
            return None;
        }
        while buffer.len() < length {
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
        request.body = buffer.split_to(length).to_vec();
        Some(request)
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { method, target, headers: lines.filter_map(header).collect(), body: Vec::new() })
    }
}

/// The head of an answer, to be followed by its body.
pub(super) fn head(answer: &Answer) -> String {
    let headers = answer.headers.iter();
    let more: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    // These have no body, and therefore no length.
    let length = match answer.status {
        100..200 | 204 | 304 => String::new(),
        _ => format!("content-length: {}\r\n", answer.body.len()),
    };
    format!("HTTP/1.1 {} \r\n{length}{more}\r\n", answer.status)
}

/// Writes a whole answer; the connection stays open.
pub(super) async fn write(stream: &mut TcpStream, answer: &Answer) -> std::io::Result<()> {
    stream.write_all(format!("{}{}", head(answer), answer.body).as_bytes()).await
}

/// Writes an answer whose body never ends, until the client has had enough.
pub(super) async fn write_without_end(stream: &mut TcpStream, status: u16) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} \r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    loop {
        stream.write_all(chunk.as_bytes()).await?;
    }
}

/// Returns when the client closes the connection. It has nothing to say before its answer.
pub(super) async fn left(stream: &mut TcpStream) {
    let mut ignored = [0; 64];
    while !matches!(stream.read(&mut ignored).await, Ok(0) | Err(_)) {}
}
