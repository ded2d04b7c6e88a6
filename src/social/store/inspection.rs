//! The state of a slot for somebody who only looks at it.
//!
//! The engine removes files that it has no use for when it opens a tree, so it is given links to them.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Facts, StateError, View,
    audit::{self, Content, RowDamage},
    directory,
    memory_budget::MemoryBudget,
    state,
    tree::{self, Tree},
};
use crate::host::{
    database_fault::DatabaseFault,
    disk, panics,
    untouched::{self, LinkedDirectory},
};

/// Something of a state that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDamage {
    /// The file or the directory, in the slot.
    pub file: PathBuf,
    /// Which row, if it is one.
    pub row: Option<String>,
    /// What is wrong with it.
    pub what: String,
}

/// A state as it was found.
pub enum InspectedState {
    /// There is none.
    Missing,
    /// It cannot be opened.
    Damaged(Vec<StateDamage>),
    /// It can.
    Opened(Box<OpenedState>),
}

/// A state that nobody changes.
pub struct OpenedState {
    /// Its directory, in the slot.
    name: PathBuf,
    directory: PathBuf,
    /// Shared with its facts.
    facts: Facts,
    tree: Tree,
    _links: LinkedDirectory,
}

impl InspectedState {
    /// Opens the state of a slot, of which nothing is changed. It is an error if it cannot be read for a reason
    /// other than damage.
    pub fn open(slot: &Path) -> Result<Self, StateError> {
        let current = directory::current_file();
        let damaged = |file: PathBuf, what: String| {
            Ok(Self::Damaged(vec![StateDamage { file, row: None, what }]))
        };
        let Some(line) = untouched::read(&slot.join(&current))? else { return Ok(Self::Missing) };
        let number = match directory::number(&String::from_utf8_lossy(&line)) {
            Ok(number) => number,
            Err(error) if error.fault() == DatabaseFault::Damaged => {
                return damaged(current, error.to_string());
            }
            Err(error) => return Err(error),
        };
        let name = directory::numbered_directory(number);
        let directory = slot.join(&name);
        if !disk::is_directory(&directory) {
            return damaged(name, "it is missing".to_owned());
        }
        match OpenedState::open(&name, &directory) {
            Ok(opened) => Ok(Self::Opened(Box::new(opened))),
            Err(error) if error.fault() == DatabaseFault::Damaged => {
                let files = tree::damaged_files(&directory)?.into_iter().map(|(file, error)| {
                    StateDamage { file: name.join(file), row: None, what: error.to_string() }
                });
                let files: Vec<_> = files.collect();
                // What is there is sound, so something is not there.
                let missing = || damaged(name.clone(), format!("a file is missing: {error}"));
                if files.is_empty() { missing() } else { Ok(Self::Damaged(files)) }
            }
            Err(error) => Err(error),
        }
    }
}

impl OpenedState {
    fn open(name: &Path, directory: &Path) -> Result<Self, StateError> {
        if let Some((_, missing)) = tree::damaged_list(directory)? {
            return Err(missing);
        }
        let memory = MemoryBudget::default();
        let links = LinkedDirectory::of(directory)?;
        let tree = Tree::open(links.path(), memory)?;
        let facts = state::facts_of(&tree, memory);
        let (name, directory) = (name.to_owned(), directory.to_owned());
        Ok(Self { name, directory, facts, tree, _links: links })
    }

    /// Its directory, in the slot.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// What is noted beside it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What it holds.
    pub fn view(&self) -> Result<View, StateError> {
        View::open(state::facts_of(&self.tree, MemoryBudget::default()))
    }

    /// Compares all files with their checksums. `looked` is told how many bytes were read.
    pub fn compare_files(
        &self,
        looked: &mut dyn FnMut(u64),
        found: &mut dyn FnMut(StateDamage),
    ) -> io::Result<()> {
        self.tree.compare_checksums(&self.directory, looked, &mut |file| {
            let what = "its checksum does not match".to_owned();
            found(StateDamage { file: self.name.join(file), row: None, what });
        })
    }

    /// Reads all rows, and compares those that belong together. `looked` is told how many were read.
    pub fn audit(
        &self,
        looked: &mut dyn FnMut(u64),
        found: &mut dyn FnMut(StateDamage),
    ) -> Result<Content, StateError> {
        let mut row_is_damaged = |RowDamage { row, what }| {
            found(StateDamage { file: self.name.clone(), row: Some(row), what });
        };
        let audited =
            panics::contain(|| audit::audit(self.facts.moment(), looked, &mut row_is_damaged));
        audited.unwrap_or_else(|_| Err(StateError::damaged("its tables contradict themselves")))
    }
}
