//! What `GET /status` answers. Times are RFC 3339 in UTC; what is not known is absent.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the service is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of the program.
    pub version: String,
    /// When this was looked at.
    pub now: String,
    /// When the service was started.
    pub started_at: String,
    /// What is kept.
    pub store: Store,
    /// How much there may be.
    pub limits: Limits,
    /// How many labelers are tracked.
    pub labelers: Labelers,
    /// Labels rejected, ever, of those that are tracked, by verdict.
    pub rejected: BTreeMap<String, u64>,
    /// Over the last minute.
    pub rates: Rates,
    /// The last ten minutes.
    pub history: History,
    /// Labelers whose past is being read, the fastest first: fifty at most.
    pub backfills: Vec<Backfill>,
    /// How many there are of those.
    pub backfilling: u64,
    /// Those of which most was stored in the last minute: twenty at most.
    pub busiest: Vec<Busy>,
    /// Those that need somebody, the worst first: twenty at most.
    pub troubled: Vec<Troubled>,
    /// How many there are of those.
    pub troubled_total: u64,
    /// How the firehose is read, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firehose: Option<Firehose>,
    /// Whoever reads, those that are most behind first: fifty at most.
    pub consumers: Vec<Consumer>,
    /// How many there are of those.
    pub consumers_total: u64,
}

/// What is kept, and whether more can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// Whether the last write landed and there is room for more.
    pub accepts_writes: bool,
    /// Why not, if not: one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Labels stored.
    pub labels: u64,
    /// The highest event id.
    pub last_id: i64,
    /// Bytes of the database's files.
    pub file_bytes: u64,
    /// Bytes there are for more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Below this nothing more is accepted; 0: there is no such limit.
    pub min_free_bytes: u64,
}

/// What the operator allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Most connections to labelers at once.
    pub labelers: u64,
    /// Most labels stored of one labeler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_per_labeler: Option<u64>,
}

/// How many labelers there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Labelers {
    /// Tracked ones.
    pub total: u64,
    /// What they are doing; every state is there.
    pub by_state: BTreeMap<String, u64>,
}

/// Per second, over the last minute or since the start, if that is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rates {
    /// Labels stored.
    pub labels: f64,
    /// Labels rejected.
    pub rejected: f64,
    /// Events delivered, repeats included.
    pub delivered: f64,
}

/// Counts for each step, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// How long a step is.
    pub step_seconds: u64,
    /// Labels stored.
    pub labels: Vec<u64>,
    /// Labels rejected.
    pub rejected: Vec<u64>,
    /// Events delivered, repeats included.
    pub delivered: Vec<u64>,
}

/// A labeler whose past is being read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    /// Who.
    pub did: String,
    /// Its handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// What it is doing.
    pub state: String,
    /// The last stored sequence number.
    pub cursor: i64,
    /// A number that it has reached already, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<i64>,
    /// Labels stored.
    pub labels: u64,
    /// Stored in the last minute, per second.
    pub labels_per_second: f64,
    /// How long it takes to come to `head` if it goes on like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

/// A labeler that says much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Busy {
    /// Who.
    pub did: String,
    /// Its handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Stored in the last minute, per second.
    pub labels_per_second: f64,
    /// Labels stored.
    pub labels: u64,
}

/// A labeler that needs somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Troubled {
    /// Who.
    pub did: String,
    /// Its handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// What it is doing.
    pub state: String,
    /// The latest trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Labels rejected, ever.
    pub rejected: u64,
    /// Rejected in the last minute.
    pub rejected_per_minute: f64,
    /// Failures in a row.
    pub retry_count: u32,
    /// When it will be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
}

/// How the firehose is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Firehose {
    /// Whether its stream is open.
    pub connected: bool,
    /// Why it was lost, until it is open again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How old the last event was when it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<f64>,
    /// Since when nothing has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_seconds: Option<f64>,
    /// Events since the start.
    pub events: u64,
    /// The last one taken in; 0: none.
    pub cursor: i64,
}

/// Somebody who reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// Label events not acked.
    pub lag: u64,
    /// Events sent and not acked.
    pub in_flight: u64,
    /// Sockets.
    pub connections: u64,
    /// Since when the oldest event that is not acked waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_unacked_seconds: Option<f64>,
    /// Whether its events are posted to a webhook.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub webhook: bool,
    /// Whether it is a part of labeltap itself: the AppView's table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reserved: bool,
    /// Why its webhook, or whatever it waits for, failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}
