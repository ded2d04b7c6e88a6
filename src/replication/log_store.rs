//! The log, the vote and the node's identity, in `raft.redb`.
//!
//! One thread of its own writes: every write is one transaction that is on the disk when it is
//! answered (but for one kind, see [`LogStore::save_vote`](RaftLogStorage::save_vote)), so that the
//! waiting for the disk never stops the runtime. The newest entries are kept in memory too, since
//! every follower asks for the same ones.
//!
//! Identity lives in the same file as the votes: who loses the one loses the other, and a node that
//! forgot its votes must not go on under its old id.

use std::{
    collections::VecDeque,
    fmt::Debug,
    ops::{Bound, RangeBounds},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use openraft::{
    ErrorSubject, ErrorVerb, LogState, RaftLogId as _, RaftLogReader,
    storage::{LogFlushed, RaftLogStorage},
};
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};
use tokio::sync::oneshot;

use super::{Consensus, Entry, LogId, StorageError, StoredMembership, Vote, encode, storage_error};
use crate::{
    domain::{ClusterId, NodeId},
    host::{disk, random},
};

const LOG: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("facts");
const VOTE: &str = "vote";
const PURGED: &str = "purged";
const NODE_ID: &str = "node_id";
const CLUSTER_ID: &str = "cluster_id";
const CHECKPOINT: &str = "checkpoint";

/// Entries kept in memory: enough for followers that are a few round trips behind.
const RECENT_ENTRIES: usize = 256;
/// What one replication call may carry, in bytes of batches: it has to arrive within a heartbeat.
const REPLICATION_BYTES: usize = 1 << 20;

/// Handle on the log; clones share it.
#[derive(Clone)]
pub struct LogStore {
    database: Arc<Database>,
    recent: Arc<Mutex<VecDeque<Entry>>>,
    writer: mpsc::SyncSender<Job>,
    identity: NodeId,
}

/// The log's file could not be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot use the log {path}: {source}; if the disk is beyond repair, remove the whole slot directory and the node joins anew"
)]
pub struct OpenError {
    path: String,
    source: redb::Error,
}

/// How far a witness has counted, and the membership then.
pub type Checkpoint = (Option<LogId>, StoredMembership);
type Done = oneshot::Sender<Result<(), redb::Error>>;
type Write = Box<dyn FnOnce(&WriteTransaction) -> Result<(), redb::Error> + Send>;

struct Job {
    durability: Durability,
    write: Write,
    done: Done,
}

impl LogStore {
    /// Opens or makes the log at `path`; a new one gets a new node id.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |source: redb::Error| OpenError { path: path.display().to_string(), source };
        let database = disk::open(path).map_err(|error| failed(error.into()))?;
        Self::over(database).map_err(failed)
    }

    /// The same over an open database.
    pub fn over(database: Database) -> Result<Self, redb::Error> {
        let identity = identity(&database)?;
        let database = Arc::new(database);
        let (writer, jobs) = mpsc::sync_channel(64);
        let owned = Arc::clone(&database);
        thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || write_jobs(&owned, &jobs))
            .map_err(redb::Error::Io)?;
        Ok(Self { database, recent: Arc::default(), writer, identity })
    }

    /// This node's id.
    pub fn node_id(&self) -> NodeId {
        self.identity
    }

    /// The cluster this node belongs to, if it has ever met one.
    pub fn cluster_id(&self) -> Result<Option<ClusterId>, redb::Error> {
        Ok(self.fact(CLUSTER_ID)?.and_then(|bytes| postcard::from_bytes(&bytes).ok()))
    }

    /// Keeps the cluster's id.
    pub async fn save_cluster_id(&self, cluster: ClusterId) -> Result<(), redb::Error> {
        self.save_fact(CLUSTER_ID, encode(&cluster)).await
    }

    /// The witness's position and the membership then.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, redb::Error> {
        Ok(self.fact(CHECKPOINT)?.and_then(|bytes| postcard::from_bytes(&bytes).ok()))
    }

    /// Keeps the witness's position.
    pub async fn save_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), redb::Error> {
        self.save_fact(CHECKPOINT, encode(checkpoint)).await
    }

    fn fact(&self, key: &str) -> Result<Option<Vec<u8>>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let facts = transaction.open_table(FACTS)?;
        Ok(facts.get(key)?.map(|value| value.value().to_vec()))
    }

    async fn save_fact(&self, key: &'static str, value: Vec<u8>) -> Result<(), redb::Error> {
        self.write(insert_fact(key, value)).await
    }

    /// Answered when the write is on the disk, with all that was written before it.
    async fn write(&self, write: Write) -> Result<(), redb::Error> {
        self.write_with(Durability::Immediate, write).await
    }

    /// Answered when the write can be read, and is as durable as that.
    async fn write_with(&self, durability: Durability, write: Write) -> Result<(), redb::Error> {
        let (done, answer) = oneshot::channel();
        self.writer
            .send(Job { durability, write, done })
            .expect("the log's writer lives as long as any handle on it");
        answer.await.expect("the log's writer answers every job")
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, VecDeque<Entry>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries of `[start, end)` up to about `bytes` bytes, at least one if there is one.
    fn read(&self, start: u64, end: u64, bytes: usize) -> Result<Vec<Entry>, redb::Error> {
        let mut budget = bytes;
        let mut within = |entry: &Entry| {
            let fits = budget > 0;
            budget = budget.saturating_sub(size(entry).max(1));
            fits
        };
        {
            let recent = self.recent();
            if recent.front().is_some_and(|first| first.log_id.index <= start) {
                let skipped = start - recent.front().map_or(0, |first| first.log_id.index);
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                let wanted = recent.iter().skip(skipped).take_while(|e| e.log_id.index < end);
                return Ok(wanted.take_while(|entry| within(entry)).cloned().collect());
            }
        }
        let transaction = self.database.begin_read()?;
        let log = transaction.open_table(LOG)?;
        let mut entries = Vec::new();
        for row in log.range(start..end)? {
            let entry = decode_entry(row?.1.value())?;
            if !within(&entry) {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn last_entry(&self) -> Result<Option<LogId>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let log = transaction.open_table(LOG)?;
        let Some((_, entry)) = log.last()? else { return Ok(None) };
        Ok(Some(*decode_entry(entry.value())?.get_log_id()))
    }

    /// The position of the last entry, whether it is still here or was purged.
    pub fn last_log_id(&self) -> Result<Option<LogId>, redb::Error> {
        let recent = self.recent().back().map(|entry| entry.log_id);
        match recent {
            Some(last) => Ok(Some(last)),
            None => Ok(self.last_entry()?.or(self.purged()?)),
        }
    }

    fn purged(&self) -> Result<Option<LogId>, redb::Error> {
        Ok(self.fact(PURGED)?.and_then(|bytes| postcard::from_bytes(&bytes).ok()))
    }
}

fn size(entry: &Entry) -> usize {
    match &entry.payload {
        openraft::EntryPayload::Normal(batch) => batch.len(),
        openraft::EntryPayload::Blank | openraft::EntryPayload::Membership(_) => 64,
    }
}

fn decode_entry(bytes: &[u8]) -> Result<Entry, redb::Error> {
    postcard::from_bytes(bytes)
        .map_err(|error| redb::Error::Corrupted(format!("log entry does not decode: {error}")))
}

/// Reads the node's id, or makes one where the file is new.
fn identity(database: &Database) -> Result<NodeId, redb::Error> {
    let transaction = database.begin_write()?;
    let id = {
        let mut facts = transaction.open_table(FACTS)?;
        transaction.open_table(LOG)?;
        let known = facts.get(NODE_ID)?.and_then(|id| postcard::from_bytes(id.value()).ok());
        if let Some(id) = known {
            id
        } else {
            let id = random::id();
            facts.insert(NODE_ID, encode(&id).as_slice())?;
            id
        }
    };
    transaction.commit()?;
    Ok(id)
}

/// The writer's thread; ends with the last handle.
fn write_jobs(database: &Database, jobs: &mpsc::Receiver<Job>) {
    for Job { durability, write, done } in jobs {
        let _gone = done.send(write_job(database, durability, write));
    }
}

fn write_job(database: &Database, durability: Durability, write: Write) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability).map_err(redb::Error::from)?;
    write(&transaction)?;
    Ok(transaction.commit()?)
}

fn insert_fact(key: &'static str, value: Vec<u8>) -> Write {
    Box::new(move |transaction| {
        transaction.open_table(FACTS)?.insert(key, value.as_slice())?;
        Ok(())
    })
}

fn failed(verb: ErrorVerb) -> impl Fn(redb::Error) -> StorageError {
    move |error| storage_error(ErrorSubject::Logs, verb, &error)
}

impl RaftLogReader<Consensus> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + Send>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry>, StorageError> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        self.read(start, end, usize::MAX).map_err(failed(ErrorVerb::Read))
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, StorageError> {
        self.read(start, end, REPLICATION_BYTES).map_err(failed(ErrorVerb::Read))
    }
}

impl RaftLogStorage<Consensus> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Consensus>, StorageError> {
        let purged = self.purged().map_err(failed(ErrorVerb::Read))?;
        let last = self.last_entry().map_err(failed(ErrorVerb::Read))?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    /// A vote that is granted is on the disk before anyone is told. That an election was won is news
    /// which may be forgotten: whoever voted still knows for whom, and each of the leader's entries
    /// goes to the disk together with it. It would cost every failover two more waits for the disk.
    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let durability = if vote.is_committed() { Durability::None } else { Durability::Immediate };
        self.write_with(durability, insert_fact(VOTE, encode(vote)))
            .await
            .map_err(|error| storage_error(ErrorSubject::Vote, ErrorVerb::Write, &error))
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let vote = self
            .fact(VOTE)
            .map_err(|error| storage_error(ErrorSubject::Vote, ErrorVerb::Read, &error))?;
        let Some(vote) = vote else { return Ok(None) };
        postcard::from_bytes(&vote)
            .map(Some)
            .map_err(|error| storage_error(ErrorSubject::Vote, ErrorVerb::Read, &error))
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<Consensus>,
    ) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let rows: Vec<(u64, Vec<u8>)> =
            entries.iter().map(|entry| (entry.log_id.index, encode(entry))).collect();
        self.write(Box::new(move |transaction| {
            let mut log = transaction.open_table(LOG)?;
            for (index, row) in rows {
                log.insert(index, row.as_slice())?;
            }
            Ok(())
        }))
        .await
        .map_err(failed(ErrorVerb::Write))?;
        {
            let mut recent = self.recent();
            recent.extend(entries);
            let surplus = recent.len().saturating_sub(RECENT_ENTRIES);
            recent.drain(..surplus);
        }
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, since: LogId) -> Result<(), StorageError> {
        self.recent().retain(|entry| entry.log_id.index < since.index);
        self.write(Box::new(move |transaction| {
            transaction.open_table(LOG)?.retain_in(since.index.., |_, _| false)?;
            Ok(())
        }))
        .await
        .map_err(failed(ErrorVerb::Delete))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        self.recent().retain(|entry| entry.log_id.index > upto.index);
        self.write(Box::new(move |transaction| {
            transaction.open_table(LOG)?.retain_in(..=upto.index, |_, _| false)?;
            transaction.open_table(FACTS)?.insert(PURGED, encode(&upto).as_slice())?;
            Ok(())
        }))
        .await
        .map_err(failed(ErrorVerb::Delete))
    }
}
