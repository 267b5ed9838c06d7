//! The index of what is said about whom: from a subject to its labels, however many are stored.
//!
//! The log has every label in the order in which it came, and an index in any other order is
//! where a store gets slow as it grows: each label touches another page, and a page is written
//! whole. So nothing is ever put into its place here. New entries go into a small table
//! (`index_recent`); when that is full it is written down as one sorted **run**, packed into
//! blocks, and runs of about the same size are merged into a larger one (`merge`), a stretch
//! at a time, by the writer between its jobs (`keeper`). An entry is thus written again some
//! ten times until there are a hundred million, but each time in order and beside two hundred
//! others. The idea is that of the log-structured merge tree (O'Neil and others, 1996).
//!
//! Each run but the largest has a `filter` that says of most subjects that it has nothing of them.
//!
//! An entry says where to look: hashes of subject and value, labeler, second of making, event
//! id. It decides nothing: whoever looks reads the rows of the log (`find`), which say whether
//! the hash has misled, and which of two labels made in the same second is the newer one. An
//! entry whose row is gone, or whose labeler is, is passed over, and left out when runs are
//! merged.
//!
//! All of it is in the same transactions as the log, so it is never behind it, and a crash
//! costs at most the merge in hand.

mod block;
mod current;
mod entry;
mod filter;
mod find;
mod keeper;
mod keys;
mod marks;
mod merge;
mod query;
mod recent;
mod runs;
mod stretch;
mod survey;
mod walk;

pub(crate) use current::Current;
pub(crate) use entry::{Entry, Salt};
pub(crate) use filter::Filters;
pub(crate) use find::{current, history, newest, ready, salt};
pub(crate) use keeper::{Keeper, has_work};
pub(crate) use keys::Keys;
pub use marks::Marks;
pub(crate) use query::query;
pub use query::{Found, Pattern, Query};
pub(crate) use recent::{add, count, take_away};
pub(crate) use stretch::stretch;
pub use stretch::{Standing, Stretch};
pub use survey::Survey;
pub(crate) use survey::Surveyor;
pub(crate) use walk::Walk;

#[cfg(test)]
mod tests;
