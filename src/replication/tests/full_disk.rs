//! A disk that refuses every write while it is full, but keeps its contents.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{Database, StorageBackend, backends::InMemoryBackend};

use crate::{
    domain::NodeId,
    replication::{log_error::LogError, log_store::LogStore},
};

/// Handle on the disk; clones share it.
#[derive(Clone, Debug)]
pub struct FullDisk {
    memory: Arc<InMemoryBackend>,
    full: Arc<AtomicBool>,
}

impl FullDisk {
    /// An empty disk with room.
    pub fn new() -> Self {
        Self { memory: Arc::new(InMemoryBackend::new()), full: Arc::default() }
    }

    /// Opens the log on this disk, creating it if there is none.
    pub fn open(&self) -> Result<LogStore, LogError> {
        LogStore::with_database(Database::builder().create_with_backend(self.clone())?)
    }

    /// Removes everything on it.
    pub fn reset_node(&self) -> Result<(), LogError> {
        Ok(self.set_len(0)?)
    }

    /// Creates the log, which is new, for another node.
    pub fn take_over_identity(&self, id: NodeId, term: u64) -> Result<(), LogError> {
        LogStore::take_over_identity_in(
            &Database::builder().create_with_backend(self.clone())?,
            id,
            term,
        )
    }

    /// Makes the disk full, or not full.
    pub fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for FullDisk {
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
