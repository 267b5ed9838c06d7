//! A server of an event stream on a real socket, with faults to order: what fake labelers and
//! fake relays have in common.
//!
//! It serves one method as real ones do: without a cursor only what comes from now on, with
//! one every frame above it and then what comes; a cursor above the head is answered with
//! `FutureCursor` and a close. A cursor that is no number counts as none. It sends no pings
//! and answers those it gets. What else is asked of it is for [`Pages`] to answer.

mod faults;
mod http;
mod link;
mod message;
mod server;
mod shared;

pub use faults::{Cursors, Deed, Ending, Faults, Refusal, Rule, When};
pub use http::Page;
pub(crate) use http::Request;
pub(crate) use message::{BINARY, Message, message_into, payload};
pub(crate) use server::Server;
pub use shared::Upgrade;
pub(crate) use shared::{Pages, Shared};
