//! What a judge can say of a label (contract section 8).

use std::fmt;

/// The outcome of judging one label. The order is the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A field is missing, of the wrong type or over its limit, or the CBOR is not canonical.
    Malformed,
    /// `ver` is missing or not 1.
    UnsupportedVersion,
    /// `src` is not the labeler that sent it.
    ForeignSrc,
    /// There is no signature.
    Unsigned,
    /// The signature is wrong, high-S, DER or of the wrong length.
    BadSignature,
    /// The signature holds only under a key that the DID's audit log shows for earlier.
    VerifiedOldKey,
    /// Everything holds under the key the DID document shows now.
    Verified,
}

impl Verdict {
    /// Every verdict, in the order they are tried.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::UnsupportedVersion,
        Self::ForeignSrc,
        Self::Unsigned,
        Self::BadSignature,
        Self::VerifiedOldKey,
        Self::Verified,
    ];

    /// The name used in events, filters and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnsupportedVersion => "unsupported-version",
            Self::ForeignSrc => "foreign-src",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad-signature",
            Self::VerifiedOldKey => "verified-old-key",
            Self::Verified => "verified",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == name)
    }

    /// Whether something with this verdict is a label: stored, indexed and delivered.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Verified | Self::VerifiedOldKey)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::from_name(verdict.as_str()), Some(verdict));
        }
        assert_eq!(Verdict::from_name("fine"), None);
    }
}
