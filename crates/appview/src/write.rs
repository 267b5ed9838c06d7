//! Brings rows up to date, and the position with them.

use crate::row::{Row, Skipped};
use crate::table::Statements;
use crate::trouble::{Trouble, is_of_the_data};
use std::pin::Pin;
use tokio_postgres::{Error, Transaction};

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wrote {
    /// Rows that are new or other than they were.
    pub(crate) written: u64,
    /// Rows that are gone.
    pub(crate) removed: u64,
}

impl std::ops::Add for Wrote {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { written: self.written + other.written, removed: self.removed + other.removed }
    }
}

/// Has these rows stand, and no others of their keys.
pub(crate) async fn put(
    transaction: &Transaction<'_>,
    statements: &Statements,
    rows: &[Row],
) -> Result<Wrote, Error> {
    let mut wrote = Wrote::default();
    if rows.is_empty() {
        return Ok(wrote);
    }
    let column = |of: fn(&Row) -> &str| rows.iter().map(of).collect::<Vec<&str>>();
    let (srcs, uris, vals) =
        (column(|row| &row.src), column(|row| &row.uri), column(|row| &row.val));
    let cids: Vec<Option<&str>> =
        rows.iter().map(|row| row.put.as_ref().map(|put| put.cid.as_str())).collect();
    wrote.removed = transaction.execute(&statements.delete, &[&srcs, &uris, &vals, &cids]).await?;

    let standing: Vec<_> = rows.iter().filter_map(|row| Some((row, row.put.as_ref()?))).collect();
    if standing.is_empty() {
        return Ok(wrote);
    }
    let srcs: Vec<&str> = standing.iter().map(|(row, _)| row.src.as_str()).collect();
    let uris: Vec<&str> = standing.iter().map(|(row, _)| row.uri.as_str()).collect();
    let vals: Vec<&str> = standing.iter().map(|(row, _)| row.val.as_str()).collect();
    let cids: Vec<&str> = standing.iter().map(|(_, put)| put.cid.as_str()).collect();
    let made: Vec<&str> = standing.iter().map(|(_, put)| put.cts.as_str()).collect();
    let ends: Vec<Option<&str>> = standing.iter().map(|(_, put)| put.exp.as_deref()).collect();
    wrote.written = transaction
        .execute(&statements.upsert, &[&srcs, &uris, &vals, &cids, &made, &ends])
        .await?;
    Ok(wrote)
}

/// The same where Postgres has refused some of them: halves until it is known which, and leaves
/// those out. Whatever stood there before does not any more.
pub(crate) fn put_with_care<'a>(
    transaction: &'a mut Transaction<'_>,
    statements: &'a Statements,
    rows: &'a [Row],
) -> Pin<Box<dyn Future<Output = Result<Wrote, Trouble>> + Send + 'a>> {
    Box::pin(async move {
        let part = transaction.transaction().await?;
        match put(&part, statements, rows).await {
            Ok(wrote) => {
                part.commit().await?;
                return Ok(wrote);
            }
            Err(error) if is_of_the_data(&error) => part.rollback().await?,
            Err(error) => return Err(error.into()),
        }
        match rows {
            [] => Ok(Wrote::default()),
            [Row { put: None, .. }] => {
                Skipped::Refused.count();
                Ok(Wrote::default())
            }
            [row] => {
                Skipped::Refused.count();
                let nothing = [Row { put: None, ..row.clone() }];
                put_with_care(transaction, statements, &nothing).await
            }
            rows => {
                let (first, second) = rows.split_at(rows.len() / 2);
                let first = put_with_care(transaction, statements, first).await?;
                Ok(first + put_with_care(transaction, statements, second).await?)
            }
        }
    })
}
