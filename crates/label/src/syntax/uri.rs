//! The form of any URI, as far as it can be told without knowing the scheme.

/// The longest URI, in bytes: 8 KB (atproto lexicon spec, "uri").
const MAX_URI: usize = 8192;

/// Whether `text` has the form of a URI (atproto lexicon spec, "uri"): a scheme by RFC 3986
/// section 3.1, a colon, and at least one more character.
///
/// What follows the colon may be any visible ASCII. RFC 3986 takes less, but the official
/// implementations do not look closer either, and a label must not be lost for a bracket.
#[must_use]
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    text.len() <= MAX_URI
        && is_scheme(scheme)
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_scheme(text: &str) -> bool {
    super::handle::starts_with_letter(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_scheme_will_do() {
        for uri in ["https://example.com/a?b=c#d", "did:plc:abc", "at://a.b/c", "x-y.z+1:2"] {
            assert!(is_uri(uri), "{uri}");
        }
    }

    #[test]
    fn what_has_no_scheme_or_nothing_else_is_no_uri() {
        for text in ["", ":", "a", "a:", ":a", "//a", "1a:b", "-a:b", "a_b:c", "127.0.0.1"] {
            assert!(!is_uri(text), "{text}");
        }
        for text in [" a:b", "a:b ", "a:b c", "a:b\n", "a:\u{7f}", "a:ü"] {
            assert!(!is_uri(text), "{text:?}");
        }
    }

    #[test]
    fn the_longest_has_8192_bytes() {
        assert!(is_uri(&format!("a:{}", "b".repeat(8190))));
        assert!(!is_uri(&format!("a:{}", "b".repeat(8191))));
    }
}
