//! A file that gets its name when it is whole.

use super::Failed;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};

/// A file in the making, beside the one that is wanted. Dropped, it is taken away again.
#[derive(Debug)]
pub(super) struct Target {
    file: File,
    making: PathBuf,
    /// What it will be called; `None` once it is, and of what is written as it stands.
    wanted: Option<PathBuf>,
}

/// What SQLite keeps beside a database.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

impl Target {
    /// For what is read from this database, which is never written over.
    pub(super) fn create(wanted: PathBuf, database: &Path) -> Result<Self, Failed> {
        let failed = |reason| Failed::File { path: wanted.clone(), reason };
        // Where a link leads, not the link.
        let path = fs::canonicalize(&wanted).unwrap_or_else(|_| wanted.clone());
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if is_of(database, &path) {
            return Err(Failed::Database(wanted));
        }
        if path.exists() && !path.is_file() {
            // A pipe or a device: there is nothing to take its place.
            let file = File::options().write(true).open(&path).map_err(failed)?;
            return Ok(Self { file, making: path, wanted: None });
        }
        let mut making = path.clone().into_os_string();
        // Two exports into the same file do not meet, nor does one meet what another left.
        making.push(format!(".{:016x}.part", RandomState::new().hash_one(())));
        let making = PathBuf::from(making);
        let file = File::create_new(&making)
            .map_err(|reason| Failed::File { path: making.clone(), reason })?;
        Ok(Self { file, making, wanted: Some(path) })
    }

    /// Where to write.
    pub(super) fn file(&self) -> Result<File, Failed> {
        self.file.try_clone().map_err(|reason| self.failed(reason))
    }

    /// It is whole: once it is on disk it takes the place of what was there.
    pub(super) fn keep(mut self) -> Result<(), Failed> {
        let Some(wanted) = self.wanted.clone() else { return Ok(()) };
        self.file.sync_all().map_err(|reason| self.failed(reason))?;
        fs::rename(&self.making, &wanted).map_err(|reason| self.failed(reason))?;
        self.wanted = None;
        sync_folder(&wanted).map_err(|reason| Failed::File { path: wanted, reason })
    }

    fn failed(&self, reason: io::Error) -> Failed {
        Failed::File { path: self.wanted.clone().unwrap_or_default(), reason }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.wanted.is_some()
            && let Err(error) = fs::remove_file(&self.making)
        {
            eprintln!("labeltap: {} could not be taken away: {error}", self.making.display());
        }
    }
}

/// Whether a file is a part of this database, or would be taken for one.
fn is_of(database: &Path, file: &Path) -> bool {
    let whole = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
        folder.ok().zip(path.file_name()).map(|(folder, name)| folder.join(name))
    };
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    BESIDE.iter().any(|suffix| {
        let mut part = database.clone().into_os_string();
        part.push(suffix);
        let part = PathBuf::from(part);
        whole(&part).is_some_and(|part| Some(part) == whole(file)) || is_same(&part, file)
    })
}

#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    place(one).is_some_and(|one| Some(one) == place(other))
}

#[cfg(not(unix))]
fn is_same(_one: &Path, _other: &Path) -> bool {
    false
}

/// The new name is on disk too.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_database_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("labels.db");
        fs::write(&database, "labels").unwrap();
        fs::hard_link(&database, folder.path().join("other name")).unwrap();
        for name in ["labels.db", "labels.db-wal", "labels.db-shm", "./labels.db", "other name"] {
            let refused = Target::create(folder.path().join(name), &database);
            assert!(matches!(refused, Err(Failed::Database(_))), "{name}: {refused:?}");
        }
        assert_eq!(fs::read(&database).unwrap(), b"labels");
    }

    #[test]
    fn a_file_is_there_when_it_is_whole_and_what_others_left_is_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let (database, wanted) = (folder.path().join("labels.db"), folder.path().join("out"));
        fs::write(&wanted, "before").unwrap();
        let left = Target::create(wanted.clone(), &database).unwrap();
        let target = Target::create(wanted.clone(), &database).unwrap();
        target.file().unwrap().write_all(b"after").unwrap();
        assert_eq!(fs::read(&wanted).unwrap(), b"before");
        target.keep().unwrap();
        drop(left);
        assert_eq!(fs::read(&wanted).unwrap(), b"after");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_a_device_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (database, file) = (folder.path().join("labels.db"), folder.path().join("file"));
        fs::write(&file, "before").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let target = Target::create(link.clone(), &database).unwrap();
        target.file().unwrap().write_all(b"after").unwrap();
        target.keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"after");
        let device = Target::create("/dev/null".into(), &database).unwrap();
        device.file().unwrap().write_all(b"gone").unwrap();
        device.keep().unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }
}
