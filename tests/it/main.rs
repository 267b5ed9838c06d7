//! The whole of it: stories that run the service against peers, and what keeps the house
//! in order. One binary, one file for each story.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod corpus;
mod crash;
mod first_light;
mod map;
mod network;
mod spoof;
mod tap;
