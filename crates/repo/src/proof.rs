//! From a CAR and a key to what the account signed about one record.

use crate::blocks::Blocks;
use crate::commit::Commit;
use crate::error::{Part, ProofError};
use crate::tree;
use cid::Cid;
use label::Did;
use verify::Key;

/// The longest CAR that is read, in bytes (sync spec: the blocks of a commit).
pub(crate) const MAX_CAR: usize = 2_000_000;

/// The longest record that is handed out, in bytes (repository spec).
const MAX_RECORD: usize = 1_000_000;

/// What is said about a record, by somebody whom one need not believe.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// Whose repository it is about.
    pub did: &'a Did,
    /// Which record: collection, slash and record key.
    pub path: &'a str,
    /// The commit; `None`: whatever the CAR has.
    pub commit: Option<&'a Cid>,
    /// Its revision; `None`: any.
    pub rev: Option<&'a str>,
    /// What is said to be there: this record, or none. `None`: nothing is said.
    pub record: Option<Option<&'a Cid>>,
}

impl<'a> Statement<'a> {
    /// A question: what is at this path?
    #[must_use]
    pub const fn about(did: &'a Did, path: &'a str) -> Self {
        Self { did, path, commit: None, rev: None, record: None }
    }

    /// In this commit of this revision.
    #[must_use]
    pub const fn in_commit(mut self, commit: &'a Cid, rev: &'a str) -> Self {
        (self.commit, self.rev) = (Some(commit), Some(rev));
        self
    }

    /// With this record there, or none.
    #[must_use]
    pub const fn with(mut self, record: Option<&'a Cid>) -> Self {
        self.record = Some(record);
        self
    }
}

/// What the account signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The revision of the commit, a TID. Later ones sort higher.
    pub rev: String,
    /// The record's CID; `None`: there is no such record.
    pub cid: Option<Cid>,
    /// The record, as DAG-CBOR; there exactly when `cid` is.
    pub record: Option<Vec<u8>>,
}

/// Proves from the blocks of a CAR what the account says about a record; `key` is the one it
/// signs its repository with (`#atproto`).
///
/// The steps are those of the sync spec for a single record: every block's hash, the commit's
/// form, whose it is, its signature, the tree down to the record, the record's block.
///
/// # Errors
/// The first thing that is wrong. After [`ProofError::wants_fresh_key`] the same again with
/// a key that was just looked up may succeed; after others it will not.
pub fn prove(car: &[u8], said: &Statement<'_>, key: &Key) -> Result<Proven, ProofError> {
    if car.len() > MAX_CAR {
        return Err(ProofError::CarTooLong(car.len()));
    }
    let blocks = Blocks::read(car)?;
    if said.commit.is_some_and(|commit| *commit != blocks.root) {
        return Err(ProofError::OtherCommit(blocks.root));
    }
    let commit = Commit::read(blocks.get(Part::Commit, &blocks.root)?)?;
    if commit.did != said.did.as_str() {
        return Err(ProofError::OtherDid(commit.did.chars().take(100).collect()));
    }
    if said.rev.is_some_and(|rev| rev != commit.rev) {
        return Err(ProofError::OtherRev(commit.rev));
    }
    commit.check(key)?;
    let cid = tree::find(&blocks, commit.data, said.path.as_bytes())?;
    match (said.record, cid) {
        (Some(Some(_)), None) => return Err(ProofError::NotInTree),
        (Some(Some(said)), Some(found)) if *said != found => {
            return Err(ProofError::OtherRecord(found));
        }
        (Some(None), Some(found)) => return Err(ProofError::StillInTree(found)),
        _ => {}
    }
    let record = cid.as_ref().map(|cid| record(&blocks, cid)).transpose()?;
    Ok(Proven { rev: commit.rev, cid, record })
}

fn record(blocks: &Blocks, cid: &Cid) -> Result<Vec<u8>, ProofError> {
    let block = blocks.get(Part::Record, cid)?;
    if block.len() > MAX_RECORD {
        return Err(ProofError::BlockTooLong { part: Part::Record, bytes: block.len() });
    }
    Ok(block.to_vec())
}
