//! The state's file in a slot: opened, read, changed, made durable, examined, and replaced by one
//! that was received.
//!
//! Beside the state lie *facts*: sealed bytes under a key, which change in the same step as the state
//! and say how far the log is applied to it. What they contain is the log's affair.
//!
//! **Invariants**
//!
//! 1. A change takes effect whole or not at all, and readers see it from its commit on. A crash may
//!    take away what was committed since the last [`State::flush`] or [`Change::commit_durably`],
//!    but always the newest changes first.
//! 2. The file [`State::FILE`] is always a whole state: one that is received is staged in another
//!    file, and takes the place of the first by being renamed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase as _, TableDefinition, TableError,
    WriteTransaction,
};

use super::{Damage, Row, StateError, View, dump, replies::ReplyTables, writing::Tables};
use crate::{
    envelope::Kind,
    host::{database_fault::DatabaseFault, disk, file_header},
};

const STAGING_FILE: &str = "state.incoming.redb";
const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("positions");

/// The condition of a state's file before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileCondition<T> {
    /// There is none.
    Missing,
    /// It can be opened, and this was read from it.
    Sound(T),
    /// It cannot be opened as a state, for this reason.
    Damaged(String),
}

/// The state in its file; clones share it.
#[derive(Clone)]
pub struct State {
    reader: StateReader,
    directory: Arc<Path>,
}

/// Reads the state, while it is changed and even replaced.
#[derive(Clone)]
pub struct StateReader {
    /// The inner one is replaced by a received state.
    database: Arc<RwLock<Arc<Database>>>,
    damage: Damage,
}

/// One change of the state: any number of commands, and of facts. Dropped, it never happened.
pub struct Change {
    transaction: WriteTransaction,
}

/// The facts beside the state, at one moment.
pub struct Facts {
    transaction: ReadTransaction,
    damage: Damage,
}

/// A received state in a file of its own.
pub struct StagedState {
    database: Database,
    path: PathBuf,
}

impl State {
    /// Its file in a slot.
    pub const FILE: &str = "state.redb";

    /// Opens or creates the state in `directory`, and removes what is left of one that was being
    /// received.
    pub fn open(directory: &Path) -> Result<Self, StateError> {
        disk::remove(&StagedState::path_in(directory))?;
        Ok(Self::of(open(&directory.join(Self::FILE))?, directory))
    }

    /// Examines the state in `directory`, of which `read` reads something. If it cannot be read for a
    /// reason other than damage, that is an error.
    pub fn examine<T>(
        directory: &Path,
        read: impl FnOnce(&Facts) -> Result<T, StateError>,
    ) -> Result<FileCondition<T>, StateError> {
        let path = directory.join(Self::FILE);
        match disk::length(&path)? {
            Some(0) => return Ok(FileCondition::Damaged("it is empty".to_owned())),
            Some(_) => {}
            None => return Ok(FileCondition::Missing),
        }
        let read = || {
            let database = open(&path)?;
            read(&Facts::of(&database, Damage::default())?)
        };
        match read() {
            Ok(found) => Ok(FileCondition::Sound(found)),
            Err(error) if error.fault() == DatabaseFault::Damaged => {
                Ok(FileCondition::Damaged(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// A state in memory.
    #[cfg(any(test, feature = "laboratory"))]
    pub fn in_memory() -> Self {
        Self::of(disk::in_memory().expect("there is memory"), Path::new("/dev/null"))
    }

    fn of(database: Database, directory: &Path) -> Self {
        let database = Arc::new(RwLock::new(Arc::new(database)));
        let reader = StateReader { database, damage: Damage::default() };
        Self { reader, directory: directory.into() }
    }

    /// Reads it.
    pub fn reader(&self) -> StateReader {
        self.reader.clone()
    }

    /// Begins a change; waits for an earlier one to end.
    pub fn begin(&self) -> Result<Change, StateError> {
        Change::begin(&self.reader.current())
    }

    /// Returns when everything that was committed so far is on disk.
    pub fn flush(&self) -> Result<(), StateError> {
        let mut change = self.begin()?;
        // So that opening it after a crash need not check the whole file.
        change.transaction.set_quick_repair(true);
        change.commit_durably()
    }

    /// Replaces the state, on disk and for every reader. A [`View`] of the old one gives an error
    /// from now on, never a mixture of both.
    pub fn replace(&self, staged: StagedState) -> Result<(), StateError> {
        staged.move_to(&self.directory)?;
        *self.reader.database.write() = Arc::new(staged.database);
        Ok(())
    }

    /// The engine itself, to look behind the door.
    #[cfg(test)]
    pub fn engine(&self) -> Arc<Database> {
        self.reader.current()
    }
}

impl StateReader {
    /// The state as it is now; later changes do not change the view.
    pub fn view(&self) -> Result<View, StateError> {
        View::open(self.facts()?)
    }

    /// The facts as they are now.
    pub fn facts(&self) -> Result<Facts, StateError> {
        Facts::of(&self.current(), self.damage.clone())
    }

    /// Whether something of the state was found damaged.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    fn current(&self) -> Arc<Database> {
        Arc::clone(&self.database.read())
    }
}

impl Change {
    fn begin(database: &Database) -> Result<Self, StateError> {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        Ok(Self { transaction })
    }

    /// The rows of the social graph.
    pub fn tables(&self) -> Result<Tables<'_>, StateError> {
        Tables::open(&self.transaction)
    }

    /// The rows of the memory of replies.
    pub fn reply_tables(&self) -> Result<ReplyTables<'_>, StateError> {
        ReplyTables::open(&self.transaction)
    }

    /// Replaces the state, though not the facts, with the rows of a dump.
    pub fn restore(&self, rows: impl Iterator<Item = Row>) -> Result<(), StateError> {
        dump::restore(&self.transaction, rows)
    }

    /// A fact, as this change has left it.
    pub fn fact(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        let facts = self.transaction.open_table(FACTS)?;
        let fact = redb::ReadableTable::get(&facts, key)?;
        Ok(fact.map(|sealed| sealed.value().to_vec()))
    }

    /// Sets a fact.
    pub fn put_fact(&self, key: &str, sealed: &[u8]) -> Result<(), StateError> {
        self.transaction.open_table(FACTS)?.insert(key, sealed)?;
        Ok(())
    }

    /// Makes it visible, without waiting for the disk: a crash may take it away.
    pub fn commit(self) -> Result<(), StateError> {
        Ok(self.transaction.commit()?)
    }

    /// Makes it visible, and durable with everything before it.
    pub fn commit_durably(mut self) -> Result<(), StateError> {
        self.transaction.set_durability(Durability::Immediate)?;
        self.commit()
    }
}

impl Facts {
    fn of(database: &Database, damage: Damage) -> Result<Self, StateError> {
        Ok(Self { transaction: database.begin_read()?, damage })
    }

    /// A fact; none in a file to which none was ever written.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        match self.transaction.open_table(FACTS) {
            Ok(facts) => Ok(facts.get(key)?.map(|sealed| sealed.value().to_vec())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether something of the state was found damaged.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    /// What they belong to, at the same moment.
    pub(super) fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }
}

impl StagedState {
    /// Where a state is staged while it is received into `directory`.
    pub fn path_in(directory: &Path) -> PathBuf {
        directory.join(STAGING_FILE)
    }

    /// An empty one at `path`, instead of what may be left there.
    pub fn create(path: &Path) -> Result<Self, StateError> {
        disk::remove(path)?;
        Ok(Self { database: open(path)?, path: path.to_owned() })
    }

    /// Begins a change of it.
    pub fn begin(&self) -> Result<Change, StateError> {
        Change::begin(&self.database)
    }

    /// The facts that came with it.
    pub fn facts(&self) -> Result<Facts, StateError> {
        Facts::of(&self.database, Damage::default())
    }

    /// Replaces the state in `directory`, which is not open.
    pub fn install(self, directory: &Path) -> Result<(), StateError> {
        self.move_to(directory)
    }

    fn move_to(&self, directory: &Path) -> Result<(), StateError> {
        Ok(disk::rename_durably(&self.path, &directory.join(State::FILE))?)
    }
}

fn open(path: &Path) -> Result<Database, StateError> {
    let database = disk::open(path)?;
    file_header::check(&database, Kind::StateFile)?;
    Ok(database)
}
