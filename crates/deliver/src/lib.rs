//! From the log to whoever listens: the `/channel` WebSocket (contract section 4).
//!
//! ```text
//! store's log ─▶ consumer (actor) ─▶ socket (task) ─▶ client
//!                   ▲   asks a Desk what to do        │ acks
//!                   └──────────────◀──────────────────┘
//! ```
//!
//! Each named consumer is a position in the log and the acks ahead of it. A `desk`
//! decides what goes to whom and when; a `consumer` carries that out; a `socket`
//! speaks with one peer; the `hall` lets peers in and hears everybody's end. Consumers
//! share nothing but the store, so none can slow another.
//!
//! [`Deliver::routes`] has no authentication of its own: the `api` crate puts it in front.

mod channel;
mod consumer;
mod count;
mod desk;
mod hall;
#[expect(unused_imports, reason = "the consumers that post are on their way")]
#[cfg_attr(not(test), expect(dead_code, reason = "the consumers that post are on their way"))]
mod hook;
pub mod message;
mod packer;
mod patience;
mod query;
mod settings;
mod shelf;
mod socket;

pub use hall::Deliver;
pub use settings::{DeliverError, Limits, Settings};
