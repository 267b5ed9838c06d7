//! `labeltap stats`: prints what is stored as tables, while a service may go on storing more.

mod text;

use crate::config::Stats;
use std::io::{self, ErrorKind, Write as _};
use store::{Archive, OpenError, StoreError};
use tally::{By, Tally};

/// Why there are no tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// The database cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It could not be counted.
    #[error("cannot count: {0}")]
    Count(#[from] StoreError),
    /// They cannot be printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Counts and prints.
///
/// # Errors
/// See [`StatsError`]. A reader that has gone (`| head`) is no error.
pub async fn stats(settings: Stats) -> Result<(), StatsError> {
    let database = settings.database.clone();
    let work = move || -> Result<Tally, StatsError> {
        let mut archive = Archive::open(&database)?;
        Ok(tally::count(&mut archive, intake::wall_clock())?)
    };
    let counted = tokio::task::spawn_blocking(work).await;
    let tally = counted.unwrap_or_else(|panic| Err(io::Error::other(panic).into()))?;
    let text = if settings.json { json(&tally, &settings)? } else { text::all(&tally, &settings) };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// One line for each table, as `GET /stats/labels` answers it.
fn json(tally: &Tally, settings: &Stats) -> io::Result<String> {
    let mut text = String::new();
    for by in tables(settings) {
        text += &serde_json::to_string(&tally.answer(by))?;
        text.push('\n');
    }
    Ok(text)
}

fn tables(settings: &Stats) -> impl Iterator<Item = By> {
    By::ALL.into_iter().filter(move |by| settings.by.is_none_or(|wanted| wanted == *by))
}
