//! Which labelers to follow, what one connection does next, and what each is doing now.
//!
//! Pure: everything here is told what happened and what time it is, and answers with a
//! value. `intake` carries the answers out.

mod board;
mod link;
mod plan;
mod seam;

pub use board::{Board, Came, Firehose, State, Status};
pub use link::{Heard, Link, Moment, Order, Rest, growing};
pub use plan::{Change, plan};
pub use seam::Seam;
