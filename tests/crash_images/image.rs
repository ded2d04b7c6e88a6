//! Contents of a disk as files that can be opened.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::operation::{Contents, Tree};

/// A directory in memory, if there is one: what is in it need not survive anything.
pub fn temporary_directory() -> io::Result<tempfile::TempDir> {
    const IN_MEMORY: &str = "/dev/shm";
    if Path::new(IN_MEMORY).is_dir() {
        tempfile::tempdir_in(IN_MEMORY)
    } else {
        tempfile::tempdir()
    }
}

/// Writes them into `directory`, in the place of what is there.
pub fn write(contents: &Contents, directory: &Path) -> io::Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    for (path, file) in contents.tree() {
        let path = directory.join(path);
        match file {
            None => fs::create_dir(path)?,
            Some(bytes) => fs::write(path, &*bytes)?,
        }
    }
    Ok(())
}

/// What is in a directory.
pub fn read(directory: &Path) -> io::Result<Tree> {
    let mut tree = Tree::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(within) = directories.pop() {
        for entry in fs::read_dir(directory.join(&within))? {
            let entry = entry?;
            let path = within.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                tree.insert(path.clone(), None);
                directories.push(path);
            } else {
                tree.insert(path, Some(Arc::new(fs::read(entry.path())?)));
            }
        }
    }
    Ok(tree)
}
