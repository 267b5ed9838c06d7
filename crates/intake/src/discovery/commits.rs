//! Commits that were heard of lately, with their blocks, so that a declaration can be proven
//! without asking anybody.
//!
//! Only a convenience: that somebody is to be looked up is on disk, and where a commit is no
//! longer here the account's server is asked for the same proof.

use label::Did;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::LabelerOp;

/// Commits, and bytes of their blocks, that may be in memory.
const MOST: usize = 64;
const MOST_BYTES: usize = 16 << 20;

/// The commits, oldest first. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits(Arc<Mutex<VecDeque<LabelerOp>>>);

impl Commits {
    /// Keeps one; the oldest make room for it.
    pub(super) fn put(&self, mut op: LabelerOp) {
        // A copy: a window would hold on to the whole frame.
        op.blocks = bytes::Bytes::copy_from_slice(&op.blocks);
        let mut commits = self.lock();
        commits.push_back(op);
        let bytes = |commits: &VecDeque<LabelerOp>| -> usize {
            commits.iter().map(|op| op.blocks.len()).sum()
        };
        while commits.len() > MOST || bytes(&commits) > MOST_BYTES {
            commits.pop_front();
        }
    }

    /// Hands out those of one account, newest first, and forgets them.
    pub(super) fn take(&self, did: &Did) -> Vec<LabelerOp> {
        let mut commits = self.lock();
        let (taken, kept) = commits.drain(..).partition::<Vec<_>, _>(|op| op.did == *did);
        *commits = kept.into();
        taken.into_iter().rev().collect()
    }

    /// A panic while holding the lock cannot leave the list half changed.
    fn lock(&self) -> MutexGuard<'_, VecDeque<LabelerOp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use wire::Action;

    fn op(did: &Did, rev: usize, bytes: usize) -> LabelerOp {
        let cid = "bafyreifaecnvroazpkynctc2vivj7wjuqdf3o5y7amckbyhv7v3v7qwxje".parse().unwrap();
        LabelerOp {
            did: did.clone(),
            action: Action::Create,
            cid: Some(cid),
            commit: cid,
            rev: rev.to_string(),
            blocks: Bytes::from(vec![0; bytes]),
        }
    }

    #[test]
    fn they_are_handed_out_once_and_newest_first() {
        let (commits, ann) = (Commits::default(), Did::parse("did:web:ann.test").unwrap());
        let bob = Did::parse("did:web:bob.test").unwrap();
        for (who, rev) in [(&ann, 1), (&bob, 2), (&ann, 3)] {
            commits.put(op(who, rev, 1));
        }
        let revs: Vec<_> = commits.take(&ann).into_iter().map(|op| op.rev).collect();
        assert_eq!(revs, ["3", "1"]);
        assert!(commits.take(&ann).is_empty());
        assert_eq!(commits.take(&bob).len(), 1);
    }

    #[test]
    fn the_oldest_make_room() {
        let (commits, ann) = (Commits::default(), Did::parse("did:web:ann.test").unwrap());
        (0..100).for_each(|rev| commits.put(op(&ann, rev, 1)));
        assert_eq!(commits.take(&ann).len(), MOST);
        (0..20).for_each(|rev| commits.put(op(&ann, rev, 2_000_000)));
        assert_eq!(commits.take(&ann).len(), 8);
    }
}
