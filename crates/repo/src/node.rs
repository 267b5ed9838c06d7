//! One node of the tree: some keys in order, and the subtrees between them (atproto
//! repository spec, "MST Structure").
//!
//! Of a key only what differs from the one before is written. So keys are made one after the
//! other in one buffer: all of them at once could be a thousand times as long as the node.

use crate::blocks::is_ours;
use cid::Cid;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};
use std::cmp::Ordering;

/// The longest key, in bytes (the reference implementations agree on it).
const LONGEST_KEY: usize = 1024;

/// How high in the tree a key stands: the leading zeros of its hash, in pairs of bits.
pub(crate) fn height(key: &[u8]) -> u32 {
    let hash = Sha256::digest(key);
    let zeros = hash.iter().position(|byte| *byte != 0).unwrap_or(hash.len());
    let more = hash.get(zeros).map_or(0, |byte| byte.leading_zeros());
    (zeros as u32 * 8 + more) / 2
}

/// How many bytes two keys begin with alike.
pub(crate) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// A node as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    #[serde(rename = "e")]
    entries: Vec<Entry>,
    /// What comes before the first key.
    #[serde(rename = "l")]
    left: Option<Cid>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The rest of the key.
    #[serde(rename = "k")]
    rest: ByteBuf,
    /// How many bytes it has in common with the key before.
    #[serde(rename = "p")]
    shared: usize,
    /// What comes between this key and the next.
    #[serde(rename = "t")]
    right: Option<Cid>,
    /// The record.
    #[serde(rename = "v")]
    value: Cid,
}

/// The keys between which everything in a subtree stands; `None` where there is no bound.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    low: Option<Vec<u8>>,
    high: Option<Vec<u8>>,
}

/// What a node says about a key.
#[derive(Debug)]
pub(crate) struct Sight {
    /// The height of the node's keys; `None` without keys.
    pub(crate) height: Option<u32>,
    /// The record of the key, if it stands here.
    pub(crate) value: Option<Cid>,
    /// The subtree where it would be otherwise, if there is one.
    pub(crate) below: Option<Cid>,
    /// Between which keys that subtree lies.
    pub(crate) bounds: Bounds,
}

impl Node {
    /// Reads a node.
    ///
    /// # Errors
    /// When it is no node, or not written as everybody else would write it.
    pub(crate) fn read(block: &[u8]) -> Result<Self, &'static str> {
        let node: Self = serde_ipld_dagcbor::from_slice(block).map_err(|_| "cannot be read")?;
        match serde_ipld_dagcbor::to_vec(&node) {
            Ok(again) if again == block => Ok(node),
            _ => Err("is not canonical"),
        }
    }

    /// Looks for a key, and checks the whole node while about it.
    ///
    /// # Errors
    /// When the node is not built by the rules.
    pub(crate) fn look(&self, wanted: &[u8], within: Bounds) -> Result<Sight, &'static str> {
        let mut sight = Sight { height: None, value: None, below: self.left, bounds: within };
        let (low, high) = (sight.bounds.low.clone(), sight.bounds.high.take());
        let mut key = Vec::new();
        for entry in &self.entries {
            entry.unfold(&mut key)?;
            if low.as_ref().is_some_and(|low| *low >= key)
                || high.as_ref().is_some_and(|high| *high <= key)
            {
                return Err("has a key that belongs elsewhere");
            }
            if *sight.height.get_or_insert_with(|| height(&key)) != height(&key) {
                return Err("has keys of different heights");
            }
            match key.as_slice().cmp(wanted) {
                Ordering::Less => {
                    sight.below = entry.right;
                    sight.bounds.low = Some(key.clone());
                }
                Ordering::Equal => sight.value = Some(entry.value),
                Ordering::Greater => {
                    sight.bounds.high.get_or_insert_with(|| key.clone());
                }
            }
        }
        sight.bounds.high = sight.bounds.high.or(high);
        let links = self.entries.iter().map(|entry| &entry.right).chain([&self.left]);
        let mut links = links.flatten().peekable();
        if sight.height == Some(0) && links.peek().is_some() {
            return Err("has something below the lowest level");
        }
        let values = self.entries.iter().map(|entry| &entry.value);
        if !links.chain(values).all(is_ours) {
            return Err("has a link to what is no block of a repository");
        }
        Ok(sight)
    }
}

impl Entry {
    /// Makes this entry's key of the one before.
    fn unfold(&self, key: &mut Vec<u8>) -> Result<(), &'static str> {
        let before = std::mem::take(key);
        let shared = before.get(..self.shared).ok_or("shares more of a key than there is")?;
        key.reserve_exact(shared.len() + self.rest.len());
        key.extend_from_slice(shared);
        key.extend_from_slice(&self.rest);
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err("has an empty key or one over 1024 bytes");
        }
        if *key <= before {
            return Err("has keys out of order");
        }
        if common_prefix(&before, key) != self.shared {
            return Err("repeats what two keys share");
        }
        Ok(())
    }
}
