//! What a rejected label says, as far as it can be read: for people to look at and for
//! filters, never to be believed.
//!
//! [`crate::Claim::read`] is strict and stops at the first thing that is wrong. This takes
//! each field by itself and passes over what is wrong with the others.

use crate::cbor::{CborError, Reader, major};

/// The fields that are there and of the right type. Of a field that is there more than
/// once, the first such one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hearsay<'a> {
    pub(crate) ver: Option<i64>,
    pub(crate) src: Option<&'a str>,
    pub(crate) uri: Option<&'a str>,
    pub(crate) cid: Option<&'a str>,
    pub(crate) val: Option<&'a str>,
    /// `Some(false)` also when the label has none.
    pub(crate) neg: Option<bool>,
    pub(crate) cts: Option<&'a str>,
    pub(crate) exp: Option<&'a str>,
    pub(crate) sig: Option<&'a [u8]>,
}

/// What a filter looks at in a rejected label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RejectedFacts<'a> {
    /// What it is about, where that is a text.
    pub uri: Option<&'a str>,
    /// What it says, where that is a text.
    pub val: Option<&'a str>,
}

/// What a filter looks at in the CBOR of a rejected label, which may be any bytes.
#[must_use]
pub fn rejected_facts(raw: &[u8]) -> RejectedFacts<'_> {
    let Hearsay { uri, val, .. } = Hearsay::read(raw);
    RejectedFacts { uri, val }
}

impl<'a> Hearsay<'a> {
    /// Reads what can be read of any bytes.
    pub(crate) fn read(raw: &'a [u8]) -> Self {
        let mut said = Self::default();
        let mut neg_seen = false;
        // Where the bytes break, what was read before stays.
        let whole = said.read_map(&mut Reader::new(raw), &mut neg_seen).is_ok();
        if whole && !neg_seen {
            said.neg = Some(false);
        }
        said
    }

    fn read_map(&mut self, reader: &mut Reader<'a>, neg_seen: &mut bool) -> Result<(), CborError> {
        for _ in 0..reader.container(major::MAP)? {
            if reader.peek()? == major::TEXT {
                let mut ahead = *reader;
                if let Ok(key) = ahead.text() {
                    *neg_seen |= key == "neg";
                    self.take(key, ahead);
                }
            }
            reader.skip()?; // the key
            reader.skip()?; // its value
        }
        Ok(())
    }

    /// Takes the value that comes next, if it is what the field takes.
    fn take(&mut self, key: &str, mut value: Reader<'a>) {
        match key {
            "ver" => self.ver = self.ver.or(value.integer().ok()),
            "src" => self.src = self.src.or(value.text().ok()),
            "uri" => self.uri = self.uri.or(value.text().ok()),
            "cid" => self.cid = self.cid.or(value.text().ok()),
            "val" => self.val = self.val.or(value.text().ok()),
            "neg" => self.neg = self.neg.or(value.boolean().ok()),
            "cts" => self.cts = self.cts.or(value.text().ok()),
            "exp" => self.exp = self.exp.or(value.text().ok()),
            "sig" => self.sig = self.sig.or(value.byte_string().ok()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_field_is_taken_by_itself() {
        // Keys out of order and twice, an uri that is a number, cid null, a key that is none.
        let raw =
            b"\xa7\x63val\x61a\x63uri\x01\x01\x02\x63val\x61b\x63cid\xf6\x63neg\xf5\x63sig\x41\xff";
        let said = Hearsay::read(raw);
        let expected =
            Hearsay { val: Some("a"), neg: Some(true), sig: Some(b"\xff"), ..Hearsay::default() };
        assert_eq!(said, expected);
        assert_eq!(rejected_facts(raw), RejectedFacts { uri: None, val: Some("a") });
    }

    #[test]
    fn neg_is_false_only_where_it_is_known_to_be_absent() {
        for (raw, neg) in [
            (&b"\xa1\x63val\x61a"[..], Some(false)),
            (b"\xa0", Some(false)),
            (b"\xa1\x63neg\xf4", Some(false)),
            (b"\xa1\x63neg\x01", None),
            (b"\xa2\x63val\x61a", None),
            (b"\x80", None),
            (b"", None),
        ] {
            assert_eq!(Hearsay::read(raw).neg, neg, "{raw:?}");
        }
    }

    #[test]
    fn what_came_before_the_break_stays() {
        assert_eq!(Hearsay::read(b"\xa2\x63val\x61a\x63uri\x65did").val, Some("a"));
        let long = [&b"\xa1\x63uri\x79\xff\xff"[..], b"did"].concat();
        assert_eq!(rejected_facts(&long), RejectedFacts::default());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _said = Hearsay::read(&bytes);
            let mut map = b"\xa4\x63uri\x61u".to_vec();
            map.extend(bytes);
            prop_assert_eq!(rejected_facts(&map).uri, Some("u"));
        }
    }
}
