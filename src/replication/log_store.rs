//! The log, the vote and the node's identity, in `raft.redb`.
//!
//! One thread of its own writes: every write is one transaction that is on the disk when it is
//! answered (but for one kind, see [`LogStore::save_vote`](RaftLogStorage::save_vote)), so that the
//! waiting for the disk never stops the runtime. The newest entries are kept in memory too, since
//! every follower asks for the same ones.
//!
//! A leader's own entries are answered before they are on its disk, so that the followers write them
//! at the same time (Ongaro, "Consensus: Bridging Theory and Practice", 10.2.1). The followers'
//! answers count only when they are on the leader's disk too: [`peers`](super::peers) waits for
//! [`LogStore::written`].
//!
//! Identity lives in the same file as the votes: who loses the one loses the other, and a node that
//! forgot its votes must not go on under its old id.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Debug,
    ops::{Bound, RangeBounds},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use openraft::{
    EntryPayload, ErrorSubject, ErrorVerb, LogState, RaftLogId as _, RaftLogReader,
    storage::{LogFlushed, RaftLogStorage},
};
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

use super::{Consensus, Entry, LogId, StorageError, StoredMembership, Vote, mark, storage_error};
use crate::{
    domain::{ClusterId, NodeId},
    envelope::{self, Kind},
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
    role: Arc<Mutex<Role>>,
    writer: mpsc::SyncSender<Job>,
    /// Index of the last entry on the disk.
    written: watch::Receiver<u64>,
    identity: NodeId,
}

/// What decides whether a leader may go on while its own disk is writing.
#[derive(Default)]
struct Role {
    vote: Option<Vote>,
    /// How many voters the smallest part of the newest membership has; 0 where it is not known.
    fewest_voters: usize,
}

/// The log's file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the log {path}: {source}{}", mark::way_out(.source))]
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
    end: End,
    /// Where nobody waits, a failure ends the process.
    done: Option<Done>,
}

/// Where the log on the disk ends after a write.
enum End {
    AsBefore,
    At(u64),
    NotBefore(u64),
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
        mark::check(&database, Kind::LogFile)?;
        let identity = identity(&database)?;
        let database = Arc::new(database);
        let (writer, jobs) = mpsc::sync_channel(64);
        let (end, written) = watch::channel(0);
        let owned = Arc::clone(&database);
        let role = Arc::default();
        let log = Self { database, recent: Arc::default(), role, writer, written, identity };
        end.send_replace(log.last_log_id()?.map_or(0, |last| last.index));
        thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || write_jobs(&owned, &jobs, &end))
            .map_err(redb::Error::Io)?;
        Ok(log)
    }

    /// This node's id.
    pub fn node_id(&self) -> NodeId {
        self.identity
    }

    /// The cluster this node belongs to, if it has ever met one.
    pub fn cluster_id(&self) -> Result<Option<ClusterId>, redb::Error> {
        self.fact(CLUSTER_ID, Kind::ClusterId)
    }

    /// Keeps the cluster's id.
    pub async fn save_cluster_id(&self, cluster: ClusterId) -> Result<(), redb::Error> {
        self.save_fact(CLUSTER_ID, envelope::seal(Kind::ClusterId, &cluster)).await
    }

    /// The witness's position and the membership then.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, redb::Error> {
        self.fact(CHECKPOINT, Kind::Checkpoint)
    }

    /// Keeps the witness's position.
    pub async fn save_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), redb::Error> {
        self.save_fact(CHECKPOINT, envelope::seal(Kind::Checkpoint, checkpoint)).await
    }

    fn fact<T: DeserializeOwned>(&self, key: &str, kind: Kind) -> Result<Option<T>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let facts = transaction.open_table(FACTS)?;
        Ok(facts.get(key)?.map(|value| envelope::open(kind, value.value())).transpose()?)
    }

    async fn save_fact(&self, key: &'static str, value: Vec<u8>) -> Result<(), redb::Error> {
        self.write(End::AsBefore, insert_fact(key, value)).await
    }

    /// Returns when the log up to `index` is on the disk.
    pub async fn written(&self, index: u64) {
        let mut written = self.written.clone();
        // A writer that is gone has ended the process, or is about to.
        let _ended = written.wait_for(|end| *end >= index).await;
    }

    /// Answered when the write is on the disk, with all that was written before it.
    async fn write(&self, end: End, write: Write) -> Result<(), redb::Error> {
        self.write_with(Durability::Immediate, end, write).await
    }

    /// Answered when the write can be read, and is as durable as that.
    async fn write_with(
        &self,
        durability: Durability,
        end: End,
        write: Write,
    ) -> Result<(), redb::Error> {
        let (done, answer) = oneshot::channel();
        self.queue(Job { durability, write, end, done: Some(done) });
        answer.await.expect("the log's writer answers every job")
    }

    fn queue(&self, job: Job) {
        self.writer.send(job).expect("the log's writer lives as long as any handle on it");
    }

    fn role(&self) -> std::sync::MutexGuard<'_, Role> {
        self.role.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who votes by `entries`, which are about to be appended, and tells whether they are
    /// this node's own as leader, of which nothing can be committed without another voter.
    fn needs_others(&self, entries: &[Entry]) -> bool {
        let mut role = self.role();
        for entry in entries {
            if let EntryPayload::Membership(membership) = &entry.payload {
                let parts = membership.get_joint_config().iter();
                role.fewest_voters = parts.map(BTreeSet::len).min().unwrap_or(0);
            }
        }
        let own = |vote: &Vote| {
            let leader = vote.leader_id();
            let ours = |entry: &Entry| {
                let by = entry.log_id.leader_id;
                (by.term, by.node_id) == (leader.term, leader.node_id)
            };
            vote.is_committed() && leader.node_id == self.identity && entries.iter().all(ours)
        };
        role.fewest_voters > 1 && role.vote.as_ref().is_some_and(own)
    }

    fn remember(&self, entries: Vec<Entry>) {
        let mut recent = self.recent();
        recent.extend(entries);
        let surplus = recent.len().saturating_sub(RECENT_ENTRIES);
        recent.drain(..surplus);
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
        self.fact(PURGED, Kind::Position)
    }
}

fn size(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(batch) => batch.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 64,
    }
}

fn sealed(entry: &Entry) -> Vec<u8> {
    envelope::seal(Kind::LogEntry, entry)
}

fn decode_entry(bytes: &[u8]) -> Result<Entry, redb::Error> {
    Ok(envelope::open(Kind::LogEntry, bytes)?)
}

/// Reads the node's id, or makes one where the file is new.
fn identity(database: &Database) -> Result<NodeId, redb::Error> {
    let transaction = database.begin_write()?;
    let id = {
        let mut facts = transaction.open_table(FACTS)?;
        transaction.open_table(LOG)?;
        let known = facts.get(NODE_ID)?;
        let known = known.map(|id| envelope::open(Kind::NodeId, id.value())).transpose()?;
        if let Some(id) = known {
            id
        } else {
            let id = random::id();
            facts.insert(NODE_ID, envelope::seal(Kind::NodeId, &id).as_slice())?;
            id
        }
    };
    transaction.commit()?;
    Ok(id)
}

/// The writer's thread; ends with the last handle.
fn write_jobs(database: &Database, jobs: &mpsc::Receiver<Job>, written: &watch::Sender<u64>) {
    for Job { durability, write, end, done } in jobs {
        let outcome = write_job(database, durability, write);
        if outcome.is_ok() {
            match end {
                End::AsBefore => {}
                End::At(index) => _ = written.send_replace(index),
                End::NotBefore(index) => written.send_modify(|end| *end = index.max(*end)),
            }
        }
        match done {
            // Whoever does not wait any more is stopping.
            Some(done) => _ = done.send(outcome),
            None => outcome.expect("a failing disk ends this node"),
        }
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
        self.write_with(
            durability,
            End::AsBefore,
            insert_fact(VOTE, envelope::seal(Kind::Vote, vote)),
        )
        .await
        .map_err(|error| storage_error(ErrorSubject::Vote, ErrorVerb::Write, &error))?;
        self.role().vote = Some(*vote);
        Ok(())
    }

    /// A leader that starts again does not lead on: it may have sent what it had not written, and
    /// must not write something else in its place in the same term.
    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let vote: Option<Vote> = self
            .fact(VOTE, Kind::Vote)
            .map_err(|error| storage_error(ErrorSubject::Vote, ErrorVerb::Read, &error))?;
        let Some(mut vote) = vote else { return Ok(None) };
        vote.committed &= vote.leader_id().node_id != self.identity;
        Ok(Some(vote))
    }

    /// The entries can be read at once. They are on the disk when this returns, unless they are a
    /// leader's own: then it returns before, and whoever counts copies waits for
    /// [`written`](LogStore::written). A leader that could commit them alone waits here as well.
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
        let Some(last) = entries.last().map(|entry| entry.log_id.index) else {
            callback.log_io_completed(Ok(()));
            return Ok(());
        };
        let rows: Vec<(u64, Vec<u8>)> =
            entries.iter().map(|entry| (entry.log_id.index, sealed(entry))).collect();
        let write: Write = Box::new(move |transaction| {
            let mut log = transaction.open_table(LOG)?;
            for (index, row) in rows {
                log.insert(index, row.as_slice())?;
            }
            Ok(())
        });
        let end = End::At(last);
        if self.needs_others(&entries) {
            self.remember(entries);
            self.queue(Job { durability: Durability::Immediate, write, end, done: None });
        } else {
            self.write(end, write).await.map_err(failed(ErrorVerb::Write))?;
            self.remember(entries);
        }
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, since: LogId) -> Result<(), StorageError> {
        self.recent().retain(|entry| entry.log_id.index < since.index);
        // The newest membership may be among what is cut off.
        self.role().fewest_voters = 0;
        let write: Write = Box::new(move |transaction| {
            transaction.open_table(LOG)?.retain_in(since.index.., |_, _| false)?;
            Ok(())
        });
        self.write(End::At(since.index.saturating_sub(1)), write)
            .await
            .map_err(failed(ErrorVerb::Delete))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        self.recent().retain(|entry| entry.log_id.index > upto.index);
        let purged = envelope::seal(Kind::Position, &upto);
        let write: Write = Box::new(move |transaction| {
            transaction.open_table(LOG)?.retain_in(..=upto.index, |_, _| false)?;
            transaction.open_table(FACTS)?.insert(PURGED, purged.as_slice())?;
            Ok(())
        });
        self.write(End::NotBefore(upto.index), write).await.map_err(failed(ErrorVerb::Delete))
    }
}
