//! The API over a real store, asked without a network in between.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod agree;
mod consumers;
mod house;
mod index;
mod labelers;
mod looks;
mod refusals;
mod rejected;
mod resolve;
mod stats;
