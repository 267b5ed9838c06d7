//! A client of labeltap's `/channel` (contract section 4) that cannot lose events: what
//! `labeltap tail` prints with, what our own tests read with, and what a Rust program can use.
//!
//! [`Client::run`] hands one event after another to a handler and acks what the handler has
//! done. Whoever wants to go step by step takes [`Client::next`] and says with
//! [`Client::ack`] what is done. Either way the client reconnects by itself, and what was not
//! acked comes again: an event is done at least once. [`Received::event`] gives it types.
//!
//! An ack that cannot be sent is kept, up to a limit, for the next connection. Ids are never
//! used twice, so a late ack is at worst ignored.
//!
//! Plain `http` and `ws` only, since labeltap itself speaks nothing else.

mod acks;
mod client;
mod error;
mod event;
mod label;
mod query;
mod request;
mod run;
mod waiting;
mod words;

pub use client::{Client, Received, Settings};
pub use error::{ClientError, EventError};
pub use event::{Event, LabelState, LabelerEvent};
pub use label::{Label, LabelEvent};
pub use query::Query;
pub use words::{Change, Standing, Verdict};

/// The Rust program of the page on clients, so that it compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/clients.md")]
struct OnThePage;
