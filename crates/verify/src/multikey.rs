//! Keys as text: multibase, and the multicodec that says what kind of key follows
//! (atproto cryptography spec, "Public Key Encoding").

use crate::KeyError;

/// The two curves that atproto signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Curve {
    K256,
    P256,
}

impl Curve {
    /// The multicodec `secp256k1-pub` or `p256-pub` as a varint.
    pub(crate) const fn codec(self) -> [u8; 2] {
        match self {
            Self::K256 => [0xe7, 0x01],
            Self::P256 => [0x80, 0x24],
        }
    }
}

/// The longest text worth decoding: base58 takes quadratic time. Every key we can use has
/// fewer than 100 characters, an RSA key of 4096 bits about 720.
const MAX_TEXT: usize = 1024;

/// The bytes behind `z` and base58btc.
pub(crate) fn base58(text: &str) -> Result<Vec<u8>, KeyError> {
    let digits = text.strip_prefix('z').filter(|digits| digits.len() < MAX_TEXT);
    let digits = digits.ok_or(KeyError::Encoding)?;
    bs58::decode(digits).into_vec().map_err(|_| KeyError::Encoding)
}

/// Reads the text of a Multikey or did:key: which curve, and the bytes of the point.
pub(crate) fn decode(text: &str) -> Result<(Curve, Vec<u8>), KeyError> {
    let bytes = base58(text)?;
    let (codec, point) = bytes.split_first_chunk::<2>().ok_or(KeyError::Encoding)?;
    let curve = [Curve::K256, Curve::P256].into_iter().find(|curve| curve.codec() == *codec);
    let curve = curve.ok_or_else(|| KeyError::Unsupported(name(*codec)))?;
    Ok((curve, point.to_vec()))
}

/// The text of a key, given its compressed point.
pub(crate) fn encode(curve: Curve, point: &[u8; 33]) -> String {
    let bytes = [curve.codec().as_slice(), point].concat();
    format!("z{}", bs58::encode(bytes).into_string())
}

/// What people call the other key types that a DID document may hold.
fn name(codec: [u8; 2]) -> String {
    let name = match codec {
        [0xed, 0x01] => "ed25519",
        [0xec, 0x01] => "x25519",
        [0xea, 0x01] => "BLS12-381 G1",
        [0xeb, 0x01] => "BLS12-381 G2",
        [0x81, 0x24] => "P-384",
        [0x82, 0x24] => "P-521",
        [0x85, 0x24] => "RSA",
        [first, second] => return format!("of multicodec bytes {first:02x} {second:02x}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_reads_back_under_its_usual_prefix() {
        for (curve, prefix) in [(Curve::K256, "zQ3s"), (Curve::P256, "zDn")] {
            let text = encode(curve, &[2; 33]);
            assert!(text.starts_with(prefix), "{text}");
            assert_eq!(decode(&text), Ok((curve, vec![2; 33])));
        }
    }

    #[test]
    fn other_keys_are_called_by_their_names() {
        let text = |bytes: &[u8]| format!("z{}", bs58::encode(bytes).into_string());
        let error = decode(&text(&[[0xed, 0x01].as_slice(), &[7; 32]].concat())).unwrap_err();
        assert_eq!(error, KeyError::Unsupported("ed25519".into()));
        assert_eq!(error.to_string(), "key type ed25519 is not supported, only k256 and P-256 are");
        let error = decode(&text(&[0x12, 0x34, 0x56])).unwrap_err();
        assert_eq!(error, KeyError::Unsupported("of multicodec bytes 12 34".into()));
    }

    #[test]
    fn what_is_not_base58btc_is_no_key() {
        for text in ["", "z", "z1", "f00", "zO0Il", "Q3sh", "z \u{fc}"] {
            assert_eq!(decode(text), Err(KeyError::Encoding), "{text}");
        }
        assert_eq!(base58(&format!("z{}", "2".repeat(MAX_TEXT))), Err(KeyError::Encoding));
    }
}
