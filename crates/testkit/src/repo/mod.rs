//! Repositories that really sign, written without the crate `repo`, so as to be its oracle.
//!
//! An [`Account`] has records in a [`Tree`] and makes a [`Commit`] of each change; a commit
//! can be forged ([`Forgery`]) before it is sent.

mod account;
mod car;
mod commit;
mod forge;
mod tree;

pub use account::{Account, Write, declaration, tid};
pub use car::car;
pub use commit::{Commit, Op};
pub use forge::Forgery;
pub use tree::{Spoil, Tree, common_prefix, key_height};

use crate::cbor::Item;
use ipld_core::cid::Cid;

/// The record that makes an account a labeler.
pub const LABELER_PATH: &str = "app.bsky.labeler.service/self";

/// A CID link, or null.
fn link(cid: Option<&Cid>) -> Item {
    cid.map_or(Item::Null, |cid| {
        Item::Tag(42, Box::new(Item::Bytes([&[0], cid.to_bytes().as_slice()].concat())))
    })
}

/// A map in the order of DAG-CBOR.
fn map<const N: usize>(entries: [(&str, Item); N]) -> Item {
    Item::Map(entries.into_iter().map(|(key, item)| (key.to_owned(), item)).collect()).sorted()
}

#[cfg(test)]
mod tests;
