//! Stored labels as JSON Lines, CSV or Parquet, for whoever studies them elsewhere.
//!
//! [`export()`] goes through an archive from its beginning to its end, a page at a time. Every
//! row carries all of a label, so its signature can be checked again. Where the bytes go is left
//! to the caller, and so is what to do about a reader that has gone.

mod csv;
mod error;
mod format;
mod json_lines;
mod parquet_file;
mod run;
mod text;
mod wanted;

pub use error::ExportError;
pub use format::Format;
pub use run::{Progress, export};
pub use wanted::Wanted;
