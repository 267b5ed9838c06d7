//! What kind of thing a label is about.

use crate::syntax::{is_at_uri, is_did};

/// What kind of thing a label is about, as far as its `uri` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// A DID.
    Account,
    /// An at-uri with collection and record key.
    Record,
    /// Anything else, and what cannot be read.
    Other,
}

impl Subject {
    pub(super) const ALL: [Self; 3] = [Self::Account, Self::Record, Self::Other];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Record => "record",
            Self::Other => "other",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.as_str() == name)
    }

    pub(super) fn of(uri: Option<&str>) -> Self {
        match uri {
            Some(uri) if is_did(uri) => Self::Account,
            Some(uri) if is_record(uri) => Self::Record,
            _ => Self::Other,
        }
    }
}

fn is_record(uri: &str) -> bool {
    // at: / / authority / collection / record key
    uri.bytes().filter(|byte| *byte == b'/').count() == 4 && is_at_uri(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_its_uri_has_the_form_of() {
        for (uri, subject) in [
            ("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", Subject::Account),
            ("did:web:example.com", Subject::Account),
            ("did:example:1", Subject::Account),
            ("at://did:web:a.test/app.bsky.feed.post/1", Subject::Record),
            ("at://a.test/app.bsky.feed.post/self", Subject::Record),
            ("at://did:web:a.test", Subject::Other),
            ("at://did:web:a.test/app.bsky.feed.post", Subject::Other),
            ("at://did:web:a.test/app.bsky.feed.post/", Subject::Other),
            ("at://did:web:a.test/app.bsky.feed.post/1/2", Subject::Other),
            ("https://a.test/b/c", Subject::Other),
            ("did:", Subject::Other),
            ("", Subject::Other),
        ] {
            assert_eq!(Subject::of(Some(uri)), subject, "{uri}");
        }
        assert_eq!(Subject::of(None), Subject::Other);
    }

    #[test]
    fn every_name_reads_back() {
        for subject in Subject::ALL {
            assert_eq!(Subject::from_name(subject.as_str()), Some(subject));
        }
    }
}
