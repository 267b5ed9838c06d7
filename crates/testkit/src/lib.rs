//! Peers for tests: labelers, a DID directory and a receiver of webhooks that speak the
//! real protocol, on loopback, inside the test process, with faults to order. Used by
//! tests and benchmarks only.
//!
//! Everything is made from seeds: the same seed gives the same key, DID and signatures.
//! What is encoded and signed here is written without `wire` and `verify`, so that it can
//! serve as their oracle. The servers belong to the value that started them: dropping it
//! frees the port and ends every task.
//!
//! [`network`] is the other kind of peer: the real servers of `tests/network`.

pub mod cbor;
mod cid;
mod document;
pub mod frame;
mod key;
mod label;
mod labeler;
pub mod network;
mod oracle;
mod plc;
mod receiver;

pub use cid::cid_of;
pub use document::{Document, plc_did};
pub use key::{Curve, SigningKey};
pub use label::{LabelSpec, Sig, SignedLabel, Spelling, cts};
pub use labeler::{
    Backlog, Cursors, Deed, Ending, FakeLabeler, Faults, Numbering, Page, Refusal, Rule, Upgrade,
    When,
};
pub use oracle::{bytes_of, verifies};
pub use plc::{Answer, ExportAsked, Operation, Plc, Trouble};
pub use receiver::{Post, Receiver, Reply};
