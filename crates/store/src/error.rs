//! What can go wrong in the store, sorted by what the caller should do about it.

use label::{Did, Epoch, Seq};
use rusqlite::ffi;
use std::sync::Arc;

/// Why a store call did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database was locked or out of room. Nothing was written; try again.
    #[error("store busy: {0}")]
    Busy(#[source] Arc<rusqlite::Error>),

    /// Too little is free where the database lies for anything that makes it grow. Nothing
    /// was written; try again.
    #[error(
        "there is no room for more: {} MiB are free where the database is, and --min-free-space \
         asks for {} MiB", free >> 20, min_free >> 20
    )]
    NoRoom {
        /// Bytes that are free.
        free: u64,
        /// Bytes that have to be.
        min_free: u64,
    },

    /// Labels from before there was an index are still being put into it. Try again.
    #[error("what is stored is still being indexed, since this version is new; try again later")]
    Indexing,

    /// The batch does not follow on from the stored cursor. Somebody else has read further.
    #[error("batch does not follow on: the cursor is at {cursor} of epoch {}", epoch.0)]
    Moved {
        /// The numbering the cursor belongs to.
        epoch: Epoch,
        /// Where the cursor stands.
        cursor: Seq,
    },

    /// The labeler is not tracked (any more). Nothing was written.
    #[error("{0} is not tracked")]
    NotTracked(Did),

    /// The store cannot be trusted any more. Stop the process and look.
    #[error("store broken: {0}")]
    Broken(#[source] Arc<rusqlite::Error>),

    /// The writer has stopped, because the process is stopping or because it broke.
    #[error("store closed")]
    Closed,
}

/// The answer to "what now?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Same call again, after a pause.
    Retry,
    /// Forget this batch, read the cursor, carry on from there.
    Resync,
    /// Stop working for this labeler.
    Leave,
    /// Let it end the process.
    GiveUp,
}

impl StoreError {
    /// Every caller asks this instead of matching on variants.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Busy(_) | Self::NoRoom { .. } | Self::Indexing => Remedy::Retry,
            Self::Moved { .. } => Remedy::Resync,
            Self::NotTracked(_) => Remedy::Leave,
            Self::Broken(_) | Self::Closed => Remedy::GiveUp,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match Weight::of(&error) {
            Weight::Passing => Self::Busy(Arc::new(error)),
            Weight::Confined | Weight::Grave => Self::Broken(Arc::new(error)),
        }
    }
}

/// How far the trouble behind an SQLite error reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Nothing was written and the file is sound; later it may work. Ends the transaction.
    Passing,
    /// What was asked cannot be done (a fault of ours), the rest of the database is well.
    Confined,
    /// What is on disk can no longer be vouched for.
    Grave,
}

impl Weight {
    /// Judges by SQLite's result code (sqlite.org/rescode.html); what is unknown is grave.
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let Some(failure) = error.sqlite_error() else {
            return Self::Confined; // a value that does not convert: that row, that call
        };
        match failure.code {
            // FULL: no room. BUSY, LOCKED, PROTOCOL: another process, such as a shell,
            // holds the lock. CANTOPEN: no descriptor left, or the folder is away.
            // NOMEM: no memory. In all of them SQLite gave up before writing a commit.
            Code::DiskFull
            | Code::DatabaseBusy
            | Code::DatabaseLocked
            | Code::FileLockingProtocolFailed
            | Code::CannotOpen
            | Code::OutOfMemory => Self::Passing,
            // The file was renamed or unlinked under us: what we write nobody will find.
            Code::ReadOnly if failure.extended_code == ffi::SQLITE_READONLY_DBMOVED => Self::Grave,
            // Remounted read-only, or write permission taken away; an operator can mend it.
            Code::ReadOnly => Self::Passing,
            Code::SystemIoFailure => Self::of_io(failure.extended_code),
            // A bug in our SQL (ERROR is Unknown here) or a value it cannot hold; the job
            // takes back its own writes.
            Code::ConstraintViolation
            | Code::TypeMismatch
            | Code::TooBig
            | Code::ParameterOutOfRange
            | Code::Unknown => Self::Confined,
            // CORRUPT, NOTADB, and whatever else SQLite may say.
            _ => Self::Grave,
        }
    }

    /// A write that failed promised nothing: the commit is not in the log, and the same
    /// pages are written anew next time. So quota reached, file too large and a read-only
    /// remount (all of them `IOERR_WRITE`; a full disk while the shared memory grows is
    /// `IOERR_SHMSIZE`) are waited out. After a sync that failed, nobody can say what the
    /// disk holds, and a second try may wrongly succeed: that, and every other one, is
    /// grave.
    fn of_io(extended_code: i32) -> Self {
        match extended_code {
            ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_NOMEM => {
                Self::Passing
            }
            _ => Self::Grave,
        }
    }
}

impl StoreError {
    /// Whether a job that fails like this takes the whole transaction with it.
    pub(crate) fn spoils_the_transaction(&self) -> bool {
        match self {
            Self::Busy(_) => true,
            Self::Broken(error) => Weight::of(error) == Weight::Grave,
            Self::NoRoom { .. }
            | Self::Indexing
            | Self::Moved { .. }
            | Self::NotTracked(_)
            | Self::Closed => false,
        }
    }
}

/// Why a database cannot be opened: one sentence for the operator each. Nothing was touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is something else: another program's database, or no database.
    #[error("{path} is not a labeltap database: {found}; name another file with --database-url")]
    NotOurs {
        /// The file.
        path: String,
        /// What it seems to be.
        found: String,
    },
    /// Written by a newer labeltap.
    #[error(
        "{path} was written by a newer labeltap (schema {found}, this one knows up to {known}); use that version or another file"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema number.
        found: u32,
        /// The newest schema number this program knows.
        known: u32,
    },
    /// Written by an older labeltap, and to be read only.
    #[error(
        "{path} was written by an older labeltap (schema {found}, this one reads {known}); \
         starting `labeltap run` with it brings it up to date"
    )]
    Older {
        /// The file.
        path: String,
        /// Its schema number.
        found: u32,
        /// The schema number that this program reads.
        known: u32,
    },
    /// There is no such file, and none is to be made.
    #[error("{path} does not exist; name the database with --database-url")]
    Absent {
        /// The file.
        path: String,
    },
    /// Another process has it open.
    #[error("{path} is in use by another labeltap")]
    InUse {
        /// The file.
        path: String,
    },
    /// The file or its folder cannot be used.
    #[error("{path} cannot be opened: {reason}")]
    Unusable {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(code: i32) -> Weight {
        Weight::of(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn what_an_operator_can_mend_is_waited_out() {
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_SHMSIZE,
        ] {
            assert_eq!(weight(code), Weight::Passing, "{code}");
        }
    }

    #[test]
    fn what_puts_the_disk_in_doubt_is_grave() {
        for code in [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_READONLY_DBMOVED,
        ] {
            assert_eq!(weight(code), Weight::Grave, "{code}");
        }
    }

    #[test]
    fn a_broken_rule_is_the_fault_of_one_job() {
        assert_eq!(weight(ffi::SQLITE_CONSTRAINT_TRIGGER), Weight::Confined);
    }

    #[test]
    fn only_what_concerns_one_job_leaves_the_transaction_alone() {
        let spoils = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            StoreError::from(error).spoils_the_transaction()
        };
        assert!(spoils(ffi::SQLITE_READONLY) && spoils(ffi::SQLITE_CORRUPT));
        assert!(!spoils(ffi::SQLITE_CONSTRAINT_TRIGGER));
        let moved = StoreError::Moved { epoch: Epoch::FIRST, cursor: Seq::START };
        assert!(!moved.spoils_the_transaction());
    }
}
