//! Where in a slot the state is, and how another takes its place in one step.
//!
//! ```text
//! slot-001/state/current        names the directory of the state
//! slot-001/state/3/             the state
//! slot-001/state/lock           held while it is open
//! slot-001/state.incoming/      one that is being received
//! slot-001/state.damaged/       one that could not be used, for people to look at
//! ```
//!
//! **Invariant:** `current` names a whole state, whenever the power goes. It is replaced only when
//! all of the next state is on disk, and what it named before is removed after that.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{StateError, memory_budget::MemoryBudget, tree::Tree};
use crate::{
    envelope::{Damage, Error, Kind, line},
    host::disk::{self, DirectoryLock},
};

/// The directory of the state in a slot.
pub const STATE: &str = "state";
const INCOMING: &str = "state.incoming";
const DAMAGED: &str = "state.damaged";
const CURRENT: &str = "current";

/// The condition of a state before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileCondition<T> {
    /// There is none.
    Missing,
    /// It can be opened, and this was read from it.
    Sound(T),
    /// It cannot be opened as a state, for this reason.
    Damaged(String),
}

/// The directory of the state in a slot.
pub fn path_in(slot: &Path) -> PathBuf {
    slot.join(STATE)
}

/// The file that names the directory of the state, in a slot.
pub fn current_file() -> PathBuf {
    Path::new(STATE).join(CURRENT)
}

/// The directory of the state with this number, in a slot.
pub fn numbered_directory(number: u64) -> PathBuf {
    Path::new(STATE).join(number.to_string())
}

fn current_path(slot: &Path) -> PathBuf {
    slot.join(current_file())
}

/// Whether a slot has a state, sound or not.
pub fn is_there(slot: &Path) -> io::Result<bool> {
    Ok(disk::length(&current_path(slot))?.is_some())
}

/// Opens the state of a slot, or creates one, and removes what is left of others. Nobody else may open
/// it while the lock is held.
pub fn open(slot: &Path, memory: MemoryBudget) -> Result<(Tree, DirectoryLock), StateError> {
    disk::create_private_directory(&path_in(slot))?;
    let lock = disk::lock_directory(&path_in(slot))?;
    disk::remove_directory(&slot.join(INCOMING))?;
    let number = if let Some(number) = current(slot)? { number } else { create(slot)? };
    let path = numbered(slot, number);
    if !disk::is_directory(&path) {
        return Err(StateError::damaged("its directory is missing"));
    }
    // Who has named it may have been killed before this, and the others are about to be removed.
    disk::sync_names(&path_in(slot))?;
    for other in disk::directories_in(&path_in(slot))? {
        if other != path {
            disk::remove_directory(&other)?;
        }
    }
    disk::keep_private_with_contents(&path_in(slot))?;
    Ok((Tree::open(&path, memory)?, lock))
}

/// Makes the first state of a slot.
fn create(slot: &Path) -> Result<u64, StateError> {
    /// Its number.
    const FIRST: u64 = 1;
    let path = numbered(slot, FIRST);
    // Of one that was never completed.
    disk::remove_directory(&path)?;
    disk::create_private_directory(&path)?;
    drop(Tree::open(&path, MemoryBudget::default())?);
    name_current(slot, FIRST)?;
    Ok(FIRST)
}

/// Whether the state of a slot is open.
pub fn is_in_use(slot: &Path) -> io::Result<bool> {
    if !disk::is_directory(&path_in(slot)) {
        return Ok(false);
    }
    match disk::lock_directory(&path_in(slot)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        locked => locked.map(|_lock| false),
    }
}

/// Makes an empty state beside that of a slot.
pub fn stage(slot: &Path, memory: MemoryBudget) -> Result<Tree, StateError> {
    let path = slot.join(INCOMING);
    disk::remove_directory(&path)?;
    disk::create_private_directory(&path)?;
    Tree::open(&path, memory)
}

/// Makes the staged state, which must be on disk and closed, that of the slot; opens it.
pub fn install_staged(slot: &Path, memory: MemoryBudget) -> Result<Tree, StateError> {
    disk::create_private_directory(&path_in(slot))?;
    // If what is there cannot be read, that is why it is replaced.
    let number = current(slot).ok().flatten().unwrap_or(0) + 1;
    let path = numbered(slot, number);
    disk::remove_directory(&path)?;
    disk::rename_durably(&slot.join(INCOMING), &path)?;
    name_current(slot, number)?;
    Tree::open(&path, memory)
}

/// Renames the state of a slot, if there is one, so that it is no longer used; gives its new path.
pub fn put_aside(slot: &Path) -> io::Result<Option<PathBuf>> {
    let aside = slot.join(DAMAGED);
    if !disk::is_directory(&path_in(slot)) {
        return Ok(None);
    }
    disk::remove_directory(&aside)?;
    disk::rename_durably(&path_in(slot), &aside)?;
    Ok(Some(aside))
}

/// Moves the state of a slot, if it has one, to another folder, which has none.
pub fn move_to(slot: &Path, to: &Path) -> io::Result<()> {
    if !disk::is_directory(&path_in(slot)) {
        return Ok(());
    }
    disk::rename_durably(&path_in(slot), &path_in(to))
}

/// Removes the state of a slot, if it has one, durably.
pub fn remove(slot: &Path) -> io::Result<()> {
    if !disk::is_directory(&path_in(slot)) {
        return Ok(());
    }
    disk::remove_durably(&path_in(slot), &[CURRENT])?;
    disk::remove_directory(&path_in(slot))
}

/// What is on disk of the state of a slot, in bytes; none if there is no state.
pub fn length(slot: &Path) -> io::Result<Option<u64>> {
    if is_there(slot)? { disk::length_of_directory(&path_in(slot)) } else { Ok(None) }
}

fn numbered(slot: &Path, number: u64) -> PathBuf {
    slot.join(numbered_directory(number))
}

fn current(slot: &Path) -> Result<Option<u64>, StateError> {
    let line = disk::read_text(&current_path(slot))?;
    line.map(|line| number(&line)).transpose()
}

/// The number of the state that the file which names it says.
pub fn number(line: &str) -> Result<u64, StateError> {
    let number = line::open(Kind::StateFile, line)?;
    let damage = || Damage::Undecodable("it is no number".to_owned());
    let number = number.parse();
    Ok(number.map_err(|_| Error::Damaged { wanted: Kind::StateFile, damage: damage() })?)
}

fn name_current(slot: &Path, number: u64) -> io::Result<()> {
    let path = current_path(slot);
    let line = line::seal(Kind::StateFile, &number.to_string());
    disk::replace_durably(&path, &path.with_extension("new"), line.as_bytes())
}
