//! The whole of it: stories that run the service against peers, and what keeps the house
//! in order. One binary, one file for each story.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod appview;
mod backup;
mod behaviours;
mod channel;
mod check;
mod clients;
mod commands;
mod corpus;
mod crash;
mod described;
mod discovery;
mod documents;
mod embedded;
mod epochs;
mod export;
mod filled;
mod first_light;
mod flaky;
mod found;
mod histories;
mod keys;
mod limits;
mod lives;
mod logs;
mod many;
mod map;
mod network;
mod operator;
mod ops;
mod outage;
mod page;
mod raw;
mod removal;
mod reread;
mod routes;
mod slow;
mod spoof;
mod states;
mod status;
mod tap;
mod traces;
mod turns;
mod webhook;
