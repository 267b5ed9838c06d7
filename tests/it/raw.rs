//! A peer of `/channel` without a WebSocket library: it sees every frame as it came, and
//! how the connection ended. It reads only when told to, and answers no pings.

use crate::tap::{Tap, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Frame types of RFC 6455, section 5.2.
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Bytes that a narrow connection takes before it is read.
const NARROW: u32 = 4 * 1024;

/// An open connection.
pub(crate) struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    /// Opens the channel. `query` is empty or begins with `?`.
    pub(crate) async fn open(tap: &Tap, query: &str) -> Self {
        let address = tap.url.trim_start_matches("http://");
        Self::over(TcpStream::connect(address).await.unwrap(), address, query).await
    }

    /// The same, with next to no room for what is not read yet, so that whoever writes to
    /// it soon has to wait.
    pub(crate) async fn narrow(tap: &Tap, query: &str) -> Self {
        let address = tap.url.trim_start_matches("http://");
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(NARROW).unwrap();
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        Self::over(stream, address, query).await
    }

    async fn over(mut stream: TcpStream, address: &str, query: &str) -> Self {
        let request = format!(
            "GET /channel{query} HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\n\
             connection: upgrade\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.set_nodelay(true).unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut raw = Self { stream, buffer: Vec::new() };
        let end = loop {
            assert!(raw.fill().await, "no answer");
            if let Some(end) = raw.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let answer = String::from_utf8(raw.buffer.drain(..end).collect()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        raw
    }

    /// The next frame's type and payload; `None` when the connection ended, however.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((head, length)) = self.head()
                && self.buffer.len() >= head + length
            {
                let opcode = self.buffer[0] & 0x0f;
                let payload = self.buffer[head..head + length].to_vec();
                self.buffer.drain(..head + length);
                return Some((opcode, payload));
            }
            if !within(self.fill()).await {
                return None;
            }
        }
    }

    /// Reads one byte more; false when the connection ended.
    pub(crate) async fn sip(&mut self) -> bool {
        self.stream.read_exact(&mut [0]).await.is_ok()
    }

    /// Sends a frame; false when the connection has ended.
    pub(crate) async fn say(&mut self, opcode: u8, payload: &[u8]) -> bool {
        let length = u16::try_from(payload.len()).expect("a short message");
        let mut frame = vec![0x80 | opcode];
        match u8::try_from(length) {
            Ok(short @ ..126) => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        // A client has to mask; a mask of zeros leaves everything as it is.
        frame.extend([0; 4]);
        frame.extend(payload);
        within(self.stream.write_all(&frame)).await.is_ok()
    }

    /// The types of all frames up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut opcodes = Vec::new();
        while let Some((opcode, _)) = self.next().await {
            opcodes.push(opcode);
        }
        opcodes
    }

    /// Bytes before the payload and in it, once that is known. A server masks nothing.
    fn head(&self) -> Option<(usize, usize)> {
        match *self.buffer.as_slice() {
            [_, 127, a, b, c, d, e, f, g, h, ..] => {
                let length = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                Some((10, usize::try_from(length).unwrap()))
            }
            [_, 126, a, b, ..] => Some((4, u16::from_be_bytes([a, b]).into())),
            [_, short @ ..126, ..] => Some((2, short.into())),
            _ => None,
        }
    }

    /// Reads more; false at the end.
    async fn fill(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..))
    }
}
