//! What an account signed: whether a record is in its repository, or is not.
//!
//! [`prove`] takes a CAR, which a relay or a server sent and which nothing vouches for, and
//! the account's key. It checks the way from the signature to the record (atproto repository
//! spec; sync spec, "Firehose Validation"): the key signs the commit, the commit names the
//! root of a tree, and the tree's nodes, each named by its hash, lead to the record or show
//! that it is not there. [`record_json`] shows what the record says.
//!
//! What came before a commit is left out: that it follows the last one (`since`, `prevData`)
//! is for those who mirror whole repositories. That its revision is newer than one seen
//! before is for the caller to say, who knows those.
//!
//! Pure, bounded by the size of what is handed in, and ready for any bytes at all.

mod blocks;
mod commit;
mod error;
mod json;
mod node;
mod proof;
mod tid;
mod tree;
#[cfg(test)]
mod vectors;

pub use cid::Cid;
pub use error::{Part, ProofError};
pub use json::record_json;
pub use proof::{Proven, Statement, prove};
pub use tid::is_tid;
