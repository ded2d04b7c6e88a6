//! Database files, small files, and the directories that they are in.
//!
//! What is called durable survives a loss of power from the moment that the call returns. A file is
//! that only once the directory that names it is on disk too.

use std::{
    cell::Cell,
    fs::File,
    io,
    path::{Path, PathBuf},
    rc::Rc,
};

use nix::unistd::AccessFlags;
use redb::{
    Builder, Database, DatabaseError, StorageBackend as _, StorageError, backends::InMemoryBackend,
};

use super::{files, panics, privacy, random};

/// redb's page cache for one file, in bytes. Its default is 1 GiB per file; a master has two files
/// and should stay below 40 MiB resident when idle.
const CACHE_BYTES: usize = 8 << 20;

/// The name of the file whose lock stands for that of its directory.
const LOCK_FILE: &str = "lock";

/// Opens the database at `path`, creating it if there is none, and repairing it after a crash.
///
/// The checksums of all its pages are compared, so that damage that happened while it was closed is
/// found now, and not when a page is read: redb itself compares them only after a crash, and takes
/// for granted what it reads later.
pub fn open(path: &Path) -> Result<Database, DatabaseError> {
    if length(path).map_err(StorageError::from)?.unwrap_or(0) == 0 {
        create_database(path)?;
    }
    // redb panics at a file that contradicts itself, which it reads before it compares checksums.
    let database = contained(|| checked(|builder| files::open_database(builder, path)))?;
    // Also if it is not new: who made it may have been killed before this.
    sync_directory_of(path).map_err(StorageError::from)?;
    Ok(database)
}

/// Makes an empty database, which gets its name when it is whole: one that redb had begun when the process was
/// killed could not be told from a damaged one.
fn create_database(path: &Path) -> Result<(), DatabaseError> {
    let mut unfinished = path.to_owned().into_os_string();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    remove(&unfinished).map_err(StorageError::from)?;
    drop(files::open_database(&mut Builder::new(), &unfinished)?);
    Ok(rename_durably(&unfinished, path).map_err(StorageError::from)?)
}

/// A database in memory with the contents of one on the disk, which is examined, and repaired, like that.
pub fn open_copy(contents: &[u8]) -> Result<Database, DatabaseError> {
    let copy = InMemoryBackend::new();
    copy.set_len(contents.len() as u64)
        .and_then(|()| copy.write(0, contents))
        .expect("it is memory");
    contained(|| checked(|builder| builder.create_with_backend(copy)))
}

fn contained(
    open: impl FnOnce() -> Result<Database, DatabaseError>,
) -> Result<Database, DatabaseError> {
    let damaged = |_| Err(StorageError::Corrupted("it contradicts itself".to_owned()).into());
    panics::contain(open).unwrap_or_else(damaged)
}

fn checked(
    open: impl FnOnce(&mut Builder) -> Result<Database, DatabaseError>,
) -> Result<Database, DatabaseError> {
    let was_checked = Rc::new(Cell::new(false));
    let repairs = Rc::clone(&was_checked);
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_repair_callback(move |_| repairs.set(true));
    let mut database = open(&mut builder)?;
    if !was_checked.get() && !database.check_integrity()? {
        let mismatch = "the checksums of its pages do not match".to_owned();
        return Err(StorageError::Corrupted(mismatch).into());
    }
    Ok(database)
}

/// Opens a file whose lock is a claim, creating it if there is none. Not on a simulated machine, which
/// has no slaves.
pub fn open_lock(path: &Path) -> io::Result<File> {
    privacy::open(path, false)
}

/// Held while a directory is used by one process, and by one part of it. Not on a simulated machine.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: Option<File>,
}

/// Locks a directory; if it is locked already, that is [`io::ErrorKind::WouldBlock`].
pub fn lock_directory(path: &Path) -> io::Result<DirectoryLock> {
    Ok(DirectoryLock { _file: files::lock(&lock_file(path))? })
}

/// The file whose lock stands for that of a directory.
pub fn lock_file(directory: &Path) -> PathBuf {
    directory.join(LOCK_FILE)
}

/// A file that nobody else finds, in `directory`: it has no name, and is gone once it is closed. Not on a
/// simulated machine.
pub fn open_unnamed(directory: &Path) -> io::Result<File> {
    let path = directory.join(format!("tinysns-{:016x}", random::id()));
    let file = privacy::open(&path, true)?;
    remove(&path)?;
    Ok(file)
}

/// The text of a file, if it is there.
pub fn read_text(path: &Path) -> io::Result<Option<String>> {
    if_there(files::read_to_string(path))
}

/// The contents of a file that a library has written, if it is there.
pub fn read_library_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if_there(files::read_library_file(path))
}

/// The length of a file in bytes, if it is there.
pub fn length(path: &Path) -> io::Result<Option<u64>> {
    if_there(files::length(path))
}

/// The names of the files in a directory, in their order.
pub fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = files::names(directory)?;
    names.sort();
    Ok(names)
}

/// The length of all files in a directory and below it, in bytes, if it is there. What is removed meanwhile
/// does not count.
pub fn length_of_directory(path: &Path) -> io::Result<Option<u64>> {
    let Some(names) = if_there(files::names(path))? else { return Ok(None) };
    let mut all = 0;
    for path in names.iter().map(|name| path.join(name)) {
        let length_of = if is_directory(&path) { length_of_directory } else { length };
        all += length_of(&path)?.unwrap_or(0);
    }
    Ok(Some(all))
}

/// Gives `path` these contents, completely or not at all. They are written to `unfinished` first,
/// which is in the same directory. After a loss of power the file may be missing, or empty.
pub fn replace(path: &Path, unfinished: &Path, contents: &[u8]) -> io::Result<()> {
    files::write(unfinished, contents)?;
    files::rename(unfinished, path)
}

/// The same, durably: after a loss of power it has the old contents or the new ones.
pub fn replace_durably(path: &Path, unfinished: &Path, contents: &[u8]) -> io::Result<()> {
    files::write_and_sync(unfinished, contents)?;
    rename_durably(unfinished, path)
}

/// Renames a file or a directory, durably. What it contains must be on disk already.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    files::rename(from, to)?;
    sync_directory_of(to)?;
    if from.parent() == to.parent() { Ok(()) } else { sync_directory_of(from) }
}

/// Removes a file; false if it is not there. After a loss of power it may be there again.
pub fn remove(path: &Path) -> io::Result<bool> {
    Ok(if_there(files::remove(path))?.is_some())
}

/// Removes these files of `directory`, durably, in this order; those that are not there do not
/// matter.
pub fn remove_durably(directory: &Path, files: &[&str]) -> io::Result<()> {
    for file in files {
        remove(&directory.join(file))?;
        // Each by itself, so that the order is the same on the disk.
        files::sync_directory(directory)?;
    }
    Ok(())
}

/// Whether there is a directory at `path`.
pub fn is_directory(path: &Path) -> bool {
    files::is_directory(path)
}

/// The directories in a directory.
pub fn directories_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    files::directories_in(path)
}

/// Removes a directory with all that is in it, if it is there. After a loss of power some of it may be
/// there again.
pub fn remove_directory(path: &Path) -> io::Result<()> {
    if_there(files::remove_directory(path)).map(drop)
}

/// Closes a directory, and all that is in it, to others.
pub fn keep_private_with_contents(path: &Path) -> io::Result<()> {
    files::keep_private_with_contents(path)
}

/// Where a library that uses files by itself finds a directory.
pub fn library_directory(path: &Path) -> io::Result<PathBuf> {
    files::library_directory(path)
}

/// Removes a directory that [`library_directory`] has given.
pub fn remove_library_directory(path: &Path) -> io::Result<()> {
    if_there(files::remove_library_directory(path)).map(drop)
}

/// Fails if the disk would not take what a library is about to write. Only a simulated disk knows.
pub fn check_writable() -> io::Result<()> {
    files::check_writable()
}

/// Creates a directory, with all above it, unless it is there; durably in any case.
fn create_directory(path: &Path) -> io::Result<()> {
    if files::is_directory(path) {
        return match sync_directory_of(path) {
            // People made it, in a directory that nobody may list: who made one of ours there has synced it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            // Or else who made it may have been killed before this.
            synced => synced,
        };
    }
    if let Some(above) = path.parent().filter(|above| *above != Path::new("")) {
        create_directory(above)?;
    }
    match files::create_directory(path) {
        // Another process has been quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && files::is_directory(path) => {
            Ok(())
        }
        Err(error) => Err(error),
        Ok(()) => sync_directory_of(path),
    }
}

/// Creates a directory that is a node's own, or closes it to others if it is there.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    create_directory(path)?;
    files::keep_directory_private(path);
    Ok(())
}

/// Creates a directory that a setting names, or warns if others may replace what is in it.
pub fn create_named_directory(path: &Path) -> io::Result<()> {
    create_directory(path)?;
    files::warn_of_writers(path);
    Ok(())
}

/// How much fits on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// In all.
    pub total: u64,
    /// What is free for us.
    pub free: u64,
}

/// The space on the disk of `path`, if that can be known.
pub fn space(path: &Path) -> io::Result<Option<DiskSpace>> {
    files::space(path)
}

/// Makes the names in a directory durable, whoever has given or removed them.
pub fn sync_names(directory: &Path) -> io::Result<()> {
    files::sync_directory(directory)
}

pub(super) fn if_there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if directory != Path::new("") => files::sync_directory(directory),
        _ => files::sync_directory(Path::new(".")),
    }
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
    create_named_directory(path).map_err(at(path))?;
    files::check_access(path, AccessFlags::W_OK | AccessFlags::X_OK).map_err(at(path))?;
    let file = path.join(file);
    let usable = files::check_access(&file, AccessFlags::R_OK | AccessFlags::W_OK);
    if_there(usable).map_err(at(&file)).map(drop)
}

/// A database in memory, for tests.
pub fn in_memory() -> Result<Database, DatabaseError> {
    Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(InMemoryBackend::new())
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _};

    use nix::sys::stat::{Mode, umask};

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_removed_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let [path, unfinished] = ["file", "file.new"].map(|name| directory.path().join(name));
        assert_eq!(read_text(&path).expect("absent"), None);
        assert_eq!(length(&path).expect("absent"), None);
        replace(&path, &unfinished, b"one").expect("written");
        assert_eq!(read_text(&path).expect("readable").as_deref(), Some("one"));
        replace_durably(&path, &unfinished, b"two and more").expect("written");
        assert_eq!(read_text(&path).expect("readable").as_deref(), Some("two and more"));
        assert_eq!(length(&path).expect("readable"), Some(12));
        assert!(!unfinished.exists());
        assert!(remove(&path).expect("removed") && !remove(&path).expect("absent"));
        remove_durably(directory.path(), &["file", "file.new"]).expect("both are absent");
    }

    #[test]
    fn a_database_that_was_half_made_is_made_anew() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("raft.redb");
        fs::write(directory.path().join("raft.redb.new"), [0; 5_000]).expect("written");
        drop(open(&path).expect("made"));
        drop(open(&path).expect("sound"));
        let names = names(directory.path()).expect("readable");
        assert_eq!(names, ["raft.redb"]);
    }

    #[test]
    fn an_unnamed_file_can_be_used_and_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut file = open_unnamed(directory.path()).expect("created");
        file.write_all(b"one").and_then(|()| file.sync_data()).expect("written");
        assert_eq!(file.metadata().expect("open").len(), 3);
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 0);
        open_unnamed(&directory.path().join("absent")).expect_err("there is no such directory");
    }

    #[test]
    fn a_directory_is_created_with_those_above_it_unless_a_file_is_in_the_way() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("a/b/c");
        create_directory(&path).expect("created");
        create_directory(&path).expect("there already");
        assert!(path.is_dir());
        fs::write(path.join("file"), "").expect("written");
        for refused in [path.join("file"), path.join("file/d")] {
            let error = create_directory(&refused).expect_err("a file is in the way");
            assert!(!remedy(&error).is_empty(), "{error:?} says what to do");
        }
    }

    #[test]
    fn whatever_is_made_is_its_owners_alone_whatever_the_umask() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for mask in [0o000, 0o022, 0o777] {
            let folder = directory.path().join(format!("{mask:o}/slot"));
            let at = |name: &str| folder.join(name);
            let before = umask(Mode::from_bits_truncate(mask));
            let made = create_private_directory(&folder).and_then(|()| {
                replace(&at("pid"), &at("pid.new"), b"1")?;
                replace_durably(&at("id"), &at("id.new"), b"2")?;
                open_lock(&at("lock"))
            });
            let database = open(&at("raft.redb"));
            umask(before);
            drop((made.expect("made"), database.expect("opens")));
            let mode =
                |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
            for made in [folder.parent().expect("above"), &folder] {
                assert_eq!(mode(made), 0o700, "{made:?} with the umask {mask:o}");
            }
            for name in ["pid", "id", "lock", "raft.redb"] {
                assert_eq!(mode(&at(name)), 0o600, "{name} with the umask {mask:o}");
            }
        }
    }

    #[test]
    fn what_an_earlier_version_left_open_is_closed_but_not_what_people_made() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let slot = directory.path().join("slot-001");
        let [database, lock, id] = ["raft.redb", "lock", "id"].map(|name| slot.join(name));
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
        };
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        create_private_directory(&slot).expect("made");
        drop((open(&database).expect("opens"), open_lock(&lock).expect("opens")));
        for (path, loose) in [(directory.path(), 0o755), (&slot, 0o755), (&database, 0o644)] {
            set(path, loose);
        }
        set(&lock, 0o666);
        fs::write(&id, "7").expect("written");
        set(&id, 0o644);
        prepare("data_dir", directory.path(), "absent").expect("usable");
        create_private_directory(&slot).expect("there");
        drop((open(&database).expect("opens"), open_lock(&lock).expect("opens")));
        assert_eq!(read_text(&id).expect("readable").as_deref(), Some("7"));
        let modes = [directory.path(), &slot, &database, &lock, &id].map(mode);
        assert_eq!(modes, [0o755, 0o700, 0o600, 0o600, 0o600]);
    }
}
