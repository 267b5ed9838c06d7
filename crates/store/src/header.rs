//! What the first hundred bytes of a file say about it, read before SQLite sees it, because
//! SQLite would write into whatever it can open (sqlite.org/fileformat2.html, section 1.3).

use crate::schema;
use std::fs::File;
use std::io::{Read, Seek};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// Nothing in it yet.
    Empty,
    /// One of ours, with this schema number.
    Ours(u32),
    /// Something else.
    Foreign(&'static str),
}

const LENGTH: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Reads it, through the handle that holds the lock: opening and closing another one would
/// drop SQLite's locks on the file (POSIX locks belong to the process).
pub(crate) fn read(mut file: &File) -> std::io::Result<Header> {
    let mut bytes = Vec::with_capacity(LENGTH);
    file.rewind()?;
    file.take(LENGTH as u64).read_to_end(&mut bytes)?;
    Ok(judge(&bytes))
}

fn judge(bytes: &[u8]) -> Header {
    if bytes.is_empty() {
        return Header::Empty;
    }
    let number = |at: usize| {
        let field = bytes.get(at..at + 4)?;
        Some(u32::from_be_bytes(field.try_into().ok()?))
    };
    if !bytes.starts_with(MAGIC) || bytes.len() < LENGTH {
        return Header::Foreign("no SQLite database");
    }
    match (number(60), number(68)) {
        (Some(version), Some(schema::APPLICATION_ID)) => Header::Ours(version),
        _ => Header::Foreign("an SQLite database of another program"),
    }
}
