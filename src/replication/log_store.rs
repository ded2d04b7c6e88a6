//! The log, the vote and the node's identity, in `raft.redb`.
//!
//! A thread of its own does the writing: each write is one transaction, which is on disk when it is
//! answered (with one exception, see [`LogStore::save_vote`](RaftLogStorage::save_vote)), so that
//! waiting for the disk never stops the runtime. The newest entries are also kept in memory, since
//! every follower asks for the same ones.
//!
//! [`durability`] decides when an append is answered, and when the answers of other nodes count.
//!
//! The node's identity is in the same file as its votes: a node that loses one loses the other,
//! because a node that has forgotten its votes must not continue under its old id.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Debug,
    io,
    ops::{Bound, ControlFlow, RangeBounds},
    path::Path,
    sync::Arc,
};

use openraft::{
    EntryPayload, ErrorSubject, ErrorVerb, LogState, RaftLogId as _, RaftLogReader,
    storage::{LogFlushed, RaftLogStorage},
};
use parking_lot::{Mutex, MutexGuard};
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    TableDefinition, WriteTransaction,
};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

use super::{
    Consensus, Entry, LogId, NodeInfo, StorageError, StoredMembership, Vote,
    durability::{self, AppendAck, AppendPolicy, DurableIndex, LogChange, WriterGone},
    log_error::{LogError, OpenError},
    storage_error,
};
use crate::{
    domain::{ClusterId, NodeId},
    envelope::{self, Kind},
    host::{disk, file_header, random, thread::Worker},
    metrics,
    planted::{self, PlantedFault},
};

const LOG: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("facts");
const VOTE: &str = "vote";
const PURGED: &str = "purged";
const NODE_ID: &str = "node_id";
const STARTS: &str = "starts";
const CLUSTER_ID: &str = "cluster_id";
const CHECKPOINT: &str = "checkpoint";
/// The newest membership among all entries ever appended.
const MEMBERS: &str = "members";

/// Entries kept in memory: enough for followers that are a few round trips behind.
const RECENT_ENTRIES: usize = 256;
/// Writes that may wait for the disk.
const WRITES_WAITING: usize = 64;
/// What one replication call may carry, in bytes of batches: it has to arrive within a heartbeat.
const REPLICATION_BYTES: usize = 1 << 20;

/// Handle on the log; clones share it.
#[derive(Clone)]
pub struct LogStore {
    database: Arc<Database>,
    recent: Arc<Mutex<VecDeque<Entry>>>,
    queue: Arc<Mutex<Queue>>,
    durable: DurableIndex,
    identity: Identity,
    /// Up to which index the log may be purged.
    purgeable: watch::Sender<u64>,
}

#[derive(Clone, Copy)]
struct Identity {
    node: NodeId,
    /// How often this file has been opened under this id, including now.
    starts: u64,
}

/// The writer's queue, and the state on which its order depends.
struct Queue {
    append_policy: AppendPolicy,
    /// The index after the last queued entry.
    end: u64,
    writer: Worker<Job>,
}

/// How far a witness has counted, and the membership at that point.
pub type Checkpoint = (Option<LogId>, StoredMembership);
type Done = oneshot::Sender<Result<(), LogError>>;
type Write = Box<dyn FnOnce(&WriteTransaction) -> Result<(), LogError> + Send>;

struct Job {
    durability: Durability,
    write: Write,
    change: LogChange,
    /// If nobody waits for it, a failure ends the writer.
    done: Option<Done>,
}

impl LogStore {
    /// Opens or creates the log at `path`; a new one gets a new node id.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |source: LogError| OpenError::new(path, source);
        let database = disk::open(path).map_err(|error| failed(error.into()))?;
        Self::with_database(database).map_err(failed)
    }

    /// The same for an open database.
    pub(super) fn with_database(database: Database) -> Result<Self, LogError> {
        file_header::check(&database, Kind::LogFile)?;
        let identity = identity(&database)?;
        let database = Arc::new(database);
        let last = last_log_id(&database)?;
        let (written, durable) = durability::durable_index(last);
        let end = last.map_or(0, |last| last.index + 1);
        let owned = Arc::clone(&database);
        let write = move |job| do_job(&owned, job, &written);
        let writer = Worker::start("log-writer", WRITES_WAITING, write)?;
        let queue = Queue { append_policy: AppendPolicy::new(identity.node), end, writer };
        let queue = Arc::new(Mutex::new(queue));
        let (recent, purgeable) = (Arc::default(), watch::Sender::new(u64::MAX));
        Ok(Self { database, recent, queue, durable, identity, purgeable })
    }

    /// Creates the log at `path`, for the node `id`, which may vote only in terms after `term`: it
    /// may already have voted in the earlier ones.
    pub fn take_over_identity(path: &Path, id: NodeId, term: u64) -> Result<(), OpenError> {
        let failed = |source: LogError| OpenError::new(path, source);
        let database = disk::open(path).map_err(|error| failed(error.into()))?;
        Self::take_over_identity_in(&database, id, term).map_err(failed)
    }

    /// The same for an open database.
    pub(super) fn take_over_identity_in(
        database: &Database,
        id: NodeId,
        term: u64,
    ) -> Result<(), LogError> {
        file_header::check(database, Kind::LogFile)?;
        let transaction = database.begin_write()?;
        assert!(transaction.open_table(LOG)?.is_empty()?, "only a new log may change its node");
        {
            // Higher than every vote of that term.
            let vote = Vote::new(term, NodeId::MAX);
            let mut facts = transaction.open_table(FACTS)?;
            facts.insert(NODE_ID, envelope::seal(Kind::NodeId, &id).as_slice())?;
            facts.insert(VOTE, envelope::seal(Kind::Vote, &vote).as_slice())?;
        }
        Ok(transaction.commit()?)
    }

    /// This node's id.
    pub fn node_id(&self) -> NodeId {
        self.identity.node
    }

    /// How often this node has started, including now.
    pub fn starts(&self) -> u64 {
        self.identity.starts
    }

    /// The cluster this node belongs to, if it has ever joined one.
    pub fn cluster_id(&self) -> Result<Option<ClusterId>, LogError> {
        self.fact(CLUSTER_ID, Kind::ClusterId)
    }

    /// Saves the cluster's id.
    pub async fn save_cluster_id(&self, cluster: ClusterId) -> Result<(), LogError> {
        self.save_fact(CLUSTER_ID, envelope::seal(Kind::ClusterId, &cluster)).await
    }

    /// The witness's position, and the membership at that point.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, LogError> {
        self.fact(CHECKPOINT, Kind::Checkpoint)
    }

    /// From now on, entries are purged only when the witness's position has been saved that comes after
    /// them. The consensus does not wait for that: when it installs a snapshot, it purges the log beside
    /// it, and after a loss of power in between, nothing would say what the log had been counted to.
    pub fn purge_after_checkpoints(&self) -> Result<(), LogError> {
        let saved = self.checkpoint()?.and_then(|(applied, _)| applied);
        self.purgeable.send_replace(saved.map_or(0, |saved| saved.index));
        Ok(())
    }

    /// Saves the witness's position.
    pub async fn save_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let sealed = envelope::seal(Kind::Checkpoint, checkpoint);
        let saved = self.save_fact(CHECKPOINT, sealed).await;
        let upto = match &saved {
            Ok(()) => checkpoint.0.map_or(0, |applied| applied.index),
            // Nothing is written any more, and whoever waits finds that out.
            Err(_) => u64::MAX,
        };
        self.purgeable.send_modify(|reaches| *reaches = upto.max(*reaches));
        saved
    }

    /// The nodes of the newest membership that was ever appended, committed or not.
    pub fn members(&self) -> Result<Option<BTreeMap<NodeId, NodeInfo>>, LogError> {
        let membership: Option<StoredMembership> = self.fact(MEMBERS, Kind::Membership)?;
        let nodes = |known: StoredMembership| {
            known.membership().nodes().map(|(id, info)| (*id, info.clone())).collect()
        };
        Ok(membership.map(nodes))
    }

    /// The last entry that was purged.
    pub fn purged(&self) -> Result<Option<LogId>, LogError> {
        purged(&self.database)
    }

    /// Cuts off what contradicts `applied`, which is committed. Called before this node starts with
    /// a state that reaches that far.
    pub async fn truncate_conflicts(&mut self, applied: LogId) -> Result<(), LogError> {
        let own = self.read(applied.index, applied.index + 1, usize::MAX)?;
        match own.first().map(|entry| entry.log_id) {
            Some(own) if own != applied => {
                let failed = |error| LogError::from(io::Error::other(error));
                self.truncate(own).await.map_err(failed)
            }
            _ => Ok(()),
        }
    }

    /// The last vote that this node has saved since it started, if it is higher than `vote`.
    pub fn higher_vote(&self, vote: &Vote) -> Option<Vote> {
        self.queue().append_policy.higher_vote(vote)
    }

    fn fact<T: DeserializeOwned>(&self, key: &str, kind: Kind) -> Result<Option<T>, LogError> {
        fact(&self.database, key, kind)
    }

    async fn save_fact(&self, key: &'static str, value: Vec<u8>) -> Result<(), LogError> {
        self.write(LogChange::Unchanged, insert_fact(key, value)).await
    }

    /// How far the log on disk reaches.
    pub fn durable(&self) -> &DurableIndex {
        &self.durable
    }

    /// Returns when the write is on disk, together with all earlier ones.
    async fn write(&self, change: LogChange, write: Write) -> Result<(), LogError> {
        self.write_with(Durability::Immediate, change, write).await
    }

    /// Returns when the write can be read, and is as durable as requested.
    async fn write_with(
        &self,
        durability: Durability,
        change: LogChange,
        write: Write,
    ) -> Result<(), LogError> {
        let (done, answer) = oneshot::channel();
        self.queue().add(Job { durability, write, change, done: Some(done) })?;
        answer.await.map_err(|_| writer_gone())?
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    fn remember(&self, entries: Vec<Entry>) {
        let mut recent = self.recent();
        recent.extend(entries);
        let surplus = recent.len().saturating_sub(RECENT_ENTRIES);
        recent.drain(..surplus);
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.recent.lock()
    }

    /// The entries in `[start, end)`, up to about `bytes` bytes, but at least one if there is one.
    fn read(&self, start: u64, end: u64, bytes: usize) -> Result<Vec<Entry>, LogError> {
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

    /// The position of the last entry, whether it is still here or was purged.
    pub fn last_log_id(&self) -> Result<Option<LogId>, LogError> {
        let recent = self.recent().back().map(|entry| entry.log_id);
        match recent {
            Some(last) => Ok(Some(last)),
            None => last_log_id(&self.database),
        }
    }
}

impl Queue {
    /// Adds a job. Waits for room if the disk is far behind.
    fn add(&mut self, job: Job) -> Result<(), LogError> {
        self.end = job.change.after(self.end);
        self.writer.send(job).map_err(|_| writer_gone())
    }
}

fn writer_gone() -> LogError {
    io::Error::other(WriterGone).into()
}

fn last_entry(database: &Database) -> Result<Option<LogId>, LogError> {
    let transaction = database.begin_read()?;
    let log = transaction.open_table(LOG)?;
    let Some((_, entry)) = log.last()? else { return Ok(None) };
    Ok(Some(*decode_entry(entry.value())?.get_log_id()))
}

fn purged(database: &Database) -> Result<Option<LogId>, LogError> {
    fact(database, PURGED, Kind::Position)
}

/// The position of the last entry in `database`, whether it is still there or was purged.
fn last_log_id(database: &Database) -> Result<Option<LogId>, LogError> {
    Ok(last_entry(database)?.or(purged(database)?))
}

fn fact<T: DeserializeOwned>(
    database: &Database,
    key: &str,
    kind: Kind,
) -> Result<Option<T>, LogError> {
    let transaction = database.begin_read()?;
    let facts = transaction.open_table(FACTS)?;
    Ok(facts.get(key)?.map(|value| envelope::open(kind, value.value())).transpose()?)
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

fn membership(entry: &Entry) -> Option<StoredMembership> {
    match &entry.payload {
        EntryPayload::Membership(membership) => {
            Some(StoredMembership::new(Some(entry.log_id), membership.clone()))
        }
        EntryPayload::Blank | EntryPayload::Normal(_) => None,
    }
}

fn decode_entry(bytes: &[u8]) -> Result<Entry, LogError> {
    Ok(envelope::open(Kind::LogEntry, bytes)?)
}

/// Reads the node's id, or creates one if the file is new, and counts this start.
fn identity(database: &Database) -> Result<Identity, LogError> {
    let transaction = database.begin_write()?;
    let identity = {
        let mut facts = transaction.open_table(FACTS)?;
        transaction.open_table(LOG)?;
        let number = |key, kind| -> Result<Option<u64>, LogError> {
            let number = facts.get(key)?;
            Ok(number.map(|number| envelope::open(kind, number.value())).transpose()?)
        };
        let known = number(NODE_ID, Kind::NodeId)?.map(NodeId::new);
        let before = number(STARTS, Kind::Starts)?;
        let identity = Identity {
            node: known.unwrap_or_else(|| NodeId::new(random::id())),
            starts: before.unwrap_or(0) + 1,
        };
        facts.insert(NODE_ID, envelope::seal(Kind::NodeId, &identity.node).as_slice())?;
        facts.insert(STARTS, envelope::seal(Kind::Starts, &identity.starts).as_slice())?;
        identity
    };
    transaction.commit()?;
    Ok(identity)
}

/// What the writer does. It ends with the last handle, or after a failure that no caller waits for:
/// from then on it is unknown what is on disk, and nothing may rely on it.
fn do_job(
    database: &Database,
    Job { durability, write, change, done }: Job,
    written: &durability::DurableIndexWriter,
) -> ControlFlow<()> {
    let outcome = write_job(database, durability, write);
    if outcome.is_ok() {
        written.wrote(change);
    }
    match (done, outcome) {
        // A caller that no longer waits is stopping.
        (Some(done), outcome) => _ = done.send(outcome),
        (None, Ok(())) => {}
        (None, Err(error)) => {
            tracing::error!(%error, "cannot write the log");
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

fn write_job(database: &Database, durability: Durability, write: Write) -> Result<(), LogError> {
    let _measured = metrics::LOG_WRITE_DURATION.start_timer();
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability)?;
    write(&transaction)?;
    Ok(transaction.commit()?)
}

fn insert_fact(key: &'static str, value: Vec<u8>) -> Write {
    Box::new(move |transaction| {
        transaction.open_table(FACTS)?.insert(key, value.as_slice())?;
        Ok(())
    })
}

fn failed(verb: ErrorVerb) -> impl Fn(LogError) -> StorageError {
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
        let purged = purged(&self.database).map_err(failed(ErrorVerb::Read))?;
        let last = last_entry(&self.database).map_err(failed(ErrorVerb::Read))?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    /// A granted vote is on disk before anyone is told. A won election need not be, and is not
    /// waited for: if it is forgotten, the voters still know for whom they voted, and every entry
    /// that the leader writes makes it durable too. Waiting would cost every failover two more
    /// writes to disk.
    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let durability = if vote.is_committed() { Durability::None } else { Durability::Immediate };
        if planted::is(PlantedFault::VotesInMemoryOnly) {
            self.queue().append_policy.voted(*vote);
            return Ok(());
        }
        let fact = insert_fact(VOTE, envelope::seal(Kind::Vote, vote));
        self.write_with(durability, LogChange::Unchanged, fact)
            .await
            .map_err(|error| storage_error(ErrorSubject::Vote, ErrorVerb::Write, &error))?;
        self.queue().append_policy.voted(*vote);
        if vote.leader_id().node_id == self.node_id() {
            let own =
                if vote.is_committed() { &metrics::ELECTIONS_WON } else { &metrics::CAMPAIGNS };
            own.inc();
        }
        Ok(())
    }

    /// A leader that restarts does not continue to lead: it may have sent entries that it had not
    /// written, and must not write others in their place in the same term.
    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let vote: Option<Vote> = self
            .fact(VOTE, Kind::Vote)
            .map_err(|error| storage_error(ErrorSubject::Vote, ErrorVerb::Read, &error))?;
        let Some(mut vote) = vote else { return Ok(None) };
        if !planted::is(PlantedFault::LeaderResumesAfterARestart) {
            vote.committed &= vote.leader_id().node_id != self.node_id();
        }
        Ok(Some(vote))
    }

    /// The entries can be read at once. They are on disk when this returns, unless [`durability`]
    /// makes other nodes' answers wait instead.
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
        let index = |entry: &Entry| entry.log_id.index;
        let (Some(first), Some(last)) = (entries.first().map(index), entries.last().map(index))
        else {
            callback.log_io_completed(Ok(()));
            return Ok(());
        };
        let rows: Vec<(u64, Vec<u8>)> =
            entries.iter().map(|entry| (entry.log_id.index, sealed(entry))).collect();
        let newest = entries.iter().rev().find_map(membership);
        let members = newest.map(|newest| envelope::seal(Kind::Membership, &newest));
        let write: Write = Box::new(move |transaction| {
            let mut log = transaction.open_table(LOG)?;
            for (index, row) in rows {
                log.insert(index, row.as_slice())?;
            }
            if let Some(members) = members {
                transaction.open_table(FACTS)?.insert(MEMBERS, members.as_slice())?;
            }
            Ok(())
        });
        let change = LogChange::Appended { first, last };
        let durability = if planted::is(PlantedFault::AcknowledgeBeforeFsync) {
            Durability::None
        } else {
            Durability::Immediate
        };
        let answered = self.queue().append_policy.append(&entries);
        match answered {
            AppendAck::Early => {
                self.remember(entries);
                let job = Job { durability, write, change, done: None };
                self.queue().add(job).map_err(failed(ErrorVerb::Write))?;
            }
            AppendAck::Durable => {
                self.write_with(durability, change, write)
                    .await
                    .map_err(failed(ErrorVerb::Write))?;
                self.remember(entries);
            }
        }
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    /// The log is committed up to `committed`, which is about to be applied. A leader has it on its
    /// disk, since it held back all answers until then. A node that led before and now follows may
    /// still be writing it, and waits. Nothing is saved: a node that starts learns what is
    /// committed from others.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        metrics::COMMITTED_INDEX.set(metrics::whole(committed.map_or(0, |last| last.index)));
        if !self.durable.has(committed) {
            assert!(!self.queue().append_policy.leads(), "commit behind the disk: {committed:?}");
        }
        let reached = self.durable.wait_for_entry(committed).await;
        reached.map_err(|error| storage_error(ErrorSubject::Logs, ErrorVerb::Write, &error))
    }

    async fn truncate(&mut self, mut since: LogId) -> Result<(), StorageError> {
        if planted::is(PlantedFault::TruncateCommittedEntries) {
            since.index = since.index.saturating_sub(1);
        }
        if !planted::is(PlantedFault::TruncationLeavesTheCache) {
            self.recent().retain(|entry| entry.log_id.index < since.index);
        }
        self.queue().append_policy.truncated();
        let write: Write = Box::new(move |transaction| {
            transaction.open_table(LOG)?.retain_in(since.index.., |_, _| false)?;
            Ok(())
        });
        self.write(LogChange::Truncated(since.index), write)
            .await
            .map_err(failed(ErrorVerb::Delete))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        self.recent().retain(|entry| entry.log_id.index > upto.index);
        let mut purgeable = self.purgeable.subscribe();
        let may_be_purged = purgeable.wait_for(|reaches| upto.index <= *reaches).await.is_ok();
        debug_assert!(may_be_purged, "this store has the other end");
        let purged = envelope::seal(Kind::Position, &upto);
        let write: Write = Box::new(move |transaction| {
            transaction.open_table(LOG)?.retain_in(..=upto.index, |_, _| false)?;
            transaction.open_table(FACTS)?.insert(PURGED, purged.as_slice())?;
            Ok(())
        });
        self.write(LogChange::Purged(upto.index), write).await.map_err(failed(ErrorVerb::Delete))
    }
}
