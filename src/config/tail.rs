//! The settings of `labeltap tail`.

use super::given::Given;
use super::nearby;
use super::secret::Secret;
use super::usage::UsageError;
use super::values;
use label::{Did, Verdict};
use url::Url;

/// Whether a text is a value of a field.
type Fits = fn(&str) -> bool;

/// Contract section 5: each filter field, and what its values look like.
const FILTERS: &[(&str, Fits)] = &[
    ("src", |text| Did::parse(text).is_ok()),
    ("val", |_| true),
    ("uri", |_| true),
    ("subject", |text| ["account", "record", "other"].contains(&text)),
    ("verdict", |text| Verdict::ALL.iter().any(|verdict| verdict.as_str() == text)),
];

/// What to print, and how often.
#[derive(Debug, Clone)]
pub struct Tail {
    /// Where the service listens.
    pub url: Url,
    /// The password of user `admin`.
    pub password: Option<Secret>,
    /// What to ask `/channel` for: its query, in pairs.
    pub query: Vec<(String, String)>,
    /// Whether to ack what was printed.
    pub ack: bool,
    /// How many events to print before ending; `None`: until stopped.
    pub count: Option<u64>,
}

impl Tail {
    pub(super) fn read(given: &Given<'_>) -> Result<Self, UsageError> {
        let mut query = Vec::new();
        for name in ["consumer", "types"] {
            let value = given.optional(name, values::text)?;
            query.extend(value.map(|value| (name.to_owned(), value)));
        }
        for (name, fits) in FILTERS {
            let list = given.optional(name, values::list(*fits))?;
            query.extend(list.map(|list| ((*name).to_owned(), list.join(","))));
        }
        if given.value("raw", values::yes_no)? {
            query.push(("raw".to_owned(), "true".to_owned()));
        }
        Ok(Self {
            url: nearby::url(given)?,
            password: given.secret("password")?,
            query,
            ack: !given.value("no-ack", values::yes_no)?,
            count: given.optional("count", values::number(1..=u64::MAX))?,
        })
    }
}
