//! CAR files of version 1.

use super::{link, map};
use crate::cbor::Item;
use ipld_core::cid::Cid;

/// A CAR with one root, and these blocks under the names given, whatever they are.
#[must_use]
pub fn car(root: &Cid, blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let header = map([("roots", Item::List(vec![link(Some(root))])), ("version", Item::Int(1))]);
    let mut out = Vec::new();
    section(&mut out, &[&header.encode()]);
    for (cid, block) in blocks {
        section(&mut out, &[&cid.to_bytes(), block]);
    }
    out
}

/// Appends the length of these pieces and the pieces.
fn section(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    let mut length: usize = pieces.iter().map(|piece| piece.len()).sum();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
}
