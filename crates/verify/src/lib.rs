//! Claims and a key, to labels: the one place where something said becomes something signed.
//!
//! [`judge()`] takes one label as received and the key of the labeler that sent it, and gives
//! a [`label::Label`] or the verdict against it. It does so in two steps that know nothing
//! of each other: `form` looks at what is said, [`Key`] at the signature. Where the key
//! comes from, and what to do when a signature fails, is left to whoever asks.
//!
//! # Many at once
//!
//! All labels of a labeler are signed by one key, and a backfill has millions of them. So
//! [`judge_all`] checks the signatures of many labels together (`batch`): multiples of the
//! key are laid up (`multiples`), scalars are read as signed digits (`number`), and one
//! inversion does for all. What the curves differ in is in `group`; scalars of k256 are split in
//! halves before (`halves`). Which keys have such tables, and how much memory they take, is
//! decided by [`KeyTables`]. It accepts and refuses exactly what the verifiers of the crates
//! `k256` and `p256` do. Single signatures are checked by `k256` and, on P-256, by aws-lc.
//!
//! # Time
//!
//! Verification handles public data only: labels, signatures and public keys are known to
//! everybody. So nothing here needs to take the same time for every input, and nothing does:
//! the first rule that is broken ends the matter, and how digits, tables and batches are gone
//! through depends on what is in them. Nothing of this may ever be used to sign.

mod batch;
mod error;
mod form;
mod group;
mod halves;
mod judge;
mod key;
mod key_tables;
mod multikey;
mod multiples;
mod number;
mod shape;
mod shelf;
mod term;

pub use error::{KeyError, SignatureFault};
pub use judge::{Judged, judge, judge_all, judge_all_by_old_keys, judge_by_old_keys};
pub use key::{Key, Signed};
pub use key_tables::{Held, KeyTables};
pub use term::KeyTerm;
