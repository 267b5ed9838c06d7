//! Between SQLite's integers and our numbers. A stored number that is none of ours is an
//! error of that row, never silently another number.

use label::{Epoch, EventId, Seq};
use rusqlite::{Error, Row};

/// SQLite holds signed integers; nothing we count comes near the top.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    read(row, column, |number| u64::try_from(number).ok())
}

pub(crate) fn small(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    read(row, column, |number| u32::try_from(number).ok())
}

pub(crate) fn event_id(row: &Row<'_>, column: usize) -> rusqlite::Result<EventId> {
    read(row, column, EventId::new)
}

pub(crate) fn seq(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    read(row, column, Seq::cursor)
}

pub(crate) fn epoch(row: &Row<'_>, column: usize) -> rusqlite::Result<Epoch> {
    small(row, column).map(Epoch)
}

/// For a text or blob that does not read back: says which column and what was expected.
pub(crate) fn unreadable(column: usize, expected: &'static str) -> Error {
    Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, expected.into())
}

fn read<T>(
    row: &Row<'_>,
    column: usize,
    convert: impl FnOnce(i64) -> Option<T>,
) -> rusqlite::Result<T> {
    let number: i64 = row.get(column)?;
    convert(number).ok_or(Error::IntegralValueOutOfRange(column, number))
}
