//! A disk that refuses every write while it is full, but keeps its contents.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{Database, StorageBackend, backends::InMemoryBackend};

use super::memory_folder::MemoryFolder;
use crate::{
    domain::NodeId,
    replication::{log_error::LogError, log_facts::LogFacts, log_store::LogStore},
};

/// Handle on the disk; clones share it.
#[derive(Clone)]
pub struct FullDisk {
    database: FullDatabase,
    segments: MemoryFolder,
}

#[derive(Clone, Debug)]
struct FullDatabase {
    memory: Arc<InMemoryBackend>,
    full: Arc<AtomicBool>,
}

impl FullDisk {
    /// An empty disk with room.
    pub fn new() -> Self {
        let full = Arc::default();
        let database = FullDatabase { memory: Arc::new(InMemoryBackend::new()), full };
        let checked = database.clone();
        let segments = MemoryFolder::with(Arc::new(move |_| checked.check()));
        Self { database, segments }
    }

    /// Opens the log on this disk, creating it if there is none.
    pub fn open(&self) -> Result<LogStore, LogError> {
        LogStore::with_parts(self.facts()?, Box::new(self.segments.clone()))
    }

    fn facts(&self) -> Result<LogFacts, LogError> {
        LogFacts::open(Database::builder().create_with_backend(self.database.clone())?)
    }

    /// Removes everything on it.
    pub fn reset_node(&self) -> Result<(), LogError> {
        self.segments.clear();
        Ok(self.database.set_len(0)?)
    }

    /// Creates the log, which is new, for another node.
    pub fn take_over_identity(&self, id: NodeId, term: u64) -> Result<(), LogError> {
        let segments = Box::new(self.segments.clone());
        LogStore::take_over_identity_in(self.facts()?, segments, id, term)
    }

    /// Makes the disk full, or not full.
    pub fn fill(&self, full: bool) {
        self.database.full.store(full, Ordering::SeqCst);
    }
}

impl FullDatabase {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for FullDatabase {
    fn len(&self) -> Result<u64, io::Error> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.check()?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.check()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.check()?;
        self.memory.write(offset, data)
    }
}
