//! The JSON that clients get (contract section 4).

use crate::hearsay::Hearsay;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use label::{Event, LabelEvent, LabelerEvent, RejectedEvent};
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    id: i64,
    r#type: &'static str,
    label: Body<'a>,
}

/// Field order as in the contract, which is also that of Tap's proposal, so that people
/// who compare the two see the same line with more on it. What is not there is absent,
/// never null; a label that holds has all but `cid`, `exp`, `reason` and `raw`.
#[derive(Serialize)]
struct Body<'a> {
    live: bool,
    #[serde(rename = "labelerDID")]
    labeler: &'a str,
    seq: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    val: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    neg: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ver: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<Base64>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
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

/// One event as the text of one frame. With `raw` a label carries its CBOR as received,
/// where that was kept.
#[must_use]
pub fn event_json(event: &Event, raw: bool) -> String {
    match event {
        Event::Label(event) => label_event(event, raw),
        Event::Rejected(event) => rejected_event(event, raw),
        Event::Labeler(event) => labeler_event(event),
    }
}

/// One label event as the text of one frame.
#[must_use]
pub fn label_event(event: &LabelEvent, raw: bool) -> String {
    let label = &event.label;
    write(&Envelope {
        id: event.id.get(),
        r#type: "label",
        label: Body {
            live: event.live,
            labeler: event.labeler.as_str(),
            seq: event.seq.get(),
            uri: Some(&label.uri),
            val: Some(&label.val),
            cts: Some(&label.cts),
            src: Some(label.src.as_str()),
            cid: label.cid.as_deref(),
            neg: Some(label.negates()),
            exp: label.exp.as_deref(),
            ver: Some(1),
            sig: Some(Base64::new(&label.sig)),
            verdict: event.verdict.as_str(),
            reason: None,
            raw: raw.then(|| Base64::new(&received(event))),
        },
    })
}

/// A label that does not hold: of its fields those that can be read.
fn rejected_event(event: &RejectedEvent, raw: bool) -> String {
    let said = event.raw.as_deref().map(Hearsay::read).unwrap_or_default();
    write(&Envelope {
        id: event.id.get(),
        r#type: "label",
        label: Body {
            live: event.live,
            labeler: event.labeler.as_str(),
            seq: event.seq.get(),
            uri: said.uri,
            val: said.val,
            cts: said.cts,
            src: said.src,
            cid: said.cid,
            neg: said.neg,
            exp: said.exp,
            ver: said.ver,
            sig: said.sig.map(Base64::new),
            verdict: event.verdict.as_str(),
            reason: Some(&event.reason),
            raw: event.raw.as_deref().filter(|_| raw).map(Base64::new),
        },
    })
}

#[derive(Serialize)]
struct LabelerEnvelope<'a> {
    id: i64,
    r#type: &'static str,
    labeler: LabelerBody<'a>,
}

#[derive(Serialize)]
struct LabelerBody<'a> {
    did: &'a str,
    change: &'static str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_url: Option<&'a str>,
    cursor: i64,
    epoch: u32,
}

/// Something that happened to a labeler.
fn labeler_event(event: &LabelerEvent) -> String {
    write(&LabelerEnvelope {
        id: event.id.get(),
        r#type: "labeler",
        labeler: LabelerBody {
            did: event.labeler.as_str(),
            change: event.change.as_str(),
            state: &event.state,
            service_url: event.service_url.as_deref(),
            cursor: event.cursor.get(),
            epoch: event.epoch.0,
        },
    })
}

fn write(envelope: &impl Serialize) -> String {
    // Strings, integers and booleans only: there is nothing in it that could fail.
    serde_json::to_string(envelope).unwrap_or_default()
}

fn received(event: &LabelEvent) -> Vec<u8> {
    event.raw.clone().unwrap_or_else(|| crate::label_cbor(&event.label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::{Did, Epoch, EventId, Label, Millis, Parts, Seq, Verdict};

    const ANN: &str = "did:web:ann.test";

    fn rejected(raw: Option<&[u8]>) -> Event {
        Event::Rejected(RejectedEvent {
            id: EventId::new(7).unwrap(),
            labeler: Did::parse(ANN).unwrap(),
            seq: Seq::new(3).unwrap(),
            place: 0,
            received_at: Millis(0),
            live: true,
            verdict: Verdict::ForeignSrc,
            reason: "src is another".into(),
            raw: raw.map(<[u8]>::to_vec),
        })
    }

    fn label(cid: Option<&str>, neg: Option<bool>) -> Event {
        let labeler = Did::parse(ANN).unwrap();
        Event::Label(LabelEvent {
            id: EventId::new(7).unwrap(),
            labeler: labeler.clone(),
            epoch: Epoch::FIRST,
            seq: Seq::new(3).unwrap(),
            place: 0,
            received_at: Millis(0),
            live: false,
            verdict: Verdict::Verified,
            label: Label::vouched(Parts {
                src: labeler,
                uri: "did:web:bob.test".into(),
                cid: cid.map(str::to_owned),
                val: "sp\"am".into(),
                neg,
                cts: "2026-01-01T00:00:00Z".into(),
                exp: None,
                sig: vec![255; 3],
            }),
            raw: Some(vec![1]),
        })
    }

    #[test]
    fn a_label_is_written_with_its_fields_in_order() {
        let plain = r#"{"id":7,"type":"label","label":{"live":false,"labelerDID":"did:web:ann.test","seq":3,"uri":"did:web:bob.test","val":"sp\"am","cts":"2026-01-01T00:00:00Z","src":"did:web:ann.test","neg":false,"ver":1,"sig":{"$bytes":"////"},"verdict":"verified"}}"#;
        assert_eq!(event_json(&label(None, None), false), plain);
        let full = plain.replace(r#""neg":false"#, r#""cid":"bafy","neg":true"#);
        let full = full.replace(r#""verified"}}"#, r#""verified","raw":{"$bytes":"AQ"}}}"#);
        assert_eq!(event_json(&label(Some("bafy"), Some(true)), true), full);
    }

    #[test]
    fn a_rejected_label_is_written_as_far_as_it_can_be_read() {
        let raw = b"\xa4\x63src\x61s\x63uri\x01\x63val\x61v\x63ver\x02";
        let line = r#"{"id":7,"type":"label","label":{"live":true,"labelerDID":"did:web:ann.test","seq":3,"val":"v","src":"s","neg":false,"ver":2,"verdict":"foreign-src","reason":"src is another"}}"#;
        assert_eq!(event_json(&rejected(Some(raw)), false), line);
        let end = r#","raw":{"$bytes":"pGNzcmNhc2N1cmkBY3ZhbGF2Y3ZlcgI"}}}"#;
        let with_raw = line.strip_suffix("}}").unwrap().to_owned() + end;
        assert_eq!(event_json(&rejected(Some(raw)), true), with_raw);
    }

    #[test]
    fn of_one_that_was_not_kept_the_verdict_is_left() {
        let line = r#"{"id":7,"type":"label","label":{"live":true,"labelerDID":"did:web:ann.test","seq":3,"verdict":"foreign-src","reason":"src is another"}}"#;
        assert_eq!(event_json(&rejected(None), true), line);
        assert_eq!(event_json(&rejected(Some(b"\xff")), false), line);
    }

    #[test]
    fn what_happens_to_a_labeler_is_told_like_this() {
        let event = label::LabelerEvent {
            id: EventId::new(12_348).unwrap(),
            labeler: Did::parse(ANN).unwrap(),
            change: label::Change::CaughtUp,
            state: "live".to_owned(),
            service_url: Some("https://labels.ann.test".to_owned()),
            cursor: Seq::new(991).unwrap(),
            epoch: Epoch::FIRST,
            at: Millis(1),
        };
        let expected = concat!(
            r#"{"id":12348,"type":"labeler","labeler":{"did":"did:web:ann.test","change":"caught-up","#,
            r#""state":"live","service_url":"https://labels.ann.test","cursor":991,"epoch":1}}"#
        );
        assert_eq!(event_json(&Event::Labeler(event), true), expected);
    }
}
