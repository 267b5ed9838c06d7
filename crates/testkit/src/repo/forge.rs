//! Commits that do not prove what they say.

use super::{Account, Commit, LABELER_PATH, Op, Spoil, declaration};
use crate::{SigningKey, cid_of};

/// What is wrong with a commit that says an account is a labeler now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// Signed by another key.
    WrongSignature,
    /// The signature with the other `s`.
    HighS,
    /// A good commit, with a record that is not in its tree.
    NotInTree,
    /// A good commit with a declaration, said to be another one, whose block is there too.
    SwappedRecord,
    /// The block of the record is not what its name says.
    WrongHash,
    /// The commit of another DID, signed by this account's key.
    OtherDid,
    /// Said to have another revision than it has.
    OtherRev,
    /// Said to be another commit than the root of its blocks.
    OtherCommit,
    /// Without the block of the record.
    MissingRecord,
    /// Without the tree's root node.
    MissingNode,
    /// Without the block of the commit.
    MissingCommit,
    /// The CAR ends in the middle of its last block.
    Cut,
    /// No CAR at all, but nothing.
    NoCar,
    /// A tree that is signed and built wrongly.
    Tree(Spoil),
    /// Said to have deleted the declaration, which is still there.
    StillThere,
}

impl Forgery {
    /// One of each kind. Some trees take an account with posts to be built wrongly.
    pub const ALL: [Self; 18] = [
        Self::WrongSignature,
        Self::HighS,
        Self::NotInTree,
        Self::SwappedRecord,
        Self::WrongHash,
        Self::OtherDid,
        Self::OtherRev,
        Self::OtherCommit,
        Self::MissingRecord,
        Self::MissingNode,
        Self::MissingCommit,
        Self::Cut,
        Self::NoCar,
        Self::Tree(Spoil::Order),
        Self::Tree(Spoil::Prefix),
        Self::Tree(Spoil::Height),
        Self::Tree(Spoil::Field),
        Self::StillThere,
    ];
}

impl Account {
    /// A commit that claims to have created the declaration, and does not prove it. The
    /// account itself stays as it is.
    #[must_use]
    pub fn forge(&self, forgery: Forgery) -> Commit {
        let mut own = self.clone();
        let mut commit = own.declare(&["forged"]);
        let record = own.record(LABELER_PATH);
        match forgery {
            Forgery::WrongSignature => {
                let key = SigningKey::of(own.key().curve(), 0xf0f0);
                commit.replace(own.sign(own.did(), |unsigned| key.sign(unsigned), &own.tree()));
            }
            Forgery::HighS => {
                let key = own.key();
                let block = own.sign(own.did(), |unsigned| key.sign_high_s(unsigned), &own.tree());
                commit.replace(block);
            }
            Forgery::NotInTree => {
                let block = (cid_of(&declaration(&["forged"])), declaration(&["forged"]));
                commit = self.commit(commit.ops, Spoil::Nothing);
                commit.blocks.push(block);
            }
            Forgery::SwappedRecord => {
                let swapped = declaration(&["swapped"]);
                let cid = cid_of(&swapped);
                commit.blocks.push((cid, swapped));
                commit.ops.iter_mut().for_each(|op| op.cid = Some(cid));
            }
            Forgery::WrongHash => {
                let blocks = commit.blocks.iter_mut().filter(|(cid, _)| Some(*cid) == record);
                blocks.for_each(|(_, block)| block.push(0));
            }
            Forgery::OtherDid => {
                let did = crate::plc_did("somebody else");
                let key = own.key();
                commit.replace(own.sign(&did, |unsigned| key.sign(unsigned), &own.tree()));
            }
            Forgery::OtherRev => commit.rev = super::tid(1_800_000_000_000_000),
            Forgery::OtherCommit => commit.cid = cid_of(b"another"),
            Forgery::MissingRecord => commit.leave_out(record),
            Forgery::MissingNode => commit.leave_out(Some(own.tree().root())),
            Forgery::MissingCommit => commit.leave_out(Some(commit.root)),
            Forgery::Cut => commit.cut = 10,
            Forgery::NoCar => commit.cut = usize::MAX,
            Forgery::Tree(spoil) => commit = own.commit(commit.ops, spoil),
            Forgery::StillThere => {
                let (action, path) = ("delete".to_owned(), LABELER_PATH.to_owned());
                let gone = Op { action, path, cid: None, prev: record };
                commit = own.commit(vec![gone], Spoil::Nothing);
            }
        }
        commit
    }
}
