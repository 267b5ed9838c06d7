//! The identity crate.
