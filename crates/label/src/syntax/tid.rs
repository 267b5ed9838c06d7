//! Record keys that say when they were made.

/// Characters in the order of what they stand for.
const SORTED: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";

/// The time in a TID, in microseconds since 1970; `None` if `text` is none (atproto record key
/// spec, "TID Syntax"): 13 characters, which are no more than 64 bits. Whoever
/// made the record chose it.
#[must_use]
pub fn tid_micros(text: &str) -> Option<i64> {
    if text.len() != 13 {
        return None;
    }
    let mut bits = 0_u64;
    for byte in text.bytes() {
        let value = SORTED.iter().position(|known| *known == byte)?;
        bits = bits.checked_mul(32)? | value as u64;
    }
    // Below the time are ten bits that tell clocks apart.
    i64::try_from(bits >> 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::instant;

    #[test]
    fn a_tid_says_when() {
        assert_eq!(tid_micros("2222222222222"), Some(0));
        let made = instant("2024-01-01T00:00:00Z").unwrap();
        let bits = u64::try_from(made).unwrap() << 10 | 3;
        let letter = |place: u32| char::from(SORTED[(bits >> (5 * place)) as usize & 31]);
        let text: String = (0..13).rev().map(letter).collect();
        assert_eq!(tid_micros(&text), Some(made), "{text}");
        assert!(text.starts_with("3k"), "{text}");
    }

    #[test]
    fn what_is_no_tid_says_nothing() {
        for text in ["", "self", "3k", "3jzfcijpj2z2", "3jzfcijpj2z2aa", "3jzfcijpj2z21"] {
            assert_eq!(tid_micros(text), None, "{text}");
        }
        for text in ["3JZFCIJPJ2Z2A", "zzzzzzzzzzzzz", "kjzfcijpj2z2a", "3jzfcijpj2z2é"] {
            assert_eq!(tid_micros(text), None, "{text}");
        }
        assert!(tid_micros("3jzfcijpj2z2a").is_some() && tid_micros("jzzzzzzzzzzzz").is_some());
    }
}
