//! A key, and when it was the one to sign with.

use crate::Key;
use label::Millis;

/// A label key, and the time in which the DID document showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTerm {
    /// The key.
    pub key: Key,
    /// When the directory took the operation that brought it.
    pub from: Millis,
    /// When it took the one that replaced or removed it; `None`: it is the present one.
    pub until: Option<Millis>,
}

impl KeyTerm {
    /// Whether the key was the one to sign with at that time.
    #[must_use]
    pub fn has(&self, at: Millis) -> bool {
        self.from <= at && self.until.is_none_or(|until| at <= until)
    }
}
