//! Database files, and the directories that they are in.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access};
use redb::{Builder, Database, DatabaseError};

/// redb's page cache for one file, in bytes. Its default is 1 GiB per file; a master has two files
/// and should stay below 40 MiB resident when idle.
const CACHE_BYTES: usize = 8 << 20;

/// Opens the database at `path`, creating it if there is none, and repairing it after a crash.
pub fn open(path: &Path) -> Result<Database, DatabaseError> {
    Builder::new().set_cache_size(CACHE_BYTES).create(path)
}

/// A directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} ({setting}): {source}{}", remedy(.source))]
pub struct DirectoryError {
    /// The setting that names the directory.
    pub setting: &'static str,
    /// The directory, or the file in it that causes the error.
    pub path: PathBuf,
    source: io::Error,
}

/// What may help if the system refuses a directory.
pub fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the process must be allowed to write there"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "; it must be a directory, or not exist yet"
        }
        _ => "",
    }
}

/// Creates the directory `path`, which `setting` names, if it does not exist, and checks that this
/// process may write to it, and to `file` in it.
pub fn prepare(setting: &'static str, path: &Path, file: &str) -> Result<(), DirectoryError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| DirectoryError { setting, path, source }
    };
    fs::create_dir_all(path).map_err(at(path))?;
    access(path, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|no| at(path)(no.into()))?;
    let file = path.join(file);
    match access(&file, AccessFlags::R_OK | AccessFlags::W_OK) {
        Ok(()) | Err(nix::Error::ENOENT) => Ok(()),
        Err(no) => Err(at(&file)(no.into())),
    }
}

/// A database in memory, for tests.
pub fn in_memory() -> Result<Database, DatabaseError> {
    Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(redb::backends::InMemoryBackend::new())
}
