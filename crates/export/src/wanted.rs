//! Which labels are exported.

use label::{Facts, Filter, Millis};
use store::{Glance, Marks, StoreError};

/// Which labels are exported.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What they are like.
    pub filter: Filter,
    /// Everything that was ever said and is still held, and not only what applies now.
    pub history: bool,
    /// Now.
    pub now: Millis,
}

impl Wanted {
    /// Whether this one is wanted; `current` has the newest of each key, if only those are.
    pub(crate) fn takes(
        &self,
        glance: &Glance<'_>,
        current: Option<&Marks>,
    ) -> Result<bool, StoreError> {
        if let Some(current) = current
            && (glance.negates || !current.has(glance.id))
        {
            return Ok(false);
        }
        let facts = Facts {
            labeler: glance.labeler,
            uri: Some(glance.uri),
            val: Some(glance.val),
            verdict: glance.verdict,
        };
        let applies = || Ok(current.is_none() || !glance.has_run_out(self.now)?);
        if self.filter.takes(&facts) { applies() } else { Ok(false) }
    }
}
