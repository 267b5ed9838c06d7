//! What the operator chooses, what is fixed, and how delivery can fail.

use std::time::Duration;
use store::StoreError;

/// What the operator chooses (contract section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `--window`: most events in flight per connection. 0 counts as 1.
    pub window: usize,
    /// `--retry-timeout`: an event unacked for so long is sent again.
    pub retry_timeout: Duration,
    /// `--disable-acks`: an event counts as acked once it was written to the socket.
    pub disable_acks: bool,
}

/// What the contract and our memory fix. Tests bring smaller numbers, nobody else should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How often a peer is pinged.
    pub ping_every: Duration,
    /// A peer that has said nothing for so long is dropped.
    pub silence: Duration,
    /// A write that blocks for so long drops the peer.
    pub write_block: Duration,
    /// Acks are saved this long after the first one that is not yet. The contract wants
    /// them durable within 1 s, so the rest is left for the store.
    pub save_every: Duration,
    /// Ids held per consumer: read from the log and not acked. This bounds how far others
    /// flow past a lane that stands still; an id takes about 100 bytes.
    pub held: usize,
    /// Events read from the log at once.
    pub page: usize,
    /// Events handed to a connection and not yet written, so that a slow peer keeps few
    /// bodies in memory.
    pub unwritten: usize,
    /// Connections of all consumers together. Each costs some 30 KiB idle.
    pub connections: usize,
    /// Consumers that have been connected to since the start. Each may hold
    /// [`Limits::held`] ids, so names made up by a peer must not be without end.
    pub consumers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ping_every: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            write_block: Duration::from_secs(30),
            save_every: Duration::from_millis(200),
            held: 16 * 1024,
            page: 500,
            unwritten: 512,
            connections: 1000,
            consumers: 256,
        }
    }
}

/// Why delivery ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The store gave up, so there is nothing to deliver.
    #[error("delivering to consumer {consumer:?}: {error}")]
    Store {
        /// Whose turn it was.
        consumer: String,
        /// What the store said.
        #[source]
        error: StoreError,
    },
    /// One of our tasks panicked.
    #[error("a delivery task failed: {0}")]
    Panicked(#[source] tokio::task::JoinError),
}
