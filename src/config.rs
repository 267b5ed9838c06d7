//! What the operator asked for: flags and environment into values. The only place that
//! reads either.
//!
//! [`parse`] is a function of the arguments and of "get this variable", so that tests need
//! no real environment. Each setting is one row of a table (`table`), from which the
//! flags, their help and the names of their variables are made; clap reads the flags. The
//! variables are read here and not by clap, because one setting may have several names,
//! an empty one counts as unset, and a wrong value has to be told in one line that names
//! where it came from. What a setting does is left to whoever is given it.

mod builder;
mod check;
mod export;
mod flags;
mod given;
mod nearby;
mod paper;
mod run;
mod secret;
mod stats;
mod status;
mod table;
mod tail;
mod usage;
mod values;

pub use builder::Builder;
pub use check::Check;
pub use export::Export;
pub use paper::{Page, pages};
pub use run::Run;
pub use secret::{Secret, SecretUrl};
pub use stats::Stats;
pub use status::Status;
pub use tail::Tail;
pub use usage::UsageError;
pub use values::{Bind, LogFormat, LogLevel, Named};

use given::Given;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the program is to do.
#[derive(Debug)]
pub enum Command {
    /// Run the service.
    Run(Box<Run>),
    /// Show how a running service is doing.
    Status(Status),
    /// Examine a labeler.
    Check(Check),
    /// Print what arrives.
    Tail(Tail),
    /// Write stored labels.
    Export(Box<Export>),
    /// Print tables.
    Stats(Stats),
    /// Write every man page into this folder.
    Man(PathBuf),
    /// Print this text (help, version, completions, a man page) on standard output and end well.
    Show(String),
}

/// Reads the command line, the program's name first; `var` gives an environment variable.
///
/// # Errors
/// [`UsageError`]: one line for standard error, with exit code 2.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    var: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Command, UsageError> {
    let matches = match flags::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) if usage::is_asked_for(&error) => return Ok(Command::Show(error.to_string())),
        Err(error) => return Err(usage::one_line(&error)),
    };
    match matches.subcommand() {
        Some(("run", flags)) => {
            let run = Run::read(&Given::new(table::RUN, flags, var))?;
            Ok(Command::Run(Box::new(run)))
        }
        Some(("tail", flags)) => {
            Tail::read(&Given::new(table::TAIL, flags, var)).map(Command::Tail)
        }
        Some(("status", flags)) => {
            Status::read(&Given::new(table::STATUS, flags, var)).map(Command::Status)
        }
        Some(("check", flags)) => {
            let subject = flags.get_one::<String>(flags::SUBJECT).map_or("", String::as_str);
            Check::read(&Given::new(table::CHECK, flags, var), subject).map(Command::Check)
        }
        Some(("export", flags)) => {
            let export = Export::read(&Given::new(table::EXPORT, flags, var))?;
            Ok(Command::Export(Box::new(export)))
        }
        Some(("stats", flags)) => {
            Stats::read(&Given::new(table::STATS, flags, var)).map(Command::Stats)
        }
        Some(("completions", flags)) => {
            let shell = flags.get_one::<String>(paper::SHELL).map_or("", String::as_str);
            let script = paper::completions(shell).ok_or_else(UsageError::no_command)?;
            Ok(Command::Show(script))
        }
        Some(("man", flags)) => {
            let dir = Given::new(table::MAN, flags, var).optional("dir", values::text)?;
            let page = || pages().into_iter().next().map(|page| page.text).unwrap_or_default();
            Ok(dir.map_or_else(|| Command::Show(page()), |dir| Command::Man(PathBuf::from(dir))))
        }
        _ => Err(UsageError::no_command()),
    }
}

/// Reads the command line and the environment of this process.
///
/// # Errors
/// See [`parse`].
pub fn from_process() -> Result<Command, UsageError> {
    parse(std::env::args_os(), &|name| std::env::var_os(name))
}

#[cfg(test)]
mod tests;
