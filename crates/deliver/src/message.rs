//! What a client says (contract section 4): acks, and whatever else is ignored.

use serde::Deserialize;
use std::borrow::Cow;

/// One message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `{"type":"ack","id":1}` or `{"type":"ack","ids":[1,2]}`: these events are done.
    Ack(Vec<i64>),
    /// A type we do not know. Later versions of clients may say more than we understand.
    Other,
    /// Not such an object.
    Malformed,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Ack<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    id: Option<i64>,
    ids: Option<Vec<i64>>,
}

/// Reads a text or binary message. Never fails: what makes no sense is
/// [`Message::Malformed`]. Unknown fields are ignored.
#[must_use]
pub fn read(bytes: &[u8]) -> Message {
    // Nearly all are acks, so that is tried first.
    match serde_json::from_slice::<Ack<'_>>(bytes) {
        Ok(ack) if ack.r#type == "ack" => ack.message(),
        Ok(_) => Message::Other,
        Err(_) => read_other(bytes),
    }
}

impl Ack<'_> {
    fn message(self) -> Message {
        if self.id.is_none() && self.ids.is_none() {
            return Message::Malformed;
        }
        let mut ids = self.ids.unwrap_or_default();
        ids.extend(self.id);
        Message::Ack(ids)
    }
}

/// One that has not the fields of an ack.
fn read_other(bytes: &[u8]) -> Message {
    match serde_json::from_slice::<Kind<'_>>(bytes) {
        Ok(kind) if kind.r#type != "ack" => Message::Other,
        _ => Message::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_come_single_and_many() {
        assert_eq!(read(br#"{"type":"ack","id":7}"#), Message::Ack(vec![7]));
        assert_eq!(read(br#"{"ids":[1,2],"type":"ack"}"#), Message::Ack(vec![1, 2]));
        assert_eq!(read(br#"{"type":"ack","ids":[]}"#), Message::Ack(vec![]));
        assert_eq!(read(br#"{"type":"ack","id":null,"ids":[3],"x":{}}"#), Message::Ack(vec![3]));
        assert_eq!(read(br#"{"type":"\u0061ck","id":7}"#), Message::Ack(vec![7]));
    }

    #[test]
    fn other_types_are_not_malformed() {
        assert_eq!(read(br#"{"type":"hello","id":"x"}"#), Message::Other);
    }

    #[test]
    fn nonsense_is_malformed() {
        for text in [
            "",
            "null",
            "7",
            "[]",
            "{}",
            r#"{"ack":5}"#,
            r#"{"type":7}"#,
            r#"{"type":"ack"}"#,
            r#"{"type":"ack","id":"1"}"#,
            r#"{"type":"ack","id":1.5}"#,
            r#"{"type":"ack","id":99999999999999999999}"#,
            r#"{"type":"ack","ids":[1,"2"]}"#,
            r#"{"type":"ack","id":1} {"type":"ack","id":2}"#,
            "\u{feff}{}",
        ] {
            assert_eq!(read(text.as_bytes()), Message::Malformed, "{text}");
        }
        assert_eq!(read(&[0xff, 0x00]), Message::Malformed);
    }
}
