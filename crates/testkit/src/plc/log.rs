//! The operations of a directory: what became of each DID, and when.
//!
//! An operation is made from the document that a test gave, since tests think in documents.
//! It is chained and signed like a real one, with a rotation key that all DIDs share.

use crate::{SigningKey, cid_of, time};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The seed of the key that signs all operations.
const ROTATION: u64 = 0x707c;

/// One operation, as `/{did}/log/audit` and `/export` show it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Whose it is.
    pub did: String,
    /// What was signed, and the signature.
    pub operation: Value,
    /// Its CID.
    pub cid: String,
    /// Whether a recovery took it back.
    pub nullified: bool,
    /// When the directory took it: RFC 3339 with milliseconds.
    pub created_at: String,
    #[serde(skip)]
    pub(super) at: Timestamp,
}

/// All operations, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Log {
    operations: Vec<Operation>,
    /// The time that operations get, in milliseconds; the real one if there is none.
    time: Option<i64>,
}

impl Log {
    /// Sets the time, and answers what was set before.
    pub(super) fn set_time(&mut self, ms: Option<i64>) -> Option<i64> {
        std::mem::replace(&mut self.time, ms)
    }

    /// The DID has this document from now on.
    pub(super) fn update(&mut self, did: &str, document: &Value) {
        self.append(did, |prev| {
            json!({
                "type": "plc_operation",
                "rotationKeys": [SigningKey::k256(ROTATION).did_key()],
                "verificationMethods": methods(document),
                "alsoKnownAs": document.get("alsoKnownAs").cloned().unwrap_or_else(|| json!([])),
                "services": services(document),
                "prev": prev,
            })
        });
    }

    /// The DID is no more.
    pub(super) fn tombstone(&mut self, did: &str) {
        self.append(did, |prev| json!({ "type": "plc_tombstone", "prev": prev }));
    }

    pub(super) fn nullify(&mut self, did: &str) {
        if let Some(operation) = self.newest(did) {
            operation.nullified = true;
        }
    }

    fn newest(&mut self, did: &str) -> Option<&mut Operation> {
        self.operations.iter_mut().rev().find(|made| made.did == did && !made.nullified)
    }

    /// What a DID went through, oldest first.
    pub(super) fn of(&self, did: &str) -> Vec<&Operation> {
        self.operations.iter().filter(|made| made.did == did).collect()
    }

    /// Everything by time; what came at the same time, in the order in which it came.
    pub(super) fn sorted(&self) -> impl Iterator<Item = &Operation> {
        let mut all: Vec<_> = self.operations.iter().collect();
        all.sort_by_key(|operation| operation.at);
        all.into_iter()
    }

    fn append(&mut self, did: &str, make: impl FnOnce(Option<String>) -> Value) {
        if !did.starts_with("did:plc:") {
            return;
        }
        let prev = self.newest(did).map(|operation| operation.cid.clone());
        let operation = sign(make(prev));
        let at = time::at(self.time);
        self.operations.push(Operation {
            did: did.to_owned(),
            cid: cid_of(&encoded(&operation)).to_string(),
            operation,
            nullified: false,
            created_at: time::written(at),
            at,
        });
    }
}

/// Adds the signature, which is made over the operation without it.
fn sign(mut operation: Value) -> Value {
    let signature = SigningKey::k256(ROTATION).sign(&encoded(&operation));
    if let Some(fields) = operation.as_object_mut() {
        fields.insert("sig".to_owned(), URL_SAFE_NO_PAD.encode(signature).into());
    }
    operation
}

#[expect(clippy::expect_used, reason = "JSON without floats is DAG-CBOR too")]
fn encoded(operation: &Value) -> Vec<u8> {
    serde_ipld_dagcbor::to_vec(operation).expect("an operation")
}

/// The document's keys by name, as `did:key`. Those in a form of old are left out: an
/// operation has no such form.
fn methods(document: &Value) -> Map<String, Value> {
    let method = |entry: &Value| {
        let text = entry.get("publicKeyMultibase")?.as_str()?;
        let is_multikey = entry.get("type")?.as_str()? == "Multikey";
        is_multikey.then_some((name(entry)?, format!("did:key:{text}").into()))
    };
    list(document, "verificationMethod").filter_map(method).collect()
}

fn services(document: &Value) -> Map<String, Value> {
    let service = |entry: &Value| {
        let (kind, endpoint) = (entry.get("type")?, entry.get("serviceEndpoint")?);
        Some((name(entry)?, json!({ "type": kind, "endpoint": endpoint })))
    };
    list(document, "service").filter_map(service).collect()
}

fn list<'a>(document: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    document.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// What follows the `#` of an entry's id.
fn name(entry: &Value) -> Option<String> {
    entry.get("id")?.as_str()?.split_once('#').map(|(_, name)| name.to_owned())
}
