//! A small client of labeltap's `/channel` (contract section 4): what `labeltap tail`
//! prints with, and what our own tests read with.
//!
//! [`Client::next`] gives one event after another and reconnects by itself; whoever is
//! done with an event says so with [`Client::ack`]. An ack that cannot be sent is dropped:
//! the server sends the event again, as it does with everything that is not acked.
//!
//! Plain `http` and `ws` only, since labeltap itself speaks nothing else.

mod client;
mod error;
mod request;

pub use client::{Client, Received, Settings};
pub use error::ClientError;
