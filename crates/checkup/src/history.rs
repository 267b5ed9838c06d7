//! The keys that a DID had before, asked for when something fails under the present one.

use crate::means::Means;
use label::{Did, Millis, syntax::instant};
use std::sync::Arc;
use tokio::sync::OnceCell;
use verify::{Judged, Key, KeyTerm, judge, judge_by_old_keys};
use wire::{Claim, RawLabel, unsigned_cbor};

/// The keys of one labeler.
pub(crate) struct Keys<'a> {
    means: Means<'a>,
    did: &'a Did,
    present: &'a Key,
    earlier: OnceCell<Result<Arc<Vec<KeyTerm>>, String>>,
}

/// Under which key something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The one in the DID document.
    Now,
    /// One that was there when the label says it was made.
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
        if let Judged::Label { .. } = judge(raw, self.did, self.present) {
            return Holds::Now;
        }
        self.before(|terms| judge_by_old_keys(raw, self.did, terms).is_some()).await
    }

    /// A label from elsewhere, with its signature.
    pub(crate) async fn of_claim(&self, claim: &Claim) -> Holds {
        let message = unsigned_cbor(claim);
        let sig = claim.sig.as_deref().unwrap_or_default();
        if self.present.holds(&message, sig) {
            return Holds::Now;
        }
        let said = instant(&claim.cts).map(|micros| Millis(micros.div_euclid(1000)));
        let holds = |term: &KeyTerm| {
            said.is_some_and(|said| term.has(said)) && term.key.holds(&message, sig)
        };
        self.before(|terms| terms.iter().any(holds)).await
    }

    async fn before(&self, holds: impl Fn(&[KeyTerm]) -> bool) -> Holds {
        match self.earlier.get_or_init(|| self.ask()).await {
            Ok(terms) if holds(terms) => Holds::Before,
            Ok(_) => Holds::Never,
            Err(why) => Holds::Unknown(why.clone()),
        }
    }

    async fn ask(&self) -> Result<Arc<Vec<KeyTerm>>, String> {
        let asked = self.means.resolver.key_history(self.did, Some(self.present)).await;
        asked.map_err(|error| error.to_string())
    }
}
