//! The names that revisions have.

/// Whether `text` is a TID: 13 characters of base32-sortable, the first of which leaves the
/// highest bit clear (atproto TID spec).
#[must_use]
pub fn is_tid(text: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'2'..=b'7' | b'a'..=b'z');
    let first = text.bytes().next();
    text.len() == 13
        && text.bytes().all(digit)
        && first.is_some_and(|first| matches!(first, b'2'..=b'7' | b'a'..=b'j'))
}
