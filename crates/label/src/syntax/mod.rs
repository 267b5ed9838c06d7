//! Does this text have the form that the atproto specs give it? Yes or no, nothing kept.
//!
//! One file per form. The rules are those of the specs at atproto.com/specs; the official
//! interop vectors are their tests. [`instant`] is the one function that reads a value.

mod at_uri;
mod cid;
mod datetime;
mod did;
mod handle;
mod nsid;
mod record_key;
mod uri;

pub use at_uri::is_at_uri;
pub use cid::is_cid;
pub use datetime::{instant, is_datetime};
pub use did::is_did;
pub use handle::is_handle;
pub use nsid::is_nsid;
pub use record_key::is_record_key;
pub use uri::is_uri;
