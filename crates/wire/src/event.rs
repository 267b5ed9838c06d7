//! The JSON that clients get (contract section 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use label::LabelEvent;
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    id: i64,
    r#type: &'static str,
    label: Body<'a>,
}

/// Field order as in the contract, which is also that of Tap's proposal, so that people
/// who compare the two see the same line with more on it.
#[derive(Serialize)]
struct Body<'a> {
    live: bool,
    #[serde(rename = "labelerDID")]
    labeler: &'a str,
    seq: i64,
    uri: &'a str,
    val: &'a str,
    cts: &'a str,
    src: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    neg: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<&'a str>,
    ver: u8,
    sig: Base64,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<Base64>,
}

/// Bytes as the data model writes them in JSON (atproto data model spec, "bytes").
#[derive(Serialize)]
struct Base64 {
    #[serde(rename = "$bytes")]
    text: String,
}

impl Base64 {
    fn new(bytes: &[u8]) -> Self {
        Self { text: STANDARD_NO_PAD.encode(bytes) }
    }
}

/// One event as the text of one frame. With `raw` it carries the label's CBOR as received.
#[must_use]
pub fn label_event(event: &LabelEvent, raw: bool) -> String {
    let label = &event.label;
    let envelope = Envelope {
        id: event.id.get(),
        r#type: "label",
        label: Body {
            live: event.live,
            labeler: event.labeler.as_str(),
            seq: event.seq.get(),
            uri: &label.uri,
            val: &label.val,
            cts: &label.cts,
            src: label.src.as_str(),
            cid: label.cid.as_deref(),
            neg: label.negates(),
            exp: label.exp.as_deref(),
            ver: 1,
            sig: Base64::new(&label.sig),
            verdict: event.verdict.as_str(),
            raw: raw.then(|| Base64::new(&received(event))),
        },
    };
    // Strings, integers and booleans only: there is nothing in it that could fail.
    serde_json::to_string(&envelope).unwrap_or_default()
}

fn received(event: &LabelEvent) -> Vec<u8> {
    event.raw.clone().unwrap_or_else(|| crate::label_cbor(&event.label))
}
