//! The slots of a data directory: each is the home of one master, whatever the current name of its
//! process or container.
//!
//! A slot is claimed by a lock on its `lock` file. The lock belongs to the open file, which a
//! forked master inherits: it is free again only when both the slave **and** its master are gone.
//! So it is never unlocked explicitly; the kernel does that when the last of the two ends.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    domain::{ClusterId, ClusterIdError},
    envelope::{self, Kind, line},
    host::disk::{self, remedy},
};

/// More masters than this in one data directory are a mistake, such as a loop that starts slaves.
const MOST_SLOTS: u32 = 999;
const LOCK_FILE: &str = "lock";
const PID_FILE: &str = "master.pid";
/// In a data directory, the file that says to which cluster its masters belong: one line of words.
pub const CLUSTER_ID_FILE: &str = "cluster-id";

/// A claimed slot.
#[derive(Debug)]
pub struct Slot {
    number: u32,
    directory: PathBuf,
    /// Held but never used: its lock is the claim.
    _lock: File,
}

/// What a master knows of its slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// The number of the slot, from 1.
    pub number: u32,
    /// Where the master keeps its data.
    pub directory: PathBuf,
    /// How often the slave has forked another master.
    pub reboots: u32,
}

/// Why no slot could be claimed.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The data directory, or something in it, cannot be used.
    #[error("cannot use {path} (data_dir): {source}{}", remedy(.source))]
    Unusable {
        /// The file or directory that causes the error.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// All slots are taken.
    #[error("all {MOST_SLOTS} slots of {directory} (data_dir) are taken")]
    AllTaken {
        /// The data directory.
        directory: PathBuf,
    },
}

impl Slot {
    /// Claims the lowest free slot of `data_dir`, creating the directory if it does not exist.
    pub fn claim(data_dir: &Path) -> Result<Self, SlotError> {
        disk::create_named_directory(data_dir).map_err(at(data_dir))?;
        for number in 1..=MOST_SLOTS {
            let directory = data_dir.join(name(number));
            disk::create_private_directory(&directory).map_err(at(&directory))?;
            let path = lock_file(&directory);
            let lock = disk::open_lock(&path).map_err(at(&path))?;
            match lock.try_lock() {
                Ok(()) => {
                    let slot = Self { number, directory, _lock: lock };
                    // Left behind by a slave and a master that were killed together.
                    slot.forget_master().map_err(at(&slot.pid_file()))?;
                    return Ok(slot);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
            }
        }
        Err(SlotError::AllTaken { directory: data_dir.to_owned() })
    }

    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What the master should know about it.
    pub fn info(&self, reboots: u32) -> SlotInfo {
        SlotInfo { number: self.number, directory: self.directory.clone(), reboots }
    }

    /// Writes the process id of the master to `master.pid`, for people and scripts, either
    /// completely or not at all.
    pub fn record_master(&self, pid: u32) -> io::Result<()> {
        let unfinished = self.directory.join(format!("{PID_FILE}.new"));
        // Without waiting for the disk: after a loss of power no master runs.
        disk::replace(&self.pid_file(), &unfinished, format!("{pid}\n").as_bytes())
    }

    /// Removes `master.pid`, if it is there.
    pub fn forget_master(&self) -> io::Result<()> {
        disk::remove(&self.pid_file()).map(drop)
    }

    fn pid_file(&self) -> PathBuf {
        pid_file(&self.directory)
    }
}

/// The file whose lock is the claim of a slot.
pub fn lock_file(slot: &Path) -> PathBuf {
    slot.join(LOCK_FILE)
}

/// The file that says which process is the master of a slot, while there is one.
pub fn pid_file(slot: &Path) -> PathBuf {
    slot.join(PID_FILE)
}

/// A directory is not one that a new cluster can begin in.
#[derive(Debug, thiserror::Error)]
pub enum NewDataError {
    /// There is something in it.
    #[error(
        "{0} (data_dir) is not empty, and nothing in it is replaced: name an empty directory, or one that is not \
         there yet; nothing was changed"
    )]
    NotEmpty(PathBuf),
    /// It cannot be looked at.
    #[error("cannot use {path} (data_dir): {source}{}", disk::remedy(.source))]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Refuses a data directory in which something is already.
pub fn must_be_new(data_dir: &Path) -> Result<(), NewDataError> {
    match disk::names(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(NewDataError::Unusable { path: data_dir.to_owned(), source }),
        Ok(names) if names.is_empty() => Ok(()),
        Ok(_) => Err(NewDataError::NotEmpty(data_dir.to_owned())),
    }
}

/// The names of the slots that a data directory has, in their order.
pub fn names_in(data_dir: &Path) -> io::Result<Vec<String>> {
    let mut names = disk::names(data_dir)?;
    names.retain(|name| is_name(name) && disk::is_directory(&data_dir.join(name)));
    Ok(names)
}

/// Whether a slot may be called this.
pub fn is_name(text: &str) -> bool {
    let number = text.strip_prefix("slot-").and_then(|number| number.parse().ok());
    number.is_some_and(|number| name(number) == text)
}

/// What the master of the slot with this number is called, unless it is told otherwise.
pub fn server_name(number: u32) -> String {
    format!("server-{number}")
}

fn name(number: u32) -> String {
    format!("slot-{number:03}")
}

/// Writes the [`CLUSTER_ID_FILE`] of a data directory, for the slot with this number.
pub fn save_cluster_id(data_dir: &Path, number: u32, cluster: ClusterId) -> io::Result<()> {
    let path = data_dir.join(CLUSTER_ID_FILE);
    // Written completely or not at all, because the masters of other slots read it; and durably, because they
    // refuse to start with half of it.
    let unfinished = path.with_extension(format!("{number}.new"));
    let sealed = line::seal(Kind::ClusterId, &cluster.to_string());
    disk::replace_durably(&path, &unfinished, sealed.as_bytes())
}

/// The line in the [`CLUSTER_ID_FILE`] cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClusterIdLineError {
    /// It is not such a line.
    #[error("{0}")]
    Envelope(#[from] envelope::Error),
    /// What it says is not an id.
    #[error("{0}")]
    Id(#[from] ClusterIdError),
}

impl ClusterIdLineError {
    /// Whether another version of the program would understand it.
    pub fn is_another_version(&self) -> bool {
        matches!(self, Self::Envelope(error) if error.is_another_version())
    }
}

/// Which cluster the line in the [`CLUSTER_ID_FILE`] names.
pub fn cluster_in(line: &str) -> Result<ClusterId, ClusterIdLineError> {
    Ok(line::open(Kind::ClusterId, line)?.parse()?)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SlotError {
    let path = path.to_owned();
    |source| SlotError::Unusable { path, source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn claim(data_dir: &Path, count: usize) -> Vec<Slot> {
        (0..count).map(|_| Slot::claim(data_dir).unwrap()).collect()
    }

    fn numbers(slots: &[Slot]) -> Vec<u32> {
        slots.iter().map(Slot::number).collect()
    }

    #[test]
    fn slots_that_are_given_up_are_claimed_again_from_the_lowest() {
        let data = tempfile::tempdir().unwrap();
        let data_dir = data.path().join("not/there/yet");
        let mut slots = claim(&data_dir, 8);
        assert_eq!(numbers(&slots), [1, 2, 3, 4, 5, 6, 7, 8]);
        slots.retain(|slot| [2, 4, 7].contains(&slot.number()));
        let again = claim(&data_dir, 6);
        assert_eq!(numbers(&again), [1, 3, 5, 6, 8, 9]);
    }

    #[test]
    fn a_slot_is_taken_for_as_long_as_any_holder_of_its_lock_lives() {
        let data = tempfile::tempdir().unwrap();
        let Slot { _lock: lock, .. } = Slot::claim(data.path()).unwrap();
        // A forked master inherits a duplicate of the open file.
        let inherited = lock.try_clone().unwrap();
        drop(lock);
        assert_eq!(Slot::claim(data.path()).unwrap().number(), 2);
        drop(inherited);
        assert_eq!(Slot::claim(data.path()).unwrap().number(), 1);
    }

    #[test]
    fn callers_at_the_same_time_never_share_a_slot() {
        let data = tempfile::tempdir().unwrap();
        let slots: Vec<Slot> = std::thread::scope(|scope| {
            let claims: Vec<_> =
                (0..16).map(|_| scope.spawn(|| Slot::claim(data.path()).unwrap())).collect();
            claims.into_iter().map(|claim| claim.join().unwrap()).collect()
        });
        let mut taken = numbers(&slots);
        taken.sort_unstable();
        assert_eq!(taken, (1..=16).collect::<Vec<_>>());
    }

    #[test]
    fn a_claim_removes_the_pid_that_a_killed_pair_left_behind() {
        let data = tempfile::tempdir().unwrap();
        let slot = Slot::claim(data.path()).unwrap();
        slot.record_master(41).unwrap();
        slot.record_master(42).unwrap();
        let pid_file = data.path().join("slot-001/master.pid");
        assert_eq!(fs::read_to_string(&pid_file).unwrap(), "42\n");
        drop(slot);
        let _slot = Slot::claim(data.path()).unwrap();
        assert!(!pid_file.exists());
    }

    #[test]
    fn a_data_directory_that_is_a_file_is_refused_by_its_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Slot::claim(file.path()).unwrap_err().to_string();
        assert!(error.contains(&*file.path().to_string_lossy()), "{error}");
        assert!(error.contains("data_dir"), "{error}");
    }
}
