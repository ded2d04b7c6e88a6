//! The state of a slot: read, changed, made durable, and replaced by one that was received.
//!
//! A change goes to memory, and so does what it makes visible; from time to time a [`flush`](State::flush)
//! writes all that has changed to disk. Meanwhile reads and changes go on: what is being written is
//! read from memory until it is there.
//!
//! Beside the state lie *facts*: sealed bytes under a name, which change in the same step as the state
//! and say how far the log is applied to it. What they contain is the log's affair.
//!
//! **Invariants**
//!
//! 1. A change takes effect whole or not at all, and readers see it from its commit on. A crash may
//!    take away what was committed since the last [`State::flush`] or [`Change::commit_durably`],
//!    but always the newest changes first.
//! 2. What is on disk is the state as of one change: a flush adds all its rows in one step.
//! 3. What a [`Moment`] shows never changes, whatever is changed, flushed or replaced meanwhile.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, btree_map::Entry},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::{ArcMutexGuard, Mutex, RawMutex, RwLock};

use super::{
    Content, Damage, Row, StateError, View,
    directory::{self, FileCondition},
    dump::Added,
    keys::{self, Key},
    memory_budget::MemoryBudget,
    memtable::{Before, Memtable, Seq},
    moment::{Layers, Moment},
    recent::RecentPosts,
    records::{Meta, encode},
    replies::ReplyTables,
    tree::{Bytes, Tree, TreeVersion},
    writing::Tables,
};
use crate::{
    domain::{PostId, UserId},
    host::{
        database_fault::DatabaseFault,
        disk::{self, DirectoryLock},
    },
};

/// The state of a slot; clones share it.
#[derive(Clone)]
pub struct State {
    reader: StateReader,
    slot: Arc<Path>,
    _lock: Arc<Option<DirectoryLock>>,
}

/// Reads the state, while it is changed and even replaced.
#[derive(Clone)]
pub struct StateReader {
    /// The inner one is replaced by a received state.
    store: Arc<RwLock<Arc<Store>>>,
    damage: Damage,
}

/// One state: in memory, and on disk unless it is in memory only.
struct Store {
    tree: Option<Tree>,
    memory: MemoryBudget,
    shared: Arc<Mutex<Shared>>,
    /// Held by the change that is going on.
    changing: Arc<Mutex<()>>,
    /// Held by the flush that is going on.
    flushing: Mutex<()>,
}

/// What a reader begins with.
struct Shared {
    layers: Arc<Layers>,
    /// The general facts, if they were changed since this was opened.
    meta: Option<Meta>,
    recent_posts: Arc<RecentPosts>,
    /// No series of requests is older, in the sense of its index by age.
    series_ages: i64,
    /// The newest change that readers see.
    committed: Seq,
    /// How many readers there are as of which change.
    readers: BTreeMap<Seq, usize>,
}

/// Somebody reads as of a change.
struct Reading {
    shared: Arc<Mutex<Shared>>,
    seq: Seq,
}

impl Reading {
    /// As of the newest change.
    fn begin(shared: &Arc<Mutex<Shared>>) -> Moment {
        let mut now = shared.lock();
        let seq = now.committed;
        *now.readers.entry(seq).or_default() += 1;
        let reading = Self { shared: Arc::clone(shared), seq };
        let (layers, recent_posts) = (Arc::clone(&now.layers), Arc::clone(&now.recent_posts));
        Moment::of_reader(layers, recent_posts, now.meta, seq, reading)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut shared = self.shared.lock();
        if let Entry::Occupied(mut readers) = shared.readers.entry(self.seq) {
            *readers.get_mut() -= 1;
            if *readers.get() == 0 {
                readers.remove();
            }
        }
    }
}

/// One change of the state: any number of commands, and of facts. Dropped, it never happened.
pub struct Change {
    store: Arc<Store>,
    moment: Moment,
    /// Who reads as of earlier changes.
    readers: Vec<Seq>,
    /// The rows that were changed.
    changed: RefCell<Vec<Bytes>>,
    /// The general facts, if they were changed since the state was opened.
    meta: Cell<Option<Meta>>,
    /// No series of requests is older.
    series_ages: Cell<i64>,
    /// The posts that were added.
    posts: RefCell<Vec<(UserId, PostId)>>,
    /// Of whom posts were removed.
    removed: RefCell<Vec<UserId>>,
    _only_one: ArcMutexGuard<RawMutex, ()>,
}

/// The state at one moment, and the facts beside it.
pub struct Facts {
    moment: Moment,
    damage: Damage,
}

/// A state that is being received, in a directory of its own. Nobody reads it before it is installed.
pub struct StagedState {
    store: Arc<Store>,
    added: Added,
}

impl State {
    /// Its directory in a slot.
    pub const DIRECTORY: &str = directory::STATE;

    /// Opens or creates the state of a slot, and removes what is left of one that was being received.
    pub fn open(slot: &Path, memory: MemoryBudget) -> Result<Self, StateError> {
        let (tree, lock) = directory::open(slot, memory)?;
        Ok(Self::of(Store::new(Some(tree), memory), slot, Some(lock)))
    }

    /// Whether the state of a slot is open already: perhaps a flush has not ended.
    pub fn is_in_use(slot: &Path) -> io::Result<bool> {
        directory::is_in_use(slot)
    }

    /// Examines the state of a slot, of which `read` reads something. If it cannot be read for a
    /// reason other than damage, that is an error.
    pub fn examine<T>(
        slot: &Path,
        read: impl FnOnce(&Facts) -> Result<T, StateError>,
    ) -> Result<FileCondition<T>, StateError> {
        if !directory::is_there(slot)? {
            return Ok(FileCondition::Missing);
        }
        let read = || {
            let memory = MemoryBudget::default();
            let (tree, _lock) = directory::open(slot, memory)?;
            read(&Facts::of(&Store::new(Some(tree), memory), Damage::default()))
        };
        match read() {
            Ok(found) => Ok(FileCondition::Sound(found)),
            Err(error) if error.fault() == DatabaseFault::Damaged => {
                Ok(FileCondition::Damaged(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// The file that is locked while the state of a slot is open.
    pub fn lock_file(slot: &Path) -> PathBuf {
        disk::lock_file(&directory::path_in(slot))
    }

    /// Whether a slot has a state, sound or not.
    pub fn is_there(slot: &Path) -> io::Result<bool> {
        directory::is_there(slot)
    }

    /// The bytes on disk of the state of a slot; none if it has none.
    pub fn length(slot: &Path) -> io::Result<Option<u64>> {
        directory::length(slot)
    }

    /// Renames the state of a slot, if it has one, so that it is no longer used; gives its new path.
    pub fn put_aside(slot: &Path) -> io::Result<Option<PathBuf>> {
        directory::put_aside(slot)
    }

    /// Moves the state of a slot, if it has one, to another folder. It must be closed.
    pub fn move_to(slot: &Path, to: &Path) -> io::Result<()> {
        directory::move_to(slot, to)
    }

    /// Removes the state of a slot, if it has one, durably. It must be closed.
    pub fn remove(slot: &Path) -> io::Result<()> {
        directory::remove(slot)
    }

    /// A state in memory.
    #[cfg(any(test, feature = "laboratory"))]
    pub fn in_memory() -> Self {
        let store = Store::new(None, MemoryBudget::default());
        Self::of(store, Path::new("/dev/null"), None)
    }

    fn of(store: impl Into<Arc<Store>>, slot: &Path, lock: Option<DirectoryLock>) -> Self {
        let store = Arc::new(RwLock::new(store.into()));
        let reader = StateReader { store, damage: Damage::default() };
        Self { reader, slot: slot.into(), _lock: Arc::new(lock) }
    }

    /// The rows in a range, to look behind the door.
    #[cfg(test)]
    pub fn rows(&self, range: keys::KeyRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = self.reader.facts().moment.scan(range);
        let row = |row: Result<(Bytes, Bytes), StateError>| {
            let (key, value) = row.expect("it can be read");
            (key.to_vec(), value.to_vec())
        };
        rows.map(row).collect()
    }

    /// The slot that it is in.
    pub fn slot(&self) -> &Path {
        &self.slot
    }

    /// Reads it.
    pub fn reader(&self) -> StateReader {
        self.reader.clone()
    }

    /// Begins a change; waits for an earlier one to end.
    pub fn begin(&self) -> Change {
        Change::begin(self.reader.current())
    }

    /// Whether so much has changed in memory that it should be flushed.
    pub fn should_be_flushed(&self) -> bool {
        self.reader.current().should_be_flushed()
    }

    /// Returns when everything that was committed so far is on disk. Takes a while, in which the state
    /// can be read and changed.
    pub fn flush(&self) -> Result<(), StateError> {
        self.reader.current().flush().inspect_err(|error| self.reader.damage.note(error))
    }

    /// Writes it to disk anew, without what was overwritten. Takes a while, and as much room again, in which the
    /// state can be read and changed.
    pub fn compact(&self) -> Result<(), StateError> {
        self.reader.current().compact().inspect_err(|error| self.reader.damage.note(error))
    }

    /// Replaces the state, on disk and for every new reader. A [`View`] of the old one still shows that.
    pub fn replace(&self, staged: StagedState) -> Result<(), StateError> {
        let memory = self.reader.current().memory;
        let tree = staged.install(&self.slot, memory)?;
        let new = Arc::new(Store::new(Some(tree), memory));
        let old = std::mem::replace(&mut *self.reader.store.write(), new);
        if let Some(tree) = &old.tree {
            tree.remove_later();
        }
        Ok(())
    }
}

impl StateReader {
    /// The state as it is now; later changes do not change the view.
    pub fn view(&self) -> Result<View, StateError> {
        View::open(self.facts())
    }

    /// The facts as they are now.
    pub fn facts(&self) -> Facts {
        Facts::of(&self.current(), self.damage.clone())
    }

    /// Whether something of the state was found damaged.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    fn current(&self) -> Arc<Store> {
        Arc::clone(&self.store.read())
    }
}

impl Store {
    fn new(tree: Option<Tree>, memory: MemoryBudget) -> Self {
        let version = tree.as_ref().map(Tree::version);
        Self { tree, ..Self::over(version, memory) }
    }

    /// Without the tree of which this is a version: nothing can be flushed.
    fn over(version: Option<TreeVersion>, memory: MemoryBudget) -> Self {
        let layers = Layers { memtables: vec![Arc::default()], tree: version.map(Arc::new) };
        let shared = Shared {
            layers: Arc::new(layers),
            meta: None,
            recent_posts: Arc::default(),
            series_ages: i64::MIN,
            committed: 0,
            readers: BTreeMap::new(),
        };
        Self {
            tree: None,
            memory,
            shared: Arc::new(Mutex::new(shared)),
            changing: Arc::default(),
            flushing: Mutex::default(),
        }
    }

    fn should_be_flushed(&self) -> bool {
        let layers = Arc::clone(&self.shared.lock().layers);
        self.tree.is_some() && layers.newest_memtable().bytes() >= self.memory.changes()
    }

    fn flush(&self) -> Result<(), StateError> {
        let Some(tree) = &self.tree else { return Ok(()) };
        let _only_one = self.flushing.lock();
        self.begin_memtable();
        while let Some((oldest, committed)) = self.oldest_memtable() {
            tree.ingest(&oldest, committed)?;
            self.show(tree, Some(&oldest));
        }
        tree.compact()?;
        self.show(tree, None);
        Ok(())
    }

    fn compact(&self) -> Result<(), StateError> {
        let Some(tree) = &self.tree else { return Ok(()) };
        self.flush()?;
        let _only_one = self.flushing.lock();
        tree.compact_wholly()?;
        self.show(tree, None);
        Ok(())
    }

    /// From now on, changes go to a new memtable.
    fn begin_memtable(&self) {
        let _between_changes = self.changing.lock();
        let mut shared = self.shared.lock();
        let Layers { memtables, tree } = &*shared.layers;
        if memtables.first().is_some_and(|newest| newest.is_empty()) {
            return;
        }
        let memtables = std::iter::once(Arc::default()).chain(memtables.iter().cloned()).collect();
        shared.layers = Arc::new(Layers { memtables, tree: tree.clone() });
    }

    /// The oldest memtable that is no longer changed, and the change up to which there are rows in it.
    fn oldest_memtable(&self) -> Option<(Arc<Memtable>, Seq)> {
        let shared = self.shared.lock();
        let (_newest, older) = shared.layers.memtables.split_first()?;
        older.last().map(|oldest| (Arc::clone(oldest), shared.committed))
    }

    /// From now on, readers see what the tree holds now, which includes the rows of `flushed`.
    fn show(&self, tree: &Tree, flushed: Option<&Arc<Memtable>>) {
        let version = Arc::new(tree.version());
        let mut shared = self.shared.lock();
        let is_wanted = |memtable: &&Arc<Memtable>| {
            flushed.is_none_or(|flushed| !Arc::ptr_eq(memtable, flushed))
        };
        let memtables = shared.layers.memtables.iter().filter(is_wanted).cloned().collect();
        let before = std::mem::replace(
            &mut shared.layers,
            Arc::new(Layers { memtables, tree: Some(version) }),
        );
        drop(shared);
        // It may be large, and nobody should wait meanwhile.
        drop(before);
    }
}

impl Change {
    fn begin(store: Arc<Store>) -> Self {
        let only_one = store.changing.lock_arc();
        let shared = store.shared.lock();
        let (layers, recent_posts) = (Arc::clone(&shared.layers), Arc::clone(&shared.recent_posts));
        let moment = Moment::of_change(layers, recent_posts, shared.committed + 1);
        let readers = shared.readers.keys().copied().collect();
        let (meta, series_ages) = (Cell::new(shared.meta), Cell::new(shared.series_ages));
        drop(shared);
        Self {
            store,
            moment,
            readers,
            changed: RefCell::default(),
            meta,
            series_ages,
            posts: RefCell::default(),
            removed: RefCell::default(),
            _only_one: only_one,
        }
    }

    /// The rows of the social graph.
    pub fn tables(&self) -> Tables<'_> {
        Tables::new(self)
    }

    /// The rows of the memory of replies.
    pub fn reply_tables(&self) -> ReplyTables<'_> {
        ReplyTables::new(self)
    }

    /// A fact, as this change has left it.
    pub fn fact(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        fact(&self.moment, name)
    }

    /// Makes the state that of a cluster that was made of what was left of its own: what is made from now on gets
    /// ids that nobody has given before.
    pub fn recover(&self) -> Result<(), StateError> {
        let mut tables = self.tables();
        let meta = tables.meta()?;
        tables.put_meta(&meta.recovered());
        Ok(())
    }

    /// Sets a fact.
    pub fn put_fact(&self, name: &str, sealed: &[u8]) {
        self.put(&keys::fact(name), sealed);
    }

    /// The rows as this change has left them.
    pub(super) fn moment(&self) -> &Moment {
        &self.moment
    }

    /// Adds or replaces a row.
    pub(in crate::social) fn put(&self, key: &Key, value: &[u8]) {
        self.set(key, Some(Bytes::from(value)), Before::Unknown);
    }

    /// Adds a row where there is none.
    pub(super) fn add(&self, key: &Key, value: &[u8]) {
        self.set(key, Some(Bytes::from(value)), Before::Nothing);
    }

    /// Removes a row, if it is there.
    pub(super) fn remove(&self, key: &Key) {
        self.set(key, None, Before::Unknown);
    }

    /// The general facts, if they were changed since the state was opened, as this change has left them.
    /// Becomes a row when the change is committed.
    pub(super) fn meta(&self) -> &Cell<Option<Meta>> {
        &self.meta
    }

    /// A bound of the index of series by age: none is older, as this change has left it.
    pub(super) fn series_ages(&self) -> &Cell<i64> {
        &self.series_ages
    }

    /// How many rows were changed so far.
    pub(super) fn changed_rows(&self) -> usize {
        self.changed.borrow().len()
    }

    /// Notes that a post was added.
    pub(super) fn added_post(&self, author: UserId, post: PostId) {
        self.posts.borrow_mut().push((author, post));
    }

    /// Notes that a post of an author was removed.
    pub(super) fn removed_post(&self, author: UserId) {
        self.removed.borrow_mut().push(author);
    }

    fn set(&self, key: &Key, value: Option<Bytes>, before: Before) {
        let key = Bytes::from(key.as_bytes());
        self.changed.borrow_mut().push(key.clone());
        self.moment.newest_memtable().put(key, value, before, self.moment.seq(), &self.readers);
    }

    /// Makes it visible, without waiting for the disk: a crash may take it away.
    pub fn commit(self) {
        let before = self.store.shared.lock().meta;
        if let Some(meta) = self.meta.get().filter(|meta| before != Some(*meta)) {
            self.put(&keys::meta(), &encode(&meta));
        }
        self.changed.take();
        let mut shared = self.store.shared.lock();
        shared.committed = self.moment.seq();
        shared.meta = self.meta.get();
        shared.series_ages = self.series_ages.get();
        let (posts, removed) = (self.posts.take(), self.removed.take());
        shared.recent_posts.committed(self.moment.seq(), posts, removed);
    }

    /// Makes it visible, and durable with everything before it.
    pub fn commit_durably(self) -> Result<(), StateError> {
        let store = Arc::clone(&self.store);
        self.commit();
        store.flush()
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        for key in self.changed.take() {
            self.moment.newest_memtable().undo(&key, self.moment.seq());
        }
    }
}

impl Facts {
    fn of(store: &Store, damage: Damage) -> Self {
        Self { moment: Reading::begin(&store.shared), damage }
    }

    /// A fact; none in a state to which none was ever written.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        fact(&self.moment, name)
    }

    /// Whether something of the state was found damaged.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    /// All rows at that moment.
    pub(super) fn moment(&self) -> &Moment {
        &self.moment
    }
}

/// What a tree holds now, which nobody changes.
pub(super) fn facts_of(tree: &Tree, memory: MemoryBudget) -> Facts {
    Facts::of(&Store::over(Some(tree.version()), memory), Damage::default())
}

fn fact(moment: &Moment, name: &str) -> Result<Option<Vec<u8>>, StateError> {
    Ok(moment.get(&keys::fact(name))?.map(|sealed| sealed.to_vec()))
}

impl StagedState {
    /// An empty one beside the state of a slot, instead of what may be left there.
    pub fn create(slot: &Path) -> Result<Self, StateError> {
        let memory = MemoryBudget::default();
        Ok(Self::of(Store::new(Some(directory::stage(slot, memory)?), memory)))
    }

    /// An empty one in memory.
    #[cfg(any(test, feature = "laboratory"))]
    pub fn in_memory() -> Self {
        Self::of(Store::new(None, MemoryBudget::default()))
    }

    fn of(store: Store) -> Self {
        Self { store: Arc::new(store), added: Added::default() }
    }

    /// Adds the next rows of a dump.
    pub fn add(&mut self, rows: impl IntoIterator<Item = Row>) -> Result<(), StateError> {
        let change = self.begin();
        self.added.add(&change, rows)?;
        change.commit();
        if self.store.should_be_flushed() { self.flush() } else { Ok(()) }
    }

    /// Begins a change of its facts.
    pub fn begin(&self) -> Change {
        Change::begin(Arc::clone(&self.store))
    }

    /// The facts that came with it.
    pub fn facts(&self) -> Facts {
        Facts::of(&self.store, Damage::default())
    }

    /// Makes it that of a new cluster. Unless it keeps them, all sessions end: the key that signs them is
    /// forgotten, and the first leader makes another.
    pub fn begin_anew(&self, keeps_sessions: bool) -> Result<Content, StateError> {
        let change = self.begin();
        let mut tables = change.tables();
        let meta = tables.meta()?;
        let signing_key = meta.signing_key.filter(|_| keeps_sessions);
        tables.put_meta(&Meta { signing_key, ..meta.recovered() });
        if !keeps_sessions {
            tables.remove_all_sessions()?;
        }
        change.commit();
        Ok(self.added.content())
    }

    /// Returns when all of it is on disk.
    pub fn flush(&self) -> Result<(), StateError> {
        self.store.flush()
    }

    /// Replaces the state of a slot, which is not open.
    pub fn install_in(self, slot: &Path) -> Result<(), StateError> {
        self.install(slot, MemoryBudget::default()).map(drop)
    }

    fn install(self, slot: &Path, memory: MemoryBudget) -> Result<Tree, StateError> {
        self.flush()?;
        drop(self);
        directory::install_staged(slot, memory)
    }

    /// As the state that it would become.
    #[cfg(any(test, feature = "laboratory"))]
    pub fn into_state(self) -> State {
        State::of(self.store, Path::new("/dev/null"), None)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
