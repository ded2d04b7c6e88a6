//! What is on the disk, for somebody who only looks: nothing is created, changed or removed, not even a mode,
//! and no file is opened to be written to. Not on a simulated machine.

use std::{
    env,
    fs::{self, File},
    io,
    os::unix::fs as unix,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    disk::{self, if_there},
    random,
    random_access::{RandomAccessFile, ReadFolder},
};

/// The contents of a file, if it is there.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if_there(fs::read(path))
}

/// Opens a file, if it is there.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    if_there(File::open(path))
}

/// Held while others must not use a file, except to look at it too.
#[derive(Debug)]
pub struct Claim {
    _file: Option<File>,
}

/// Claims a file that its users lock, if it is there. If it is in use, that is
/// [`io::ErrorKind::WouldBlock`].
pub fn claim(path: &Path) -> io::Result<Claim> {
    let file = open(path)?;
    if let Some(file) = &file {
        file.try_lock_shared()?;
    }
    Ok(Claim { _file: file })
}

/// A folder of files that are read at an offset. One that is not there is empty.
pub struct UntouchedFolder {
    path: PathBuf,
}

impl UntouchedFolder {
    /// The folder at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl ReadFolder for UntouchedFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(if_there(disk::names(&self.path))?.unwrap_or_default())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn RandomAccessFile>> {
        Ok(Arc::new(File::open(self.path.join(name))?))
    }
}

/// A directory of links to all files of another and of the directories in it, for a library that removes what
/// it has no use for: it removes links. Goes with its handle.
#[derive(Debug)]
pub struct LinkedDirectory {
    path: PathBuf,
}

impl LinkedDirectory {
    /// Links to what is in `directory`, among the system's temporary files.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("tinysns-{:016x}", random::id()));
        // From here on, what is made of it goes with it.
        let linked = Self { path };
        link_contents(&directory.canonicalize()?, &linked.path)?;
        Ok(linked)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn link_contents(from: &Path, to: &Path) -> io::Result<()> {
    disk::create_private_directory(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let link = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_contents(&entry.path(), &link)?;
        } else {
            unix::symlink(entry.path(), link)?;
        }
    }
    Ok(())
}

impl Drop for LinkedDirectory {
    fn drop(&mut self) {
        if let Err(error) = disk::remove_directory(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove links that were made");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_of_linked_files_is_links() {
        let original = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(original.path().join("tables")).expect("made");
        fs::write(original.path().join("tables/1"), "one").expect("written");
        let linked = LinkedDirectory::of(original.path()).expect("linked");
        let link = linked.path().join("tables/1");
        assert_eq!(fs::read_to_string(&link).expect("readable"), "one");
        fs::remove_file(&link).expect("removed");
        let path = linked.path().to_owned();
        drop(linked);
        assert!(!path.exists(), "it is gone");
        let left = fs::read_to_string(original.path().join("tables/1"));
        assert_eq!(left.expect("readable"), "one");
    }

    #[test]
    fn a_file_is_claimed_by_many_who_look_but_not_while_it_is_in_use() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("lock");
        assert!(claim(&path).is_ok() && !path.exists(), "there is nothing to claim");
        let in_use = disk::lock_directory(directory.path()).expect("locked");
        let refused = claim(&path).expect_err("it is in use");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(in_use);
        let both = [claim(&path).expect("claimed"), claim(&path).expect("by another, too")];
        assert!(disk::lock_directory(directory.path()).is_err(), "they look at it");
        drop(both);
        disk::lock_directory(directory.path()).expect("nobody does");
    }
}
