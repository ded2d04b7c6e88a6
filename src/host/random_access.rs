//! Files that are read and written at an offset, in a folder of their own: what the log's segments
//! are kept in. What a call makes durable survives a loss of power from the moment that it returns.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{disk, files};

/// An open file. Clones of its handle share it; it stays readable when its name is gone.
pub trait RandomAccessFile: Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Fills `out` with what begins at `offset`. Less than that is an error.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`. Beyond its end, the file grows.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the contents durable.
    fn sync_data(&self) -> io::Result<()>;
}

/// A folder of such files, by their names, which are looked at.
pub trait ReadFolder: Send + Sync {
    /// The names of all files, in their order.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens a file that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn RandomAccessFile>>;
}

/// A folder that is changed.
pub trait Folder: ReadFolder {
    /// Makes an empty file, in the place of one that has this name.
    fn create(&self, name: &str) -> io::Result<Arc<dyn RandomAccessFile>>;

    /// Renames a file, durably.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file, if it is there. After a loss of power it may be there again.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable.
    fn sync_names(&self) -> io::Result<()>;
}

impl RandomAccessFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }
}

/// A folder on the disk, which is a node's own.
pub struct DiskFolder {
    path: PathBuf,
}

impl DiskFolder {
    /// The folder at `path`, which is made if there is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        disk::create_private_directory(path)?;
        Ok(Self { path: path.to_owned() })
    }
}

impl ReadFolder for DiskFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        disk::names(&self.path)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn RandomAccessFile>> {
        files::open_random_access(&self.path.join(name))
    }
}

impl Folder for DiskFolder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn RandomAccessFile>> {
        let path = self.path.join(name);
        files::write(&path, b"")?;
        files::open_random_access(&path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        disk::rename_durably(&self.path.join(from), &self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        disk::remove(&self.path.join(name)).map(drop)
    }

    fn sync_names(&self) -> io::Result<()> {
        files::sync_directory(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn files_of_a_folder_are_made_written_read_renamed_and_removed_and_are_private() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("folder");
        let folder = DiskFolder::open(&path).expect("made");
        let file = folder.create("one").expect("made");
        file.write_at(4, b"four").expect("written");
        file.sync_data().expect("a good disk");
        folder.rename("one", "two").expect("it is there");
        let again = DiskFolder::open(&path).expect("it is there").open("two").expect("it is there");
        let mut all = [1; 8];
        again.read_at(0, &mut all).expect("it has eight bytes");
        assert_eq!((&all, again.length().expect("readable")), (b"\0\0\0\0four", 8));
        let beyond = again.read_at(1, &mut all).expect_err("one is missing");
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(folder.create("one").expect("made").length().expect("readable"), 0);
        assert_eq!(folder.names().expect("readable"), ["one", "two"]);
        for (path, wanted) in [(path.clone(), 0o700), (path.join("two"), 0o600)] {
            let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            assert_eq!(mode, wanted, "{path:?}");
        }
        folder.remove("two").expect("removed");
        folder.sync_names().expect("a good disk");
        assert_eq!(folder.names().expect("readable"), ["one"]);
        assert!(folder.open("two").is_err(), "it is gone");
        file.read_at(4, &mut all[..4]).expect("who has it open can read it");
    }
}
