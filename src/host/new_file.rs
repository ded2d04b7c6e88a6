//! A file that gets its name when it is whole. It is its owner's alone. Not on a simulated machine.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{disk, privacy};

/// What is behind the name while the file is written.
const UNFINISHED: &str = ".part";

/// A file that is being written.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
    unfinished: PathBuf,
    is_finished: bool,
}

impl NewFile {
    /// Begins a file that is to be at `path`, where nothing is yet.
    pub fn create(path: &Path) -> io::Result<Self> {
        must_be_free(path)?;
        let mut unfinished = path.to_owned().into_os_string();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        let file = privacy::open(&unfinished, true)?;
        Ok(Self { file, path: path.to_owned(), unfinished, is_finished: false })
    }

    /// Gives it its name, once all of it is on disk.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        must_be_free(&self.path)?;
        disk::rename_durably(&self.unfinished, &self.path)?;
        self.is_finished = true;
        Ok(())
    }
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
        let other = directory.path().join("other");
        drop(NewFile::create(&other).expect("created"));
        assert_eq!(names(), ["file"], "what was not finished is gone");
    }
}
