//! DID documents as directories write them, and DIDs made from seeds.

use crate::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A valid did:plc that depends on the seed only.
#[must_use]
pub fn plc_did(seed: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = Sha256::digest(format!("labeltap test did {seed}"));
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().map(char::from);
    let name: String = hash.iter().take(24).filter_map(letter).collect();
    format!("did:plc:{name}")
}

/// A DID document under construction. [`Document::json`] writes it.
#[derive(Debug, Clone)]
pub struct Document {
    did: String,
    handle: Option<String>,
    methods: Vec<Value>,
    services: Vec<Value>,
}

impl Document {
    /// A document with nothing in it but its DID.
    #[must_use]
    pub fn new(did: &str) -> Self {
        Self { did: did.to_owned(), handle: None, methods: Vec::new(), services: Vec::new() }
    }

    /// What a labeler needs: its key and its address.
    #[must_use]
    pub fn labeler(did: &str, key: &SigningKey, endpoint: &str) -> Self {
        Self::new(did).label_key(key).labeler_service(endpoint)
    }

    /// What an account needs: its signing key and its PDS.
    #[must_use]
    pub fn account(did: &str, key: &SigningKey, pds: &str) -> Self {
        Self::new(did).atproto_key(key).pds(pds)
    }

    /// Claims a handle.
    #[must_use]
    pub fn handle(mut self, handle: &str) -> Self {
        self.handle = Some(handle.to_owned());
        self
    }

    /// Adds the `#atproto_label` key as a Multikey, as plc.directory writes it today.
    #[must_use]
    pub fn label_key(self, key: &SigningKey) -> Self {
        let id = format!("{}#atproto_label", self.did);
        self.key_of_type(&id, "Multikey", &key.multikey())
    }

    /// Adds the `#atproto` key, which signs the account's repository.
    #[must_use]
    pub fn atproto_key(self, key: &SigningKey) -> Self {
        let id = format!("{}#atproto", self.did);
        self.key_of_type(&id, "Multikey", &key.multikey())
    }

    /// Adds the `#atproto_label` key in the form of 2023: relative id, bare point.
    #[must_use]
    pub fn legacy_label_key(self, key: &SigningKey, compressed: bool) -> Self {
        let (kind, multibase) = key.legacy(compressed);
        self.key_of_type("#atproto_label", kind, &multibase)
    }

    /// Adds any verification method.
    #[must_use]
    pub fn key_of_type(mut self, id: &str, kind: &str, multibase: &str) -> Self {
        self.methods.push(json!({
            "id": id, "type": kind, "controller": self.did, "publicKeyMultibase": multibase,
        }));
        self
    }

    /// Adds the `#atproto_labeler` service.
    #[must_use]
    pub fn labeler_service(self, endpoint: &str) -> Self {
        self.service("#atproto_labeler", "AtprotoLabeler", &json!(endpoint))
    }

    /// Adds the `#atproto_pds` service.
    #[must_use]
    pub fn pds(self, endpoint: &str) -> Self {
        self.service("#atproto_pds", "AtprotoPersonalDataServer", &json!(endpoint))
    }

    /// Adds any service.
    #[must_use]
    pub fn service(mut self, id: &str, kind: &str, endpoint: &Value) -> Self {
        self.services.push(json!({ "id": id, "type": kind, "serviceEndpoint": endpoint }));
        self
    }

    /// The document as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let names: Vec<String> =
            self.handle.iter().map(|handle| format!("at://{handle}")).collect();
        json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": self.did,
            "alsoKnownAs": names,
            "verificationMethod": self.methods,
            "service": self.services,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_did_made_from_a_seed_is_well_formed_and_its_own() {
        let did = plc_did("ann");
        assert_eq!(did.len(), 32);
        assert!(did[8..].chars().all(|c| matches!(c, 'a'..='z' | '2'..='7')), "{did}");
        assert_ne!(did, plc_did("bob"));
    }
}
