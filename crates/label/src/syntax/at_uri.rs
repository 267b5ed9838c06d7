//! The form of an at-uri: whose, which collection, which record.

use super::{is_did, is_handle, is_nsid, is_record_key};

/// Whether `text` has the form of an at-uri as lexicons use it (atproto at-uri spec,
/// "Restricted AT URI Syntax"): no query, no fragment, no trailing slash. The limit of 8 KB
/// needs no check of its own, since the parts may not grow that long together.
#[must_use]
pub fn is_at_uri(text: &str) -> bool {
    let Some(path) = text.strip_prefix("at://") else { return false };
    let mut parts = path.split('/');
    let authority = parts.next().is_some_and(|part| is_did(part) || is_handle(part));
    authority
        && parts.next().is_none_or(is_nsid)
        && parts.next().is_none_or(is_record_key)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_at_uri_names_an_account_a_collection_or_a_record() {
        for uri in ["at://did:plc:abc", "at://a.example/a.b.c", "at://did:web:a.example/a.b.c/self"]
        {
            assert!(is_at_uri(uri), "{uri}");
        }
    }

    #[test]
    fn nothing_may_be_missing_or_left_over() {
        for text in ["at://", "at:did:plc:abc", "AT://a.b", "at://a", "at://a.b/", "at://a.b//x"] {
            assert!(!is_at_uri(text), "{text}");
        }
        for text in ["at://a.b/a.b.c/", "at://a.b/a.b.c/x/y", "at://a.b#x", "at://a.b/a.b.c?x"] {
            assert!(!is_at_uri(text), "{text}");
        }
    }

    #[test]
    fn the_longest_parts_stay_within_8_kilobytes() {
        let did = format!("did:x:{}", "a".repeat(2042));
        let nsid = format!("{}b.{}", "a.".repeat(126), "n".repeat(63));
        let uri = format!("at://{did}/{nsid}/{}", "k".repeat(512));
        assert!(is_at_uri(&uri) && uri.len() < 8192, "{}", uri.len());
    }
}
