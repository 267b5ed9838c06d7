//! A file that gets its name when it is whole.

use super::Failed;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file in the making, beside the one that is wanted. Dropped, it is taken away again.
#[derive(Debug)]
pub(super) struct Target {
    file: File,
    making: PathBuf,
    /// What it will be called; `None` once it is.
    wanted: Option<PathBuf>,
}

impl Target {
    pub(super) fn create(wanted: PathBuf) -> Result<Self, Failed> {
        let failed = |reason| Failed::File { path: wanted.clone(), reason };
        if wanted.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let mut making = wanted.clone().into_os_string();
        // Two exports into the same file do not meet.
        making.push(format!(".{}.part", std::process::id()));
        let making = PathBuf::from(making);
        let file = File::create_new(&making).map_err(failed)?;
        Ok(Self { file, making, wanted: Some(wanted) })
    }

    /// Where to write.
    pub(super) fn file(&self) -> Result<File, Failed> {
        self.file.try_clone().map_err(|reason| self.failed(reason))
    }

    /// It is whole: once it is on disk it takes the place of what was there.
    pub(super) fn keep(mut self) -> Result<(), Failed> {
        self.file.sync_all().map_err(|reason| self.failed(reason))?;
        let wanted = self.wanted.clone().unwrap_or_default();
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

/// The new name is on disk too.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
