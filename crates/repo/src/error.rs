//! Why a proof fails.

use cid::Cid;
use std::fmt;
use verify::SignatureFault;

/// What a block is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The signed root.
    Commit,
    /// A node of the tree.
    Node,
    /// The record.
    Record,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "commit",
            Self::Node => "tree node",
            Self::Record => "record",
        })
    }
}

/// Why a CAR does not prove what is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// More bytes than a commit may have.
    #[error("CAR of {0} bytes, over the limit of {max}", max = crate::proof::MAX_CAR)]
    CarTooLong(usize),
    /// It cannot be read as a CAR of version 1; a library says why.
    #[error("not a CAR: {0}")]
    Car(String),
    /// Its root is another than was said.
    #[error("the CAR is about commit {0}")]
    OtherCommit(Cid),
    /// A block is named in a way that atproto does not use.
    #[error("{0} is no CID of a DAG-CBOR block by SHA-256")]
    BlockKind(Cid),
    /// A block is not what its name says.
    #[error("the block of {0} has another hash")]
    BlockHash(Cid),
    /// A block that is needed is not there.
    #[error("the {part} {cid} is missing")]
    MissingBlock {
        /// What it is needed for.
        part: Part,
        /// Which one.
        cid: Cid,
    },
    /// A block is longer than its kind may be.
    #[error("{part} of {bytes} bytes is too long")]
    BlockTooLong {
        /// What it is needed for.
        part: Part,
        /// How long it is.
        bytes: usize,
    },
    /// The commit cannot be read, or a field is not as it should be.
    #[error("the commit {0}")]
    Commit(&'static str),
    /// The commit is somebody else's.
    #[error("the commit is of {0:?}")]
    OtherDid(String),
    /// The commit has another revision than was said.
    #[error("the commit has revision {0:?}")]
    OtherRev(String),
    /// The key did not sign the commit. It may be an old one.
    #[error("the commit's signature: {0}")]
    Signature(SignatureFault),
    /// A node of the tree cannot be read, or is not built by the rules.
    #[error("tree node {cid} {what}")]
    Node {
        /// Which one.
        cid: Cid,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The tree has no such record.
    #[error("the record is not in the tree")]
    NotInTree,
    /// The tree has another record than was said.
    #[error("the tree has {0} for the record")]
    OtherRecord(Cid),
    /// The tree has the record which is said to be gone.
    #[error("the record is still in the tree, as {0}")]
    StillInTree(Cid),
}

impl ProofError {
    /// Whether another key might do: the account may have changed it since it was looked up.
    #[must_use]
    pub const fn wants_fresh_key(&self) -> bool {
        matches!(self, Self::Signature(SignatureFault::Wrong))
    }
}
