//! Any CBOR as JSON, for people who look at what was rejected.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ipld_core::ipld::Ipld;
use serde_json::{Value, json};

/// A rejected label as JSON (atproto data model spec, "JSON representation"). What cannot
/// be read as data is shown as `{"$bytes": …}`.
#[must_use]
pub fn rejected_label_json(raw: &[u8]) -> Value {
    match serde_ipld_dagcbor::from_slice::<Ipld>(raw) {
        Ok(data) => value(data),
        Err(_) => bytes(raw),
    }
}

fn value(data: Ipld) -> Value {
    match data {
        Ipld::Null => Value::Null,
        Ipld::Bool(truth) => truth.into(),
        Ipld::Integer(number) => {
            i64::try_from(number).map_or_else(|_| number.to_string().into(), Value::from)
        }
        Ipld::Float(number) => number.into(),
        Ipld::String(text) => text.into(),
        Ipld::Bytes(raw) => bytes(&raw),
        Ipld::List(items) => items.into_iter().map(value).collect(),
        Ipld::Map(entries) => entries.into_iter().map(|(key, data)| (key, value(data))).collect(),
        Ipld::Link(cid) => json!({ "$link": cid.to_string() }),
    }
}

fn bytes(raw: &[u8]) -> Value {
    json!({ "$bytes": STANDARD_NO_PAD.encode(raw) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_shown_as_the_data_model_writes_it() {
        let raw = b"\xa3\x61a\x01\x61b\x41\xff\x61c\x82\xf5\xf6";
        let shown = json!({ "a": 1, "b": { "$bytes": "/w" }, "c": [true, null] });
        assert_eq!(rejected_label_json(raw), shown);
    }

    #[test]
    fn what_is_no_data_is_shown_as_bytes() {
        assert_eq!(rejected_label_json(b"\xff\xff"), json!({ "$bytes": "//8" }));
    }
}
