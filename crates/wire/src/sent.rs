//! Frames of `com.atproto.label.subscribeLabels` as we send them (event-stream spec, "Framing").

use label::LabelEvent;
use serde::Serialize;

/// `{"t":"#labels","op":1}`
const LABELS: &[u8] = b"\xa2\x61t\x67#labels\x62op\x01";

/// `{"t":"#info","op":1}`
const INFO: &[u8] = b"\xa2\x61t\x65#info\x62op\x01";

/// `{"op":-1}`
const ERROR: &[u8] = b"\xa1\x62op\x20";

#[derive(Serialize)]
struct Labels<'a> {
    seq: i64,
    labels: [&'a serde_bytes::Bytes; 0],
}

#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Error<'a> {
    error: &'a str,
    message: &'a str,
}

/// A frame with this label, byte for byte as it was received, under our event id.
#[must_use]
pub fn labels_frame(event: &LabelEvent) -> Vec<u8> {
    let made;
    let label = match &event.raw {
        Some(raw) => raw,
        None => {
            made = crate::label_cbor(&event.label);
            &made
        }
    };
    // With a list of none, whose one byte comes last and is replaced by a list of one.
    let mut frame = frame(LABELS, &Labels { seq: event.id.get(), labels: [] });
    frame.pop();
    frame.reserve_exact(1 + label.len());
    frame.push(0x81);
    frame.extend_from_slice(label);
    frame
}

/// A notice.
#[must_use]
pub fn info_frame(name: &str, message: &str) -> Vec<u8> {
    frame(INFO, &Info { name, message })
}

/// The last frame of a connection that fails.
#[must_use]
pub fn error_frame(error: &str, message: &str) -> Vec<u8> {
    frame(ERROR, &Error { error, message })
}

fn frame(header: &[u8], body: &impl Serialize) -> Vec<u8> {
    // Integers, texts and an empty list, written to memory: there is nothing that could fail.
    let body = serde_ipld_dagcbor::to_vec(body).unwrap_or_default();
    [header, &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, decode};
    use label::{Did, Epoch, EventId, Label, Millis, Parts, Seq, Verdict};

    fn event(id: i64, raw: Option<Vec<u8>>) -> LabelEvent {
        let labeler = Did::parse("did:web:ann.test").unwrap();
        let parts = Parts {
            src: labeler.clone(),
            uri: "did:web:subject.test".into(),
            cid: None,
            val: "spam".into(),
            neg: Some(false),
            cts: "2026-01-01T00:00:00.000Z".into(),
            exp: None,
            sig: vec![7; 64],
        };
        LabelEvent {
            id: EventId::new(id).unwrap(),
            labeler,
            epoch: Epoch::FIRST,
            seq: Seq::new(3).unwrap(),
            place: 0,
            received_at: Millis(0),
            live: false,
            verdict: Verdict::Verified,
            label: Label::vouched(parts),
            raw,
        }
    }

    #[test]
    fn a_label_goes_out_as_it_came() {
        for id in [1, 23, 24, 256, 1 << 33, label::MAX_NUMBER] {
            for raw in [None, Some(b"\xa1\x61x\x01".to_vec())] {
                let event = event(id, raw.clone());
                let expected = raw.unwrap_or_else(|| crate::label_cbor(&event.label));
                let Frame::Labels { seq, labels } = decode(&labels_frame(&event).into()).unwrap()
                else {
                    panic!("no frame of labels");
                };
                assert_eq!((seq.get(), labels.len()), (id, 1));
                assert_eq!(labels[0].bytes, expected);
                assert_eq!(labels[0].fault, None);
            }
        }
    }

    #[test]
    fn notices_and_errors_read_back() {
        let text = |text: &str| text.to_owned();
        let info = decode(&info_frame("OutdatedCursor", "old").into()).unwrap();
        assert_eq!(info, Frame::Info { name: text("OutdatedCursor"), message: Some(text("old")) });
        let error = decode(&error_frame("FutureCursor", "ahead").into()).unwrap();
        assert_eq!(
            error,
            Frame::Error { error: text("FutureCursor"), message: Some(text("ahead")) }
        );
    }
}
