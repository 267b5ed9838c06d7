//! The form of a namespaced identifier, such as a collection's name.

use super::handle::{is_host_label, starts_with_letter};

/// The longest NSID, in bytes: a host name of 253, a dot and a name of 63. The host alone
/// may be longer than 253, as one of the official valid examples is.
const MAX_NSID: usize = 317;

/// Whether `text` has the form of an NSID (atproto NSID spec, "NSID Syntax"): a host name
/// of two labels or more, turned around, then a name of letters and digits.
#[must_use]
pub fn is_nsid(text: &str) -> bool {
    let Some((authority, name)) = text.rsplit_once('.') else { return false };
    text.len() <= MAX_NSID && is_authority(authority) && is_name(name)
}

fn is_authority(text: &str) -> bool {
    text.contains('.') && starts_with_letter(text) && text.split('.').all(is_host_label)
}

fn is_name(text: &str) -> bool {
    text.len() <= 63
        && starts_with_letter(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversed_host_and_a_name_are_an_nsid() {
        for nsid in ["app.bsky.feed.post", "a.b.c", "org.4chan.lex.getThing", "a-0.b-1.c1"] {
            assert!(is_nsid(nsid), "{nsid}");
        }
    }

    #[test]
    fn names_and_hosts_have_their_own_rules() {
        for text in ["", "com.example", "a.b.", "a.b.c-d", "a.b.1c", "1a.b.c", "a..c", "a.b-.c"] {
            assert!(!is_nsid(text), "{text}");
        }
        for text in ["a.b.*", "a.b.c ", "a.b.ü", "a.b.c_d"] {
            assert!(!is_nsid(text), "{text}");
        }
    }

    #[test]
    fn lengths_are_limited() {
        assert!(is_nsid(&format!("a.b.{}", "c".repeat(63))));
        assert!(!is_nsid(&format!("a.b.{}", "c".repeat(64))));
        let long = |last: usize| format!("{}{}.c", "a.".repeat(140), "b".repeat(last));
        assert!(is_nsid(&long(35)));
        assert!(!is_nsid(&long(36)));
    }
}
