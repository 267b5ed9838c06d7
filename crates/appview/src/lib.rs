//! Keeps the `label` table of an AppView in step with what is current: point this at the
//! AppView's database and labels appear there.
//!
//! The open-source AppView (`@atproto/bsky`) reads labels from a Postgres table with one row for
//! each label that stands, and nothing in it fills that table. A [`start`]ed sink does:
//!
//! ```text
//! store's log ─▶ page ─▶ write ═════════════╗   one Postgres transaction
//!               (what is current)  rows     ║
//!                                  position ║
//! ```
//!
//! It is a consumer of the log like any other. A page of the log becomes one transaction that
//! brings the rows of its labels up to date *and* moves the position, which therefore lives in
//! Postgres, in a table of our own beside the AppView's (`marker`). So after a crash the rows are
//! never ahead of the position nor behind it. The position in the store follows: retention waits
//! for it, and people look at it.
//!
//! Rows are told what is current, not what was said, so that writing a page twice does no harm,
//! and loading from the beginning is the ordinary way with large pages. What else is in the
//! table is looked through once for each labeler (`check`): of those that we follow, rows that
//! are not current go; rows of others are never touched.
//!
//! Whatever is wrong with Postgres is waited for (`trouble`), here and nowhere else.

mod check;
mod condition;
mod limits;
mod marker;
mod page;
mod patience;
mod progress;
mod row;
mod session;
mod sink;
mod sources;
mod table;
mod target;
mod tls;
mod trouble;
mod watch;
mod write;

pub use limits::Limits;
pub use progress::Progress;
pub use sink::{CONSUMER, start};
pub use target::Target;
