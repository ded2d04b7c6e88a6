//! Disks: what is on each, and what would still be there if the power went. Files are written in
//! place, and names change in the order of a journal, as on ext4: a loss of power takes the last of
//! both, unless they were synced. Of the unsynced writes to one file, it takes any.
//!
//! What reading a name gives is what was written; only a loss of power, or of the disk, differs.
//!
//! A library that uses files by itself has them on a real disk (`library_files`): what it has written
//! is never lost with the power, and its calls never fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng as _, rngs::SmallRng, seq::SliceRandom as _};
use tempfile::TempDir;

use super::{Life, Machine, World, library_files::LibraryFiles, with};

/// What a disk writes as a whole, in bytes.
const SECTOR: usize = 512;

/// How a disk behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskBehaviour {
    /// The shortest and the longest time of a job, in microseconds.
    pub takes: (u64, u64),
    /// Every write and sync fails.
    pub fails: bool,
    /// Files cannot grow.
    pub full: bool,
    /// The machine stops after so many more operations that change something.
    pub stops_after: Option<u32>,
}

impl Default for DiskBehaviour {
    /// A good one.
    fn default() -> Self {
        Self { takes: (100, 1_500), fails: false, full: false, stops_after: None }
    }
}

/// The disks of all machines.
#[derive(Default)]
pub(super) struct Disks {
    disks: Vec<Disk>,
}

#[derive(Default)]
struct Disk {
    behaviour: DiskBehaviour,
    names: BTreeMap<PathBuf, SharedFile>,
    directories: BTreeSet<PathBuf>,
    /// The names after a loss of power that takes everything it can.
    durable_names: BTreeMap<PathBuf, SharedFile>,
    /// Changes of names that a loss of power may take, in their order.
    unsynced_names: Vec<NameChange>,
    libraries: LibraryFiles,
}

#[derive(Clone)]
enum NameChange {
    Is(PathBuf, SharedFile),
    Renamed { from: PathBuf, to: PathBuf, file: SharedFile },
    Gone(PathBuf),
}

pub(super) type SharedFile = Arc<Mutex<File>>;

/// A file.
#[derive(Default, Debug)]
pub(super) struct File {
    contents: Vec<u8>,
    /// Its contents after a loss of power that takes everything it can.
    durable: Vec<u8>,
    unsynced: Vec<Write>,
    /// Somebody has it open as a database.
    pub is_open: bool,
}

#[derive(Debug)]
enum Write {
    At(usize, Vec<u8>),
    Length(usize),
}

impl Write {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Self::At(offset, bytes) => {
                let end = offset + bytes.len();
                if contents.len() < end {
                    contents.resize(end, 0);
                }
                contents[*offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => contents.resize(*length, 0),
        }
    }

    /// What is left of it if it was torn: it ends with some sector, before its last one.
    fn torn(&self, random: &mut SmallRng) -> Option<Self> {
        let Self::At(offset, bytes) = self else { return None };
        let ends = offset / SECTOR + 1..(offset + bytes.len()).div_ceil(SECTOR);
        if ends.is_empty() {
            return None;
        }
        let kept = random.random_range(ends) * SECTOR - offset;
        Some(Self::At(*offset, bytes[..kept].to_vec()))
    }
}

impl File {
    pub(super) fn len(&self) -> usize {
        self.contents.len()
    }

    pub(super) fn read(&self, offset: usize, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.contents.get(offset..offset + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.change(Write::At(offset, bytes.to_vec()));
    }

    pub(super) fn set_length(&mut self, length: usize) {
        self.change(Write::Length(length));
    }

    fn change(&mut self, write: Write) {
        write.apply(&mut self.contents);
        self.unsynced.push(write);
    }

    pub(super) fn sync(&mut self) {
        for write in self.unsynced.drain(..) {
            write.apply(&mut self.durable);
        }
    }

    /// Each unsynced write has reached the disk, or not, or in part; in any order.
    fn lose_power(&mut self, random: &mut SmallRng) {
        let mut writes = std::mem::take(&mut self.unsynced);
        // Mostly what a disk does: it writes some of it.
        if random.random_bool(0.3) {
            writes.shuffle(random);
        }
        let reaches = random.random_range(0..=100);
        for write in writes {
            if random.random_range(0..100) < reaches {
                write.apply(&mut self.durable);
            } else if random.random_bool(0.2)
                && let Some(torn) = write.torn(random)
            {
                torn.apply(&mut self.durable);
            }
        }
        self.contents.clone_from(&self.durable);
        self.is_open = false;
    }
}

impl Disk {
    fn apply(&mut self, change: NameChange) {
        apply_name(&mut self.names, &change);
        self.unsynced_names.push(change);
    }

    fn sync_names(&mut self) {
        for change in self.unsynced_names.drain(..) {
            apply_name(&mut self.durable_names, &change);
        }
    }

    /// The files in a directory, or below it.
    fn names_in(&self, directory: &Path) -> Vec<(PathBuf, SharedFile)> {
        let names = self.names.iter().filter(|(path, _)| path.starts_with(directory));
        names.map(|(path, file)| (path.clone(), Arc::clone(file))).collect()
    }

    fn file(&self, path: &Path) -> io::Result<SharedFile> {
        self.names.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn apply_name(names: &mut BTreeMap<PathBuf, SharedFile>, change: &NameChange) {
    match change {
        NameChange::Is(path, file) => _ = names.insert(path.clone(), Arc::clone(file)),
        NameChange::Renamed { from, to, file } => {
            names.insert(to.clone(), Arc::clone(file));
            names.remove(from);
        }
        NameChange::Gone(path) => _ = names.remove(path),
    }
}

impl Disks {
    pub(super) fn add(&mut self) {
        self.disks.push(Disk::default());
    }

    pub(super) fn next_job_takes(&self, machine: Machine, random: &mut SmallRng) -> Duration {
        let (low, high) = self.disks[machine.index()].behaviour.takes;
        Duration::from_micros(random.random_range(low..=high))
    }

    pub(super) fn close_all_of(&mut self, machine: Machine) {
        let disk = &mut self.disks[machine.index()];
        disk.behaviour.stops_after = None;
        for file in disk.names.values() {
            file.lock().is_open = false;
        }
    }

    pub(super) fn power_off(&mut self, machine: Machine, random: &mut SmallRng) {
        let disk = &mut self.disks[machine.index()];
        disk.behaviour.stops_after = None;
        let kept = random.random_range(0..=disk.unsynced_names.len());
        disk.unsynced_names.truncate(kept);
        disk.sync_names();
        disk.names = disk.durable_names.clone();
        for file in disk.names.values() {
            file.lock().lose_power(random);
        }
    }

    pub(super) fn refuses(&self, machine: Machine) -> bool {
        let behaviour = &self.disks[machine.index()].behaviour;
        behaviour.fails || behaviour.full
    }

    pub(super) fn remove_real_files(&mut self) {
        for disk in &mut self.disks {
            disk.libraries = LibraryFiles::default();
        }
    }

    pub(super) fn lose(&mut self, machine: Machine) {
        self.disks[machine.index()] = Disk::default();
    }
}

/// A copy of a directory, as an operator makes one.
pub struct DirectoryCopy {
    path: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
    directories: Vec<PathBuf>,
    libraries: TempDir,
}

/// Copies a directory of a machine's disk; none if it is not there.
///
/// # Panics
/// If the real disk fails.
pub fn copy_directory(machine: Machine, path: &Path) -> Option<DirectoryCopy> {
    look(machine, |disk| {
        let within = |directory: &&PathBuf| directory.starts_with(path);
        let directories: Vec<_> = disk.directories.iter().filter(within).cloned().collect();
        let names = disk.names_in(path).into_iter();
        (!directories.is_empty()).then(|| DirectoryCopy {
            path: path.to_owned(),
            files: names.map(|(path, file)| (path, file.lock().contents.clone())).collect(),
            directories,
            libraries: disk.libraries.copy_of(path).expect("the real disk does not fail"),
        })
    })
}

/// Puts a copy in the place of the directory, durably, as an operator may.
///
/// # Panics
/// If the real disk fails.
pub fn put_directory(machine: Machine, copy: &DirectoryCopy) {
    with(|world| {
        let disk = &mut world.disks.disks[machine.index()];
        for (path, _) in disk.names_in(&copy.path) {
            disk.apply(NameChange::Gone(path));
        }
        disk.directories.retain(|directory| !directory.starts_with(&copy.path));
        disk.directories.extend(copy.directories.iter().cloned());
        for (path, contents) in &copy.files {
            let (contents, durable) = (contents.clone(), contents.clone());
            let file = File { contents, durable, ..File::default() };
            disk.apply(NameChange::Is(path.clone(), Arc::new(Mutex::new(file))));
        }
        disk.sync_names();
        disk.libraries.put(&copy.path, &copy.libraries).expect("the real disk does not fail");
    });
}

/// Changes how a machine's disk behaves.
pub fn set_behaviour(machine: Machine, change: impl FnOnce(&mut DiskBehaviour)) {
    with(|world| change(&mut world.disks.disks[machine.index()].behaviour));
}

impl World {
    /// Says whether a machine's disk does an operation that changes something.
    pub(super) fn disk_accepts(&mut self, life: Life, grows: bool) -> io::Result<()> {
        if !self.lives(life) {
            return Err(io::Error::other("the machine has stopped"));
        }
        let behaviour = &mut self.disks.disks[life.machine.index()].behaviour;
        match &mut behaviour.stops_after {
            Some(0) => {
                self.stopping.push(life.machine);
                return Err(io::Error::other("the machine has stopped"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        if behaviour.fails {
            return Err(io::Error::other("the disk fails"));
        }
        if behaviour.full && grows {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

fn change<T>(
    machine: Machine,
    grows: bool,
    f: impl FnOnce(&mut Disk) -> io::Result<T>,
) -> io::Result<T> {
    let life = machine.life();
    with(|world| {
        world.disk_accepts(life, grows)?;
        f(&mut world.disks.disks[machine.index()])
    })
}

fn look<T>(machine: Machine, f: impl FnOnce(&Disk) -> T) -> T {
    with(|world| f(&world.disks.disks[machine.index()]))
}

pub(super) fn open(machine: Machine, path: &Path) -> io::Result<SharedFile> {
    look(machine, |disk| disk.file(path))
}

/// The file at `path`, made if there is none.
pub(super) fn open_or_create(machine: Machine, path: &Path) -> io::Result<SharedFile> {
    if let Ok(file) = open(machine, path) {
        return Ok(file);
    }
    let file = SharedFile::default();
    change(machine, true, |disk| {
        disk.apply(NameChange::Is(path.to_owned(), Arc::clone(&file)));
        Ok(())
    })?;
    Ok(file)
}

pub(crate) fn exists(machine: Machine, path: &Path) -> bool {
    look(machine, |disk| disk.names.contains_key(path))
}

pub(crate) fn is_directory(machine: Machine, path: &Path) -> bool {
    path == Path::new("/") || look(machine, |disk| disk.directories.contains(path))
}

/// The names of the files in a directory, in their order.
pub(crate) fn names(machine: Machine, directory: &Path) -> io::Result<Vec<String>> {
    if !is_directory(machine, directory) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let is_in_it = |path: &&PathBuf| path.parent() == Some(directory);
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(look(machine, |disk| disk.names.keys().filter(is_in_it).filter_map(name).collect()))
}

pub(crate) fn length(machine: Machine, path: &Path) -> io::Result<u64> {
    let file = open(machine, path)?;
    let length = file.lock().len();
    Ok(length as u64)
}

pub(crate) fn read_to_string(machine: Machine, path: &Path) -> io::Result<String> {
    let file = open(machine, path)?;
    let contents = file.lock().contents.clone();
    String::from_utf8(contents).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Writes a new file; `synced`, it is on disk, under whatever name.
pub(crate) fn write(
    machine: Machine,
    path: &Path,
    contents: &[u8],
    synced: bool,
) -> io::Result<()> {
    change(machine, true, |disk| {
        let file = SharedFile::default();
        file.lock().write(0, contents);
        if synced {
            file.lock().sync();
        }
        disk.apply(NameChange::Is(path.to_owned(), file));
        Ok(())
    })
}

/// A directory takes with it what is in it, and what libraries have there.
pub(crate) fn rename(machine: Machine, from: &Path, to: &Path) -> io::Result<()> {
    change(machine, false, |disk| {
        if let Ok(file) = disk.file(from) {
            disk.apply(NameChange::Renamed { from: from.to_owned(), to: to.to_owned(), file });
            return Ok(());
        }
        if !disk.directories.contains(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let moved = |path: &PathBuf| path.strip_prefix(from).ok().map(|rest| join(to, rest));
        for (path, file) in disk.names_in(from) {
            let to = moved(&path).expect("it is in there");
            disk.apply(NameChange::Renamed { from: path, to, file });
        }
        let directories = std::mem::take(&mut disk.directories);
        let renamed = |path: PathBuf| moved(&path).unwrap_or(path);
        disk.directories = directories.into_iter().map(renamed).collect();
        disk.libraries.rename(from, to)
    })
}

/// `path` if there is no `rest`.
fn join(path: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { path.to_owned() } else { path.join(rest) }
}

/// Removes a directory and all that is in it.
pub(crate) fn remove_directory(machine: Machine, path: &Path) -> io::Result<()> {
    if !is_directory(machine, path) {
        return Err(io::ErrorKind::NotFound.into());
    }
    change(machine, false, |disk| {
        for (path, _) in disk.names_in(path) {
            disk.apply(NameChange::Gone(path));
        }
        disk.directories.retain(|directory| !directory.starts_with(path));
        disk.libraries.remove(path)
    })
}

pub(crate) fn directories_in(machine: Machine, path: &Path) -> Vec<PathBuf> {
    look(machine, |disk| {
        let within = disk.directories.iter().filter(|directory| directory.parent() == Some(path));
        within.cloned().collect()
    })
}

/// The real directory in which a library has the files that it uses by itself.
pub(crate) fn library_directory(machine: Machine, path: &Path) -> io::Result<PathBuf> {
    with(|world| world.disks.disks[machine.index()].libraries.directory(path))
}

pub(crate) fn check_writable(machine: Machine) -> io::Result<()> {
    change(machine, true, |_disk| Ok(()))
}

pub(crate) fn remove(machine: Machine, path: &Path) -> io::Result<()> {
    change(machine, false, |disk| {
        disk.file(path)?;
        disk.apply(NameChange::Gone(path.to_owned()));
        Ok(())
    })
}

/// Directories are never lost: there is nothing to find in them then.
pub(crate) fn create_directory(machine: Machine, path: &Path) -> io::Result<()> {
    change(machine, true, |disk| {
        disk.directories.insert(path.to_owned());
        Ok(())
    })
}

pub(crate) fn sync_directory(machine: Machine) -> io::Result<()> {
    change(machine, false, |disk| {
        disk.sync_names();
        Ok(())
    })
}
