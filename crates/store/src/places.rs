//! How far the places were read where labelers are found: relays and directories. Each is
//! known by its URL, since a cursor means nothing anywhere else.

use crate::StoreError;
use crate::convert::seq;
use label::{Millis, Seq};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// How far a relay was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayRow {
    /// The last frame of its firehose whose hints are kept; [`Seq::START`] when there is none.
    pub firehose: Seq,
    /// The last page cursor of its list of labelers, "" before there was one.
    pub list_page: String,
    /// Whether the list goes on at that page.
    pub listing: bool,
    /// When the list's end was last reached.
    pub listed_at: Option<Millis>,
}

/// How far a directory was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryRow {
    /// When it was first met. What was before is not asked for.
    pub begun: Millis,
    /// Operations up to this time were looked at.
    pub exported: Millis,
}

/// A place that was read so far. Kept together with the hints that were found on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A relay's firehose, up to this frame.
    Firehose {
        /// The relay's URL.
        relay: String,
        /// The frame; [`Seq::START`] forgets where it was.
        cursor: Seq,
    },
    /// A relay's list of labelers.
    List {
        /// The relay's URL.
        relay: String,
        /// Where it goes on; `None` at the end.
        page: Option<String>,
        /// When the page was read.
        at: Millis,
    },
    /// A directory's export.
    Export {
        /// The directory's URL.
        directory: String,
        /// The time of the last operation seen.
        until: Millis,
    },
}

/// Notes how far a place was read.
pub(crate) fn keep(db: &Connection, place: &Place) -> Result<(), StoreError> {
    match place {
        Place::Firehose { relay, cursor } => {
            let mut upsert = db.prepare_cached(
                "INSERT INTO relays (url, firehose) VALUES (?1, ?2)
                 ON CONFLICT (url) DO UPDATE SET firehose = excluded.firehose",
            )?;
            upsert.execute(params![relay, cursor.get()])?;
        }
        Place::List { relay, page: Some(page), .. } => {
            let mut upsert = db.prepare_cached(
                "INSERT INTO relays (url, list_page, listing) VALUES (?1, ?2, 1)
                 ON CONFLICT (url) DO UPDATE SET list_page = excluded.list_page, listing = 1",
            )?;
            upsert.execute(params![relay, page])?;
        }
        Place::List { relay, page: None, at } => {
            let mut upsert = db.prepare_cached(
                "INSERT INTO relays (url, listed_at) VALUES (?1, ?2)
                 ON CONFLICT (url) DO UPDATE SET listed_at = excluded.listed_at, listing = 0",
            )?;
            upsert.execute(params![relay, at.0])?;
        }
        Place::Export { directory, until } => {
            let mut update = db.prepare_cached(
                "UPDATE directories SET exported = max(exported, ?2) WHERE url = ?1",
            )?;
            update.execute(params![directory, until.0])?;
        }
    }
    Ok(())
}

/// How far a relay was read; not at all, if it is unknown.
pub(crate) fn relay(db: &Connection, url: &str) -> Result<RelayRow, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT firehose, list_page, listing, listed_at FROM relays WHERE url = ?1",
    )?;
    let read = |row: &Row<'_>| {
        Ok(RelayRow {
            firehose: seq(row, 0)?,
            list_page: row.get(1)?,
            listing: row.get(2)?,
            listed_at: row.get::<_, Option<i64>>(3)?.map(Millis),
        })
    };
    Ok(select.query_row([url], read).optional()?.unwrap_or_default())
}

/// How far a directory was read; one met for the first time begins now.
pub(crate) fn directory(
    db: &Connection,
    url: &str,
    now: Millis,
) -> Result<DirectoryRow, StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO directories (url, begun, exported) VALUES (?1, ?2, ?2)
         ON CONFLICT (url) DO NOTHING",
    )?;
    insert.execute(params![url, now.0])?;
    let mut select = db.prepare_cached("SELECT begun, exported FROM directories WHERE url = ?1")?;
    let read = |row: &Row<'_>| {
        Ok(DirectoryRow { begun: Millis(row.get(0)?), exported: Millis(row.get(1)?) })
    };
    Ok(select.query_row([url], read)?)
}
