//! Why an export ended early.

use std::io;
use store::StoreError;

/// Why an export ended before everything was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The database cannot be read.
    #[error("cannot read: {0}")]
    Read(#[from] StoreError),
    /// What was read cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

impl ExportError {
    /// Whether nobody reads what is written any more (`| head`).
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
