//! `labeltap export`: writes stored labels, while a service may go on storing more.

mod progress;
mod target;

use crate::config::Export;
use export::{ExportError, Wanted};
use progress::Meter;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use store::{Archive, OpenError};
use target::Target;

/// Why nothing was exported, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failed {
    /// It would only garble the screen.
    #[error("--format: a terminal cannot show {0}, name a file with --output")]
    Terminal(&'static str),
    /// It would take the place of what is read.
    #[error("--output: {path} is a part of the database", path = .0.display())]
    Database(PathBuf),
    /// The database cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be made or put into its place.
    #[error("{path} cannot be written: {reason}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// It ended in the middle.
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl Failed {
    /// Whether the command line is to blame.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Terminal(_) | Self::Database(_))
    }
}

/// Writes what is asked for. A file is there when all of it is on disk, or is as it was before,
/// also when this is dropped before its end.
///
/// # Errors
/// See [`Failed`]. A reader that has gone (`| head`) is no error.
pub async fn export(settings: Export) -> Result<(), Failed> {
    let format = settings.format;
    if settings.output.is_none() && !format.is_text() && io::stdout().is_terminal() {
        return Err(Failed::Terminal(format.as_str()));
    }
    let mut archive = Archive::open(&settings.database)?;
    let create = |output| Target::create(output, &settings.database);
    let target = settings.output.map(create).transpose()?;
    let file = target.as_ref().map(Target::file).transpose()?;
    let (filter, history, now) = (settings.filter, settings.history, intake::wall_clock());
    let wanted = Wanted { filter, history, now };
    let work = move || {
        let mut meter = Meter::new();
        let tell = |progress| meter.tell(progress);
        let written = match file {
            Some(file) => export::export(&mut archive, &wanted, format, file, tell),
            None => export::export(&mut archive, &wanted, format, io::stdout(), tell),
        };
        meter.end(written.as_ref().ok());
        written
    };
    let written = tokio::task::spawn_blocking(work).await;
    let written = written.unwrap_or_else(|panic| Err(io::Error::other(panic).into()));
    match (written, target) {
        (Ok(_), Some(target)) => target.keep(),
        (Ok(_), None) => Ok(()),
        (Err(error), None) if error.is_broken_pipe() => Ok(()),
        (Err(error), _) => Err(error.into()),
    }
}
