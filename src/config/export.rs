//! The settings of `labeltap export`.

use super::given::Given;
use super::usage::UsageError;
use super::values;
use export::Format;
use label::{Did, Filter, Hosts, Verdict};
use std::path::PathBuf;

/// Whether a text is a value of a field.
type Fits = fn(&str) -> bool;

/// Contract section 5. Of verdicts only those that labels in the log have.
const FILTERS: &[(&str, Fits)] = &[
    ("src", |text| Did::parse_followable(text, Hosts::Private).is_ok()),
    ("val", |_| true),
    ("uri", |_| true),
    ("subject", |text| ["account", "record", "other"].contains(&text)),
    ("verdict", |text| Verdict::from_name(text).is_some_and(Verdict::holds)),
];

/// What to write, and where.
#[derive(Debug, Clone)]
pub struct Export {
    /// The SQLite file.
    pub database: PathBuf,
    /// How it is written.
    pub format: Format,
    /// The file to write; `None`: standard output.
    pub output: Option<PathBuf>,
    /// Whether labels that do not apply now are written too.
    pub history: bool,
    /// What the labels are like.
    pub filter: Filter,
}

impl Export {
    pub(super) fn read(given: &Given<'_>) -> Result<Self, UsageError> {
        Ok(Self {
            database: given.value("database-url", values::sqlite)?,
            format: given.value("format", values::export_format)?,
            output: given.optional("output", values::output)?.flatten(),
            history: given.value("history", values::yes_no)?,
            filter: filter(given)?,
        })
    }
}

fn filter(given: &Given<'_>) -> Result<Filter, UsageError> {
    let mut lists = Vec::new();
    for (name, fits) in FILTERS {
        let list = given.optional(name, values::list(*fits))?;
        lists.extend(list.map(|list| (*name, list)));
    }
    let fields =
        lists.iter().map(|(name, list)| (*name, list.iter().map(String::as_str).collect()));
    // Its message begins with the name of the field.
    Filter::read(fields, Hosts::Private).map_err(|error| UsageError::new(format!("--{error}")))
}
