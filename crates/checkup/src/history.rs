//! The keys that a DID had before, asked for when something fails under the present one.

use crate::means::Means;
use label::Did;
use tokio::sync::OnceCell;
use verify::{Judged, Key, judge};
use wire::{Claim, RawLabel, unsigned_cbor};

/// The keys of one labeler.
pub(crate) struct Keys<'a> {
    means: Means<'a>,
    did: &'a Did,
    present: &'a Key,
    earlier: OnceCell<Result<Vec<Key>, String>>,
}

/// Under which key something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The one in the DID document.
    Now,
    /// One that was there before.
    Before,
    /// None of them.
    Never,
    /// Not the present one; the others could not be asked for, and why.
    Unknown(String),
}

impl<'a> Keys<'a> {
    pub(crate) fn new(means: Means<'a>, did: &'a Did, present: &'a Key) -> Self {
        Self { means, did, present, earlier: OnceCell::new() }
    }

    /// A label of the stream.
    pub(crate) async fn of_received(&self, raw: &RawLabel) -> Holds {
        self.find(|key| matches!(judge(raw, self.did, key), Judged::Label { .. })).await
    }

    /// A label from elsewhere, with its signature.
    pub(crate) async fn of_claim(&self, claim: &Claim) -> Holds {
        let message = unsigned_cbor(claim);
        let sig = claim.sig.as_deref().unwrap_or_default();
        self.find(|key| key.holds(&message, sig)).await
    }

    async fn find(&self, holds: impl Fn(&Key) -> bool) -> Holds {
        if holds(self.present) {
            return Holds::Now;
        }
        match self.earlier.get_or_init(|| earlier(self.means, self.did)).await {
            Ok(keys) if keys.iter().any(holds) => Holds::Before,
            Ok(_) => Holds::Never,
            Err(why) => Holds::Unknown(why.clone()),
        }
    }
}

/// The label keys that the audit log shows for earlier; none for a did:web, which has none.
async fn earlier(_means: Means<'_>, _did: &Did) -> Result<Vec<Key>, String> {
    std::future::ready(Ok(Vec::new())).await
}
