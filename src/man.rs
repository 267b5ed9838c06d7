//! `labeltap man --dir`: every man page, written to a folder. What is on them is
//! [`crate::config::pages`].

use crate::config;
use std::path::{Path, PathBuf};

/// A page that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {error}", path.display())]
pub struct ManError {
    path: PathBuf,
    error: std::io::Error,
}

/// Writes them all, over what is there. The folder is made if it is missing.
///
/// # Errors
/// [`ManError`], with what was written before left as it is.
pub fn man(dir: &Path) -> Result<(), ManError> {
    let at = |path: PathBuf| move |error| ManError { path, error };
    std::fs::create_dir_all(dir).map_err(at(dir.to_owned()))?;
    for page in config::pages() {
        let path = dir.join(&page.file);
        std::fs::write(&path, page.text).map_err(at(path))?;
    }
    Ok(())
}
