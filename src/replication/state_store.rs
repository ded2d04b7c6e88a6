//! The replicated state of a master, in `state.redb`: the social graph, and, in the same
//! transaction, how far the log has been applied to it.
//!
//! Applying does not wait for the disk: what a crash takes away is still in the log and is applied
//! again. "Building a snapshot" therefore means making the state durable, after which the earlier
//! log may be purged; the snapshot's data is a read transaction, opened when a follower needs it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use openraft::{
    EntryPayload, ErrorSubject, ErrorVerb, RaftSnapshotBuilder, Snapshot, SnapshotMeta,
    storage::RaftStateMachine,
};
use parking_lot::RwLock;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase as _, ReadableTable, TableDefinition,
    WriteTransaction,
};
use tokio::sync::{Mutex, watch};

use super::{
    Consensus, Content, Entry, LogId, NodeInfo, StorageError, StoredMembership, file_header,
    snapshot::{SnapshotData, StagedSnapshot},
    storage_error, upgrade,
};
use crate::{
    domain::NodeId,
    envelope::{self, Kind, SupportedVersions, Version},
    host::{database_fault::DatabaseFault, disk},
    social::{Command, Event, Graph, Reply, StateError, View},
};

const POSITIONS: TableDefinition<&str, &[u8]> = TableDefinition::new("positions");
const APPLIED: &str = "applied";
const MEMBERSHIP: &str = "membership";
const VERSION: &str = "version";
/// The state's file in a slot.
pub const FILE: &str = "state.redb";
const INCOMING_FILE: &str = "state.incoming.redb";

/// What an apply did, for the delivery of posts.
#[derive(Debug)]
pub enum Applied<'a> {
    /// These events happened, in this order.
    Events(&'a [Event]),
    /// The whole state was replaced by a snapshot.
    Replaced,
}

/// The condition of a state's file before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateFile {
    /// There is none.
    Missing,
    /// It can be opened; the log is applied to it up to here.
    Sound(Option<LogId>),
    /// It cannot be opened as a state, for this reason.
    Damaged(String),
}

/// Called after every apply, on the runtime's thread; must not block.
pub type Observer = Arc<dyn Fn(Applied<'_>) + Send + Sync>;

/// Reads the state: every transaction is a consistent view that later applies do not change.
#[derive(Clone)]
pub struct StateReader {
    database: Arc<RwLock<Arc<Database>>>,
}

impl StateReader {
    /// A view of the state as it is now.
    pub fn read(&self) -> Result<ReadTransaction, StateError> {
        Ok(self.current().begin_read()?)
    }

    /// The same, for those who ask about accounts and posts.
    pub fn view(&self) -> Result<View, StateError> {
        View::open(&self.read()?)
    }

    fn current(&self) -> Arc<Database> {
        Arc::clone(&self.database.read())
    }
}

/// The state machine of a master.
pub struct StateStore {
    reader: StateReader,
    directory: PathBuf,
    /// Held while a transaction is made durable, so that an apply can wait for it without stopping
    /// the runtime.
    writing: Arc<Mutex<()>>,
    observer: Observer,
    supported_versions: SupportedVersions,
    /// The version in which the cluster writes, as far as this master has applied the log.
    version: watch::Sender<Version>,
}

impl StateStore {
    /// Opens or creates the state in `directory`.
    pub fn open(directory: &Path, observer: Observer) -> Result<Self, StateError> {
        Self::open_as(SupportedVersions::BUILD, directory, observer)
    }

    /// The same for a program that speaks other versions of the format.
    pub fn open_as(
        supported_versions: SupportedVersions,
        directory: &Path,
        observer: Observer,
    ) -> Result<Self, StateError> {
        let leftover = directory.join(INCOMING_FILE);
        if leftover.exists() {
            std::fs::remove_file(leftover)?;
        }
        let database = disk::open(&directory.join(FILE))?;
        file_header::check(&database, Kind::StateFile)?;
        let transaction = database.begin_write()?;
        let version = version_in(&transaction.open_table(POSITIONS)?)?;
        must_support(supported_versions, version)?;
        drop(Graph::open(&transaction)?);
        transaction.commit()?;
        Ok(Self {
            reader: StateReader { database: Arc::new(RwLock::new(Arc::new(database))) },
            directory: directory.to_owned(),
            writing: Arc::default(),
            observer,
            supported_versions,
            version: watch::Sender::new(version),
        })
    }

    /// How far the log is applied.
    pub fn applied(&self) -> Result<Option<LogId>, StateError> {
        Ok(positions(&self.reader.read()?)?.0)
    }

    /// Reads what has been applied here.
    pub fn reader(&self) -> StateReader {
        self.reader.clone()
    }

    /// In which version of the format the cluster writes.
    pub fn version(&self) -> watch::Receiver<Version> {
        self.version.subscribe()
    }

    /// Where a snapshot is assembled while it is received.
    pub fn incoming_path(directory: &Path) -> PathBuf {
        directory.join(INCOMING_FILE)
    }

    fn apply_all(
        &self,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(Vec<Vec<Reply>>, Vec<Event>), StateError> {
        let mut transaction = self.reader.current().begin_write()?;
        transaction.set_durability(Durability::None)?;
        let mut replies = Vec::new();
        let mut events = Vec::new();
        let mut applied = None;
        let mut membership = None;
        let mut version = *self.version.borrow();
        let mut gives_way = false;
        {
            let mut graph = Graph::open(&transaction)?;
            for entry in entries {
                applied = Some(entry.log_id);
                let mut answers = Vec::new();
                match entry.payload {
                    EntryPayload::Blank => {}
                    EntryPayload::Membership(members) => {
                        membership = Some(StoredMembership::new(applied, members));
                    }
                    // An entry that this program does not know ends it: skipping the entry would
                    // make its state differ from the others'.
                    EntryPayload::Normal(batch) => match batch.content(self.supported_versions)? {
                        Content::Commands(commands) => {
                            for command in commands {
                                let since = command.command.since();
                                debug_assert!(upgrade::may_be_logged(since, version));
                                gives_way |=
                                    matches!(command.command, Command::AbandonCluster { .. });
                                let (reply, event) = graph.apply(command)?;
                                answers.push(reply);
                                events.extend(event);
                            }
                        }
                        Content::Upgrade(next) => {
                            let members = members(&transaction, membership.as_ref())?;
                            if upgrade::is_due(version, next, &members) {
                                must_support(self.supported_versions, next)?;
                                save_version(&transaction, next)?;
                                version = next;
                            }
                        }
                    },
                }
                replies.push(answers);
            }
        }
        save_positions(&transaction, applied, membership.as_ref())?;
        if gives_way {
            // Whoever starts here next must know it, though nobody may be left who says how far the
            // log is committed.
            transaction.set_durability(Durability::Immediate)?;
        }
        transaction.commit()?;
        self.set_version(version);
        Ok((replies, events))
    }

    fn set_version(&self, version: Version) {
        self.version.send_if_modified(|known| std::mem::replace(known, version) != version);
    }

    fn take_over(
        &self,
        meta: &SnapshotMeta<NodeId, NodeInfo>,
        incoming: StagedSnapshot,
    ) -> Result<(), StateError> {
        let version = {
            let transaction = incoming.database.begin_read()?;
            version(&transaction)?
        };
        must_support(self.supported_versions, version)?;
        let database = install(&self.directory, meta, incoming)?;
        // Dropping the old database closes it: a reader that is still active gets an error, never a
        // mixture of both.
        *self.reader.database.write() = Arc::new(database);
        self.set_version(version);
        Ok(())
    }
}

/// Examines the state in `directory`. If it cannot be read for a reason other than damage, that is
/// an error.
pub fn examine(directory: &Path) -> Result<StateFile, StateError> {
    let path = directory.join(FILE);
    match std::fs::metadata(&path) {
        Ok(file) if file.len() == 0 => return Ok(StateFile::Damaged("it is empty".to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(StateFile::Missing),
        Err(error) => return Err(error.into()),
    }
    let read = || {
        let database = disk::open(&path)?;
        file_header::check(&database, Kind::StateFile)?;
        positions(&database.begin_read()?)
    };
    match read() {
        Ok((applied, _)) => Ok(StateFile::Sound(applied)),
        // Its process was killed before the tables were created.
        Err(error) if error.lacks_table() => Ok(StateFile::Sound(None)),
        Err(error) if error.fault() == DatabaseFault::Damaged => {
            Ok(StateFile::Damaged(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// Replaces the state in `directory` with `incoming`, which `meta` describes.
pub fn install(
    directory: &Path,
    meta: &SnapshotMeta<NodeId, NodeInfo>,
    StagedSnapshot { database, path }: StagedSnapshot,
) -> Result<Database, StateError> {
    let transaction = database.begin_write()?;
    save_positions(&transaction, meta.last_log_id, Some(&meta.last_membership))?;
    transaction.commit()?;
    std::fs::rename(path, directory.join(FILE))?;
    File::open(directory)?.sync_all()?;
    Ok(database)
}

/// Reads how far `transaction`'s state is applied, and the membership at that point.
fn positions(
    transaction: &ReadTransaction,
) -> Result<(Option<LogId>, StoredMembership), StateError> {
    let table = transaction.open_table(POSITIONS)?;
    let applied = match table.get(APPLIED)? {
        Some(sealed) => Some(envelope::open(Kind::Position, sealed.value())?),
        None => None,
    };
    Ok((applied, membership_in(&table)?))
}

fn membership_in(
    positions: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<StoredMembership, StateError> {
    match positions.get(MEMBERSHIP)? {
        Some(sealed) => Ok(envelope::open(Kind::Membership, sealed.value())?),
        None => Ok(StoredMembership::default()),
    }
}

/// Which versions the members speak: those of `membership`, or of the last applied one.
fn members(
    transaction: &WriteTransaction,
    membership: Option<&StoredMembership>,
) -> Result<Vec<SupportedVersions>, StateError> {
    if let Some(membership) = membership {
        return Ok(upgrade::supported_by_members(membership));
    }
    Ok(upgrade::supported_by_members(&membership_in(&transaction.open_table(POSITIONS)?)?))
}

fn version_in(
    positions: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Version, StateError> {
    match positions.get(VERSION)? {
        Some(sealed) => Ok(envelope::open(Kind::ClusterVersion, sealed.value())?),
        None => Ok(Version::default()),
    }
}

/// In which version of the format the cluster writes, according to the transaction.
pub(super) fn version(transaction: &ReadTransaction) -> Result<Version, StateError> {
    version_in(&transaction.open_table(POSITIONS)?)
}

/// Saves in which version of the format the cluster writes.
pub(super) fn save_version(
    transaction: &WriteTransaction,
    version: Version,
) -> Result<(), StateError> {
    let sealed = envelope::seal(Kind::ClusterVersion, &version);
    transaction.open_table(POSITIONS)?.insert(VERSION, sealed.as_slice())?;
    Ok(())
}

/// Refuses the state of a cluster that already writes a version that this program does not speak.
fn must_support(
    supported_versions: SupportedVersions,
    version: Version,
) -> Result<(), envelope::Error> {
    let what = "the state of the cluster".to_owned();
    if version > supported_versions.newest {
        return Err(envelope::Error::Newer { what, found: version, supported_versions });
    }
    if version < supported_versions.oldest {
        return Err(envelope::Error::Older { what, found: version, supported_versions });
    }
    Ok(())
}

fn save_positions(
    transaction: &WriteTransaction,
    applied: Option<LogId>,
    membership: Option<&StoredMembership>,
) -> Result<(), StateError> {
    let mut table = transaction.open_table(POSITIONS)?;
    if let Some(applied) = applied {
        table.insert(APPLIED, envelope::seal(Kind::Position, &applied).as_slice())?;
    }
    if let Some(membership) = membership {
        table.insert(MEMBERSHIP, envelope::seal(Kind::Membership, membership).as_slice())?;
    }
    Ok(())
}

/// The current state, as a snapshot.
fn snapshot(reader: &StateReader) -> Result<Option<Snapshot<Consensus>>, StateError> {
    let transaction = reader.read()?;
    let (last_log_id, last_membership) = positions(&transaction)?;
    Ok(last_log_id.map(|last| Snapshot {
        meta: SnapshotMeta { last_log_id, last_membership, snapshot_id: last.to_string() },
        snapshot: Box::new(SnapshotData::Local(transaction)),
    }))
}

fn failed(verb: ErrorVerb) -> impl Fn(StateError) -> StorageError {
    move |error| storage_error(ErrorSubject::StateMachine, verb, &error)
}

impl RaftStateMachine<Consensus> for StateStore {
    type SnapshotBuilder = Checkpoint;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        self.reader
            .read()
            .and_then(|transaction| positions(&transaction))
            .map_err(failed(ErrorVerb::Read))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Vec<Reply>>, StorageError>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let _writing = self.writing.lock().await;
        let (replies, events) = self.apply_all(entries).map_err(failed(ErrorVerb::Write))?;
        if !events.is_empty() {
            (self.observer)(Applied::Events(&events));
        }
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> Checkpoint {
        Checkpoint { reader: self.reader.clone(), writing: Arc::clone(&self.writing) }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotData>, StorageError> {
        unreachable!("snapshots arrive whole, by PeerService.InstallSnapshot")
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<NodeId, NodeInfo>,
        snapshot: Box<SnapshotData>,
    ) -> Result<(), StorageError> {
        let SnapshotData::Received(incoming) = *snapshot else {
            let wrong = io::Error::other("only a received snapshot can be installed");
            return Err(storage_error(ErrorSubject::StateMachine, ErrorVerb::Write, &wrong));
        };
        let _writing = self.writing.lock().await;
        self.take_over(meta, incoming).map_err(failed(ErrorVerb::Write))?;
        (self.observer)(Applied::Replaced);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Consensus>>, StorageError> {
        snapshot(&self.reader).map_err(failed(ErrorVerb::Read))
    }
}

/// Makes the state durable, so that the earlier log may be purged.
pub struct Checkpoint {
    reader: StateReader,
    writing: Arc<Mutex<()>>,
}

impl Checkpoint {
    async fn make_durable(&self) -> Result<Option<Snapshot<Consensus>>, StateError> {
        let _writing = self.writing.lock().await;
        let database = self.reader.current();
        let commit = move || {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            // So that opening it after a crash need not check the whole file.
            transaction.set_quick_repair(true);
            Ok::<(), StateError>(transaction.commit()?)
        };
        tokio::task::spawn_blocking(commit)
            .await
            .map_err(|lost| StateError::from(io::Error::from(lost)))??;
        snapshot(&self.reader)
    }
}

impl RaftSnapshotBuilder<Consensus> for Checkpoint {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Consensus>, StorageError> {
        let snapshot = self.make_durable().await.map_err(failed(ErrorVerb::Write))?;
        snapshot.ok_or_else(|| {
            let empty = io::Error::other("nothing has been applied yet");
            storage_error(ErrorSubject::StateMachine, ErrorVerb::Read, &empty)
        })
    }
}
