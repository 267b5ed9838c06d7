//! Claims and a key, to labels: the one place where something said becomes something signed.
//!
//! [`judge()`] takes one label as received and the key of the labeler that sent it, and gives
//! a [`label::Label`] or the verdict against it. It does so in two steps that know nothing
//! of each other: `form` looks at what is said, [`Key`] at the signature. Where the key
//! comes from, and what to do when a signature fails, is left to whoever asks.
//!
//! Verification handles public data only: labels, signatures and public keys are known to
//! everybody. So nothing here needs to take the same time for every input, and the first
//! rule that is broken ends the matter.

mod error;
mod form;
mod judge;
mod key;
mod multikey;
mod term;

pub use error::{KeyError, SignatureFault};
pub use judge::{Judged, judge, judge_by_old_keys};
pub use key::Key;
pub use term::KeyTerm;
