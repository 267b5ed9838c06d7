//! One labeler, examined from outside as a subscriber meets it: `labeltap check`.
//!
//! [`check`] looks at a labeler in the order in which a subscriber depends on things:
//! identity, entries of the DID document, connection, stream, cursors, labels, signatures,
//! then `queryLabels` and the declaration. What it finds is a [`Report`] of [`Finding`]s,
//! each with a stable [`Code`]; `docs/check.md` lists them.
//!
//! # What the labeler can do to us
//!
//! It is asked a bounded number of questions, each with a limit on its time and its bytes
//! ([`Settings`], `means`), all of them through `identity`'s guard (contract G9). Of its
//! stream a bounded number of bytes is kept. What it says is shown without control
//! characters and cut.
//!
//! Nothing is written, stored or remembered, and nothing is decided about the labeler.

mod code;
mod compare;
mod connect;
mod declaration;
mod dial;
mod ending;
mod entries;
mod examine;
mod future;
mod handle;
mod history;
mod labels;
mod listen;
mod means;
mod query;
mod replay;
mod report;
mod said;
mod subject;
mod tally;
mod values;
mod who;

pub use code::{Code, Severity};
pub use examine::check;
pub use means::Settings;
pub use report::{Check, Finding, Report};
pub use subject::Subject;
