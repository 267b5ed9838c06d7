//! Merkle search trees, built whole from their keys (atproto repository spec, "MST
//! Structure"), and some that are built wrongly.

use super::{link, map};
use crate::cbor::Item;
use crate::cid_of;
use ipld_core::cid::Cid;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// What is wrong with a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spoil {
    /// Nothing.
    #[default]
    Nothing,
    /// The keys of each node go from the last to the first.
    Order,
    /// No key leaves out what it shares with the one before.
    Prefix,
    /// All keys are in one node, whatever their height.
    Height,
    /// The nodes have a field that nodes do not have.
    Field,
}

/// How high in the tree a key stands: zero bits that its SHA-256 begins with, halved.
#[must_use]
pub fn key_height(key: &str) -> u32 {
    let hash = Sha256::digest(key);
    let bits = hash.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    bits.take_while(|bit| *bit == 0).count() as u32 / 2
}

/// How many bytes two keys begin with alike.
#[must_use]
pub fn common_prefix(one: &str, other: &str) -> usize {
    (0..=one.len().min(other.len()))
        .rev()
        .find(|length| one.as_bytes().get(..*length) == other.as_bytes().get(..*length))
        .unwrap_or(0)
}

/// A node, with all that is below it.
#[derive(Debug)]
pub struct Tree {
    cid: Cid,
    block: Vec<u8>,
    keys: Vec<String>,
    /// One more than keys: what is before, between and after them.
    below: Vec<Option<Tree>>,
}

impl Tree {
    /// The tree of these records.
    #[must_use]
    pub fn new(records: &BTreeMap<String, Cid>) -> Self {
        Self::spoiled(records, Spoil::Nothing)
    }

    /// The tree of these records, built wrongly.
    #[must_use]
    pub fn spoiled(records: &BTreeMap<String, Cid>, spoil: Spoil) -> Self {
        let height = |key: &str| if spoil == Spoil::Height { 0 } else { key_height(key) };
        let entries: Vec<_> =
            records.iter().map(|(key, cid)| (key.as_str(), height(key), *cid)).collect();
        let highest = entries.iter().map(|(_, height, _)| *height).max().unwrap_or(0);
        Self::build(&entries, highest, spoil)
    }

    fn build(entries: &[(&str, u32, Cid)], level: u32, spoil: Spoil) -> Self {
        let parts = entries.split(|(_, height, _)| *height == level);
        let below: Vec<_> = parts
            .map(|part| (!part.is_empty()).then(|| Self::build(part, level - 1, spoil)))
            .collect();
        let here: Vec<_> = entries.iter().filter(|(_, height, _)| *height == level).collect();
        let links: Vec<_> = below.iter().map(|below| below.as_ref().map(|tree| tree.cid)).collect();
        let (left, rights) = links.split_first().map_or((None, [].as_slice()), |(l, r)| (*l, r));
        let mut written: Vec<_> = here.iter().zip(rights).collect();
        if spoil == Spoil::Order {
            written.reverse();
        }
        let mut before = "";
        let mut items = Vec::new();
        for ((key, _, value), right) in written {
            let shared = if spoil == Spoil::Prefix { 0 } else { common_prefix(before, key) };
            let rest = key.as_bytes().get(shared..).unwrap_or_default().to_vec();
            items.push(map([
                ("p", Item::Int(shared as i64)),
                ("k", Item::Bytes(rest)),
                ("v", link(Some(value))),
                ("t", link(right.as_ref())),
            ]));
            before = key;
        }
        let mut node =
            vec![("e".to_owned(), Item::List(items)), ("l".to_owned(), link(left.as_ref()))];
        if spoil == Spoil::Field {
            node.push(("x".to_owned(), Item::Null));
        }
        let block = Item::Map(node).encode();
        let keys = here.iter().map(|(key, ..)| (*key).to_owned()).collect();
        Self { cid: cid_of(&block), block, keys, below }
    }

    /// The CID of its root node.
    #[must_use]
    pub fn root(&self) -> Cid {
        self.cid
    }

    /// The nodes from the root to a key, or to where it would be.
    #[must_use]
    pub fn path(&self, key: &str) -> Vec<(Cid, Vec<u8>)> {
        let mut nodes = vec![(self.cid, self.block.clone())];
        let place = self.keys.partition_point(|present| present.as_str() < key);
        let is_here = self.keys.get(place).is_some_and(|present| present == key);
        if let Some(Some(below)) = self.below.get(place).filter(|_| !is_here) {
            nodes.extend(below.path(key));
        }
        nodes
    }

    /// All nodes, each before those below it.
    #[must_use]
    pub fn nodes(&self) -> Vec<(Cid, Vec<u8>)> {
        let below = self.below.iter().flatten().flat_map(Self::nodes);
        std::iter::once((self.cid, self.block.clone())).chain(below).collect()
    }
}
