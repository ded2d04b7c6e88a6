//! A file that gets its name when it is whole. It is its owner's alone. Not on a simulated machine.
//!
//! While it is written it has another name, and is locked: what is called like that and is not locked was left behind
//! by a process that was killed.

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{disk, privacy, untouched};

/// What is behind the name while the file is written.
pub const UNFINISHED: &str = ".part";

/// A file that is being written.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
    unfinished: PathBuf,
    replaces: bool,
    is_finished: bool,
}

impl NewFile {
    /// Begins a file that is to be at `path`, where nothing is yet. While another process writes it, that is
    /// [`io::ErrorKind::WouldBlock`].
    pub fn create(path: &Path) -> io::Result<Self> {
        must_be_free(path)?;
        Self::begin(path, false)
    }

    /// The same, in place of whatever is there by then.
    pub fn replacing(path: &Path) -> io::Result<Self> {
        Self::begin(path, true)
    }

    fn begin(path: &Path, replaces: bool) -> io::Result<Self> {
        let unfinished = unfinished(path);
        let file = privacy::open(&unfinished, false)?;
        file.try_lock()?;
        file.set_len(0)?;
        Ok(Self { file, path: path.to_owned(), unfinished, replaces, is_finished: false })
    }

    /// Gives it its name, once all of it is on disk.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if !self.replaces {
            must_be_free(&self.path)?;
        }
        disk::rename_durably(&self.unfinished, &self.path)?;
        self.is_finished = true;
        Ok(())
    }
}

/// Removes what was written of the file that was to be at `path`, unless it still is. Says whether it did.
pub fn remove_unfinished(path: &Path) -> io::Result<bool> {
    let unfinished = unfinished(path);
    let Some(file) = untouched::open(&unfinished)? else { return Ok(false) };
    match file.try_lock() {
        Ok(()) => disk::remove(&unfinished),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut unfinished = path.to_owned().into_os_string();
    unfinished.push(UNFINISHED);
    unfinished.into()
}

fn must_be_free(path: &Path) -> io::Result<()> {
    match disk::length(path)? {
        Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        None => Ok(()),
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_finished
            && let Err(error) = disk::remove(&self.unfinished)
        {
            tracing::warn!(%error, path = %self.unfinished.display(), "cannot remove what was begun");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole_and_replaces_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        let names = || disk::names(directory.path()).expect("readable");
        let mut file = NewFile::create(&path).expect("created");
        file.write_all(b"some").expect("written");
        assert_eq!(names(), ["file.part"]);
        file.finish().expect("on disk");
        assert_eq!(
            (names(), fs::read(&path).expect("there")),
            (vec!["file".to_owned()], b"some".to_vec())
        );
        let refused = NewFile::create(&path).expect_err("it is there");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        let mut file = NewFile::replacing(&path).expect("begun");
        file.write_all(b"other").expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"some", "until it is whole");
        file.finish().expect("on disk");
        assert_eq!(fs::read(&path).expect("there"), b"other");
        let other = directory.path().join("other");
        drop(NewFile::create(&other).expect("created"));
        assert_eq!(names(), ["file"], "what was not finished is gone");
    }

    #[test]
    fn what_a_killed_process_left_behind_is_removed_and_what_is_being_written_is_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        let unfinished = directory.path().join("file.part");
        fs::write(&unfinished, b"left behind").expect("written");
        assert!(remove_unfinished(&path).expect("removed"));
        assert!(!remove_unfinished(&path).expect("there is nothing"));
        fs::write(&unfinished, b"left behind").expect("written");
        let mut file = NewFile::create(&path).expect("created in its place");
        file.write_all(b"some").expect("written");
        assert!(!remove_unfinished(&path).expect("it is in use"));
        let refused = NewFile::create(&path).expect_err("it is being written");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        file.finish().expect("on disk");
        assert_eq!(fs::read(&path).expect("there"), b"some");
    }
}
