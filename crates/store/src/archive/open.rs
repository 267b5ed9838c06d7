//! Opening a database to read it, whoever writes to it meanwhile.

use super::Archive;
use crate::header::{self, Header};
use crate::{OpenError, schema};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

impl Archive {
    /// Opens a database of this version without changing anything in it. A service may have it
    /// open and go on; not this process, though: [`crate::Store::study`] is for that.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        let unusable = |reason: String| OpenError::Unusable { path: name.clone(), reason };
        check_header(path, &name)?;
        // Absolute, so that no name means something special to SQLite.
        let path = std::path::absolute(path).map_err(|error| unusable(error.to_string()))?;
        let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let prepare = || {
            let db = Connection::open_with_flags(&path, access)?;
            schema::set_up(&db)?;
            schema::set_up_reader(&db)?;
            let found = schema::version(&db)?;
            Ok((db, found))
        };
        let prepared: rusqlite::Result<_> = prepare();
        let (db, found) = prepared.map_err(|error| unusable(error.to_string()))?;
        let known = schema::NEWEST;
        match found {
            _ if found > known => Err(OpenError::Newer { path: name, found, known }),
            _ if found < known => Err(OpenError::Older { path: name, found, known }),
            _ => Ok(Self::of(db, Arc::new(AtomicBool::new(false)))),
        }
    }
}

/// Whether it is one of ours, before SQLite sees it. The file is closed again before SQLite
/// opens it, since closing it later would drop SQLite's locks.
fn check_header(path: &Path, name: &str) -> Result<(), OpenError> {
    let unusable = |reason: String| OpenError::Unusable { path: name.to_owned(), reason };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => OpenError::Absent { path: name.to_owned() },
        _ => unusable(error.to_string()),
    })?;
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err(unusable("it is not a file".to_owned()));
    }
    match header::read(&file).map_err(|error| unusable(error.to_string()))? {
        Header::Ours(found) if found > schema::NEWEST => {
            Err(OpenError::Newer { path: name.to_owned(), found, known: schema::NEWEST })
        }
        Header::Ours(_) => Ok(()),
        Header::Empty => Err(unusable("it is empty".to_owned())),
        Header::Foreign(found) => {
            Err(OpenError::NotOurs { path: name.to_owned(), found: found.to_owned() })
        }
    }
}
