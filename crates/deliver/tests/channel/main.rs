//! The channel from outside: a real server on a real socket, a real database, and clients
//! that behave well and badly.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod acking;
mod consumers;
mod counting;
mod dead;
mod delivering;
mod ending;
mod filters;
mod gauges;
mod labelers;
mod lanes;
mod reader;
mod refusing;
mod reserved;
mod rig;
mod said;
mod sharing;
