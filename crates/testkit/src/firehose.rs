//! Frames of `com.atproto.sync.subscribeRepos` but for commits, which
//! [`crate::repo::Commit::frame`] writes.

use crate::cbor::Item;
use crate::frame::header;

/// An event with these fields and those that every event has.
#[must_use]
pub fn event(kind: &str, seq: i64, time: &str, fields: &[(&str, Item)]) -> Vec<u8> {
    let mut entries = vec![("seq".to_owned(), Item::Int(seq)), ("time".to_owned(), time.into())];
    entries.extend(fields.iter().map(|(key, item)| ((*key).to_owned(), item.clone())));
    [header(1, Some(kind)), Item::Map(entries).sorted().encode()].concat()
}

/// An `#identity` event.
#[must_use]
pub fn identity(seq: i64, time: &str, did: &str) -> Vec<u8> {
    event("#identity", seq, time, &[("did", did.into())])
}

/// An `#account` event.
#[must_use]
pub fn account(seq: i64, time: &str, did: &str, active: bool, status: Option<&str>) -> Vec<u8> {
    let mut fields = vec![("did", did.into()), ("active", active.into())];
    fields.extend(status.map(|status| ("status", status.into())));
    event("#account", seq, time, &fields)
}

/// A `#sync` event.
#[must_use]
pub fn sync(seq: i64, time: &str, did: &str, rev: &str, car: Vec<u8>) -> Vec<u8> {
    let fields = [("did", did.into()), ("rev", rev.into()), ("blocks", Item::Bytes(car))];
    event("#sync", seq, time, &fields)
}
