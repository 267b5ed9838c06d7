//! The words everybody here uses: who speaks, what is said, where it stands in the log.
//!
//! No I/O, no clock, no async. A value of a type in this crate has been checked: a
//! [`Did`] only comes from parsing, a [`Label`] only from a judge that holds the
//! labeler's key (or from the store, which kept one). What is signed is never
//! rewritten: strings stay byte for byte as the labeler sent them.

mod change;
mod did;
mod event;
mod filter;
mod label;
mod number;
mod state;
pub mod syntax;
mod verdict;

pub use change::{Change, LabelerEvent};
pub use did::{Did, DidError, Hosts};
pub use event::{Event, LabelEvent, RejectedEvent};
pub use filter::{Facts, Filter, FilterError};
pub use label::{Label, Parts, has_run_out};
pub use number::{Epoch, EventId, MAX_NUMBER, Millis, Seq};
pub use state::{LabelState, StateEvent};
pub use verdict::Verdict;
