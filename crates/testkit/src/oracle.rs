//! Verifies labels with stock parts only, as somebody would who never saw our code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ipld_core::ipld::Ipld;
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Whether a label's CBOR, all of it but `sig`, is signed by this k256 `did:key`.
#[must_use]
pub fn verifies(label: &[u8], did_key: &str) -> bool {
    check(label, did_key).unwrap_or(false)
}

fn check(label: &[u8], did_key: &str) -> Option<bool> {
    let mut fields: BTreeMap<String, Ipld> = serde_ipld_dagcbor::from_slice(label).ok()?;
    let Ipld::Bytes(sig) = fields.remove("sig")? else { return None };
    let sig = k256::ecdsa::Signature::from_slice(&sig).ok()?;
    let message = serde_ipld_dagcbor::to_vec(&fields).ok()?;
    let point = bs58::decode(did_key.strip_prefix("did:key:z")?).into_vec().ok()?;
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(point.get(2..)?).ok()?;
    Some(key.verify_prehash(&Sha256::digest(message), &sig).is_ok())
}

/// The bytes of `{"$bytes": …}`, padded or not; none when it is something else.
#[must_use]
pub fn bytes_of(json: &serde_json::Value) -> Vec<u8> {
    let text = json.get("$bytes").and_then(|text| text.as_str()).unwrap_or_default();
    STANDARD_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LabelSpec, SigningKey};

    #[test]
    fn it_tells_a_good_signature_from_others() {
        let (key, other) = (SigningKey::k256(1), SigningKey::k256(2));
        let label = LabelSpec::numbered(1).sign("did:plc:a", &key).bytes;
        assert!(verifies(&label, &key.did_key()));
        assert!(!verifies(&label, &other.did_key()));
        let changed = LabelSpec::numbered(1).replace_signed("val", "x").sign("did:plc:a", &key);
        assert!(!verifies(&changed.bytes, &key.did_key()));
        assert!(!verifies(b"nonsense", &key.did_key()));
    }
}
