//! An account: its key, its records, its revisions.

use super::{Commit, LABELER_PATH, Op, Spoil, Tree, car, link, map};
use crate::cbor::Item;
use crate::{SigningKey, cid_of};
use ipld_core::cid::Cid;
use std::collections::{BTreeMap, BTreeSet};

/// Microseconds since 1970 of the first revision, which is of 1 October 2024.
const FIRST: u64 = 1_727_740_800_000_000;

/// A revision or record key: so many microseconds since 1970 as a TID, by clock 0.
#[must_use]
pub fn tid(micros: u64) -> String {
    const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let bits = micros << 10;
    let digit = |place: u32| ALPHABET.get((bits >> (5 * place) & 31) as usize).copied();
    (0..13).rev().filter_map(digit).map(char::from).collect()
}

/// The declaration of a labeler with these values, as DAG-CBOR.
#[must_use]
pub fn declaration(values: &[&str]) -> Vec<u8> {
    let values = values.iter().map(|value| Item::from(*value)).collect();
    let record = map([
        ("$type", Item::from("app.bsky.labeler.service")),
        ("policies", map([("labelValues", Item::List(values))])),
        ("createdAt", Item::from("2024-10-01T00:00:00.000Z")),
    ]);
    record.encode()
}

/// One change to a repository.
#[derive(Debug, Clone)]
pub enum Write {
    /// This record at this path, whatever was there.
    Put(String, Vec<u8>),
    /// Nothing at this path.
    Delete(String),
}

/// An account with a repository.
#[derive(Debug, Clone)]
pub struct Account {
    did: String,
    key: SigningKey,
    records: BTreeMap<String, Cid>,
    blocks: BTreeMap<Cid, Vec<u8>>,
    revisions: u64,
}

impl Account {
    /// An account without records.
    #[must_use]
    pub fn new(did: &str, key: SigningKey) -> Self {
        let (records, blocks) = (BTreeMap::new(), BTreeMap::new());
        Self { did: did.to_owned(), key, records, blocks, revisions: 0 }
    }

    /// With so many posts, so that the tree has some levels.
    #[must_use]
    pub fn with_posts(mut self, count: u64) -> Self {
        for number in 0..count {
            let path = format!("app.bsky.feed.post/{}", tid(FIRST + number * 1_000_003));
            let text = format!("post number {number} of a test");
            let post = map([("$type", Item::from("app.bsky.feed.post")), ("text", text.into())]);
            self.set(&Write::Put(path, post.encode()));
        }
        self
    }

    /// Its DID.
    #[must_use]
    pub fn did(&self) -> &str {
        &self.did
    }

    /// The key it signs with.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Signs with another key from now on.
    pub fn rotate(&mut self, key: SigningKey) {
        self.key = key;
    }

    /// The revision it has now.
    #[must_use]
    pub fn rev(&self) -> String {
        tid(FIRST + self.revisions * 1_000)
    }

    /// The record at a path.
    #[must_use]
    pub fn record(&self, path: &str) -> Option<Cid> {
        self.records.get(path).copied()
    }

    /// The tree of its records.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree::new(&self.records)
    }

    /// Declares that it is a labeler with these values.
    pub fn declare(&mut self, values: &[&str]) -> Commit {
        self.write(&[Write::Put(LABELER_PATH.to_owned(), declaration(values))])
    }

    /// Takes the declaration back.
    pub fn undeclare(&mut self) -> Commit {
        self.write(&[Write::Delete(LABELER_PATH.to_owned())])
    }

    /// Writes a post, as accounts do all day.
    pub fn post(&mut self, text: &str) -> Commit {
        let post = map([("$type", Item::from("app.bsky.feed.post")), ("text", text.into())]);
        let path = format!("app.bsky.feed.post/{}", tid(FIRST + self.revisions * 1_000 + 7));
        self.write(&[Write::Put(path, post.encode())])
    }

    /// Makes these changes in one commit.
    pub fn write(&mut self, writes: &[Write]) -> Commit {
        let (before, since) = (self.tree().root(), self.rev());
        let is_first = self.revisions == 0;
        let ops = writes.iter().map(|write| self.set(write)).collect();
        self.revisions += 1;
        Commit {
            prev_data: (!is_first).then_some(before),
            since: (!is_first).then_some(since),
            ..self.commit(ops, Spoil::Nothing)
        }
    }

    /// The commit that it is at, with proof of what is said to have happened to these records.
    pub(super) fn commit(&self, ops: Vec<Op>, spoil: Spoil) -> Commit {
        let tree = Tree::spoiled(&self.records, spoil);
        let block = self.sign(&self.did, |unsigned| self.key.sign(unsigned), &tree);
        let cid = cid_of(&block);
        let mut blocks = vec![(cid, block)];
        let mut there = BTreeSet::new();
        for op in &ops {
            blocks.extend(tree.path(&op.path));
            let record = self.records.get(&op.path).and_then(|cid| self.blocks.get_key_value(cid));
            blocks.extend(record.map(|(cid, block)| (*cid, block.clone())));
        }
        blocks.retain(|(cid, _)| there.insert(*cid));
        let (did, rev) = (self.did.clone(), self.rev());
        Commit { did, rev, since: None, cid, root: cid, prev_data: None, ops, blocks, cut: 0 }
    }

    /// What `com.atproto.sync.getRecord` answers: a CAR that shows the record, or that there
    /// is none.
    #[must_use]
    pub fn proof(&self, path: &str) -> Vec<u8> {
        let op = Op { action: String::new(), path: path.to_owned(), cid: None, prev: None };
        self.commit(vec![op], Spoil::Nothing).car()
    }

    /// The commit that it is at, in a CAR of its own.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        self.commit(Vec::new(), Spoil::Nothing).car()
    }

    /// What `com.atproto.sync.getRepo` answers: everything.
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        let commit = self.commit(Vec::new(), Spoil::Nothing);
        let records = self.records.values();
        let records = records.filter_map(|cid| Some((*cid, self.blocks.get(cid)?.clone())));
        let blocks: Vec<_> =
            commit.blocks.into_iter().chain(self.tree().nodes()).chain(records).collect();
        car(&commit.cid, &blocks)
    }

    /// A signed commit block, in the name of any DID.
    pub(super) fn sign(
        &self,
        did: &str,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
        tree: &Tree,
    ) -> Vec<u8> {
        let unsigned = map([
            ("did", Item::from(did)),
            ("rev", self.rev().into()),
            ("data", link(Some(&tree.root()))),
            ("prev", Item::Null),
            ("version", Item::Int(3)),
        ]);
        let sig = Item::Bytes(sign(&unsigned.encode()).to_vec());
        let Item::Map(mut fields) = unsigned else { return Vec::new() };
        fields.push(("sig".to_owned(), sig));
        Item::Map(fields).sorted().encode()
    }

    fn set(&mut self, write: &Write) -> Op {
        let (path, cid) = match write {
            Write::Put(path, record) => {
                let cid = cid_of(record);
                self.blocks.insert(cid, record.clone());
                (path, Some(cid))
            }
            Write::Delete(path) => (path, None),
        };
        let prev = match cid {
            Some(cid) => self.records.insert(path.clone(), cid),
            None => self.records.remove(path),
        };
        let action = match (cid, prev) {
            (Some(_), None) => "create",
            (Some(_), Some(_)) => "update",
            (None, _) => "delete",
        };
        Op { action: action.to_owned(), path: path.clone(), cid, prev }
    }
}
