//! From the archive to the sheet: one thread reads, another writes.

use crate::{ExportError, Format, Wanted};
use label::EventId;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use store::{Archive, Page, StoreError};

/// Pages that may wait to be written: the reader is never far ahead, and what is in memory has
/// a bound.
const WAITING: usize = 2;

/// How far an export has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Labels written.
    pub written: u64,
    /// Labels looked at.
    pub looked: u64,
    /// Everything in the log up to here was looked at.
    pub read: EventId,
    /// Where the export will end.
    pub until: EventId,
}

/// Writes all labels that are wanted and were stored when it began, in the order of the log.
/// Answers how many. `tell` hears how it goes, a page at a time.
///
/// # Errors
/// See [`ExportError`]. What was written by then is not whole.
pub fn export(
    archive: &mut Archive,
    wanted: &Wanted,
    format: Format,
    out: impl Write + Send,
    mut tell: impl FnMut(Progress),
) -> Result<u64, ExportError> {
    let until = archive.head()?;
    let mut sheet = format.begin(out)?;
    let (pages, read) = sync_channel(WAITING);
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_all(archive, wanted, until, &pages));
        let mut progress = Progress { written: 0, looked: 0, read: EventId::START, until };
        let written = write_all(read, |page| {
            progress.written += page.labels.len() as u64;
            progress.looked += page.looked;
            progress.read = page.read.unwrap_or(until);
            sheet.write(page.labels)?;
            tell(progress);
            Ok(())
        });
        // A reader that panicked has said why.
        let read = reader.join().unwrap_or(Err(StoreError::Closed));
        written?;
        read?;
        sheet.finish()?;
        Ok(progress.written)
    })
}

/// Ends early when nobody takes pages any more.
fn read_all(
    archive: &mut Archive,
    wanted: &Wanted,
    until: EventId,
    pages: &SyncSender<Page>,
) -> Result<(), StoreError> {
    let current = if wanted.history { None } else { Some(archive.current(until)?) };
    let mut after = Some(EventId::START);
    while let Some(from) = after {
        let page = archive.page(from, until, |glance| wanted.takes(glance, current.as_ref()))?;
        after = page.read;
        if pages.send(page).is_err() {
            break;
        }
    }
    Ok(())
}

fn write_all(
    pages: Receiver<Page>,
    mut write: impl FnMut(Page) -> std::io::Result<()>,
) -> std::io::Result<()> {
    pages.into_iter().try_for_each(&mut write)
}
