//! labeltap follows Bluesky labelers, checks every label they sign, and hands each one on
//! in order, at least once, until it is acked.
//!
//! It is a program, `labeltap run`, and the same service can be had within another one:
//! [`Service::builder`] takes the settings, [`start`](Builder::start) starts it on the current
//! Tokio runtime, and [`Running::events`] is what a client of `/channel` would get, as values.
//!
//! ```no_run
//! use labeltap::{Event, Service};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let running = Service::builder()
//!     .database("labels.db")
//!     .without_http()
//!     .labelers(["did:plc:ar7c4by46qjdydhdevvrndac"])
//!     .start()
//!     .await?;
//! let mut events = running.events("mine").await?;
//! while let Some(delivered) = events.next().await {
//!     if let Event::Label(event) = delivered.event() {
//!         println!("{} says {} of {}", event.label.src, event.label.val, event.label.uri);
//!     }
//!     delivered.ack();
//! }
//! // The stream has ended, so the service has.
//! running.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! What is promised is what `/channel` promises (`docs/delivery.md`): an event comes until it is
//! acked, the labels of one labeler about one subject come in order, and no more than a window of
//! events is out. `docs/embedding.md` says when to embed and what is not promised. Nothing here
//! installs a logger or a panic hook, or reads arguments or the environment: only [`config`] and
//! [`log`] do, for `main`. Metrics are recorded by the program's recorder if it has one.
//!
//! This package only puts the parts together; `docs/ARCHITECTURE.md` is the map.

pub mod check;
pub mod config;
pub mod crew;
mod events;
pub mod export;
pub mod man;
mod progress;
mod retention;
mod running;
mod service;
mod states;
pub mod stats;
pub mod status;
pub mod tail;
mod telemetry;

pub use config::Builder;
pub use crew::Ended;
pub use deliver::{AskError, Delivered, Kind, Reader, Start};
pub use events::Events;
pub use label::{
    Change, Did, Epoch, Event, EventId, Filter, FilterError, Hosts, Label, LabelEvent, LabelState,
    LabelerEvent, Millis, Parts, RejectedEvent, Seq, StateEvent, Verdict,
};
pub use running::Running;
pub use service::{Service, StartError};
pub use telemetry::log;
