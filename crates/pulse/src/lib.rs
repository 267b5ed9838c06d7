//! How the service is doing at this moment, in one value: for the page, for `labeltap status`, for
//! a terminal, and for metrics that have to be chosen.
//!
//! [`Pulse`] counts every five seconds what is stored and delivered, and keeps ten minutes of it.
//! From that, from the board and from the consumers it makes a [`Snapshot`]: what is going on, how
//! fast, how much is left, and who is in trouble. Nothing on a label's way knows of it: the numbers
//! are those of the rows on disk, and what `intake` says on the board of each transaction.

mod exposed;
mod pulse;
mod snapshot;
mod track;
mod trouble;
mod view;

pub use exposed::{consumers, exposed};
pub use pulse::{Parts, Pulse};
pub use snapshot::{
    Backfill, Busy, Consumer, Firehose, History, Labelers, Limits, Rates, Snapshot, Store, Troubled,
};
