//! The deliver crate.
