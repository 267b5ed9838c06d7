//! What the operator chooses, what is fixed, and how delivery can fail.

use crate::reserved::Reserved;
use label::{Hosts, Millis};
use std::time::Duration;
use store::StoreError;

/// What the operator chooses (contract section 2).
#[derive(Clone)]
pub struct Settings {
    /// `--window`: most events in flight per connection. 0 counts as 1.
    pub window: usize,
    /// `--retry-timeout`: an event unacked for so long is sent again.
    pub retry_timeout: Duration,
    /// `--disable-acks`: an event counts as acked once it was written to the socket.
    pub disable_acks: bool,
    /// `--max-deliveries`: after so many an event is set aside.
    pub max_deliveries: Option<u32>,
    /// `--webhook-url`: the default consumer is delivered by POST.
    pub webhook: Option<url::Url>,
    /// `--admin-password`, which goes with that webhook and no other.
    pub admin_password: Option<String>,
    /// `--webhook-secret`: signs the bodies of all webhooks.
    pub webhook_secret: Option<String>,
    /// Which hosts a did:web in a filter may name.
    pub hosts: Hosts,
    /// Names that are not for clients.
    pub reserved: Vec<Reserved>,
    /// The clock.
    pub now: fn() -> Millis,
}

impl Settings {
    /// The contract's defaults.
    #[must_use]
    pub const fn usual(now: fn() -> Millis) -> Self {
        Self {
            window: 1000,
            retry_timeout: Duration::from_secs(60),
            disable_acks: false,
            max_deliveries: None,
            webhook: None,
            admin_password: None,
            webhook_secret: None,
            hosts: Hosts::Public,
            reserved: Vec::new(),
            now,
        }
    }
}

impl std::fmt::Debug for Settings {
    /// Without what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("window", &self.window)
            .field("retry_timeout", &self.retry_timeout)
            .field("disable_acks", &self.disable_acks)
            .field("max_deliveries", &self.max_deliveries)
            .field("has_webhook", &self.webhook.is_some())
            .finish_non_exhaustive()
    }
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
    /// The same for a position that only moved by what was passed over: that costs nothing
    /// to find out again.
    pub save_moved_every: Duration,
    /// Ids held per consumer beyond those in flight: read from the log and not acked; an id
    /// takes some 150 bytes.
    pub held: usize,
    /// Lanes per consumer that wait for something left in the log; some 20 bytes each.
    pub parked: usize,
    /// Ranges of acked events ahead of a consumer's position; some 50 bytes each, and 3 in
    /// the database.
    pub ranges: usize,
    /// Bytes of events read and not sent yet, of all consumers together.
    pub bodies: usize,
    /// Events read from the log at once, and rows looked at for them.
    pub page: usize,
    /// See [`Limits::page`].
    pub rows: usize,
    /// Events handed to a connection and not yet written, so that a slow peer keeps few
    /// bodies in memory.
    pub unwritten: usize,
    /// Connections of all consumers together. Each costs some 30 KiB idle.
    pub connections: usize,
    /// Consumers. Each may hold [`Limits::held`] ids, so names made up by a peer must not
    /// be without end.
    pub consumers: usize,
    /// Different filters that the connections of one consumer may have at once; 64 at most.
    pub filters: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ping_every: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            write_block: Duration::from_secs(30),
            save_every: Duration::from_millis(200),
            save_moved_every: Duration::from_secs(5),
            held: 16 * 1024,
            parked: 512 * 1024,
            ranges: 256 * 1024,
            bodies: 64 << 20,
            page: 500,
            rows: 20_000,
            unwritten: 512,
            connections: 1000,
            consumers: 256,
            filters: crate::desk::MOST_FILTERS,
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
    /// The consumers cannot be read.
    #[error("the consumers cannot be read: {0}")]
    Consumers(#[source] StoreError),
    /// One of our tasks panicked.
    #[error("a delivery task failed: {0}")]
    Panicked(#[source] tokio::task::JoinError),
}
