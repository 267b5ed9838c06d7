//! Words of the channel that later versions of the server may add to.

/// Makes an enum of words that also takes words it does not know, under `Other`.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Deserialize)]
        #[serde(from = "String")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// A word that this version of the client does not know.
            Other(String),
        }

        impl $name {
            /// The word itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)+
                    _ => Self::Other(word),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What the server found out about a label (contract section 8).
    Verdict {
        /// The signature holds under the labeler's present key.
        Verified = "verified",
        /// It holds only under a key that the labeler had when the label was made.
        VerifiedOldKey = "verified-old-key",
        /// There is no signature.
        Unsigned = "unsigned",
        /// There is one, and it does not hold.
        BadSignature = "bad-signature",
        /// The labeler speaks in another's name.
        ForeignSrc = "foreign-src",
        /// `ver` is missing or not 1.
        UnsupportedVersion = "unsupported-version",
        /// A field is missing, of the wrong type or over its limit, or the CBOR is not canonical.
        Malformed = "malformed",
    }
}

impl Verdict {
    /// Whether what it was said of is a label. All else is a rejected claim, which comes
    /// only to a consumer whose filter names its verdict.
    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self, Self::Verified | Self::VerifiedOldKey)
    }
}

words! {
    /// What happened to a labeler.
    Change {
        /// It is tracked from now on.
        Added = "added",
        /// Its stream is open.
        Connected = "connected",
        /// All it said before is stored.
        CaughtUp = "caught-up",
        /// Its stream ended.
        Disconnected = "disconnected",
        /// It signs with another key.
        KeyChanged = "key-changed",
        /// It is served elsewhere.
        ServiceChanged = "service-changed",
        /// It started its numbering over.
        SequenceReset = "sequence-reset",
        /// It no longer has all that was not read yet.
        Gap = "gap",
        /// It is no longer tracked.
        Removed = "removed",
        /// There is no such account any more.
        Gone = "gone",
    }
}

words! {
    /// What has become of a label.
    Standing {
        /// It applies now.
        Applies = "applies",
        /// It was taken back.
        Negated = "negated",
        /// Its time is over.
        Expired = "expired",
        /// A newer one is in its place.
        Superseded = "superseded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_and_new_ones_keep_their_spelling() {
        for word in ["verified", "verified-old-key", "malformed", "of-a-later-version", ""] {
            assert_eq!(Verdict::from(word.to_owned()).to_string(), word);
        }
        let caught_up: Change = serde_json::from_str(r#""caught-up""#).unwrap();
        assert_eq!(caught_up, Change::CaughtUp);
        assert_eq!(Standing::from("applied".to_owned()), Standing::Other("applied".to_owned()));
    }

    #[test]
    fn only_two_verdicts_make_a_label() {
        let holds = |word: &str| Verdict::from(word.to_owned()).holds();
        assert!(holds("verified") && holds("verified-old-key"));
        for word in ["unsigned", "bad-signature", "foreign-src", "unsupported-version", "new"] {
            assert!(!holds(word), "{word}");
        }
    }
}
