//! Does this text have the form that the atproto specs give it? Yes or no, nothing kept.
//!
//! One file per form. The rules are those of the specs at atproto.com/specs; the official
//! interop vectors are their tests. Those that read a value are [`instant`], [`month`],
//! [`tid_micros`], and what writes datetimes and CIDs in fewer bytes and back.

mod at_uri;
mod cid;
mod datetime;
mod did;
mod handle;
mod nsid;
mod record_key;
mod tid;
mod uri;

pub use at_uri::is_at_uri;
pub use cid::{cid_bytes, cid_text, is_cid};
pub use datetime::{instant, is_datetime, month, plain_millis, written};
pub use did::is_did;
pub use handle::is_handle;
pub use nsid::is_nsid;
pub use record_key::is_record_key;
pub use tid::tid_micros;
pub use uri::is_uri;
