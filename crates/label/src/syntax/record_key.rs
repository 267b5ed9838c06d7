//! The form of a record key, the last part of a record's at-uri.

/// Whether `text` has the form of a record key of any kind (atproto record key spec,
/// "Record Key Syntax"): 1 to 512 unreserved characters or colons, but no path step.
#[must_use]
pub fn is_record_key(text: &str) -> bool {
    (1..=512).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_~.:-".contains(&byte))
        && text != "."
        && text != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_key_is_what_fits_into_a_path() {
        for key in ["self", "3jzfcijpj2z2a", "a.b", "...", "~", "-", ":", "_"] {
            assert!(is_record_key(key), "{key}");
        }
        for text in ["", ".", "..", "a/b", "a b", "a%20b", "ü", "a+b", "@a"] {
            assert!(!is_record_key(text), "{text}");
        }
    }

    #[test]
    fn the_longest_has_512_bytes() {
        assert!(is_record_key(&"a".repeat(512)));
        assert!(!is_record_key(&"a".repeat(513)));
    }
}
