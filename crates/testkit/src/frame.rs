//! Frames of `com.atproto.label.subscribeLabels`, good ones and bad ones.
//!
//! A frame is the payload of one websocket message: header, then body. What is wrong
//! about a bad one is in its name.

use crate::cbor::{self, Item};

/// The header of every good label frame, byte for byte as Ozone and Skyware write it.
pub const LABELS_HEADER: &[u8] = b"\xa2\x61t\x67#labels\x62op\x01";

fn map(entries: &[(&str, Item)]) -> Item {
    Item::Map(entries.iter().map(|(key, item)| ((*key).to_owned(), item.clone())).collect())
}

/// A header with any operation and, if there is one, a type.
#[must_use]
pub fn header(op: i64, t: Option<&str>) -> Vec<u8> {
    let mut entries = vec![("op", Item::Int(op))];
    entries.extend(t.map(|t| ("t", Item::from(t))));
    map(&entries).sorted().encode()
}

/// The body of a label frame. The labels are the CBOR of each.
#[must_use]
pub fn body(seq: i64, labels: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + labels.iter().map(|l| l.as_ref().len()).sum::<usize>());
    out.extend_from_slice(b"\xa2\x63seq");
    Item::Int(seq).write(&mut out);
    out.extend_from_slice(b"\x66labels");
    cbor::head(&mut out, 4, labels.len() as u64);
    labels.iter().for_each(|label| out.extend_from_slice(label.as_ref()));
    out
}

/// A good label frame.
#[must_use]
pub fn labels(seq: i64, labels: &[impl AsRef<[u8]>]) -> Vec<u8> {
    [LABELS_HEADER, &body(seq, labels)].concat()
}

/// A label frame under another header.
#[must_use]
pub fn labels_under(header: &[u8], seq: i64, labels: &[impl AsRef<[u8]>]) -> Vec<u8> {
    [header, &body(seq, labels)].concat()
}

/// A label frame whose header has no `t`. Clients accept it.
#[must_use]
pub fn labels_without_t(seq: i64, labels: &[impl AsRef<[u8]>]) -> Vec<u8> {
    labels_under(&header(1, None), seq, labels)
}

/// A label frame whose `t` is the full name, as Ozone wrote it until March 2024.
#[must_use]
pub fn labels_with_long_t(seq: i64, labels: &[impl AsRef<[u8]>]) -> Vec<u8> {
    labels_under(&header(1, Some("com.atproto.label.subscribeLabels#labels")), seq, labels)
}

/// A frame of a type nobody knows. It is to be ignored.
#[must_use]
pub fn unknown_type() -> Vec<u8> {
    [header(1, Some("#news")), map(&[("seq", Item::Int(1))]).encode()].concat()
}

/// A frame with an operation nobody knows. It is to be ignored.
#[must_use]
pub fn unknown_op() -> Vec<u8> {
    [header(2, Some("#labels")), map(&[("seq", Item::Int(1))]).encode()].concat()
}

/// An `#info` frame.
#[must_use]
pub fn info(name: &str, message: Option<&str>) -> Vec<u8> {
    let mut entries = vec![("name", Item::from(name))];
    entries.extend(message.map(|message| ("message", Item::from(message))));
    [header(1, Some("#info")), map(&entries).sorted().encode()].concat()
}

/// An error frame. The server closes the connection after it.
#[must_use]
pub fn error(error: &str, message: Option<&str>) -> Vec<u8> {
    let mut entries = vec![("error", Item::from(error))];
    entries.extend(message.map(|message| ("message", Item::from(message))));
    [header(-1, None), map(&entries).sorted().encode()].concat()
}

/// A frame with something after its body.
#[must_use]
pub fn with_trailing_bytes(frame: &[u8]) -> Vec<u8> {
    [frame, &[0x00]].concat()
}

/// A frame that ends in the middle of its body.
#[must_use]
pub fn truncated(frame: &[u8]) -> Vec<u8> {
    frame.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default()
}

/// A well-formed label frame of at least so many bytes, by one label with a huge value.
#[must_use]
pub fn huge(seq: i64, bytes: usize) -> Vec<u8> {
    labels(seq, &[map(&[("val", Item::Text("x".repeat(bytes)))]).encode()])
}

/// A label frame whose one label nests lists so deep.
#[must_use]
pub fn deep(seq: i64, depth: usize) -> Vec<u8> {
    let mut nest = vec![0x81; depth];
    nest.push(0xf6);
    labels(seq, &[nest])
}

/// A header that promises a string of 2^40 bytes, and nothing after it.
#[must_use]
pub fn with_huge_length() -> Vec<u8> {
    let mut out = b"\xa2\x61t".to_vec();
    cbor::head(&mut out, 3, 1 << 40);
    out
}

/// No CBOR at all.
#[must_use]
pub fn garbage() -> Vec<u8> {
    vec![0xff, 0x00, 0xff, 0xfe, 0x1c, 0x42]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_bytes_that_were_seen_on_the_wire() {
        // Header and body of Skyware and Ozone, recorded in tests/network/README.md.
        let seen = [
            0xa2, 0x61, 0x74, 0x67, 0x23, 0x6c, 0x61, 0x62, 0x65, 0x6c, 0x73, 0x62, 0x6f, 0x70,
            0x01, 0xa2, 0x63, 0x73, 0x65, 0x71, 0x01, 0x66, 0x6c, 0x61, 0x62, 0x65, 0x6c, 0x73,
            0x81, 0xa0,
        ];
        assert_eq!(labels(1, &[[0xa0]]), seen);
        assert_eq!(header(1, Some("#labels")), LABELS_HEADER);
        assert_eq!(error("FutureCursor", Some("Cursor is in the future")).len(), 57);
        assert_eq!(header(-1, None), [0xa1, 0x62, 0x6f, 0x70, 0x20]);
    }
}
