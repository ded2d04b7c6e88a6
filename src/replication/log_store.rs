//! The log: its entries in segments, the vote and the node's identity in `raft.redb`.
//!
//! A thread of its own does the writing, in the order of asking; what waits for it is written together,
//! with one sync (`log_writer`). So waiting for the disk never stops the runtime. The newest entries are
//! also kept in memory, since every follower asks for the same ones.
//!
//! [`durability`] decides when an append is answered, and when the answers of other nodes count.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    path::{Path, PathBuf},
    sync::Arc,
};

use openraft::{
    EntryPayload, ErrorSubject, ErrorVerb, LogState, RaftLogReader,
    storage::{LogFlushed, RaftLogStorage},
};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{oneshot, watch};

use super::{
    Consensus, Content, Entry, LogId, NodeInfo, StorageError, StoredMembership, Vote,
    durability::{self, AppendAck, AppendPolicy, DurableIndex, WriterGone},
    log_error::{LogError, OpenError},
    log_facts::{Fact, Identity, LogFacts},
    log_segments::{self, Recovered, SegmentReader, SegmentSizes},
    log_writer::{Job, LogWriter, Write},
    storage_error,
};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::{self, Kind, SupportedVersions},
    host::{
        disk, random,
        random_access::{DiskFolder, Folder, ReadFolder as _},
        thread::Worker,
    },
    metrics,
    planted::{self, PlantedFault},
};

/// So many entries are looked at to find out when one was made.
const LOOKED_AT: u64 = 16;
/// The folder of the segments, beside `raft.redb`.
pub(super) const SEGMENTS: &str = "raft-log";
/// Entries kept in memory: enough for followers that are a few round trips behind.
const RECENT_ENTRIES: usize = 256;
/// Writes that may wait for the disk.
const WRITES_WAITING: usize = 64;
/// What one replication call may carry, in bytes of batches: it has to arrive within a heartbeat.
const REPLICATION_BYTES: usize = 1 << 20;

/// Handle on the log; clones share it.
#[derive(Clone)]
pub struct LogStore {
    facts: LogFacts,
    segments: SegmentReader,
    recent: Arc<Mutex<VecDeque<Entry>>>,
    queue: Arc<Mutex<Queue>>,
    durable: DurableIndex,
    identity: Identity,
    /// The vote that was found on disk.
    stored_vote: Option<Vote>,
    /// Up to which index the log may be purged.
    purgeable: watch::Sender<u64>,
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

/// The folder with the segments of the log at `path`.
pub fn segments_of(path: &Path) -> PathBuf {
    path.with_file_name(SEGMENTS)
}

/// The length of all files of the log at `path`, in bytes, if it is there.
pub fn length(path: &Path) -> io::Result<Option<u64>> {
    let segments = disk::length_of_directory(&segments_of(path))?.unwrap_or(0);
    Ok(disk::length(path)?.map(|facts| facts + segments))
}

/// Removes the log at `path`, which nobody has open, so that a new one begins there. If that is
/// interrupted, opening the log completes it: an empty `raft.redb` says that its segments are void.
pub fn remove(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    disk::replace_durably(path, &path.with_extension("redb.new"), b"")?;
    remove_void_segments(path)?;
    let name = path.file_name().unwrap_or_default();
    disk::remove_durably(directory, &[&name.to_string_lossy()])
}

/// Moves what is left of the log at `path`, which nobody has open, to the folder `to`. May be repeated if it is
/// interrupted.
pub fn move_to(path: &Path, to: &Path) -> io::Result<()> {
    let (from, segments) = (segments_of(path), to.join(SEGMENTS));
    if disk::is_directory(&from) {
        disk::create_private_directory(&segments)?;
        for segment in disk::names(&from)? {
            disk::rename_durably(&from.join(&segment), &segments.join(&segment))?;
        }
        disk::remove_directory(&from)?;
    }
    let Some(name) = path.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
    if disk::length(path)?.is_some() { disk::rename_durably(path, &to.join(name)) } else { Ok(()) }
}

fn remove_void_segments(path: &Path) -> io::Result<()> {
    if disk::length(path)?.is_none_or(|length| length > 0) {
        return Ok(());
    }
    let folder = DiskFolder::open(&segments_of(path))?;
    for segment in folder.names()? {
        folder.remove(&segment)?;
    }
    folder.sync_names()
}

/// The facts and the segments of a log, made if they are new. Neither is there without the other.
fn open_parts(path: &Path) -> Result<(LogFacts, Recovered), LogError> {
    remove_void_segments(path)?;
    let database = disk::open(path)?;
    let folder = DiskFolder::open(&segments_of(path))?;
    recover(LogFacts::open(database)?, Box::new(folder))
}

/// The same in a folder that is open.
fn recover(facts: LogFacts, folder: Box<dyn Folder>) -> Result<(LogFacts, Recovered), LogError> {
    let sizes = SegmentSizes::default();
    let id = if let Some(id) = facts.read(Fact::LOG_ID)? {
        id
    } else {
        let id = random::id();
        log_segments::create(folder.as_ref(), id, sizes)?;
        facts.write(&[Fact::LOG_ID.of(&id)])?;
        id
    };
    let purged: Option<LogId> = facts.read(Fact::PURGED)?;
    let purged_end = purged.map_or(0, |purged| purged.index + 1);
    Ok((facts, log_segments::open(folder, id, purged_end, sizes)?))
}

/// Makes a new log that of the node `id`, which may vote only in terms after `term`: it may already
/// have voted in the earlier ones.
fn give_identity(
    (facts, recovered): (LogFacts, Recovered),
    id: NodeId,
    term: u64,
) -> Result<(), LogError> {
    assert_eq!(recovered.reader.end(), 0, "only a new log may change its node");
    // Higher than every vote of that term.
    let vote = Vote::new(term, NodeId::MAX);
    facts.write(&[Fact::NODE_ID.of(&id), Fact::VOTE.of(&vote)])
}

impl LogStore {
    /// Opens or creates the log at `path`; a new one gets a new node id.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let opened = open_parts(path).and_then(Self::start);
        opened.map_err(|source| OpenError::new(path, source))
    }

    /// The same for facts and a folder that are open.
    #[cfg(test)]
    pub(super) fn with_parts(facts: LogFacts, folder: Box<dyn Folder>) -> Result<Self, LogError> {
        recover(facts, folder).and_then(Self::start)
    }

    fn start((facts, recovered): (LogFacts, Recovered)) -> Result<Self, LogError> {
        let identity = facts.start()?;
        let Recovered { writer: mut segments, reader, vote } = recovered;
        let stored_vote = higher(facts.read(Fact::VOTE)?, vote);
        if let Some(vote) = stored_vote {
            segments.set_vote(vote);
        }
        let last = last_log_id(&facts, &reader)?;
        let (written, durable) = durability::durable_index(last);
        let end = last.map_or(0, |last| last.index + 1);
        let mut writer = LogWriter::new(segments, facts.clone(), written);
        let write = move |jobs| writer.write(jobs);
        let writer = Worker::start("log-writer", WRITES_WAITING, write)?;
        let queue = Queue { append_policy: AppendPolicy::new(identity.node), end, writer };
        Ok(Self {
            facts,
            segments: reader,
            recent: Arc::default(),
            queue: Arc::new(Mutex::new(queue)),
            durable,
            identity,
            stored_vote,
            purgeable: watch::Sender::new(u64::MAX),
        })
    }

    /// Creates the log at `path`, for the node `id`, which may vote only in terms after `term`: it
    /// may already have voted in the earlier ones.
    pub fn take_over_identity(path: &Path, id: NodeId, term: u64) -> Result<(), OpenError> {
        let given = open_parts(path).and_then(|parts| give_identity(parts, id, term));
        given.map_err(|source| OpenError::new(path, source))
    }

    /// Creates the log at `path`, where nothing is yet: that of `node`, the only voter of a new `cluster`, which
    /// begins behind the entry of `membership`.
    pub fn found(
        path: &Path,
        node: NodeId,
        cluster: ClusterId,
        membership: &StoredMembership,
    ) -> Result<(), OpenError> {
        let begin = |(facts, recovered): (LogFacts, Recovered)| {
            assert_eq!(recovered.reader.end(), 0, "only a new log can be that of a new cluster");
            let begins_after = membership.log_id().expect("a membership is decided by an entry");
            facts.write(&[
                Fact::NODE_ID.of(&node),
                Fact::CLUSTER_ID.of(&cluster),
                Fact::VOTE.of(&Vote::new(begins_after.leader_id.term, node)),
                Fact::PURGED.of(&begins_after),
                Fact::MEMBERS.of(membership),
            ])
        };
        let founded = open_parts(path).and_then(begin);
        founded.map_err(|source| OpenError::new(path, source))
    }

    /// The same for facts and a folder that are open.
    #[cfg(test)]
    pub(super) fn take_over_identity_in(
        facts: LogFacts,
        folder: Box<dyn Folder>,
        id: NodeId,
        term: u64,
    ) -> Result<(), LogError> {
        give_identity(recover(facts, folder)?, id, term)
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
        self.facts.read(Fact::CLUSTER_ID)
    }

    /// Saves the cluster's id.
    pub async fn save_cluster_id(&self, cluster: ClusterId) -> Result<(), LogError> {
        self.write(Write::Fact(Fact::CLUSTER_ID.of(&cluster))).await
    }

    /// The witness's position, and the membership at that point.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, LogError> {
        self.facts.read(Fact::CHECKPOINT)
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
        let saved = self.write(Write::Fact(Fact::CHECKPOINT.of(checkpoint))).await;
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
        let membership: Option<StoredMembership> = self.facts.read(Fact::MEMBERS)?;
        let nodes = |known: StoredMembership| {
            known.membership().nodes().map(|(id, info)| (*id, info.clone())).collect()
        };
        Ok(membership.map(nodes))
    }

    /// The last entry that was purged.
    pub fn purged(&self) -> Result<Option<LogId>, LogError> {
        self.facts.read(Fact::PURGED)
    }

    /// The segment in which the last entry is; none if all were purged.
    pub fn newest_segment(&self) -> Option<u32> {
        self.segments.last_segment()
    }

    /// From now on, entries go to another segment than those before, unless these are all gone.
    pub async fn end_segment(&self) -> Result<(), LogError> {
        self.write(Write::SegmentEnd).await
    }

    /// The last of the entries up to `last` that were made before a time, as far as they say so; none if none was.
    pub fn last_made_before(&self, time: UnixMillis, last: u64) -> Result<Option<u64>, LogError> {
        let first = self.purged()?.map_or(0, |purged| purged.index + 1);
        // Some say nothing of when they were made: they count as those behind them.
        let is_older = |index| -> Result<bool, LogError> {
            let end = last.saturating_add(1).min(index + LOOKED_AT);
            let entries = self.read(index, end, usize::MAX)?;
            Ok(entries.iter().find_map(made_at).is_some_and(|at| at < time))
        };
        let (mut older, mut newer) = (first, last.saturating_add(1));
        while older < newer {
            let middle = older + (newer - older) / 2;
            if is_older(middle)? { older = middle + 1 } else { newer = middle }
        }
        Ok(older.checked_sub(1).filter(|last| *last >= first))
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

    /// How far the log on disk reaches.
    pub fn durable(&self) -> &DurableIndex {
        &self.durable
    }

    /// Returns when the write is done, together with all earlier ones.
    async fn write(&self, write: Write) -> Result<(), LogError> {
        let (done, answer) = oneshot::channel();
        self.queue().add(Job { write, done: Some(done) })?;
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
        self.segments.entries(start..end, within)
    }

    /// The position of the last entry, whether it is still here or was purged.
    pub fn last_log_id(&self) -> Result<Option<LogId>, LogError> {
        let recent = self.recent().back().map(|entry| entry.log_id);
        match recent {
            Some(last) => Ok(Some(last)),
            None => last_log_id(&self.facts, &self.segments),
        }
    }
}

impl Queue {
    /// Adds a job. Waits for room if the disk is far behind.
    fn add(&mut self, job: Job) -> Result<(), LogError> {
        self.end = job.write.change().after(self.end);
        self.writer.send(job).map_err(|_| writer_gone())
    }
}

fn writer_gone() -> LogError {
    io::Error::other(WriterGone).into()
}

/// The position of the last entry on disk, whether it is still there or was purged.
fn last_log_id(facts: &LogFacts, segments: &SegmentReader) -> Result<Option<LogId>, LogError> {
    Ok(segments.last_log_id()?.or(facts.read(Fact::PURGED)?))
}

/// The higher of two votes, either of which may never have been cast.
pub(super) fn higher(one: Option<Vote>, other: Option<Vote>) -> Option<Vote> {
    if other > one { other } else { one }
}

fn size(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(batch) => batch.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 64,
    }
}

/// When the first command of an entry was made; none if it has none, or this program cannot read it.
fn made_at(entry: &Entry) -> Option<UnixMillis> {
    let EntryPayload::Normal(batch) = &entry.payload else { return None };
    match batch.content(SupportedVersions::of_this_program()) {
        Ok(Content::Commands(commands)) => commands.first().map(|first| first.at),
        Ok(Content::Upgrade(_)) | Err(_) => None,
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
        let purged = self.purged().map_err(failed(ErrorVerb::Read))?;
        let last = self.segments.last_log_id().map_err(failed(ErrorVerb::Read))?;
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
        if planted::is(PlantedFault::VotesInMemoryOnly) {
            self.queue().append_policy.voted(*vote);
            return Ok(());
        }
        self.write(Write::Vote(*vote))
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
        let saved = self.queue().append_policy.last_vote();
        let Some(mut vote) = higher(self.stored_vote, saved) else { return Ok(None) };
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
        let newest = entries.iter().rev().find_map(membership);
        let write = Write::Entries {
            first,
            last,
            encoded: entries.iter().map(sealed).collect(),
            members: newest.map(|newest| Fact::MEMBERS.of(&newest)),
        };
        let answered = self.queue().append_policy.append(&entries);
        match answered {
            AppendAck::Early => {
                self.remember(entries);
                self.queue().add(Job { write, done: None }).map_err(failed(ErrorVerb::Write))?;
            }
            AppendAck::Durable => {
                self.write(write).await.map_err(failed(ErrorVerb::Write))?;
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
        self.write(Write::Truncation(since.index)).await.map_err(failed(ErrorVerb::Delete))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        self.recent().retain(|entry| entry.log_id.index > upto.index);
        let mut purgeable = self.purgeable.subscribe();
        let may_be_purged = purgeable.wait_for(|reaches| upto.index <= *reaches).await.is_ok();
        debug_assert!(may_be_purged, "this store has the other end");
        self.write(Write::Purge(upto)).await.map_err(failed(ErrorVerb::Delete))
    }
}
