//! Datetimes and CIDs in fewer bytes, where nothing is lost by that: a datetime as most write
//! it becomes the number of its milliseconds (6 bytes for 24), a CID in base32 its bytes (36
//! for 59). Whatever does not come back exactly as it was is kept as text, since it is part of
//! what was signed.

use crate::convert::unreadable;
use label::syntax;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, ToSql};

/// A text as it is written into a row.
pub(crate) enum Short<'a> {
    Number(i64),
    Bytes(Vec<u8>),
    Text(&'a str),
}

impl ToSql for Short<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// A datetime, to be written.
pub(crate) fn datetime(text: &str) -> Short<'_> {
    syntax::plain_millis(text).map_or(Short::Text(text), Short::Number)
}

/// A CID, to be written.
pub(crate) fn cid(text: &str) -> Short<'_> {
    syntax::cid_bytes(text).map_or(Short::Text(text), Short::Bytes)
}

/// A datetime as it was before it was written.
pub(crate) fn read_datetime(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    match row.get_ref(column)? {
        ValueRef::Integer(millis) => {
            syntax::written(millis).ok_or_else(|| unreadable(column, "milliseconds"))
        }
        text => Ok(text.as_str()?.to_owned()),
    }
}

/// The instant that a datetime names, in microseconds since 1970; `None`: it names none.
pub(crate) fn read_instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    match row.get_ref(column)? {
        ValueRef::Integer(millis) => Ok(millis.checked_mul(1000)),
        text => Ok(syntax::instant(text.as_str()?)),
    }
}

/// A CID as it was before it was written, if there is one.
pub(crate) fn read_cid(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) => {
            let text = syntax::cid_text(bytes).ok_or_else(|| unreadable(column, "a CID"))?;
            Ok(Some(text))
        }
        text => Ok(Some(text.as_str()?.to_owned())),
    }
}
