//! What labelers declare about themselves: their `app.bsky.labeler.service` records.

use crate::{StoreError, labelers};
use label::{Did, Millis};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The longest that is kept, in bytes of JSON; a longer one is as good as none.
pub(crate) const MAX_RECORD: usize = 256 << 10;

/// What became known of a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declared {
    /// There is one, as proven.
    Present {
        /// Of the repository.
        rev: String,
        /// The record, as JSON.
        record: String,
    },
    /// There is none, as proven.
    Absent {
        /// Of the repository.
        rev: String,
    },
    /// It cannot be had for now. What is known stays.
    Unknown,
}

/// A declaration, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationRow {
    /// The revision of the repository that it was last read from; `None`: it never was.
    pub rev: Option<String>,
    /// The record, as JSON; `None`: there is none.
    pub record: Option<String>,
    /// When it was last asked for.
    pub read_at: Millis,
}

/// Keeps what became known.
pub(crate) fn keep(
    db: &Connection,
    did: &Did,
    declared: &Declared,
    now: Millis,
) -> Result<(), StoreError> {
    let (rev, record) = match declared {
        Declared::Present { rev, record } if record.len() <= MAX_RECORD => (rev, Some(record)),
        Declared::Present { rev, .. } | Declared::Absent { rev } => (rev, None),
        Declared::Unknown => {
            let mut upsert = db.prepare_cached(
                "INSERT INTO declarations (did, read_at) VALUES (?1, ?2)
                 ON CONFLICT (did) DO UPDATE SET read_at = excluded.read_at",
            )?;
            upsert.execute(params![did.as_str(), now.0])?;
            return Ok(());
        }
    };
    let mut upsert = db.prepare_cached(
        "INSERT INTO declarations (did, rev, record, read_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (did) DO UPDATE SET rev = excluded.rev, record = excluded.record,
             read_at = excluded.read_at",
    )?;
    upsert.execute(params![did.as_str(), rev, record, now.0])?;
    Ok(())
}

/// What is known of one; `None` before it was ever asked for.
pub(crate) fn one(db: &Connection, did: &Did) -> Result<Option<DeclarationRow>, StoreError> {
    let mut select =
        db.prepare_cached("SELECT rev, record, read_at FROM declarations WHERE did = ?1")?;
    let read = |row: &Row<'_>| {
        Ok(DeclarationRow { rev: row.get(0)?, record: row.get(1)?, read_at: Millis(row.get(2)?) })
    };
    Ok(select.query_row([did.as_str()], read).optional()?)
}

/// Forgets it, with everything else of a labeler that is purged.
pub(crate) fn forget(db: &Connection, did: &Did) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM declarations WHERE did = ?1")?;
    delete.execute([did.as_str()]).map(drop)
}

/// Up to `most` tracked labelers whose document is known and whose declaration was last asked
/// for at `before` or earlier, and is not about to be.
pub(crate) fn outdated(
    db: &Connection,
    before: Millis,
    most: usize,
) -> Result<Vec<Did>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT did FROM labelers LEFT JOIN declarations USING (did)
         WHERE tracked AND service_url IS NOT NULL AND coalesce(read_at, 0) <= ?1
             AND NOT EXISTS (SELECT 1 FROM lookups WHERE lookups.did = labelers.did AND declared)
         LIMIT ?2",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = select.query_map(params![before.0, most], |row| labelers::did(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
