//! `labeltap check`: examines one labeler and prints what is wrong with it.

use crate::config::Check;
use identity::{Limits, Resolver, Settings, SetupError, SystemNames};
use label::Hosts;
use std::io::{ErrorKind, Write as _};
use std::sync::Arc;

/// Why there is no examination.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// This system cannot ask anybody.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// It cannot be printed.
    #[error("cannot print: {0}")]
    Print(std::io::Error),
}

/// Examines, prints, and answers whether all is well.
///
/// # Errors
/// See [`CheckError`].
pub async fn check(check: Check) -> Result<bool, CheckError> {
    let settings =
        Settings { plc_url: check.plc_url, allow_private_hosts: check.allow_private_hosts };
    let timeout = check.timeout;
    let limits = Limits { connect: timeout, request: timeout, turn: timeout };
    let resolver = Resolver::with(settings, Arc::new(SystemNames::new()?), limits)?;
    let settings = checkup::Settings {
        sample: check.sample,
        timeout,
        hosts: if check.allow_private_hosts { Hosts::Private } else { Hosts::Public },
        now: intake::wall_clock(),
    };
    let report = checkup::check(&resolver, &check.subject, &settings).await;
    let text = if check.json { report.json().to_string() } else { report.to_string() };
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CheckError::Print(error)),
        // A reader that has gone (`| head`) has seen enough.
        Ok(()) | Err(_) => Ok(report.ok()),
    }
}
