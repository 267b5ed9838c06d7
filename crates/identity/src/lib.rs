//! From a DID to what a labeler says about itself: where its stream is and which key signs.
//!
//! Also handles, and the guard ([`Guard`]) through which every connection goes whose target
//! somebody else chose. Nothing here knows what a label is, and nothing here decides what
//! becomes of a labeler: [`ResolveError`] only says whether there is no such DID, or whether
//! it could not be asked.

mod address;
mod audit;
mod cache;
mod connect;
mod document;
mod error;
mod fetch;
mod flight;
mod get;
mod guard;
mod handle;
mod history;
mod names;
mod resolver;
#[cfg(test)]
mod table;
mod tls;

pub use address::is_public;
pub use connect::Stream;
pub use document::{Found, Resolved};
pub use error::{ConnectError, HandleError, ResolveError, SetupError};
pub use get::{FetchFailed, Fetched};
pub use guard::Guard;
pub use handle::INVALID_HANDLE;
pub use names::{Answer, LookupError, Names, SystemNames};
pub use resolver::{Limits, Resolver, Settings, Want};
