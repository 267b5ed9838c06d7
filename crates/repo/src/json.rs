//! Records as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ipld_core::ipld::Ipld;
use serde_json::{Value, json};

/// The longest record that is shown, in bytes. A labeler's declaration has a few thousand.
const LONGEST: usize = 256 * 1024;
/// How deep it may nest (guide "data validation").
const DEEPEST: u32 = 32;

/// A record as JSON (atproto data model spec, "JSON Representation"): links as `$link`, bytes
/// as `$bytes`. `None` when it is no DAG-CBOR, over 256 KiB, deeper than 32 levels, or has a
/// number that JSON clients cannot read.
#[must_use]
pub fn record_json(record: &[u8]) -> Option<Value> {
    if record.len() > LONGEST {
        return None;
    }
    value(serde_ipld_dagcbor::from_slice(record).ok()?, DEEPEST)
}

fn value(data: Ipld, depth: u32) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match data {
        Ipld::Null => Value::Null,
        Ipld::Bool(truth) => truth.into(),
        Ipld::Integer(number) => i64::try_from(number).ok()?.into(),
        // There are no floats in the data model; where people write them nevertheless, the
        // library lets only finite ones in.
        Ipld::Float(number) => number.into(),
        Ipld::String(text) => text.into(),
        Ipld::Bytes(bytes) => json!({ "$bytes": STANDARD_NO_PAD.encode(bytes) }),
        Ipld::Link(cid) => json!({ "$link": cid.to_string() }),
        Ipld::List(items) => {
            let items = items.into_iter().map(|item| value(item, depth));
            Value::Array(items.collect::<Option<_>>()?)
        }
        Ipld::Map(entries) => {
            let entries = entries.into_iter().map(|(key, data)| Some((key, value(data, depth)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_as_the_data_model_has_it() {
        let cid = b"\xd8\x2a\x58\x25\x00\x01\x71\x12\x20";
        let record =
            [b"\xa3\x61a\x20\x61b\x41\xff\x61c\x82\xf5".as_slice(), cid, &[0; 32]].concat();
        let link = "bafyreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let shown = json!({"a": -1, "b": {"$bytes": "/w"}, "c": [true, {"$link": link}]});
        assert_eq!(record_json(&record), Some(shown));
    }

    #[test]
    fn what_is_too_deep_or_long_or_large_or_broken_is_not_shown() {
        let deep = |levels: usize| [vec![0x81; levels - 1], vec![0x00]].concat();
        assert!(record_json(&deep(32)).is_some());
        assert_eq!(record_json(&deep(33)), None);
        assert_eq!(record_json(&deep(LONGEST)), None);
        let long = |bytes: usize| {
            let length = u32::try_from(bytes - 5).unwrap().to_be_bytes();
            [&[0x5a], length.as_slice(), &vec![0; bytes - 5]].concat()
        };
        assert!(record_json(&long(LONGEST)).is_some());
        assert_eq!(record_json(&long(LONGEST + 1)), None);
        for broken in
            [b"".as_slice(), b"\xa1", b"\x00\x00", b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert_eq!(record_json(broken), None, "{broken:x?}");
        }
    }
}
