//! From the log to whoever listens: the `/channel` WebSocket and webhooks (contract
//! sections 3 to 5).
//!
//! ```text
//! store's log ─▶ consumer (actor) ─▶ socket (task) ─▶ client
//!                   ▲   asks a Desk what to do        │ acks
//!                   └──────────────◀──────────────────┘
//! ```
//!
//! Each named consumer is a position in the log and the acks ahead of it. A `desk`
//! decides what goes to whom and when; a `consumer` carries that out; a `socket`
//! speaks with one peer, a `hook` posts to one receiver, a [`Reader`] is read in this process; the `hall` lets peers in and hears
//! everybody's end. Consumers share the store, and on a `rack` what they read of it lately; none
//! waits for another.
//!
//! [`Deliver::routes`] has no authentication of its own: the `api` crate puts it in front.

mod channel;
mod consumer;
mod desk;
pub mod filter;
mod hall;
mod handle;
mod hook;
pub mod message;
mod names;
mod packer;
mod patience;
mod query;
mod rack;
mod reader;
mod reserved;
mod settings;
mod sheet;
mod shelf;
mod socket;
mod standing;
mod tail;
mod taste;

pub use channel::CHANNEL;
pub use consumer::{AskError, Change, Start};
pub use handle::{Deliver, Told};
pub use query::{Kind, Wants};
pub use reader::{Delivered, Reader};
pub use reserved::{Elsewhere, Reserved};
pub use settings::{DeliverError, Limits, Settings};
pub use tail::{Tail, TailError, TailWish};
