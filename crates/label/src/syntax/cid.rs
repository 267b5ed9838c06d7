//! The form of a content identifier as text.

use cid::Cid;

/// Whether `text` has the form of a CID (atproto data model spec, "Link and CID Formats").
///
/// Base32 (`b…`) is the encoding that atproto uses, and there the whole CID is read: version
/// 1, a hash that is as long as it says, nothing left over. Of other encodings only the
/// characters and the length are looked at, which is where the official lists draw the
/// line: they hold CIDs to be valid that no decoder reads. Version 0 (`Qm…`) is not used.
#[must_use]
pub fn is_cid(text: &str) -> bool {
    let fits = (8..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=".contains(&byte));
    match text.bytes().next() {
        Some(b'b') => fits && reads_back(text),
        Some(b'Q') => false,
        _ => fits,
    }
}

/// The bytes of a CID in base32, of which [`cid_text`] makes the same text again. `None` if it is
/// in another encoding, or no CID.
#[must_use]
pub fn cid_bytes(text: &str) -> Option<Vec<u8>> {
    let cid = Cid::try_from(text).ok().filter(|_| text.starts_with('b'))?;
    (cid.to_string() == text).then(|| cid.to_bytes())
}

/// A CID in base32. `None` if the bytes are none.
#[must_use]
pub fn cid_text(bytes: &[u8]) -> Option<String> {
    Cid::try_from(bytes).ok().map(|cid| cid.to_string())
}

/// Whether the CID in `text` is written exactly like this. Also catches what a decoder
/// forgives: bits or bytes left over, upper case, numbers longer than they need to be.
fn reads_back(text: &str) -> bool {
    Cid::try_from(text).is_ok_and(|cid| cid.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1, dag-cbor, sha-256 of nothing in particular.
    const GOOD: &str = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq";

    #[test]
    fn base32_is_kept_in_fewer_bytes_and_nothing_else_is() {
        let bytes = cid_bytes(GOOD).unwrap();
        assert_eq!((bytes.len(), cid_text(&bytes).as_deref()), (36, Some(GOOD)));
        let upper = GOOD.to_uppercase();
        let hex = "f01711220b3d2c8e5d8c1b9e2b3d2c8e5d8c1b9e2b3d2c8e5d8c1b9e2b3d2c8e5d8c1b9e2";
        for text in ["", "b", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKK7sR", &upper, hex] {
            assert_eq!(cid_bytes(text), None, "{text}");
        }
        assert_eq!(cid_bytes(&GOOD[..58]), None);
        assert_eq!(cid_text(&bytes[1..]), None);
    }

    #[test]
    fn base32_is_read_to_its_end() {
        assert!(is_cid(GOOD));
        assert!(!is_cid(&GOOD[..GOOD.len() - 1]), "one character less");
        assert!(!is_cid(&format!("{GOOD}a")), "one character more");
        assert!(!is_cid(&format!("{GOOD}aaaaaaaa")), "five bytes more");
        assert!(!is_cid(&GOOD.to_uppercase().replacen('B', "b", 1)), "upper case");
        assert!(!is_cid("bafyreinotacid"));
    }

    #[test]
    fn of_other_encodings_only_the_form_is_read() {
        assert!(is_cid("zdj7WWeQ43G6JJvLWQWZpyHuAMq6uYWRjkBXFad11vE2LHhQ7"));
        for text in ["", "z", "z234567", "z2345 678", "z2345/678", "z2345678-", "z2345678ü"] {
            assert!(!is_cid(text), "{text}");
        }
        assert!(is_cid(&format!("z{}", "a".repeat(255))));
        assert!(!is_cid(&format!("z{}", "a".repeat(256))));
    }

    #[test]
    fn version_0_is_not_used() {
        assert!(!is_cid("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"));
    }

    proptest::proptest! {
        #[test]
        fn every_sha256_cid_is_one(codec in 0u64..0x200, digest: [u8; 32]) {
            let hash = cid::multihash::Multihash::wrap(0x12, &digest).unwrap();
            let text = Cid::new_v1(codec, hash).to_string();
            proptest::prop_assert!(is_cid(&text), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "b?\\PC{0,80}") {
            proptest::prop_assert!(!is_cid(&text) || text.is_ascii());
        }
    }
}
