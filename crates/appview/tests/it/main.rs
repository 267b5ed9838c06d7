//! The sink against a real Postgres with the AppView's table in it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod encrypted;
mod hostile;
mod living;
mod loading;
mod others;
mod outage;
mod places;
mod random;
mod rig;
