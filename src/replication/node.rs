//! One running node of the consensus, and the cluster it belongs to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use openraft::{
    CommittedLeaderId, Config, ServerState, SnapshotPolicy, raft::AppendEntriesRequest,
    storage::RaftStateMachine,
};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Consensus, LogId, NodeInfo, Raft, StoredMembership, Vote,
    addresses::first_address_version,
    check_quorum,
    cluster_clock::Clock,
    durability::StallDetector,
    log_error::{LogError, OpenError},
    log_length,
    log_store::LogStore,
    peers::Peers,
    position,
    pre_vote::LeaderLease,
    quorum, startup_check,
    state_store::{Observer, StateStore},
    voter_config,
    witness_store::WitnessStore,
};
use crate::{
    control::{ProbeRequest, Progress, Room, VoterConfig},
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::{SupportedVersions, Version},
    host::{clock, database_fault::DatabaseFault, task::Tasks, thread},
    node_auth::NodeAuth,
    planted::{self, PlantedFault},
    settings::ConsensusSettings,
    social::{MemoryBudget, State, StateError, StateReader},
};

/// Entries in one replication call, in addition to its limit in bytes.
const ENTRIES_PER_CALL: u64 = 128;

/// An index that no log ever reaches.
const BEYOND_EVERY_LOG: u64 = u64::MAX >> 1;

/// The log's file in a slot, or in the router's data directory.
pub const LOG_FILE: &str = "raft.redb";

/// Handle on a running node; clones share it.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    raft: Raft,
    log: LogStore,
    peers: Peers,
    leader_lease: LeaderLease,
    cluster: watch::Sender<Option<ClusterId>>,
    joining: Mutex<()>,
    /// A witness has none.
    state: Option<State>,
    stall: StallDetector,
    format: Format,
    /// Why this node cannot continue, if the consensus does not know yet.
    failure: watch::Sender<Option<String>>,
    tasks: Tasks,
    leader_contact: parking_lot::Mutex<Option<LeaderContact>>,
    /// The voter configuration of the membership at this position in the log.
    voter_config: parking_lot::Mutex<(Option<LogId>, Arc<VoterConfig>)>,
    /// A leader that has not been heard for this long no longer counts.
    leader_timeout: Duration,
}

/// The last sign of life of a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderContact {
    /// Who that was.
    pub leader: NodeId,
    /// When it was heard.
    pub at: Instant,
}

/// Versions of the format.
struct Format {
    /// The versions that this program speaks.
    supported_versions: SupportedVersions,
    /// The version in which the cluster writes.
    version: watch::Receiver<Version>,
}

/// The node cannot continue.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("its consensus has stopped")]
pub struct Stopped;

/// The newest of the router's probes that a node has seen, and its result.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProbeAnswer {
    /// Its number; 0 before the first.
    pub number: u64,
    /// The probe asked for a pre-vote, and the node would win an election.
    pub electable: bool,
}

/// The node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log's file.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The state's file.
    #[error("cannot use the state in {directory}: {source}; {}", .source.fault().remedy())]
    State {
        /// The slot.
        directory: PathBuf,
        /// What is wrong with it.
        source: StateError,
    },
    /// The witness's checkpoint, which is beside its log.
    #[error("cannot use the state in {directory}: {source}; {}", .source.fault().remedy())]
    Checkpoint {
        /// The router's data directory.
        directory: PathBuf,
        /// What is wrong with it.
        source: LogError,
    },
    /// The log is new but the state is not.
    #[error(
        "the log in {directory} was lost, and its votes with it: if other masters have the data (tinysns status shows them), remove the whole slot directory, and it joins as a new node; if not, restore a backup (tinysns restore), or recover from what is left (tinysns recover)"
    )]
    LogLost {
        /// The slot.
        directory: PathBuf,
    },
    /// The state cannot be used, and this is the only master.
    #[error(
        "the state in {directory} cannot be used: {reason}; the log that produced it is gone, and no other master has it: keep the directory, and restore a backup (tinysns restore)"
    )]
    StateLost {
        /// The slot.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The consensus refused what it found.
    #[error("cannot start the consensus: {0}")]
    Consensus(String),
}

impl StartError {
    /// The log in `directory` cannot be used because of `source`.
    pub fn log(directory: &Path, source: LogError) -> Self {
        Self::Log(OpenError::new(&directory.join(LOG_FILE), source))
    }

    /// Whether it can only be repaired by an administrator.
    pub fn is_refusal(&self) -> bool {
        let by_fault = |fault| !matches!(fault, DatabaseFault::Full | DatabaseFault::Failing);
        match self {
            Self::Log(error) => by_fault(error.fault),
            Self::State { source, .. } => by_fault(source.fault()),
            Self::Checkpoint { source, .. } => by_fault(source.fault()),
            Self::LogLost { .. } | Self::StateLost { .. } => true,
            Self::Consensus(_) => false,
        }
    }
}

/// Why a node cannot belong to a cluster.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// It belongs to another cluster.
    #[error(
        "this node's data belongs to cluster {own}, not to cluster {other}: give each cluster a data directory of its own, or remove this node's slot directory to let it join the other cluster empty"
    )]
    WrongCluster {
        /// The node's own cluster.
        own: ClusterId,
        /// The cluster that it was to join.
        other: ClusterId,
    },
    /// It cannot save the id, and is [`broken`](Node::broken).
    #[error("this node's disk failed: {0}")]
    Disk(LogError),
}

impl Node {
    /// Starts a master's node in `directory`.
    pub async fn start_master(
        directory: &Path,
        auth: &NodeAuth,
        timing: ConsensusSettings,
        observer: Observer,
    ) -> Result<(Self, StateReader), StartError> {
        let log = LogStore::open(&directory.join(LOG_FILE))?;
        let memory = MemoryBudget::default();
        Self::start_master_with_log(log, directory, memory, auth, timing, observer).await
    }

    /// The same with a log that is open already, and a state within this much memory.
    pub async fn start_master_with_log(
        log: LogStore,
        directory: &Path,
        memory: MemoryBudget,
        auth: &NodeAuth,
        timing: ConsensusSettings,
        observer: Observer,
    ) -> Result<(Self, StateReader), StartError> {
        Self::start_master_as(
            SupportedVersions::of_this_program(),
            log,
            directory,
            memory,
            auth,
            timing,
            observer,
        )
        .await
    }

    /// The same for a program that speaks other versions of the format.
    pub async fn start_master_as(
        supported_versions: SupportedVersions,
        log: LogStore,
        directory: &Path,
        memory: MemoryBudget,
        auth: &NodeAuth,
        timing: ConsensusSettings,
        observer: Observer,
    ) -> Result<(Self, StateReader), StartError> {
        let state = StateStore::open_as(supported_versions, directory, memory, observer)
            .map_err(|source| StartError::State { directory: directory.to_owned(), source })?;
        let applied = state.applied();
        let purged = log.purged().map_err(|source| StartError::log(directory, source))?;
        if !startup_check::log_reaches_state(applied, purged) {
            let reason = "it ends before the log begins".to_owned();
            return Err(StartError::StateLost { directory: directory.to_owned(), reason });
        }
        let reader = state.reader();
        let own_state = Some(state.state());
        let format = Format { supported_versions, version: state.version() };
        let node = Self::start(log, state, format, auth, config(timing), own_state).await?;
        Ok((node, reader))
    }

    /// Starts the router's witness in `directory`: it votes, but campaigns only when told
    /// to.
    pub async fn start_witness(
        directory: &Path,
        auth: &NodeAuth,
        timing: ConsensusSettings,
    ) -> Result<Self, StartError> {
        let log = LogStore::open(&directory.join(LOG_FILE))?;
        Self::start_witness_with_log(log, directory, auth, timing).await
    }

    /// The same with a log that is open already.
    pub async fn start_witness_with_log(
        log: LogStore,
        directory: &Path,
        auth: &NodeAuth,
        timing: ConsensusSettings,
    ) -> Result<Self, StartError> {
        let failed = |source| StartError::Checkpoint { directory: directory.to_owned(), source };
        log.purge_after_checkpoints().map_err(failed)?;
        let witness = WitnessStore::open(log.clone()).map_err(failed)?;
        let config = Config { enable_elect: false, ..config(timing) };
        // A witness does not decode commands, so it need not know which version the cluster has
        // agreed on.
        let (_, version) = watch::channel(Version::default());
        let format = Format { supported_versions: SupportedVersions::of_this_program(), version };
        Self::start(log, witness, format, auth, config, None).await
    }

    async fn start(
        log: LogStore,
        state_machine: impl RaftStateMachine<Consensus>,
        format: Format,
        auth: &NodeAuth,
        config: Config,
        state: Option<State>,
    ) -> Result<Self, StartError> {
        let peers = Peers::new(log.clone(), auth);
        let leader_lease = LeaderLease::new(Duration::from_millis(config.election_timeout_max));
        let cluster = log.cluster_id().map_err(|error| StartError::Consensus(error.to_string()))?;
        if let Some(cluster) = cluster {
            peers.set_cluster(cluster);
        }
        let leader_timeout = Duration::from_millis(config.election_timeout_min);
        let raft =
            Raft::new(log.node_id(), Arc::new(config), peers.clone(), log.clone(), state_machine)
                .await
                .map_err(|error| StartError::Consensus(error.to_string()))?;
        let tasks = Tasks::default();
        tasks.spawn(check_quorum::run(&raft, peers.clone(), leader_timeout));
        let cluster = watch::Sender::new(cluster);
        let joining = Mutex::default();
        let inner = Inner {
            raft,
            log,
            peers,
            leader_lease,
            cluster,
            joining,
            state,
            stall: StallDetector::default(),
            format,
            failure: watch::Sender::new(None),
            tasks,
            leader_contact: parking_lot::Mutex::default(),
            voter_config: parking_lot::Mutex::default(),
            leader_timeout,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// This node's id.
    pub fn id(&self) -> NodeId {
        self.inner.log.node_id()
    }

    /// The consensus itself.
    pub fn raft(&self) -> &Raft {
        &self.inner.raft
    }

    /// Its log.
    pub(super) fn log(&self) -> &LogStore {
        &self.inner.log
    }

    /// The other nodes.
    pub fn peers(&self) -> &Peers {
        &self.inner.peers
    }

    /// Whether a leader has been heard recently.
    pub fn leader_lease(&self) -> &LeaderLease {
        &self.inner.leader_lease
    }

    /// The version of the first information about itself that this node gives after it was
    /// started.
    pub fn first_address_version(&self) -> u64 {
        first_address_version(self.inner.log.starts())
    }

    /// The state; none for a witness.
    pub fn state(&self) -> Option<State> {
        self.inner.state.clone()
    }

    /// In which slot a snapshot is received; none for a witness.
    pub fn state_slot(&self) -> Option<&Path> {
        self.inner.state.as_ref().map(State::slot)
    }

    /// The cluster this node belongs to.
    pub fn cluster(&self) -> Option<ClusterId> {
        *self.inner.cluster.borrow()
    }

    /// The versions of the format that this node's program speaks.
    pub fn supported_versions(&self) -> SupportedVersions {
        self.inner.format.supported_versions
    }

    /// In which version of the format the cluster writes, as far as this node has applied the log.
    /// For a witness, which applies nothing, always the first version.
    pub fn version(&self) -> watch::Receiver<Version> {
        self.inner.format.version.clone()
    }

    /// Whether this node leads: it was elected, has heard of no later leader, and a quorum has
    /// answered it recently.
    pub fn leads(&self) -> bool {
        self.was_elected() && !self.is_cut_off()
    }

    /// Whether it would lead if a quorum answered. To wait for a change of this, also wait for
    /// [`cut_off`](Peers::cut_off).
    fn is_cut_off(&self) -> bool {
        *self.inner.peers.cut_off().borrow()
    }

    fn was_elected(&self) -> bool {
        self.inner.raft.server_metrics().borrow().state == ServerState::Leader
    }

    /// The time with which this node stamps commands when it leads, and by which sessions expire.
    pub fn now(&self) -> UnixMillis {
        self.peers().cluster_time(clock::now())
    }

    /// [`now`](Self::now), for code that needs only the time.
    pub fn clock(&self) -> Clock {
        let node = self.clone();
        Arc::new(move || node.now())
    }

    /// Records that `leader` has been heard.
    pub fn note_leader(&self, leader: NodeId) {
        let heard = LeaderContact { leader, at: Instant::now() };
        *self.inner.leader_contact.lock() = Some(heard);
    }

    /// The last leader that this node has heard, however long ago.
    pub fn leader_contact(&self) -> Option<LeaderContact> {
        *self.inner.leader_contact.lock()
    }

    /// The leader that this node has heard recently, if it does not lead itself.
    pub fn known_leader(&self) -> Option<NodeId> {
        let heard = self.leader_contact();
        let lately = |heard: &LeaderContact| heard.at.elapsed() < self.inner.leader_timeout;
        heard.filter(lately).map(|heard| heard.leader).filter(|_| !self.was_elected())
    }

    /// Whether this node would win an election now, as far as voters answer `within` this time (the
    /// pre-vote of Ongaro, "Consensus: Bridging Theory and Practice", 9.6, but ignoring the lease
    /// of the last leader, which a directed election ends). It does not disturb the other nodes.
    pub async fn pre_vote(&self, within: Duration) -> bool {
        let Ok(Ok(own)) = timeout(within, self.newest_entry()).await else { return false };
        let metrics = self.inner.raft.metrics().borrow().clone();
        let membership = metrics.membership_config.membership();
        let voter_sets = membership.get_joint_config();
        let mut granted = BTreeSet::from([self.id()]);
        let ask = |(node, info): (&NodeId, &NodeInfo)| {
            let (node, info) = (*node, info.clone());
            async move { (node, self.peers().ping(node, &info, within).await) }
        };
        let others = membership.nodes().filter(|(node, _)| **node != self.id());
        let mut answers: FuturesUnordered<_> = others.map(ask).collect();
        loop {
            if quorum::is_majority(voter_sets, |node| granted.contains(&node)) {
                return true;
            }
            match answers.next().await {
                Some((node, Some(sign)))
                    if sign.last_log <= own || planted::is(PlantedFault::VoteForAShorterLog) =>
                {
                    granted.insert(node)
                }
                Some(_) => continue,
                None => return false,
            };
        }
    }

    /// Carries out the router's probe: a [`pre_vote`](Self::pre_vote) within this time, or none if
    /// the time is zero.
    pub async fn answer_probe(&self, asked: ProbeRequest) -> ProbeAnswer {
        let ProbeRequest { number, pre_vote } = asked;
        ProbeAnswer { number, electable: !pre_vote.is_zero() && self.pre_vote(pre_vote).await }
    }

    /// Where the log ends, according to the consensus. It answers only while it is working.
    pub async fn newest_entry(&self) -> Result<Option<LogId>, Stopped> {
        self.inner.raft.with_raft_state(|_| ()).await.map_err(|_fatal| Stopped)?;
        self.inner.log.last_log_id().map_err(|error| {
            self.fail(&error);
            Stopped
        })
    }

    /// The position of the last log entry, according to the consensus: while that waits for a hung
    /// disk, this does not return. None for an empty log, and if the consensus has stopped.
    pub async fn last_log(&self) -> Option<LogId> {
        let last = self.newest_entry().await.ok()?;
        self.inner.stall.wait_until_over(self.inner.log.durable(), last).await;
        last
    }

    /// This node's progress, having seen the router's `probe`. Like [`last_log`](Self::last_log),
    /// it does not return while the consensus waits for a hung disk.
    pub async fn progress(&self, probe: u64) -> Progress {
        let last_log = self.last_log().await;
        let metrics = self.inner.raft.metrics().borrow().clone();
        let elected = metrics.state == ServerState::Leader;
        let cut_off =
            elected && self.is_cut_off() && !planted::is(PlantedFault::MuteLeaderGoesOnReporting);
        let leading = elected && !cut_off;
        let voters: Vec<NodeId> = metrics.membership_config.membership().voter_ids().collect();
        Progress {
            term: metrics.current_term,
            last_log: position(last_log),
            applied: metrics.last_applied.map_or(0, |id| id.index),
            leading,
            cut_off,
            known_leader: self.known_leader(),
            electable: false,
            voter: voters.contains(&self.id()),
            voters,
            cluster: self.cluster(),
            probe,
            voter_config: self.voter_config(&metrics.membership_config),
            clock: clock::now(),
            version: *self.inner.format.version.borrow(),
            cannot_accept: false,
            is_empty: false,
            abandoned_for: None,
            room: Room::default(),
            open_to_all: false,
        }
    }

    /// All voters; the same `Arc` as long as the membership is the same.
    fn voter_config(&self, membership: &StoredMembership) -> Arc<VoterConfig> {
        let mut known = self.inner.voter_config.lock();
        if known.0 != *membership.log_id() {
            *known = (*membership.log_id(), Arc::new(voter_config::of(membership)));
        }
        Arc::clone(&known.1)
    }

    /// Joins `cluster` for good; refused if the node belongs to another cluster.
    pub async fn join(&self, cluster: ClusterId) -> Result<(), JoinError> {
        match self.cluster() {
            Some(own) if own == cluster => return Ok(()),
            Some(own) => return Err(JoinError::WrongCluster { own, other: cluster }),
            None => {}
        }
        let _joining = self.inner.joining.lock().await;
        if let Some(own) = self.cluster() {
            let same = own == cluster;
            return if same {
                Ok(())
            } else {
                Err(JoinError::WrongCluster { own, other: cluster })
            };
        }
        self.inner.log.save_cluster_id(cluster).await.map_err(|error| {
            self.fail(&error);
            JoinError::Disk(error)
        })?;
        self.inner.peers.set_cluster(cluster);
        self.inner.cluster.send_replace(Some(cluster));
        tracing::info!(%cluster, "joined");
        Ok(())
    }

    /// Bootstraps `cluster` with this node, `info`, as its only member. Does nothing if the node
    /// already has a log.
    pub async fn bootstrap(&self, cluster: ClusterId, info: NodeInfo) -> Result<(), JoinError> {
        self.join(cluster).await?;
        let members = BTreeMap::from([(self.id(), info)]);
        if let Err(error) = self.inner.raft.initialize(members).await {
            tracing::debug!(%error, "already founded");
        }
        Ok(())
    }

    /// Campaigns now, as ordered by the router, in a later term than `after_term`.
    pub async fn campaign(&self, after_term: u64) {
        if self.inner.raft.metrics().borrow().current_term < after_term {
            self.acknowledge(Vote::new(after_term, NodeId::new(u64::MAX))).await;
        }
        self.inner.peers.direct_votes();
        if let Err(error) = self.inner.raft.trigger().elect().await {
            tracing::warn!(%error, "cannot campaign");
        }
    }

    /// Takes note of a vote that is higher than its own, which is always safe. openraft has no call
    /// for this, so this is an append that must fail, because its predecessor cannot exist.
    pub async fn acknowledge(&self, vote: Vote) {
        let leader = vote.leader_id();
        let nowhere = CommittedLeaderId::new(leader.term, leader.node_id);
        let request = AppendEntriesRequest {
            vote,
            prev_log_id: Some(LogId::new(nowhere, BEYOND_EVERY_LOG)),
            entries: Vec::new(),
            leader_commit: None,
        };
        // A refusal means that this node knows a higher vote.
        let _refused = self.inner.raft.append_entries(request).await;
    }

    /// Whether this master can have its state again, should it be lost.
    pub fn can_replace_its_state(&self) -> bool {
        startup_check::can_be_replaced(&self.inner.log).unwrap_or_else(|error| {
            self.fail(&error);
            false
        })
    }

    /// Waits until this node cannot continue, for example after a failed write to its disk, and
    /// returns why. Also returns when the node was stopped, so use it only while the node is meant
    /// to run.
    pub async fn broken(&self) -> String {
        let mut failure = self.inner.failure.subscribe();
        let mut metrics = self.inner.raft.metrics();
        tokio::select! {
            biased;
            failed = failure.wait_for(Option::is_some) => {
                failed.ok().and_then(|reason| reason.clone()).unwrap_or_default()
            }
            stopped = metrics.wait_for(|now| now.running_state.is_err()) => {
                match stopped.as_ref().map(|now| &now.running_state) {
                    Ok(Err(fatal)) => fatal.to_string(),
                    _ => "the consensus has ended without giving a reason".to_owned(),
                }
            }
            gone = self.inner.log.durable().writer_lost() => gone.to_string(),
        }
    }

    /// Cancelled when this node stops. Tasks that serve this node to others end with it.
    pub fn ended(&self) -> CancellationToken {
        self.inner.tasks.ending()
    }

    /// The tasks that run for as long as this node.
    pub fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    fn fail(&self, error: &LogError) {
        self.inner.failure.send_replace(Some(error.to_string()));
    }

    /// Stops the consensus, and then all that runs for this node; what was acknowledged is already
    /// on disk.
    pub async fn stop(&self) {
        self.inner.tasks.ending().cancel();
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, "the consensus did not stop cleanly");
        }
        self.inner.tasks.end().await;
        if self.inner.failure.borrow().is_none() {
            self.flush_state().await;
        }
    }

    /// Writes the state to disk, so that the next start need not apply the log again.
    async fn flush_state(&self) {
        let Some(state) = self.inner.state.clone() else { return };
        match thread::run(move || state.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot write the state to disk at the end"),
            Err(error) => tracing::warn!(%error, "the state is not on disk at the end"),
        }
    }
}

fn config(timing: ConsensusSettings) -> Config {
    let millis = |duration: Duration| {
        u64::try_from(duration.as_millis()).expect("settings keep durations small")
    };
    Config {
        cluster_name: "tinysns".to_owned(),
        heartbeat_interval: millis(timing.heartbeat),
        election_timeout_min: millis(timing.election_min),
        election_timeout_max: millis(timing.election_max),
        max_payload_entries: ENTRIES_PER_CALL,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(log_length::checkpoint_every()),
        max_in_snapshot_log_to_keep: log_length::entries_kept(),
        // Below what is kept: a node that is further behind cannot catch up from the log anyway.
        replication_lag_threshold: log_length::entries_kept(),
        purge_batch_size: log_length::purge_batch(),
        ..Config::default()
    }
}
