//! The system's operations on files, each as it is there: what is durable, and when, is said in
//! [`disk`](super::disk), which alone uses them. What they create is its owner's alone
//! ([`privacy`]). On a simulated machine they are those of its disk, which knows no modes.
#![expect(clippy::disallowed_methods, reason = "this is where directories are changed")]

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::{
    sys::statvfs::statvfs,
    unistd::{AccessFlags, access},
};
use redb::{Builder, Database, DatabaseError, backends::FileBackend};

#[cfg(feature = "laboratory")]
use super::simulated::{Machine, backend::SimulatedFile, files as simulated, open_file::OpenFile};
use super::{disk::DiskSpace, privacy, random_access::RandomAccessFile};

/// Does the same on the disk of the simulated machine on which this runs, if it runs on one.
macro_rules! on_a_simulated_machine {
    (|$machine:ident| $operation:expr) => {
        #[cfg(feature = "laboratory")]
        if let Some($machine) = Machine::current() {
            return $operation;
        }
    };
}

pub fn is_directory(path: &Path) -> bool {
    on_a_simulated_machine!(|machine| simulated::is_directory(machine, path));
    path.is_dir()
}

pub fn length(path: &Path) -> io::Result<u64> {
    on_a_simulated_machine!(|machine| simulated::length(machine, path));
    Ok(fs::metadata(path)?.len())
}

/// The space on the disk of `path`; a simulated one does not tell.
pub fn space(path: &Path) -> io::Result<Option<DiskSpace>> {
    on_a_simulated_machine!(|_machine| Ok(None));
    let found = statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    let (total, free) = (bytes(found.blocks()), bytes(found.blocks_available()));
    Ok(Some(DiskSpace { total, free }))
}

/// The names of the files in a directory, in any order.
pub fn names(directory: &Path) -> io::Result<Vec<String>> {
    on_a_simulated_machine!(|machine| simulated::names(machine, directory));
    let name =
        |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    fs::read_dir(directory)?.map(name).collect()
}

pub fn read_to_string(path: &Path) -> io::Result<String> {
    on_a_simulated_machine!(|machine| simulated::read_to_string(machine, path));
    let file = File::open(path)?;
    privacy::keep_private(path, &file);
    io::read_to_string(file)
}

pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::write(machine, path, contents, false));
    privacy::open(path, true)?.write_all(contents)
}

/// The same, and syncs the contents.
pub fn write_and_sync(path: &Path, contents: &[u8]) -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::write(machine, path, contents, true));
    let mut file = privacy::open(path, true)?;
    file.write_all(contents)?;
    file.sync_all()
}

pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::rename(machine, from, to));
    fs::rename(from, to)
}

pub fn remove(path: &Path) -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::remove(machine, path));
    fs::remove_file(path)
}

pub fn create_directory(path: &Path) -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::create_directory(machine, path));
    DirBuilder::new().mode(privacy::DIRECTORY_MODE).create(path)?;
    // Whatever the umask has taken away.
    fs::set_permissions(path, Permissions::from_mode(privacy::DIRECTORY_MODE))
}

pub fn remove_directory(path: &Path) -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::remove_directory(machine, path));
    fs::remove_dir_all(path)
}

pub fn directories_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    on_a_simulated_machine!(|machine| Ok(simulated::directories_in(machine, path)));
    let mut directories = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            directories.push(entry.path());
        }
    }
    Ok(directories)
}

pub fn library_directory(path: &Path) -> io::Result<PathBuf> {
    on_a_simulated_machine!(|machine| simulated::library_directory(machine, path));
    Ok(path.to_owned())
}

pub fn read_library_file(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

pub fn remove_library_directory(path: &Path) -> io::Result<()> {
    fs::remove_dir_all(path)
}

#[cfg_attr(not(feature = "laboratory"), expect(clippy::unnecessary_wraps))]
pub fn check_writable() -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::check_writable(machine));
    Ok(())
}

/// Locks a file, creating it if there is none. None on a simulated machine.
pub fn lock(path: &Path) -> io::Result<Option<File>> {
    on_a_simulated_machine!(|_machine| Ok(None));
    let file = privacy::open(path, false)?;
    file.try_lock()?;
    Ok(Some(file))
}

/// Closes a directory that is there to others.
pub fn keep_directory_private(path: &Path) {
    #[cfg(feature = "laboratory")]
    if Machine::current().is_some() {
        return;
    }
    // One that cannot be read has its mode from people, who know why.
    if let Ok(opened) = File::open(path) {
        privacy::keep_private(path, &opened);
    }
}

/// The same, with all that is in it.
pub fn keep_private_with_contents(path: &Path) -> io::Result<()> {
    on_a_simulated_machine!(|_machine| Ok(()));
    privacy::keep_private(path, &File::open(path)?);
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            keep_private_with_contents(&entry?.path())?;
        }
    }
    Ok(())
}

/// Warns if others may replace what is in a directory.
pub fn warn_of_writers(path: &Path) {
    #[cfg(feature = "laboratory")]
    if Machine::current().is_some() {
        return;
    }
    privacy::warn_of_writers(path);
}

pub fn sync_directory(directory: &Path) -> io::Result<()> {
    on_a_simulated_machine!(|machine| simulated::sync_directory(machine));
    File::open(directory)?.sync_all()
}

/// Whether this process may do `what` with it.
pub fn check_access(path: &Path, what: AccessFlags) -> io::Result<()> {
    on_a_simulated_machine!(|machine| {
        let is_there = simulated::exists(machine, path) || simulated::is_directory(machine, path);
        if is_there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    });
    Ok(access(path, what)?)
}

/// Opens a file that is there, to read and write it at offsets.
pub fn open_random_access(path: &Path) -> io::Result<Arc<dyn RandomAccessFile>> {
    on_a_simulated_machine!(|machine| Ok(Arc::new(OpenFile::open(machine, path)?)));
    Ok(Arc::new(privacy::open_existing(path)?))
}

/// Opens a database, or creates one.
pub fn open_database(builder: &mut Builder, path: &Path) -> Result<Database, DatabaseError> {
    on_a_simulated_machine!(|machine| {
        let file = SimulatedFile::open(machine, path).map_err(redb::StorageError::from)?;
        builder.create_with_backend(file)
    });
    let file = privacy::open(path, false).map_err(redb::StorageError::from)?;
    builder.create_with_backend(FileBackend::new(file)?)
}
