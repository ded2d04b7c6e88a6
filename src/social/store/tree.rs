//! The rows on disk: a log-structured merge tree of the crate `lsm-tree`, which is given sorted rows
//! and told when to compact. It has no thread and no log of its own: what is durable is the log of
//! the consensus.
//!
//! **Reads never wait for the disk's writes.** The engine holds a lock of its own, in which every
//! read would wait, while it makes its list of tables durable. So readers hold a [`TreeVersion`]: the
//! tables of one moment, which need no lock.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_tree::{
    AbstractTree as _, AnyTree, Cache, Checksum, Config, DescriptorTable, InternalValue, SeqNo,
    SequenceNumberCounter, Table, compaction::Leveled, config::PinningPolicy,
    table::filter::standard_bloom::Builder as BloomFilter,
};

use parking_lot::Mutex;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::{
    StateError,
    memory_budget::MemoryBudget,
    memtable::{Memtable, Range, Seq, Value},
    row_cache::RowCache,
};
use crate::host::{database_fault::DatabaseFault, disk, panics, untouched};

/// Bytes that are shared rather than copied.
pub type Bytes = lsm_tree::Slice;

/// Tables that are kept open.
const OPEN_TABLES: usize = 64;
/// The levels whose filters stay in memory, which say that a table does not have a key: a request that is
/// new asks them all. They take 10 bits a row; the levels below are larger, and most of what they have is
/// found there.
const FILTERS_IN_MEMORY: [bool; 4] = [true, true, true, false];
/// A table on disk, in bytes: so small that removing one takes no time that anyone notices.
const TABLE_BYTES: u64 = 16 << 20;
/// Compactions after one flush. What is left is done after the next one.
const COMPACTIONS: usize = 32;

/// The tree in its directory.
pub struct Tree {
    engine: AnyTree,
    strategy: Arc<Leveled>,
    /// Of what it holds now.
    cache: Mutex<Arc<RowCache>>,
    directory: Arc<Directory>,
}

/// Where a tree is. Lives as long as anybody may read from there.
struct Directory {
    /// Where the engine finds it.
    path: PathBuf,
    is_unwanted: AtomicBool,
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_unwanted.load(Ordering::Relaxed)
            && let Err(error) = disk::remove_library_directory(&self.path)
        {
            // The next start removes it.
            tracing::warn!(%error, path = %self.path.display(), "cannot remove an old state");
        }
    }
}

type Found = lsm_tree::Result<Option<InternalValue>>;
type Rows = Box<dyn Iterator<Item = lsm_tree::Result<InternalValue>> + Send>;

// The engine does not say what its types are called.
type Get = dyn Fn(&[u8]) -> Found + Send + Sync;
type Scan = dyn Fn(&Range, bool) -> Rows + Send + Sync;

/// The rows on disk at one moment.
pub struct TreeVersion {
    get: Box<Get>,
    scan: Box<Scan>,
    is_empty: bool,
    cache: Arc<RowCache>,
    _directory: Arc<Directory>,
}

impl Tree {
    /// Opens the tree in `directory`, or makes one.
    pub fn open(directory: &Path, memory: MemoryBudget) -> Result<Self, StateError> {
        // Before anything is removed that an earlier list of tables names: who wrote the current one may
        // have been killed before it was durable that it is.
        disk::sync_names(directory)?;
        let path = disk::library_directory(directory)?;
        check_list_of_tables(&path)?;
        let seqno = SequenceNumberCounter::default();
        let config = Config::new(path.clone(), seqno.clone(), SequenceNumberCounter::default())
            .use_cache(Arc::new(Cache::with_capacity_bytes(memory.blocks())))
            .filter_block_pinning_policy(PinningPolicy::new(FILTERS_IN_MEMORY))
            .use_descriptor_table(Some(Arc::new(DescriptorTable::new(OPEN_TABLES))));
        // What it reads first is not covered by a checksum everywhere.
        let opened = panics::contain(|| config.open());
        let contradicts_itself = |_| StateError::damaged("its list of tables is damaged");
        let engine = opened.map_err(contradicts_itself)??;
        seqno.set(engine.get_highest_persisted_seqno().map_or(0, |highest| highest + 1));
        Ok(Self {
            engine,
            strategy: Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)),
            cache: Mutex::new(Arc::new(RowCache::new(memory.rows()))),
            directory: Arc::new(Directory { path, is_unwanted: AtomicBool::new(false) }),
        })
    }

    /// What it holds now.
    pub fn version(&self) -> TreeVersion {
        let version = self.engine.current_version();
        let is_empty = version.table_count() == 0;
        let get = move |key: &[u8]| {
            let hash = BloomFilter::get_hash(key);
            let runs = version.iter_levels().flat_map(|level| level.iter());
            for table in runs.filter_map(|run| run.get_for_key(key)) {
                if let Some(found) = table.get(key, SeqNo::MAX, hash)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        };
        let version = self.engine.get_version_history_lock().latest_version();
        let scan = move |range: &Range, backwards| -> Rows {
            let version = version.clone();
            let rows = lsm_tree::Tree::create_internal_range(version, range, SeqNo::MAX, None);
            if backwards { Box::new(rows.rev()) } else { Box::new(rows) }
        };
        TreeVersion {
            get: Box::new(get),
            scan: Box::new(scan),
            is_empty,
            cache: Arc::clone(&self.cache.lock()),
            _directory: Arc::clone(&self.directory),
        }
    }

    /// Changes all rows as they are in a memtable as of `seq`, which nobody changes any more, and returns
    /// when that is on disk; all of them or none.
    pub fn ingest(&self, memtable: &Memtable, seq: Seq) -> Result<(), StateError> {
        disk::check_writable()?;
        let mut ingestion = self.engine.ingestion()?;
        for (key, value) in memtable.rows_to_flush(seq) {
            match value {
                Some(value) => ingestion.write(key, value)?,
                None => ingestion.write_tombstone(key)?,
            }
        }
        ingestion.finish()?;
        let before = Arc::clone(&self.cache.lock());
        let after = before.after_flush(|key| memtable.get(key, seq));
        *self.cache.lock() = Arc::new(after);
        Ok(())
    }

    /// Merges tables as far as it is due.
    pub fn compact(&self) -> Result<(), StateError> {
        for _ in 0..COMPACTIONS {
            disk::check_writable()?;
            let before = self.engine.current_version().id();
            // Readers hold the tables that they read, so nothing of the past need be kept.
            self.engine.compact(self.strategy.clone(), SeqNo::MAX)?;
            if self.engine.current_version().id() == before {
                break;
            }
        }
        Ok(())
    }

    /// Merges all tables.
    pub fn compact_wholly(&self) -> Result<(), StateError> {
        disk::check_writable()?;
        Ok(self.engine.major_compact(TABLE_BYTES, SeqNo::MAX)?)
    }

    /// Compares all tables in `directory`, where this was or is, with their checksums. `looked` is told how many
    /// bytes were read, `found` the name of a file that is damaged.
    pub fn compare_checksums(
        &self,
        directory: &Path,
        looked: &mut dyn FnMut(u64),
        found: &mut dyn FnMut(String),
    ) -> io::Result<()> {
        for table in self.engine.current_version().iter_tables() {
            let name = format!("{TABLES}/{}", table.id());
            let checksum = checksum_of(&directory.join(&name), looked)?;
            if checksum != table.checksum().into_u128() {
                found(name);
            }
        }
        Ok(())
    }

    /// Its directory is removed with the last that reads from it.
    pub fn remove_later(&self) {
        self.directory.is_unwanted.store(true, Ordering::Relaxed);
    }
}

/// The folder of the tables.
const TABLES: &str = "tables";
/// The file that names the list of tables, and has its checksum.
const CURRENT: &str = "current";
/// Of a table that is read only to compare its checksum, so much at a time.
const PIECE: usize = 256 << 10;

/// What of the tree in `directory` is damaged, which cannot be opened, as far as that can be known: the names
/// of files, and what is wrong with each.
pub fn damaged_files(directory: &Path) -> io::Result<Vec<(String, StateError)>> {
    if let Some(list) = damaged_list(directory)? {
        return Ok(vec![list]);
    }
    let mut damaged = Vec::new();
    let tables = directory.join(TABLES);
    for name in disk::names(&tables)? {
        let path = tables.join(&name);
        let opened = panics::contain(|| open_table(path));
        let contradicts_itself = |_| Err(StateError::damaged("it contradicts itself"));
        if let Err(error) = opened.unwrap_or_else(contradicts_itself) {
            damaged.push((format!("{TABLES}/{name}"), error));
        }
    }
    Ok(damaged)
}

/// Whether the list of tables of the tree in `directory` is damaged, or missing, as it never is: the file, and
/// what is wrong with it.
pub fn damaged_list(directory: &Path) -> io::Result<Option<(String, StateError)>> {
    let checked = if untouched::open(&directory.join(CURRENT))?.is_none() {
        Err(StateError::damaged("the list of tables is missing"))
    } else {
        check_list_of_tables(directory)
    };
    match checked {
        Err(error) if error.fault() == DatabaseFault::Damaged => {
            Ok(Some((CURRENT.to_owned(), error)))
        }
        Err(error) => Err(io::Error::other(error)),
        Ok(()) => Ok(None),
    }
}

/// Opens a table by itself.
fn open_table(path: PathBuf) -> Result<(), StateError> {
    let cache = Arc::new(Cache::with_capacity_bytes(0));
    let unknown = Checksum::from_raw(0);
    Table::recover(path, unknown, 0, 0, cache, None, true, true)?;
    Ok(())
}

/// Compares the engine's list of tables in `directory`, if there is one, with its checksum: the engine
/// writes that beside it, and does not look at it.
fn check_list_of_tables(directory: &Path) -> Result<(), StateError> {
    let Some(current) = disk::read_library_file(&directory.join(CURRENT))? else { return Ok(()) };
    let damaged = || StateError::damaged("its list of tables is damaged");
    let (version, rest) = current.split_first_chunk().ok_or_else(damaged)?;
    let (checksum, _its_kind) = rest.split_first_chunk().ok_or_else(damaged)?;
    let list = directory.join(format!("v{}", u64::from_le_bytes(*version)));
    let list = disk::read_library_file(&list)?.ok_or_else(damaged)?;
    if xxh3_128(&list) == u128::from_le_bytes(*checksum) { Ok(()) } else { Err(damaged()) }
}

/// The checksum of all that is in a file, as the engine makes it of its tables.
fn checksum_of(path: &Path, looked: &mut dyn FnMut(u64)) -> io::Result<u128> {
    let mut file = untouched::open(path)?.ok_or(io::ErrorKind::NotFound)?;
    let mut checksum = Xxh3::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(checksum.digest128()),
            some => {
                checksum.update(&piece[..some]);
                looked(some as u64);
            }
        }
    }
}

impl TreeVersion {
    /// The value of a row, if there is one.
    pub fn get(&self, key: &[u8]) -> Result<Value, StateError> {
        if let Some(value) = self.cache.get(key) {
            return Ok(Some(value));
        }
        let found = (self.get)(key)?.filter(|row| !row.is_tombstone());
        Ok(found.map(|row| {
            self.cache.keep(key, &row.value);
            row.value
        }))
    }

    /// The rows of `range`, from the other end if `backwards`; none if there are no tables at all.
    pub fn scan(
        &self,
        range: &Range,
        backwards: bool,
    ) -> Option<impl Iterator<Item = Result<(Bytes, Bytes), StateError>> + Send + use<>> {
        let rows = (!self.is_empty).then(|| (self.scan)(range, backwards))?;
        Some(rows.map(|row| row.map(|row| (row.key.user_key, row.value)).map_err(StateError::from)))
    }
}
