//! The form of a DID, whatever its method. Which DIDs can be looked up is for [`crate::Did`].

/// The longest DID, in bytes (atproto DID spec, "AT Protocol DID Identifier Syntax").
const MAX_DID: usize = 2048;

/// Whether `text` has the form of a DID (atproto DID spec).
///
/// Percent signs are allowed and what follows them is not looked at, as the spec says.
#[must_use]
pub fn is_did(text: &str) -> bool {
    let Some((method, id)) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    text.len() <= MAX_DID
        && !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_lowercase())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:%-".contains(&byte))
        && id.bytes().last().is_some_and(|byte| !b":%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_method_will_do() {
        for did in ["did:plc:ar7c4by46qjdydhdevvrndac", "did:web:a.example%3A80", "did:x:a:b_c.d"] {
            assert!(is_did(did), "{did}");
        }
    }

    #[test]
    fn what_is_no_identifier_is_no_did() {
        for text in ["", "did", "did:", "did:plc", "did:plc:", "did::x", "did:Plc:x", "did:p1:x"] {
            assert!(!is_did(text), "{text}");
        }
        for text in
            ["did:plc:x:", "did:plc:x%", "did:plc:x/y", "did:plc:x#y", "did:plc:ü", " did:x:y"]
        {
            assert!(!is_did(text), "{text}");
        }
    }

    #[test]
    fn the_longest_did_has_2048_bytes() {
        let did = |length: usize| format!("did:x:{}", "a".repeat(length - 6));
        assert!(is_did(&did(2048)));
        assert!(!is_did(&did(2049)));
    }
}
