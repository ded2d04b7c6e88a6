//! A log on a disk that accepts nothing while it is told to hang, and refuses writes when it is
//! broken.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{Database, StorageBackend, backends::InMemoryBackend};

use super::memory_folder::{MemoryFolder, Operation};
use crate::replication::{log_facts::LogFacts, log_store::LogStore};

/// Handle on the disk; clones share it.
#[derive(Clone, Debug, Default)]
pub struct SlowDisk {
    hangs: Arc<(Mutex<bool>, Condvar)>,
    broken: Arc<AtomicBool>,
}

impl SlowDisk {
    /// A new log on this disk.
    pub fn log(&self) -> LogStore {
        let backend = Backend { memory: InMemoryBackend::new(), disk: self.clone() };
        let database = Database::builder().create_with_backend(backend).expect("in memory");
        let facts = LogFacts::open(database).expect("the facts open");
        let disk = self.clone();
        let segments = MemoryFolder::with(Arc::new(move |operation| match operation {
            Operation::Change => Ok(()),
            Operation::Sync => disk.pass(),
        }));
        LogStore::with_parts(facts, Box::new(segments)).expect("the log opens")
    }

    /// Makes writes wait, or lets them continue.
    pub fn hang(&self, hangs: bool) {
        let (state, changed) = &*self.hangs;
        *state.lock().expect("no panic") = hangs;
        changed.notify_all();
    }

    /// From now on, every write fails.
    pub fn break_down(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    fn pass(&self) -> io::Result<()> {
        let (state, changed) = &*self.hangs;
        let _passed = changed.wait_while(state.lock().expect("no panic"), |hangs| *hangs);
        if self.broken.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Backend {
    memory: InMemoryBackend,
    disk: SlowDisk,
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.disk.pass()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.memory.write(offset, data)
    }
}
