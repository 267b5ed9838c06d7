//! The form of a handle, which is that of a host name. Whether a handle may be used (some
//! top-level domains may not) and whose it is, is for whoever resolves it.

/// The longest host name, in bytes (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;

/// Whether `text` has the form of a handle (atproto handle spec, "Handle Identifier Syntax"):
/// two labels or more, the last of which does not begin with a digit.
#[must_use]
pub fn is_handle(text: &str) -> bool {
    let Some((_, top)) = text.rsplit_once('.') else { return false };
    text.len() <= MAX_HOST && text.split('.').all(is_host_label) && starts_with_letter(top)
}

/// One label of a host name: 1 to 63 letters, digits and hyphens, none of these at an end.
pub(super) fn is_host_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

pub(super) fn starts_with_letter(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_a_host_name() {
        for handle in ["a.co", "4chan.example", "A-b.Example", "xn--ls8h.test", "a.b--c.d1"] {
            assert!(is_handle(handle), "{handle}");
        }
    }

    #[test]
    fn what_is_no_host_name_is_no_handle() {
        for text in ["", ".", "a", "a.", ".a", "a..b", "-a.b", "a-.b", "a.-b", "a.b-", "a.1b"] {
            assert!(!is_handle(text), "{text}");
        }
        for text in ["a_b.c", "a b.c", "ü.example", "127.0.0.1", "a.b ", "did:plc:a.b"] {
            assert!(!is_handle(text), "{text}");
        }
    }

    #[test]
    fn lengths_are_limited() {
        assert!(is_handle(&format!("{}.test", "a".repeat(63))));
        assert!(!is_handle(&format!("{}.test", "a".repeat(64))));
        let long = |last: usize| format!("{}{}", "a.".repeat(120), "b".repeat(last));
        assert!(is_handle(&long(13)));
        assert!(!is_handle(&long(14)));
    }
}
