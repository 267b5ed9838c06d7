//! Websocket messages as bytes.
//!
//! A frame is kept as the whole message, so that serving a backlog costs little more than the
//! copy: the peers of a benchmark should not use up its processors.

use bytes::Bytes;

/// One websocket message of the stream, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) seq: i64,
    pub(crate) wire: Bytes,
}

/// Websocket opcodes (RFC 6455, section 5.2).
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// One unmasked websocket message in one frame.
pub(crate) fn message(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    message_into(&mut out, opcode, payload);
    out
}

pub(crate) fn message_into(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    let length = payload.len() as u64;
    match length {
        0..=125 => out.push(length as u8),
        126..=0xffff => {
            out.push(126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// The payload of a message that [`message`] made.
pub(crate) fn payload(wire: &Bytes) -> Bytes {
    let head = match wire.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    wire.slice(head..)
}
