//! The settings of `labeltap status`.

use super::given::Given;
use super::nearby;
use super::secret::Secret;
use super::usage::UsageError;
use super::values;
use url::Url;

/// What to show, and how often.
#[derive(Debug, Clone)]
pub struct Status {
    /// Where the service listens.
    pub url: Url,
    /// The password of user `admin`.
    pub password: Option<Secret>,
    /// Whether to go on until stopped.
    pub watch: bool,
    /// Whether to print JSON, as `GET /status` answers it.
    pub json: bool,
}

impl Status {
    pub(super) fn read(given: &Given<'_>) -> Result<Self, UsageError> {
        Ok(Self {
            url: nearby::url(given)?,
            password: given.secret("password")?,
            watch: given.value("watch", values::yes_no)?,
            json: given.value("json", values::yes_no)?,
        })
    }
}
