//! A label event, lenient where the labeler was.

use crate::words::Verdict;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// With padding or without, as the data model wants it read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a labeler said, and what the server found out about it.
///
/// When the verdict [holds](Verdict::holds) everything a label needs is there, and
/// [`LabelEvent::label`] has it without the `Option`s. Of a rejected claim, anything but
/// labeler, sequence number and verdict may be missing; what is of another type than it
/// should be counts as missing here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LabelEvent {
    /// Whether it was said after the labeler had been caught up with.
    #[serde(default, deserialize_with = "lenient")]
    pub live: Option<bool>,
    /// Who sent it.
    #[serde(rename = "labelerDID")]
    pub labeler_did: String,
    /// Where it stands in the labeler's stream.
    pub seq: i64,
    /// What the server found out.
    pub verdict: Verdict,
    /// Who says it.
    #[serde(default, deserialize_with = "lenient")]
    pub src: Option<String>,
    /// Of what: a DID or an at-uri.
    #[serde(default, deserialize_with = "lenient")]
    pub uri: Option<String>,
    /// And what.
    #[serde(default, deserialize_with = "lenient")]
    pub val: Option<String>,
    /// Of which version of the record.
    #[serde(default, deserialize_with = "lenient")]
    pub cid: Option<String>,
    /// Whether it takes back what was said before.
    #[serde(default, deserialize_with = "lenient")]
    pub neg: Option<bool>,
    /// When it was said, by the labeler's clock.
    #[serde(default, deserialize_with = "lenient")]
    pub cts: Option<String>,
    /// Until when it holds.
    #[serde(default, deserialize_with = "lenient")]
    pub exp: Option<String>,
    /// The version of the format.
    #[serde(default, deserialize_with = "lenient")]
    pub ver: Option<i64>,
    /// The signature.
    #[serde(default, deserialize_with = "bytes")]
    pub sig: Option<Vec<u8>>,
    /// The CBOR as received, where `raw` was asked for.
    #[serde(default, deserialize_with = "bytes")]
    pub raw: Option<Vec<u8>>,
}

/// A label whose verdict holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Label<'a> {
    /// Who says it.
    pub src: &'a str,
    /// Of what: a DID or an at-uri.
    pub uri: &'a str,
    /// And what.
    pub val: &'a str,
    /// Of which version of the record.
    pub cid: Option<&'a str>,
    /// Whether it takes back what was said before.
    pub neg: bool,
    /// When it was said, by the labeler's clock.
    pub cts: &'a str,
    /// Until when it holds.
    pub exp: Option<&'a str>,
    /// Its signature.
    pub sig: &'a [u8],
}

impl LabelEvent {
    /// The label, if it is one: `None` for every claim that was rejected.
    #[must_use]
    pub fn label(&self) -> Option<Label<'_>> {
        if !self.verdict.holds() {
            return None;
        }
        Some(Label {
            src: self.src.as_deref()?,
            uri: self.uri.as_deref()?,
            val: self.val.as_deref()?,
            cid: self.cid.as_deref(),
            neg: self.neg?,
            cts: self.cts.as_deref()?,
            exp: self.exp.as_deref(),
            sig: self.sig.as_deref()?,
        })
    }
}

/// What is of another type is none.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

/// `{"$bytes":"…"}`; what is not of this form is none.
fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value.get("$bytes").and_then(Value::as_str).and_then(|text| BASE64.decode(text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(json: Value) -> LabelEvent {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_label_has_everything() {
        let event = read(json!({
            "live": true, "labelerDID": "did:plc:l", "seq": 991, "uri": "at://did:plc:a/b/c",
            "val": "spam", "cts": "2024-10-07T12:00:00.000Z", "src": "did:plc:l", "cid": "bafy",
            "neg": false, "exp": "2025-10-07T12:00:00.000Z", "ver": 1, "sig": {"$bytes": "AQI"},
            "verdict": "verified", "raw": {"$bytes": "AQ=="}, "colour": "red",
        }));
        assert_eq!(
            (event.live, event.seq, event.labeler_did.as_str()),
            (Some(true), 991, "did:plc:l")
        );
        assert_eq!((event.ver, event.raw.as_deref()), (Some(1), Some([1].as_slice())));
        let label = event.label().unwrap();
        assert_eq!((label.src, label.uri, label.val), ("did:plc:l", "at://did:plc:a/b/c", "spam"));
        assert_eq!((label.cid, label.neg), (Some("bafy"), false));
        assert_eq!(label.cts, "2024-10-07T12:00:00.000Z");
        assert_eq!((label.exp, label.sig), (Some("2025-10-07T12:00:00.000Z"), [1, 2].as_slice()));
    }

    #[test]
    fn a_rejected_claim_may_lack_anything_else() {
        let event = read(json!({ "labelerDID": "did:plc:l", "seq": 3, "verdict": "malformed" }));
        assert_eq!((event.seq, &event.verdict), (3, &Verdict::Malformed));
        assert!(event.label().is_none() && event.uri.is_none() && event.live.is_none());
        let event = read(json!({
            "labelerDID": "did:plc:l", "seq": 3, "verdict": "malformed", "uri": 5, "val": ["spam"],
            "neg": "no", "ver": "1", "sig": "AQI", "cts": null, "src": "did:plc:l", "live": false,
        }));
        assert_eq!((event.src.as_deref(), event.live), (Some("did:plc:l"), Some(false)));
        assert!(event.uri.is_none() && event.val.is_none() && event.neg.is_none());
        assert!(event.ver.is_none() && event.sig.is_none() && event.cts.is_none());
    }

    #[test]
    fn a_claim_that_was_rejected_is_no_label_however_whole_it_is() {
        let mut json = json!({
            "live": true, "labelerDID": "did:plc:l", "seq": 1, "uri": "did:plc:a", "val": "spam",
            "cts": "2024-10-07T12:00:00.000Z", "src": "did:plc:l", "neg": false, "ver": 1,
            "sig": {"$bytes": "AQI"}, "verdict": "bad-signature",
        });
        assert!(read(json.clone()).label().is_none());
        json["verdict"] = "verified-old-key".into();
        assert!(read(json).label().is_some());
    }
}
