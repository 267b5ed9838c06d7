//! One label, as its labeler signed it.

use crate::syntax::instant;
use crate::{Did, Millis};
use std::ops::Deref;

/// The fields of `com.atproto.label.defs#label`, byte for byte as they came. `ver` is
/// always 1 and therefore not kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parts {
    /// Who says it.
    pub src: Did,
    /// What it is said about: a DID, an at-uri, or any other URI. Never normalised.
    pub uri: String,
    /// The version of the record it is about, when it is about one version only.
    pub cid: Option<String>,
    /// The label value, at most 128 bytes.
    pub val: String,
    /// As it came: `Some(false)` and `None` mean the same and are signed differently.
    pub neg: Option<bool>,
    /// When the labeler says it was made. Untrusted.
    pub cts: String,
    /// When it stops to apply.
    pub exp: Option<String>,
    /// `r` then `s`, 64 bytes.
    pub sig: Vec<u8>,
}

/// A label whose signature was found to hold. Reads like its [`Parts`]; cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label(Parts);

impl Label {
    /// Turns parts into a label. To be called by whoever knows that the signature
    /// holds: `verify`, which checked it, and `store`, which kept it.
    #[must_use]
    pub fn vouched(parts: Parts) -> Self {
        Self(parts)
    }

    /// Whether this takes an earlier label back.
    #[must_use]
    pub fn negates(&self) -> bool {
        self.0.neg == Some(true)
    }

    /// Whether it has an end, and that is past at this time.
    #[must_use]
    pub fn has_run_out(&self, now: Millis) -> bool {
        has_run_out(self.0.exp.as_deref(), now)
    }

    /// Whether it applies at this time, if it is the newest of its key: it takes nothing back and
    /// has not run out (contract section 7).
    #[must_use]
    pub fn applies(&self, now: Millis) -> bool {
        !self.negates() && !self.has_run_out(now)
    }

    /// Whether both say the same, whoever signed them and however: `neg: false` says nothing.
    #[must_use]
    pub fn says_the_same(&self, other: &Parts) -> bool {
        let mine = &self.0;
        (&mine.src, &mine.uri, &mine.val) == (&other.src, &other.uri, &other.val)
            && (&mine.cid, &mine.cts, &mine.exp) == (&other.cid, &other.cts, &other.exp)
            && (mine.neg == Some(true)) == (other.neg == Some(true))
    }

    /// The fields, to take along.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        self.0
    }
}

/// Whether something that ends then, if it does, has ended at this time.
#[must_use]
pub fn has_run_out(exp: Option<&str>, now: Millis) -> bool {
    exp.and_then(instant).is_some_and(|ends| ends <= now.0.saturating_mul(1000))
}

impl Deref for Label {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
