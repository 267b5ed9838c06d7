//! What kind of thing a label is about.

use label::syntax;

/// What kind of thing a label is about, as far as its URI tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// An account: a DID.
    Account,
    /// The record in which an account's avatar and banner are. A label there is how a labeler
    /// speaks of the two, and clients blur them for it and nothing else.
    Pictures,
    /// Another record.
    Record {
        /// Its collection.
        collection: &'a str,
        /// Its key.
        key: &'a str,
    },
    /// Anything else.
    Other,
}

impl<'a> Target<'a> {
    /// Of a label's URI.
    pub(crate) fn of(uri: &'a str) -> Self {
        if syntax::is_did(uri) {
            return Self::Account;
        }
        let mut path = uri.strip_prefix("at://").unwrap_or_default().split('/').skip(1);
        match (path.next(), path.next()) {
            (Some("app.bsky.actor.profile"), Some("self")) if syntax::is_at_uri(uri) => {
                Self::Pictures
            }
            (Some(collection), Some(key)) if syntax::is_at_uri(uri) => {
                Self::Record { collection, key }
            }
            _ => Self::Other,
        }
    }

    /// Its heading.
    pub(crate) const fn name(self) -> &'a str {
        match self {
            Self::Account => "account",
            Self::Pictures => "avatar/banner",
            Self::Record { collection, .. } => collection,
            Self::Other => "other",
        }
    }

    /// When it was made, in microseconds since 1970, if that can be told from the record's key.
    pub(crate) fn made(self) -> Option<i64> {
        match self {
            Self::Record { key, .. } => syntax::tid_micros(key),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_uri_is_about_is_seen_from_its_form() {
        for (uri, name) in [
            ("did:plc:a", "account"),
            ("did:web:a.test", "account"),
            ("at://did:plc:a/app.bsky.feed.post/3jzfcijpj2z2a", "app.bsky.feed.post"),
            ("at://did:plc:a/app.bsky.actor.profile/self", "avatar/banner"),
            ("at://did:plc:a/app.bsky.actor.profile/other", "app.bsky.actor.profile"),
            ("at://did:plc:a", "other"),
            ("at://did:plc:a/app.bsky.feed.post", "other"),
            ("at://did:plc:a/app.bsky.feed.post/1/2", "other"),
            ("at://nobody/app.bsky.actor.profile/self", "other"),
            ("https://example.com/app.bsky.feed.post/1", "other"),
            ("", "other"),
        ] {
            assert_eq!(Target::of(uri).name(), name, "{uri}");
        }
    }

    #[test]
    fn only_a_tid_says_when() {
        let made = |uri| Target::of(uri).made();
        assert!(made("at://did:plc:a/app.bsky.feed.post/3jzfcijpj2z2a").is_some());
        assert_eq!(made("at://did:plc:a/app.bsky.feed.post/mine"), None);
        assert_eq!(made("did:plc:a"), None);
    }
}
