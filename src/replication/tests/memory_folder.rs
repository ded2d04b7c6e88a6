//! A folder in memory, for segments of a log: what it keeps when the power goes is at its pleasure,
//! except for what was synced. Whoever makes it may refuse or delay what is done with it.

use std::{collections::BTreeMap, io, sync::Arc};

use parking_lot::Mutex;
use rand::{Rng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::host::random_access::{Folder, RandomAccessFile, ReadFolder};

const SECTOR: usize = 512;

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Something changes that is not on disk yet.
    Change,
    /// Something becomes durable.
    Sync,
}

/// Lets an operation be done, or refuses it.
pub type Gate = Arc<dyn Fn(Operation) -> io::Result<()> + Send + Sync>;

/// Handle on the folder; clones share it.
#[derive(Clone)]
pub struct MemoryFolder {
    names: Arc<Mutex<Names>>,
    gate: Gate,
}

#[derive(Default)]
struct Names {
    now: BTreeMap<String, SharedFile>,
    durable: BTreeMap<String, SharedFile>,
    /// In the order of the journal.
    unsynced: Vec<NameChange>,
}

#[derive(Clone)]
enum NameChange {
    Is(String, SharedFile),
    Gone(String),
    Renamed(String, String),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, SharedFile>) {
        match self {
            Self::Is(name, file) => _ = names.insert(name.clone(), Arc::clone(file)),
            Self::Gone(name) => _ = names.remove(name),
            Self::Renamed(from, to) => {
                let file = names.remove(from).expect("it was there");
                names.insert(to.clone(), file);
            }
        }
    }
}

type SharedFile = Arc<Mutex<Contents>>;

#[derive(Clone, Default)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

fn put(contents: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    contents.resize(contents.len().max(end), 0);
    contents[offset..end].copy_from_slice(bytes);
}

impl Contents {
    /// What is left of it: of each unsynced write any sectors, in any order.
    fn after_a_loss_of_power(&self, random: &mut StdRng) -> Vec<u8> {
        let mut left = self.durable.clone();
        let mut sectors = Vec::new();
        let reaches = random.random_range(0..=4);
        for (offset, bytes) in &self.unsynced {
            let whole = random.random_bool(0.3);
            let mut at = 0;
            while at < bytes.len() {
                let end = (at + SECTOR - (offset + at) % SECTOR).min(bytes.len());
                if whole || random.random_range(0..4) < reaches {
                    sectors.push((offset + at, &bytes[at..end]));
                }
                at = end;
            }
        }
        if random.random_bool(0.5) {
            sectors.shuffle(random);
        }
        for (offset, bytes) in sectors {
            put(&mut left, offset, bytes);
        }
        left
    }
}

impl MemoryFolder {
    /// An empty folder, with which everything may be done.
    pub fn new() -> Self {
        Self::with(Arc::new(|_| Ok(())))
    }

    /// An empty folder behind a gate.
    pub fn with(gate: Gate) -> Self {
        Self { names: Arc::default(), gate }
    }

    /// Everything that is there now, in a folder behind another gate.
    pub fn behind(&self, gate: Gate) -> Self {
        Self { names: Arc::clone(&self.names), gate }
    }

    /// Removes everything.
    pub fn clear(&self) {
        *self.names.lock() = Names::default();
    }

    /// What is left when the power goes now.
    pub fn after_a_loss_of_power(&self, random: &mut StdRng) -> Self {
        let names = self.names.lock();
        let mut left = names.durable.clone();
        let kept = random.random_range(0..=names.unsynced.len());
        names.unsynced[..kept].iter().for_each(|change| change.apply(&mut left));
        let mut file = |file: &SharedFile| {
            let durable = file.lock().after_a_loss_of_power(random);
            Arc::new(Mutex::new(Contents { now: durable.clone(), durable, unsynced: Vec::new() }))
        };
        let left: BTreeMap<_, _> =
            left.iter().map(|(name, found)| (name.clone(), file(found))).collect();
        let names = Names { now: left.clone(), durable: left, unsynced: Vec::new() };
        Self { names: Arc::new(Mutex::new(names)), gate: Arc::new(|_| Ok(())) }
    }

    /// Changes what a file holds, durably and without asking.
    pub fn spoil(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let file = Arc::clone(&self.names.lock().now[name]);
        let mut contents = file.lock();
        change(&mut contents.now);
        contents.durable = contents.now.clone();
    }

    fn change(&self, change: NameChange) -> io::Result<()> {
        (self.gate)(Operation::Change)?;
        let mut names = self.names.lock();
        change.apply(&mut names.now);
        names.unsynced.push(change);
        Ok(())
    }

    fn opened(&self, file: SharedFile) -> Arc<dyn RandomAccessFile> {
        Arc::new(MemoryFile { contents: file, gate: Arc::clone(&self.gate) })
    }
}

impl ReadFolder for MemoryFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.names.lock().now.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn RandomAccessFile>> {
        let file = self.names.lock().now.get(name).map(Arc::clone);
        Ok(self.opened(file.ok_or(io::ErrorKind::NotFound)?))
    }
}

impl Folder for MemoryFolder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn RandomAccessFile>> {
        let file = SharedFile::default();
        self.change(NameChange::Is(name.to_owned(), Arc::clone(&file)))?;
        Ok(self.opened(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(NameChange::Renamed(from.to_owned(), to.to_owned()))?;
        self.sync_names()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if !self.names.lock().now.contains_key(name) {
            return Ok(());
        }
        self.change(NameChange::Gone(name.to_owned()))
    }

    fn sync_names(&self) -> io::Result<()> {
        (self.gate)(Operation::Sync)?;
        let names = &mut *self.names.lock();
        names.unsynced.drain(..).for_each(|change| change.apply(&mut names.durable));
        Ok(())
    }
}

struct MemoryFile {
    contents: SharedFile,
    gate: Gate,
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it is in memory")
}

impl RandomAccessFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.contents.lock().now.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let contents = self.contents.lock();
        let found = contents.now.get(index(offset)..index(offset) + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (self.gate)(Operation::Change)?;
        let mut contents = self.contents.lock();
        put(&mut contents.now, index(offset), bytes);
        contents.unsynced.push((index(offset), bytes.to_vec()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        (self.gate)(Operation::Sync)?;
        let contents = &mut *self.contents.lock();
        for (offset, bytes) in contents.unsynced.drain(..) {
            put(&mut contents.durable, offset, &bytes);
        }
        Ok(())
    }
}
