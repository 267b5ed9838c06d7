//! From the archive to the sheet, a page at a time.
//!
//! A page is put down in memory while it is read, and written when the read has ended: as long
//! as that lasts nothing may wait, least of all for somebody who reads slowly at the other end
//! of a pipe. All of it is one thread's work: a label is made and gone again before the next, so
//! having room for it costs hardly anything, while text that another thread makes of labels
//! costs half as much again.

use crate::{ExportError, Format, Wanted};
use label::EventId;
use std::io::Write;
use store::Archive;

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
    let current = if wanted.history { None } else { Some(archive.current(until)?) };
    let mut sheet = format.begin(out)?;
    let mut progress = Progress { written: 0, looked: 0, read: EventId::START, until };
    let mut after = Some(EventId::START);
    while let Some(from) = after {
        let page = archive.page(from, until, |glance| {
            if wanted.takes(glance, current.as_ref())? {
                sheet.put(glance.read()?);
                progress.written += 1;
            }
            Ok(())
        })?;
        sheet.write()?;
        progress.looked += page.looked;
        progress.read = page.read.unwrap_or(until);
        tell(progress);
        after = page.read;
    }
    sheet.finish()?;
    Ok(progress.written)
}
