//! The schema's versions, and how each connection is set up. Whether a file is ours is
//! decided before (`header`).

use rusqlite::{Connection, TransactionBehavior};
use std::time::Duration;

/// `PRAGMA application_id` of our files: "ltap".
pub(crate) const APPLICATION_ID: u32 = 0x6c74_6170;

/// Each takes the schema one number further; frozen once released.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../schema/sqlite/0001_labels.sql"),
    include_str!("../../../schema/sqlite/0002_consumers.sql"),
    include_str!("../../../schema/sqlite/0003_happenings.sql"),
    include_str!("../../../schema/sqlite/0004_lives.sql"),
    include_str!("../../../schema/sqlite/0005_discovery.sql"),
    include_str!("../../../schema/sqlite/0006_index.sql"),
    include_str!("../../../schema/sqlite/0007_states.sql"),
    include_str!("../../../schema/sqlite/0008_verdicts.sql"),
];

/// The newest schema this program knows.
pub(crate) const NEWEST: u32 = MIGRATIONS.len() as u32;

/// How long to wait for another process, such as a shell, that holds a lock. The writer
/// stands still meanwhile.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Statements kept prepared: more than there are, so that none is ever prepared twice.
const STATEMENTS: usize = 128;

/// The schema's number as SQLite sees it, the write-ahead log included.
pub(crate) fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the schema up to date: each step in a transaction of its own, with its number.
/// A new file gets its mark together with its first tables, while it still has no
/// write-ahead log, so that the mark can be read in the file itself.
pub(crate) fn migrate(db: &mut Connection, from: u32) -> rusqlite::Result<()> {
    for (number, sql) in (1u32..).zip(MIGRATIONS).filter(|(number, _)| *number > from) {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.execute_batch(sql)?;
        step.pragma_update(None, "user_version", number)?;
        step.commit()?;
    }
    Ok(())
}

/// Settings that hold from the first statement on.
pub(crate) fn set_up(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // FULL: the log is synced with each commit (docs/decisions/0002-durability.md).
    db.pragma_update(None, "synchronous", "FULL")?;
    // Nothing beside the database may need room of its own to fail on.
    db.pragma_update(None, "temp_store", "MEMORY")
}

/// Settings of the connection that writes. False when the file system cannot hold a
/// write-ahead log.
pub(crate) fn set_up_writer(db: &Connection) -> rusqlite::Result<bool> {
    // 16000 pages are 64 MiB: a third less to write than with the usual 1000.
    db.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    db.pragma_update(None, "cache_size", -64 * 1024)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// Settings of a connection that reads.
pub(crate) fn set_up_reader(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -8 * 1024)
}
