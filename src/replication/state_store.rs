//! The replicated state of a master: entries of the log become changes of the social graph, and in
//! the same step it is noted how far the log has been applied.
//!
//! Applying does not wait for the disk: what a crash takes away is still in the log and is applied
//! again. "Building a snapshot" therefore means making the state durable, after which the earlier
//! log may be purged; the snapshot's data is a view of the state, opened when a follower needs it.
//! The state is also flushed when much of it has changed, so that memory is bounded: an apply waits
//! only if that goes on faster than the disk can write.
//! How the state is stored is the affair of [`social`](crate::social).

use std::{io, iter::Peekable, path::Path, sync::Arc};

use openraft::{
    EntryPayload, ErrorSubject, ErrorVerb, RaftSnapshotBuilder, Snapshot, SnapshotMeta,
    storage::RaftStateMachine,
};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Consensus, Content, Entry, LogId, NodeInfo, StorageError, StoredMembership, observed,
    snapshot::SnapshotData, storage_error, upgrade,
};
use crate::{
    domain::NodeId,
    envelope::{self, Kind, SupportedVersions, Version},
    host::{clock, task, thread},
    metrics,
    planted::{self, PlantedFault},
    social::{
        Change, Command, Event, Facts, FileCondition, Graph, MemoryBudget, Reply, StagedState,
        State, StateError, StateReader,
    },
};

// The facts that lie beside the state.
/// So much of the log is applied without a break: some ten commands, or one entry, if that is larger.
const STEP_BYTES: usize = 1024;
const APPLIED: &str = "applied";
const MEMBERSHIP: &str = "membership";
const VERSION: &str = "version";

/// What an apply did, for the delivery of posts.
pub enum Applied<'a> {
    /// These events happened, in this order; and the state as they have left it.
    Events(&'a [Event], &'a StateReader),
    /// The whole state was replaced by a snapshot.
    Replaced,
}

/// The condition of a state's file before it is used, and if it is sound, how far the log is applied
/// to it.
pub type StateFile = FileCondition<Option<LogId>>;

/// A flush that goes on beside everything else.
type Flush = AbortOnDropHandle<Result<(), StateError>>;

/// Called after every apply, on the runtime's thread; must not block.
pub type Observer = Arc<dyn Fn(Applied<'_>) + Send + Sync>;

/// The state machine of a master.
pub struct StateStore {
    state: State,
    /// Held while the state is flushed or replaced, so that these wait for each other without
    /// stopping the runtime.
    flushing: Arc<Mutex<()>>,
    /// The last flush that this has started.
    flush: Option<Flush>,
    observer: Observer,
    supported_versions: SupportedVersions,
    /// How far the log is applied.
    ///
    /// **Invariant**, asserted wherever it changes: it never goes back, and entries are applied one
    /// after the other, so that none is left out.
    applied: Option<LogId>,
    /// The version in which the cluster writes, as far as this master has applied the log.
    version: watch::Sender<Version>,
}

/// What comes of applying some entries.
#[derive(Default)]
struct Outcome {
    /// Per entry.
    replies: Vec<Vec<Reply>>,
    events: Vec<Event>,
}

impl StateStore {
    /// Opens or creates the state in `directory`.
    pub fn open(directory: &Path, observer: Observer) -> Result<Self, StateError> {
        let supported_versions = SupportedVersions::of_this_program();
        Self::open_as(supported_versions, directory, MemoryBudget::default(), observer)
    }

    /// The same for a program that speaks other versions of the format, within this much memory.
    pub fn open_as(
        supported_versions: SupportedVersions,
        directory: &Path,
        memory: MemoryBudget,
        observer: Observer,
    ) -> Result<Self, StateError> {
        let state = State::open(directory, memory)?;
        let (applied, _, version) = all_facts(&state.reader().facts())?;
        must_support(supported_versions, version)?;
        observed::opened(applied);
        Ok(Self {
            state,
            flushing: Arc::default(),
            flush: None,
            observer,
            supported_versions,
            applied,
            version: watch::Sender::new(version),
        })
    }

    /// How far the log is applied.
    pub fn applied(&self) -> Option<LogId> {
        self.applied
    }

    /// The state itself.
    pub fn state(&self) -> State {
        self.state.clone()
    }

    /// Reads what has been applied here.
    pub fn reader(&self) -> StateReader {
        self.state.reader()
    }

    /// In which version of the format the cluster writes.
    pub fn version(&self) -> watch::Receiver<Version> {
        self.version.subscribe()
    }

    fn apply_all(&mut self, entries: Vec<Entry>) -> Result<Outcome, StateError> {
        let _measured = metrics::APPLY_DURATION.start_timer();
        let change = self.state.begin();
        let mut outcome = Outcome::default();
        let mut applied = self.applied;
        let mut membership = None;
        let mut version = *self.version.borrow();
        let mut gives_way = false;
        let entries = in_order(entries);
        {
            let mut graph = Graph::open(&change)?;
            for entry in entries {
                observed::applied(&entry);
                let Entry { log_id, payload } = entry;
                assert!(is_next(applied, log_id), "entry {log_id} after {applied:?}");
                applied = Some(log_id);
                let mut replies = Vec::new();
                match payload {
                    EntryPayload::Blank => {}
                    EntryPayload::Membership(members) => {
                        membership = Some(StoredMembership::new(applied, members));
                    }
                    // An entry that this program does not know ends it: skipping the entry would
                    // make its state differ from the others'.
                    EntryPayload::Normal(batch) => match batch.content(self.supported_versions)? {
                        Content::Commands(commands) => {
                            metrics::COMMANDS_APPLIED.inc_by(commands.len() as u64);
                            for mut command in commands {
                                if planted::is(PlantedFault::ClockInApply) {
                                    command.at = clock::now();
                                }
                                let since = command.command.since();
                                debug_assert!(upgrade::may_be_logged(since, version));
                                gives_way |=
                                    matches!(command.command, Command::AbandonCluster { .. });
                                let (reply, event) = graph.apply(command)?;
                                replies.push(reply);
                                outcome.events.extend(event);
                            }
                        }
                        Content::Upgrade(next) => {
                            let members = members(&change, membership.as_ref())?;
                            if upgrade::is_due(version, next, &members) {
                                must_support(self.supported_versions, next)?;
                                save_version(&change, next);
                                version = next;
                            }
                        }
                    },
                }
                outcome.replies.push(replies);
            }
        }
        save_positions(&change, applied, membership.as_ref());
        if gives_way {
            // Whoever starts here next must know it, though nobody may be left who says how far the
            // log is committed.
            change.commit_durably()?;
        } else {
            change.commit();
        }
        self.applied = applied;
        self.set_version(version);
        observed::state(applied, &self.reader());
        Ok(outcome)
    }

    /// Starts to flush the state if much of it has changed in memory. Waits for an earlier flush that has
    /// not ended meanwhile.
    async fn bound_memory(&mut self) -> Result<(), StateError> {
        if self.state.should_be_flushed() {
            if let Some(earlier) = self.flush.take() {
                earlier.await.map_err(io::Error::other)??;
            }
            let (state, flushing) = (self.state.clone(), Arc::clone(&self.flushing));
            self.flush = Some(task::spawn_owned(flush(state, flushing)));
        }
        Ok(())
    }

    /// Makes the state that of a new cluster, which was made of what was left of its own, and whose log begins
    /// behind the entry of `membership`.
    pub fn recover(&mut self, membership: &StoredMembership) -> Result<(), StateError> {
        let begins_after = *membership.log_id();
        assert!(begins_after > self.applied, "nothing is forgotten that was applied");
        let change = self.state.begin();
        change.recover()?;
        save_positions(&change, begins_after, Some(membership));
        change.commit_durably()?;
        self.applied = begins_after;
        Ok(())
    }

    fn set_version(&self, version: Version) {
        self.version.send_if_modified(|known| std::mem::replace(known, version) != version);
    }

    fn take_over(
        &mut self,
        meta: &SnapshotMeta<NodeId, NodeInfo>,
        staged: StagedState,
    ) -> Result<(), StateError> {
        let version = version(&staged.facts())?;
        must_support(self.supported_versions, version)?;
        let (before, after) = (self.applied, meta.last_log_id);
        assert!(after >= before, "a snapshot at {after:?} replaces a state at {before:?}");
        if !planted::is(PlantedFault::SnapshotWithoutItsFacts) {
            save_meta(&staged, meta);
        }
        if !planted::is(PlantedFault::SnapshotInNameOnly) {
            self.state.replace(staged)?;
        }
        self.applied = after;
        self.set_version(version);
        observed::replaced(after);
        Ok(())
    }
}

/// The entries as they are; with a planted fault, the contents of the first two change places.
fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    if planted::is(PlantedFault::ApplyOutOfOrder)
        && let [first, second, ..] = entries.as_mut_slice()
    {
        std::mem::swap(&mut first.payload, &mut second.payload);
    }
    entries
}

/// The entries that are applied before anything else is done: at least one, and more as long as they are
/// small.
fn step(entries: &mut Peekable<impl Iterator<Item = Entry>>) -> Vec<Entry> {
    let mut step: Vec<Entry> = entries.next().into_iter().collect();
    let mut bytes = step.iter().map(weight).sum::<usize>();
    while let Some(next) = entries.next_if(|next| bytes + weight(next) <= STEP_BYTES) {
        bytes += weight(&next);
        step.push(next);
    }
    step
}

fn weight(entry: &Entry) -> usize {
    /// Of what an entry costs beside its commands.
    const ENTRY: usize = 64;
    match &entry.payload {
        EntryPayload::Normal(batch) => ENTRY + batch.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => ENTRY,
    }
}

/// Whether `entry` comes directly after the last applied one. Before the first, nothing is known of
/// where a log begins.
fn is_next(applied: Option<LogId>, entry: LogId) -> bool {
    applied.is_none_or(|applied| entry > applied && entry.index == applied.index + 1)
}

/// Examines the state in `directory`: reads all that a start does, so that what is found damaged here can be
/// replaced before that. If it cannot be read for a reason other than damage, that is an error.
pub fn examine(directory: &Path) -> Result<StateFile, StateError> {
    State::examine(directory, |facts| Ok(all_facts(facts)?.0))
}

/// Replaces the state in `directory`, which is not open, with `staged`, which `meta` describes.
pub fn install(
    directory: &Path,
    meta: &SnapshotMeta<NodeId, NodeInfo>,
    staged: StagedState,
) -> Result<(), StateError> {
    save_meta(&staged, meta);
    staged.install_in(directory)
}

fn save_meta(staged: &StagedState, meta: &SnapshotMeta<NodeId, NodeInfo>) {
    let change = staged.begin();
    save_positions(&change, meta.last_log_id, Some(&meta.last_membership));
    change.commit();
}

/// How far a state is applied, and the membership at that point.
fn positions(facts: &Facts) -> Result<(Option<LogId>, StoredMembership), StateError> {
    let applied = unsealed(Kind::Position, facts.get(APPLIED)?)?;
    let membership = unsealed(Kind::Membership, facts.get(MEMBERSHIP)?)?;
    Ok((applied, membership.unwrap_or_default()))
}

/// Everything that is noted beside a state: how far it is applied, the membership, and the version.
pub(super) fn all_facts(
    facts: &Facts,
) -> Result<(Option<LogId>, StoredMembership, Version), StateError> {
    let (applied, membership) = positions(facts)?;
    Ok((applied, membership, version(facts)?))
}

fn unsealed<T: DeserializeOwned>(
    kind: Kind,
    fact: Option<Vec<u8>>,
) -> Result<Option<T>, envelope::Error> {
    fact.map(|sealed| envelope::open(kind, &sealed)).transpose()
}

/// Which versions the members speak: those of `membership`, or of the last applied one.
fn members(
    change: &Change,
    membership: Option<&StoredMembership>,
) -> Result<Vec<SupportedVersions>, StateError> {
    if let Some(membership) = membership {
        return Ok(upgrade::supported_by_members(membership));
    }
    let membership = unsealed(Kind::Membership, change.fact(MEMBERSHIP)?)?;
    Ok(upgrade::supported_by_members(&membership.unwrap_or_default()))
}

/// In which version of the format the cluster writes, according to `facts`.
pub(super) fn version(facts: &Facts) -> Result<Version, StateError> {
    Ok(unsealed(Kind::ClusterVersion, facts.get(VERSION)?)?.unwrap_or_default())
}

/// Saves in which version of the format the cluster writes.
pub(super) fn save_version(change: &Change, version: Version) {
    change.put_fact(VERSION, &envelope::seal(Kind::ClusterVersion, &version));
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

fn save_positions(change: &Change, applied: Option<LogId>, membership: Option<&StoredMembership>) {
    if let Some(applied) = applied {
        change.put_fact(APPLIED, &envelope::seal(Kind::Position, &applied));
    }
    if let Some(membership) = membership {
        change.put_fact(MEMBERSHIP, &envelope::seal(Kind::Membership, membership));
    }
}

/// The current state, as a snapshot.
fn snapshot(reader: &StateReader) -> Result<Option<Snapshot<Consensus>>, StateError> {
    let view = reader.view()?;
    let (last_log_id, last_membership) = positions(view.facts())?;
    Ok(last_log_id.map(|last| Snapshot {
        meta: SnapshotMeta { last_log_id, last_membership, snapshot_id: last.to_string() },
        snapshot: Box::new(SnapshotData::Local(Box::new(view))),
    }))
}

/// Makes the state durable, one at a time.
async fn flush(state: State, flushing: Arc<Mutex<()>>) -> Result<(), StateError> {
    let _flushing = flushing.lock().await;
    let _measured = metrics::FLUSH_DURATION.start_timer();
    thread::run(move || state.flush()).await.map_err(io::Error::from)?
}

fn failed(verb: ErrorVerb) -> impl Fn(StateError) -> StorageError {
    move |error| storage_error(ErrorSubject::StateMachine, verb, &error)
}

impl RaftStateMachine<Consensus> for StateStore {
    type SnapshotBuilder = Checkpoint;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        positions(&self.reader().facts()).map_err(failed(ErrorVerb::Read))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Vec<Reply>>, StorageError>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let mut entries = entries.into_iter().peekable();
        let mut all_replies = Vec::new();
        while entries.peek().is_some() {
            self.bound_memory().await.map_err(failed(ErrorVerb::Write))?;
            let outcome = self.apply_all(step(&mut entries)).inspect_err(|error| {
                self.state.reader().damage().note(error);
            });
            let Outcome { replies, events } = outcome.map_err(failed(ErrorVerb::Write))?;
            // At once, without an `await`: nobody may see the state without its events ("one
            // thread").
            if !events.is_empty() {
                (self.observer)(Applied::Events(&events, &self.reader()));
            }
            all_replies.extend(replies);
            if entries.peek().is_some() {
                // A restart may have thousands of entries to apply. Meanwhile this node has to be
                // heard, or it counts as dead.
                tokio::task::yield_now().await;
            }
        }
        Ok(all_replies)
    }

    async fn get_snapshot_builder(&mut self) -> Checkpoint {
        Checkpoint { state: self.state.clone(), flushing: Arc::clone(&self.flushing) }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotData>, StorageError> {
        unreachable!("snapshots arrive whole, by PeerService.InstallSnapshot")
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<NodeId, NodeInfo>,
        snapshot: Box<SnapshotData>,
    ) -> Result<(), StorageError> {
        let SnapshotData::Received(staged) = *snapshot else {
            let wrong = io::Error::other("only a received snapshot can be installed");
            return Err(storage_error(ErrorSubject::StateMachine, ErrorVerb::Write, &wrong));
        };
        let flushing = Arc::clone(&self.flushing);
        let _flushing = flushing.lock().await;
        self.take_over(meta, staged).map_err(failed(ErrorVerb::Write))?;
        (self.observer)(Applied::Replaced);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Consensus>>, StorageError> {
        snapshot(&self.reader()).map_err(failed(ErrorVerb::Read))
    }
}

/// Makes the state durable, so that the earlier log may be purged.
pub struct Checkpoint {
    state: State,
    flushing: Arc<Mutex<()>>,
}

impl Checkpoint {
    async fn make_durable(&self) -> Result<Option<Snapshot<Consensus>>, StateError> {
        let made_durable = snapshot(&self.state.reader())?;
        if !planted::is(PlantedFault::PurgeBeforeTheStateIsOnDisk) {
            flush(self.state.clone(), Arc::clone(&self.flushing)).await?;
        }
        Ok(made_durable)
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
