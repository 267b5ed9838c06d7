//! The verify crate.
