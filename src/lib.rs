//! labeltap follows Bluesky labelers, checks every label they sign, and hands each one on
//! in order, at least once, until it is acked.
//!
//! This package only puts the parts together; `docs/ARCHITECTURE.md` is the map.
//! [`Service::bind`], [`Service::run`] and [`Service::address`] are all that `main` and the
//! tests use.

pub mod check;
pub mod config;
pub mod crew;
pub mod export;
mod progress;
mod retention;
mod service;
mod states;
pub mod stats;
pub mod status;
pub mod tail;
mod telemetry;

pub use service::{Service, StartError};
pub use telemetry::log;
