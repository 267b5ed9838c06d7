//! What is wrong with the command line, in one line.

use super::check::SUBJECTS;
use super::paper::SHELLS;
use clap::Error;
use clap::error::{ContextKind, ErrorKind};

/// Every command.
const COMMANDS: &str = "run, status, tail, check, export, stats, completions, man";

/// A sentence for the operator: which setting, what was found, what is allowed. Never
/// longer than a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    /// Makes sure that it is one line, whatever somebody typed.
    pub(super) fn new(line: impl AsRef<str>) -> Self {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        Self(line.as_ref().chars().map(plain).collect())
    }

    /// `found` is what `from` (a flag or variable) said.
    pub(super) fn wrong(from: &str, found: &str, allowed: &str) -> Self {
        Self::new(format!("{from}: found {found}, allowed: {allowed}"))
    }

    /// None of the commands.
    pub(super) fn no_command() -> Self {
        let hint = "labeltap --help explains them";
        Self::new(format!("no command was given, allowed: {COMMANDS} ({hint})"))
    }
}

/// Whether this "error" is the help or the version that was asked for.
pub(super) fn is_asked_for(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// Clap's page as one line.
pub(super) fn one_line(error: &Error) -> UsageError {
    let said = |kind| error.get(kind).map(ToString::to_string);
    let arg = said(ContextKind::InvalidArg).unwrap_or_default();
    let name = arg.split([' ', '=', '[']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let meant = said(ContextKind::SuggestedArg);
            let meant = meant.map(|flag| format!(", perhaps {flag} was meant")).unwrap_or_default();
            UsageError::wrong(
                &arg,
                "an unknown argument",
                &format!("those that --help lists{meant}"),
            )
        }
        ErrorKind::InvalidSubcommand => {
            let found = said(ContextKind::InvalidSubcommand).unwrap_or_default();
            UsageError::wrong("command", &format!("{found:?}"), COMMANDS)
        }
        // Only `check` and `completions` have an argument that must be there.
        ErrorKind::MissingRequiredArgument if arg == "<SHELL>" => {
            UsageError::wrong("completions", "no shell", &shells())
        }
        ErrorKind::InvalidValue if arg == "<SHELL>" => {
            let found = said(ContextKind::InvalidValue).unwrap_or_default();
            UsageError::wrong("completions", &format!("{found:?}"), &shells())
        }
        ErrorKind::MissingRequiredArgument => UsageError::wrong("check", "no labeler", SUBJECTS),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            UsageError::no_command()
        }
        ErrorKind::ArgumentConflict => UsageError::wrong(name, "it more than once", "once"),
        ErrorKind::InvalidValue | ErrorKind::TooFewValues | ErrorKind::NoEquals => {
            UsageError::wrong(name, "no value", &format!("{name}=VALUE"))
        }
        ErrorKind::TooManyValues => UsageError::wrong(name, "several values", "one"),
        ErrorKind::InvalidUtf8 => UsageError::wrong("argument", "bytes that are no text", "UTF-8"),
        _ => {
            let page = error.to_string();
            let first = page.lines().next().unwrap_or_default();
            UsageError::new(first.trim_start_matches("error: "))
        }
    }
}

fn shells() -> String {
    SHELLS.map(|(name, _)| name).join(", ")
}
