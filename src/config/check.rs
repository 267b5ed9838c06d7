//! The settings of `labeltap check`.

use super::given::Given;
use super::usage::UsageError;
use super::values;
use checkup::Subject;
use label::Hosts;
use std::time::Duration;
use url::Url;

/// Labels that one examination could still look at in some minutes.
const MANY: u64 = 100_000;

/// What to examine, and how.
#[derive(Debug, Clone)]
pub struct Check {
    /// Whose labeler.
    pub subject: Subject,
    /// Whether to print JSON.
    pub json: bool,
    /// The PLC directory.
    pub plc_url: Url,
    /// Whether private addresses and plain http are allowed.
    pub allow_private_hosts: bool,
    /// How many labels are looked at.
    pub sample: usize,
    /// How long one step may take.
    pub timeout: Duration,
}

impl Check {
    pub(super) fn read(given: &Given<'_>, subject: &str) -> Result<Self, UsageError> {
        let allow_private_hosts = given.value("allow-private-hosts", values::yes_no)?;
        let hosts = if allow_private_hosts { Hosts::Private } else { Hosts::Public };
        let Some(subject) = Subject::parse(subject, hosts) else {
            let found = format!("{:?}", subject.chars().take(100).collect::<String>());
            return Err(UsageError::wrong("check", &found, SUBJECTS));
        };
        let sample = given.value("sample", values::number(1..=MANY))?;
        Ok(Self {
            subject,
            json: given.value("json", values::yes_no)?,
            plc_url: given.value("plc-url", values::web)?,
            allow_private_hosts,
            sample: usize::try_from(sample).unwrap_or(usize::MAX),
            timeout: given.value("timeout", values::span)?,
        })
    }
}

/// What can be examined.
pub(super) const SUBJECTS: &str = "a did:plc or did:web, a handle, or an https:// URL";
