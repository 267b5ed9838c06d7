//! Which streams should be open, what one of them does next, and what each is doing now.
//!
//! Pure: everything here is told what happened and what time it is, and answers with a
//! value. `intake` carries the answers out.

mod board;

pub use board::{Board, State, Status};
