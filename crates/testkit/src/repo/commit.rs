//! One change to a repository, as the firehose tells of it.

use super::{car, link, map};
use crate::cbor::Item;
use crate::{cid_of, frame};
use ipld_core::cid::Cid;

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// `create`, `update` or `delete`.
    pub action: String,
    /// Collection and record key.
    pub path: String,
    /// The record that is there now.
    pub cid: Option<Cid>,
    /// The record that was there before.
    pub prev: Option<Cid>,
}

/// A signed commit with what proves it. A test may change any of it before it is sent.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose repository.
    pub did: String,
    /// The revision.
    pub rev: String,
    /// The revision before.
    pub since: Option<String>,
    /// The CID of the commit.
    pub cid: Cid,
    /// The root of the CAR, which is the commit.
    pub root: Cid,
    /// The root of the tree before.
    pub prev_data: Option<Cid>,
    /// What changed.
    pub ops: Vec<Op>,
    /// The commit, the nodes on the way to each changed record, and those records.
    pub blocks: Vec<(Cid, Vec<u8>)>,
    /// So many bytes of the CAR are cut off at its end.
    pub cut: usize,
}

impl Commit {
    /// The blocks as a CAR.
    #[must_use]
    pub fn car(&self) -> Vec<u8> {
        let mut car = car(&self.root, &self.blocks);
        car.truncate(car.len().saturating_sub(self.cut));
        car
    }

    /// Puts another block in the place of the commit.
    pub(super) fn replace(&mut self, block: Vec<u8>) {
        let cid = cid_of(&block);
        self.leave_out(Some(self.root));
        self.blocks.insert(0, (cid, block));
        (self.cid, self.root) = (cid, cid);
    }

    pub(super) fn leave_out(&mut self, block: Option<Cid>) {
        self.blocks.retain(|(cid, _)| Some(*cid) != block);
    }

    /// The frame of `com.atproto.sync.subscribeRepos`.
    #[must_use]
    pub fn frame(&self, seq: i64, time: &str) -> Vec<u8> {
        let op = |op: &Op| {
            let mut fields = vec![
                ("action".to_owned(), Item::from(op.action.as_str())),
                ("path".to_owned(), Item::from(op.path.as_str())),
                ("cid".to_owned(), link(op.cid.as_ref())),
            ];
            fields.extend(op.prev.map(|prev| ("prev".to_owned(), link(Some(&prev)))));
            Item::Map(fields)
        };
        let since = self.since.clone().map_or(Item::Null, Item::from);
        let mut body = map([
            ("seq", Item::Int(seq)),
            ("time", Item::from(time)),
            ("repo", Item::from(self.did.as_str())),
            ("rev", Item::from(self.rev.as_str())),
            ("since", since),
            ("commit", link(Some(&self.cid))),
            ("blocks", Item::Bytes(self.car())),
            ("ops", Item::List(self.ops.iter().map(op).collect())),
            ("blobs", Item::List(Vec::new())),
            ("rebase", Item::Bool(false)),
            ("tooBig", Item::Bool(false)),
        ]);
        if let (Item::Map(fields), Some(data)) = (&mut body, &self.prev_data) {
            fields.push(("prevData".to_owned(), link(Some(data))));
        }
        [frame::header(1, Some("#commit")), body.sorted().encode()].concat()
    }
}
