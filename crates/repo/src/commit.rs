//! The signed root of a repository (atproto repository spec, "Commit Objects").

use crate::blocks::is_ours;
use crate::error::{Part, ProofError};
use crate::is_tid;
use cid::Cid;
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;
use verify::Key;

/// The longest commit that is read, in bytes. Real ones have about 230; the sync spec gives
/// 10,000 to a CAR with nothing else in it.
const LONGEST: usize = 10_000;

/// The format that is in use since 2023.
const VERSION: i128 = 3;

/// A commit whose form is right. Its signature has not been looked at.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) did: String,
    pub(crate) rev: String,
    /// The root of the tree.
    pub(crate) data: Cid,
    sig: Vec<u8>,
    /// What is signed.
    signed: Vec<u8>,
}

impl Commit {
    /// Reads a commit. Fields that nobody knows are signed with the others.
    pub(crate) fn read(block: &[u8]) -> Result<Self, ProofError> {
        if block.len() > LONGEST {
            return Err(ProofError::BlockTooLong { part: Part::Commit, bytes: block.len() });
        }
        let mut fields: BTreeMap<String, Ipld> = serde_ipld_dagcbor::from_slice(block)
            .map_err(|_| ProofError::Commit("is not a map in DAG-CBOR"))?;
        if encode(&fields)? != block {
            return Err(ProofError::Commit("is not canonical"));
        }
        let Some(Ipld::Bytes(sig)) = fields.remove("sig") else {
            return Err(ProofError::Commit("has no sig"));
        };
        let signed = encode(&fields)?;
        match fields.remove("version") {
            Some(Ipld::Integer(VERSION)) => {}
            Some(_) => return Err(ProofError::Commit("is of another version than 3")),
            None => return Err(ProofError::Commit("has no version")),
        }
        match fields.remove("prev") {
            Some(Ipld::Null | Ipld::Link(_)) => {}
            Some(_) => return Err(ProofError::Commit("has a prev that is no link")),
            None => return Err(ProofError::Commit("has no prev")),
        }
        let Some(Ipld::String(did)) = fields.remove("did") else {
            return Err(ProofError::Commit("has no did"));
        };
        let Some(Ipld::String(rev)) = fields.remove("rev").filter(is_rev) else {
            return Err(ProofError::Commit("has no rev that is a TID"));
        };
        let Some(Ipld::Link(data)) = fields.remove("data").filter(is_node) else {
            return Err(ProofError::Commit("has no data that is a link to a node"));
        };
        Ok(Self { did, rev, data, sig, signed })
    }

    /// Whether the key signed it.
    pub(crate) fn check(&self, key: &Key) -> Result<(), ProofError> {
        key.check(&self.signed, &self.sig).map_err(ProofError::Signature)
    }
}

fn is_rev(field: &Ipld) -> bool {
    matches!(field, Ipld::String(rev) if is_tid(rev))
}

fn is_node(field: &Ipld) -> bool {
    matches!(field, Ipld::Link(cid) if is_ours(cid))
}

fn encode(fields: &BTreeMap<String, Ipld>) -> Result<Vec<u8>, ProofError> {
    serde_ipld_dagcbor::to_vec(fields).map_err(|_| ProofError::Commit("cannot be written again"))
}
