//! The JSON that clients get (contract section 4).

use crate::hearsay::Hearsay;
use crate::pen::{Pen, letters};
use label::{Event, LabelEvent, LabelerEvent, RejectedEvent, StateEvent};
use std::borrow::Cow;

/// What a label event has besides its texts and bytes, at most about.
const FRAME: usize = 256;

/// Field order as in the contract, which is also that of Tap's proposal, so that people
/// who compare the two see the same line with more on it. What is not there is absent,
/// never null; a label that holds has all but `cid`, `exp`, `reason` and `raw`.
struct Body<'a> {
    live: bool,
    labeler: &'a str,
    seq: i64,
    uri: Option<&'a str>,
    val: Option<&'a str>,
    cts: Option<&'a str>,
    src: Option<&'a str>,
    cid: Option<&'a str>,
    neg: Option<bool>,
    exp: Option<&'a str>,
    ver: Option<i64>,
    sig: Option<&'a [u8]>,
    verdict: &'static str,
    reason: Option<&'a str>,
    raw: Option<Cow<'a, [u8]>>,
}

impl Body<'_> {
    /// About how long it becomes.
    fn length(&self) -> usize {
        let texts = [self.uri, self.val, self.cts, self.src, self.cid, self.exp, self.reason];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        let bytes = [self.sig, self.raw.as_deref()].into_iter().flatten();
        let bytes: usize = bytes.map(|bytes| letters(bytes.len())).sum();
        FRAME + self.labeler.len() + texts + bytes
    }

    /// The text of a frame.
    fn write(&self, id: i64) -> String {
        let mut pen = Pen::new(self.length());
        pen.number("id", id);
        pen.text("type", "label");
        pen.open("label");
        pen.truth("live", self.live);
        pen.text("labelerDID", self.labeler);
        pen.number("seq", self.seq);
        pen.text("uri", self.uri);
        pen.text("val", self.val);
        pen.text("cts", self.cts);
        pen.text("src", self.src);
        pen.text("cid", self.cid);
        pen.truth("neg", self.neg);
        pen.text("exp", self.exp);
        pen.number("ver", self.ver);
        pen.bytes("sig", self.sig);
        pen.text("verdict", self.verdict);
        pen.text("reason", self.reason);
        pen.bytes("raw", self.raw.as_deref());
        pen.close();
        pen.finish()
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
        Event::State(event) => state_event(event),
    }
}

/// One label event as the text of one frame.
#[must_use]
pub fn label_event(event: &LabelEvent, raw: bool) -> String {
    let label = &event.label;
    let body = Body {
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
        sig: Some(&label.sig),
        verdict: event.verdict.as_str(),
        reason: None,
        raw: raw.then(|| received(event)),
    };
    body.write(event.id.get())
}

/// A label that does not hold: of its fields those that can be read.
fn rejected_event(event: &RejectedEvent, raw: bool) -> String {
    let said = event.raw.as_deref().map(Hearsay::read).unwrap_or_default();
    let body = Body {
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
        sig: said.sig,
        verdict: event.verdict.as_str(),
        reason: Some(&event.reason),
        raw: event.raw.as_deref().filter(|_| raw).map(Cow::Borrowed),
    };
    body.write(event.id.get())
}

/// Something that happened to a labeler.
fn labeler_event(event: &LabelerEvent) -> String {
    let mut pen = Pen::new(FRAME);
    pen.number("id", event.id.get());
    pen.text("type", "labeler");
    pen.open("labeler");
    pen.text("did", event.labeler.as_str());
    pen.text("change", event.change.as_str());
    pen.text("state", event.state.as_str());
    pen.text("service_url", event.service_url.as_deref());
    pen.number("cursor", event.cursor.get());
    pen.number("epoch", i64::from(event.epoch.0));
    pen.close();
    pen.finish()
}

/// What became of a label.
fn state_event(event: &StateEvent) -> String {
    let mut pen = Pen::new(FRAME);
    pen.number("id", event.id.get());
    pen.text("type", "label-state");
    pen.open("label_state");
    pen.text("src", event.labeler.as_str());
    pen.text("uri", event.uri.as_str());
    pen.text("val", event.val.as_str());
    pen.text("state", event.state.as_str());
    pen.number("label_id", event.label_id.get());
    pen.close();
    pen.finish()
}

fn received(event: &LabelEvent) -> Cow<'_, [u8]> {
    match &event.raw {
        Some(raw) => Cow::Borrowed(raw),
        None => Cow::Owned(crate::label_cbor(&event.label)),
    }
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

    #[test]
    fn what_becomes_of_a_label_is_told_like_this() {
        let event = label::StateEvent {
            id: EventId::new(12_350).unwrap(),
            labeler: Did::parse(ANN).unwrap(),
            uri: "did:web:bob.test".to_owned(),
            val: "sp\"am".to_owned(),
            state: label::LabelState::Superseded,
            label_id: EventId::new(12_347).unwrap(),
            verdict: Verdict::Verified,
            at: Millis(1),
        };
        let expected = concat!(
            r#"{"id":12350,"type":"label-state","label_state":{"src":"did:web:ann.test","#,
            r#""uri":"did:web:bob.test","val":"sp\"am","state":"superseded","label_id":12347}}"#
        );
        assert_eq!(event_json(&Event::State(event), true), expected);
    }
}
