//! A label as the lexicon has it in JSON (`com.atproto.label.defs#label`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use label::Label;
use serde::Serialize;

/// The fields that were signed, and the signature, as they came: what was absent is absent, and
/// `neg: false` is there if it was. So whoever encodes them again can check the signature.
#[derive(Debug, Clone, Serialize)]
pub struct LabelJson<'a> {
    ver: i64,
    src: &'a str,
    uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    val: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    neg: Option<bool>,
    cts: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<&'a str>,
    sig: Bytes,
}

/// Bytes as the data model writes them in JSON (atproto data model spec, "bytes").
#[derive(Debug, Clone, Serialize)]
struct Bytes {
    #[serde(rename = "$bytes")]
    text: String,
}

impl<'a> LabelJson<'a> {
    /// Of a label.
    #[must_use]
    pub fn new(label: &'a Label) -> Self {
        Self {
            ver: 1,
            src: label.src.as_str(),
            uri: &label.uri,
            cid: label.cid.as_deref(),
            val: &label.val,
            neg: label.neg,
            cts: &label.cts,
            exp: label.exp.as_deref(),
            sig: Bytes { text: STANDARD_NO_PAD.encode(&label.sig) },
        }
    }
}
