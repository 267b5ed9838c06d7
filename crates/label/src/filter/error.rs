//! What can be wrong with a filter.

use super::read::FIELDS;
use super::subject::Subject;
use crate::{DidError, Verdict};

/// Why something is not a filter: one sentence for whoever wrote it, which begins with the
/// name of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// There is no such field.
    #[error("{0} is not a field of a filter, which has {fields}", fields = FIELDS.join(", "))]
    Field(String),
    /// The same field twice.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// A field without values.
    #[error("{0} has no value; leave the field out to take everything")]
    Empty(&'static str),
    /// A value without characters.
    #[error("{0} has an empty value")]
    EmptyValue(&'static str),
    /// A `*` that is not at the end.
    #[error("{field} {value:?} has a * that is not at its end, where it stands for the rest")]
    Star {
        /// The field.
        field: &'static str,
        /// The value, as far as it is worth showing.
        value: String,
    },
    /// Not a DID that can be followed.
    #[error("src: {0}")]
    Src(#[source] DidError),
    /// No kind of subject.
    #[error("subject {0:?} is none of {known}", known = Subject::ALL.map(Subject::as_str).join(", "))]
    Subject(String),
    /// No verdict.
    #[error("verdict {0:?} is none of {known}", known = Verdict::ALL.map(Verdict::as_str).join(", "))]
    Verdict(String),
}

/// What is shown of a text that somebody else wrote.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}
