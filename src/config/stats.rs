//! The settings of `labeltap stats`.

use super::given::Given;
use super::usage::UsageError;
use super::values;
use std::path::PathBuf;
use tally::By;

/// What to tabulate.
#[derive(Debug, Clone)]
pub struct Stats {
    /// The SQLite file.
    pub database: PathBuf,
    /// Which table; `None`: all of them.
    pub by: Option<By>,
    /// How many rows of a table are printed.
    pub rows: usize,
    /// Whether to print JSON, with all rows.
    pub json: bool,
}

impl Stats {
    pub(super) fn read(given: &Given<'_>) -> Result<Self, UsageError> {
        let rows = given.value("rows", values::number(1..=u64::from(u32::MAX)))?;
        Ok(Self {
            database: given.value("database-url", values::sqlite)?,
            by: given.optional("by", values::by)?,
            rows: usize::try_from(rows).unwrap_or(usize::MAX),
            json: given.value("json", values::yes_no)?,
        })
    }
}
