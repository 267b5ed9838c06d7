//! Opening a database: first whether the file is ours to open, then the lock, and only then
//! SQLite. Whatever speaks against it is found before anything is written.

use crate::header::{self, Header};
use crate::{OpenError, schema};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fmt::Display;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many reads run side by side: two for the line out, one for studies of all that is stored,
/// and the last one for questions, of which some take their time.
const READERS: usize = 4;

/// An opened database.
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) readers: Vec<Connection>,
    /// Keeps other processes out. Must be dropped after every connection: closing any
    /// handle of the file drops the locks SQLite holds on it.
    pub(crate) lock: Arc<File>,
}

/// Opens or creates it, and brings the schema up to date.
pub(crate) fn open(path: &Path) -> Result<Opened, OpenError> {
    let path = Door::at(path)?;
    let (file, created) = path.file()?;
    let opened = path.enter(&file);
    if created && matches!(&opened, Err(error) if !matches!(error, OpenError::InUse { .. })) {
        path.leave_nothing();
    }
    let (writer, readers) = opened?;
    Ok(Opened { writer, readers, lock: Arc::new(file) })
}

/// Turns SQLite's checkpoint on close off or on. Off while opening, since a refused file
/// must stay as it is, and for a database that cannot be trusted.
pub(crate) fn checkpoint_on_close(db: &Connection, wanted: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !wanted).map(|_| ())
}

/// The way to the file. Absolute, so that no name means something special to SQLite.
struct Door(PathBuf);

impl Door {
    fn at(path: &Path) -> Result<Self, OpenError> {
        std::path::absolute(path).map(Self).map_err(|error| OpenError::Unusable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }

    /// The file, and whether it was not there before.
    fn file(&self) -> Result<(File, bool), OpenError> {
        match std::fs::metadata(&self.0) {
            Ok(found) if !found.is_file() => return Err(self.unusable("it is not a file")),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match options.open(&self.0) {
            Ok(file) => Ok((file, false)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let file = options.create_new(true).open(&self.0);
                Ok((file.map_err(|error| self.unusable(error))?, true))
            }
            Err(error) => Err(self.unusable(error)),
        }
    }

    fn enter(&self, file: &File) -> Result<(Connection, Vec<Connection>), OpenError> {
        // Before the lock, since another program's file is none of our business; and after
        // it, since a file that was empty may have been filled before we had the lock.
        self.check(file)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: self.name() }),
            Err(TryLockError::Error(error)) => return Err(self.unusable(error)),
        }
        self.check(file)?;
        let writer = self.writer()?;
        let readers = (0..READERS).map(|_| self.reader()).collect::<Result<_, _>>()?;
        checkpoint_on_close(&writer, true).map_err(|error| self.unusable(error))?;
        Ok((writer, readers))
    }

    fn check(&self, file: &File) -> Result<(), OpenError> {
        match header::read(file).map_err(|error| self.unusable(error))? {
            Header::Empty => Ok(()),
            Header::Ours(version) => self.check_version(version),
            Header::Foreign(found) => {
                Err(OpenError::NotOurs { path: self.name(), found: found.to_owned() })
            }
        }
    }

    fn check_version(&self, found: u32) -> Result<(), OpenError> {
        if found > schema::NEWEST {
            return Err(OpenError::Newer { path: self.name(), found, known: schema::NEWEST });
        }
        Ok(())
    }

    fn writer(&self) -> Result<Connection, OpenError> {
        let mut db = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let prepare = || -> rusqlite::Result<u32> {
            checkpoint_on_close(&db, false)?;
            schema::set_up(&db)?;
            schema::version(&db)
        };
        // Once more: after a crash the newest number may be in the write-ahead log only.
        let version = prepare().map_err(|error| self.unusable(error))?;
        self.check_version(version)?;
        schema::migrate(&mut db, version).map_err(|error| self.unusable(error))?;
        match schema::set_up_writer(&db) {
            Ok(true) => Ok(db),
            Ok(false) => Err(self.unusable("the file system does not support a write-ahead log")),
            Err(error) => Err(self.unusable(error)),
        }
    }

    fn reader(&self) -> Result<Connection, OpenError> {
        let db = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        schema::set_up(&db)
            .and_then(|()| schema::set_up_reader(&db))
            .map_err(|error| self.unusable(error))?;
        Ok(db)
    }

    /// Each connection stays with one thread, so SQLite need not lock it.
    fn connect(&self, access: OpenFlags) -> Result<Connection, OpenError> {
        Connection::open_with_flags(&self.0, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| self.unusable(error))
    }

    /// Takes away a file that we made and could not use.
    fn leave_nothing(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            if let Err(error) = std::fs::remove_file(&name)
                && error.kind() != ErrorKind::NotFound
            {
                tracing::warn!(%error, file = ?name, "could not be taken away again");
            }
        }
    }

    fn unusable(&self, reason: impl Display) -> OpenError {
        OpenError::Unusable { path: self.name(), reason: reason.to_string() }
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}
