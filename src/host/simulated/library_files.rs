//! The files of one machine's libraries that use files by themselves, on a real disk.
#![expect(clippy::disallowed_methods, reason = "nothing of it need be durable")]

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

fn copy_contents(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir_all(&to)?;
            copy_contents(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// The directories of libraries, in a temporary one that goes with the machine's disk.
#[derive(Default)]
pub(super) struct LibraryFiles {
    root: Option<TempDir>,
}

impl LibraryFiles {
    /// The real directory for a simulated one. What is above it is there.
    pub fn directory(&mut self, path: &Path) -> io::Result<PathBuf> {
        if self.root.is_none() {
            self.root = Some(tempfile::tempdir()?);
        }
        let real = self.real(path).expect("there is a root now");
        if let Some(above) = real.parent() {
            fs::create_dir_all(above)?;
        }
        Ok(real)
    }

    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match (self.real(from).filter(|from| from.exists()), self.real(to)) {
            (Some(from), Some(to)) => {
                if let Some(above) = to.parent() {
                    fs::create_dir_all(above)?;
                }
                fs::rename(from, to)
            }
            _ => Ok(()),
        }
    }

    pub fn remove(&self, path: &Path) -> io::Result<()> {
        match self.real(path).filter(|path| path.exists()) {
            Some(path) => fs::remove_dir_all(path),
            None => Ok(()),
        }
    }

    /// A copy of what is in a directory.
    pub fn copy_of(&self, path: &Path) -> io::Result<TempDir> {
        let copy = tempfile::tempdir()?;
        if let Some(real) = self.real(path).filter(|path| path.exists()) {
            copy_contents(&real, copy.path())?;
        }
        Ok(copy)
    }

    /// Puts such a copy in the place of what is there.
    pub fn put(&mut self, path: &Path, copy: &TempDir) -> io::Result<()> {
        self.remove(path)?;
        let real = self.directory(path)?;
        fs::create_dir_all(&real)?;
        copy_contents(copy.path(), &real)
    }

    fn real(&self, path: &Path) -> Option<PathBuf> {
        let within = path.strip_prefix("/").unwrap_or(path);
        self.root.as_ref().map(|root| root.path().join(within))
    }
}
