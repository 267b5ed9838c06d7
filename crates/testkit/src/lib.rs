//! Peers for tests: labelers, a relay with repositories, a DID directory and a receiver of
//! webhooks that speak the real protocol, on loopback, inside the test process, with faults to order. Used by
//! tests and benchmarks only.
//!
//! Everything is made from seeds: the same seed gives the same key, DID and signatures.
//! What is encoded and signed here is written without `wire`, `verify` and `repo`, so that it can
//! serve as their oracle. The servers belong to the value that started them: dropping it
//! frees the port and ends every task.
//!
//! [`network`] and [`Postgres`] are the other kind of peer: real servers.

mod appview;
pub mod cbor;
mod cid;
mod document;
pub mod firehose;
pub mod frame;
mod key;
mod label;
mod labeler;
pub mod network;
mod oracle;
mod plc;
mod postgres;
mod receiver;
mod relay;
pub mod repo;
mod stream;
mod time;

pub use appview::AppView;
pub use cid::cid_of;
pub use document::{Document, plc_did};
pub use key::{Curve, SigningKey};
pub use label::{LabelSpec, Sig, SignedLabel, Spelling, cts};
pub use labeler::{Backlog, FakeLabeler, Numbering};
pub use oracle::{bytes_of, verifies};
pub use plc::{Answer, ExportAsked, Operation, Plc, Trouble};
pub use postgres::Postgres;
pub use receiver::{Post, Receiver, Reply};
pub use relay::{FakeRelay, ListAsked, RecordAsked};
pub use stream::{Cursors, Deed, Ending, Faults, Page, Refusal, Rule, Upgrade, When};
