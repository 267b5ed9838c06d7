//! What can be wrong with a key, and what with a signature.

/// Why a DID document's key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A good key perhaps, but not of a type that signs labels.
    #[error("key type {0} is not supported, only k256 and P-256 are")]
    Unsupported(String),
    /// Not a did:key at all.
    #[error("not a did:key")]
    NotADidKey,
    /// The text is not `z` and base58btc, or has no room for a key.
    #[error("key is not in base58btc multibase")]
    Encoding,
    /// The bytes are no point of the curve, or not in the form the key type has.
    #[error("key is not a point of its curve")]
    Point,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// Not 64 bytes. DER usually has 70 to 72.
    #[error("signature has {0} bytes instead of 64")]
    Length(usize),
    /// The upper of the two values that `s` can have, which atproto does not allow.
    #[error("signature is high-S")]
    HighS,
    /// It was made by another key or for other bytes, or is no signature at all.
    #[error("signature does not hold under the key")]
    Wrong,
}
