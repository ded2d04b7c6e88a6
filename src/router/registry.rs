//! The masters that the router knows, and which of them is the available server. Pure.
//!
//! Every input returns effects for the shell to carry out. The available server is the master that
//! leads the consensus; when it is lost, or is about to stop, an election is
//! [directed](super::election) at the most up-to-date of the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    duplicates::{DuplicateResolution, Duplicates},
    election::{Candidate, Cause, Election, Order, ProbeRequest, Voter},
    foreign_masters::{ForeignMaster, ForeignMasters},
    observed_voters::{MissingVoters, ObservedVoters},
    quorum_loss,
};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::{SupportedVersions, Version},
    replication::{cluster_clock, node::Progress, voter_config::VoterConfig},
};

/// How long new masters are given to be joined by others that already belong to a cluster, before
/// the router bootstraps a new one.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a cluster without a leader is given to elect one by itself, if the router did not see
/// its leader die. Counts from the first report of a voter: until then there is nobody to elect,
/// and after a start of the router all masters report at about the same time.
const LEADERLESS: Duration = Duration::from_millis(300);
/// The same if other nodes hear a leader that this router does not know: a master tries to reach
/// the router once a second, and may need as long again to succeed. If it never does, clients that
/// only know the router are better served by another master.
const LEADER_ABSENT: Duration = Duration::from_secs(3);
/// A master that has been down for this long is no longer shown.
const SHOWN_FOR: Duration = Duration::from_mins(10);

/// Masters of other clusters that are remembered, to be listed in the status.
const OTHER_CLUSTERS: usize = 8;

/// One stream from a master.
pub type MasterStreamId = u64;

/// How a master introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Its node's id.
    pub node: NodeId,
    /// Its display name.
    pub name: String,
    /// The cluster that its disk belongs to.
    pub cluster: Option<ClusterId>,
    /// Where clients reach it, host:port.
    pub client_address: String,
    /// Where other nodes reach it, host:port.
    pub peer_address: String,
    /// Its process.
    pub pid: u32,
    /// How often its slave has rebooted it.
    pub reboots: u32,
    /// The display name of its machine or container.
    pub host: String,
    /// The versions of the format that its program speaks.
    pub supported_versions: SupportedVersions,
    /// The version of its addresses: the higher, the newer.
    pub address_version: u64,
    /// Distinguishes the processes of one node.
    pub process: u64,
    /// When its process started, by its own clock.
    pub started: UnixMillis,
    /// The cluster for which its own was abandoned.
    pub abandoned_for: Option<ClusterId>,
}

/// An event that the registry processes.
#[derive(Clone, Debug)]
pub enum Input {
    /// A master opened a stream.
    Hello(MasterStreamId, Hello),
    /// A master reported.
    Progress(MasterStreamId, Progress),
    /// The router's own witness, with this node id, reported.
    WitnessProgress(NodeId, Progress),
    /// The witness cannot continue, for this reason; it works again when it next reports.
    WitnessBroken(String),
    /// A master is about to stop.
    Leaving(MasterStreamId),
    /// A stream ended.
    Lost(MasterStreamId),
    /// Time has passed.
    Tick {
        /// The leader that the router's own witness has heard recently.
        witness_leader: Option<NodeId>,
    },
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell the master to bootstrap this cluster.
    Bootstrap(MasterStreamId, ClusterId),
    /// Ask a node for a report.
    Probe(Voter, ProbeRequest),
    /// Tell a node to campaign.
    Campaign(Voter),
    /// Tell the witness to replace the lost one, which may have voted in terms up to this.
    ReplaceWitness(NodeId, u64),
    /// Reject the master, with a reason for people.
    Reject(MasterStreamId, String),
    /// Let the master wait, with a reason for people.
    Defer(MasterStreamId, String),
    /// Tell the master to abandon its cluster for this one.
    AbandonCluster(MasterStreamId, ClusterId),
    /// Tell the node, whose cluster was abandoned, to become a new one.
    ResetNode(Voter, NodeId),
    /// Close a stream that was replaced by another of the same master.
    Close(MasterStreamId),
    /// The cluster is known from now on.
    AdoptCluster(ClusterId),
    /// The roster or the available server has changed: tell every node and client.
    Publish,
}

/// A master's state, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It serves all clients.
    Available,
    /// It is alive and votes.
    Standby,
    /// It is alive but does not vote yet.
    CatchingUp,
    /// It does not report.
    Down,
}

/// What is known about one master.
#[derive(Clone, Debug)]
pub struct Master {
    /// As it introduced itself.
    pub hello: Hello,
    /// As it last reported.
    pub progress: Progress,
    /// When it entered its state.
    pub since: UnixMillis,
    /// Its state.
    pub state: State,
    /// How far its clock is ahead of the router's, in milliseconds, not counting travel time.
    pub ahead_ms: i64,
    stream: Option<MasterStreamId>,
    /// Whether it has reported on this stream.
    reported: bool,
    last_report: Instant,
    silent: bool,
    leaving: bool,
}

impl Master {
    /// Whether it is alive, because it reports.
    pub fn lives(&self) -> bool {
        self.stream.is_some() && !self.silent
    }

    /// Its stream, unless that has ended.
    pub fn stream(&self) -> Option<MasterStreamId> {
        self.stream
    }

    /// Whether it is about to stop.
    pub fn leaves(&self) -> bool {
        self.leaving
    }

    fn leads(&self) -> bool {
        self.lives() && self.progress.leading
    }
}

/// What is known about the router's own witness.
struct WitnessRecord {
    node: NodeId,
    /// As it last reported.
    progress: Progress,
    /// Why it cannot continue.
    broken: Option<String>,
}

/// The cluster that was abandoned for the present one.
struct AbandonedCluster {
    cluster: ClusterId,
    /// The witness was its; none where it was broken and had never reported.
    witness: Option<NodeId>,
    /// Its masters that have not been told yet to become new nodes.
    masters: Vec<(MasterStreamId, NodeId)>,
}

/// The registry.
pub struct Registry {
    down_after: Duration,
    cluster: Option<ClusterId>,
    new_cluster: ClusterId,
    bootstrapping: Option<MasterStreamId>,
    version: Option<Version>,
    masters: BTreeMap<NodeId, Master>,
    duplicates: Duplicates,
    foreign_masters: ForeignMasters,
    /// Whether nobody has made anything in the cluster, by its leader's word.
    is_empty: Option<bool>,
    /// For which cluster the leader was told to abandon its own, and on which stream.
    abandonment_order: Option<(MasterStreamId, ClusterId)>,
    abandoned: Option<AbandonedCluster>,
    witness: Option<WitnessRecord>,
    /// The leader that the witness has heard recently.
    witness_leader: Option<NodeId>,
    available: Option<NodeId>,
    /// Who votes, according to the last leader.
    voters: Vec<NodeId>,
    /// Who votes, according to the longest log.
    observed_voters: ObservedVoters,
    /// The newest membership that any master knows.
    voter_config: Arc<VoterConfig>,
    /// Which nodes are missing and what to do, and since when.
    quorum_loss: Option<(Instant, String)>,
    /// Whether that has lasted long enough to be reported.
    quorum_loss_lasts: bool,
    /// The witness that was last told to replace a lost one.
    replacing_witness: Option<NodeId>,
    election: Election,
    leaderless_since: Option<Instant>,
    newcomer_at: Instant,
    last_tick: Instant,
    /// The last masters of other clusters that were rejected.
    other_clusters: BTreeMap<String, ClusterId>,
}

impl Registry {
    /// An empty registry of `cluster`, or of none yet; if one has to be bootstrapped, it gets the
    /// random id `new_cluster`.
    pub fn new(
        cluster: Option<ClusterId>,
        new_cluster: ClusterId,
        down_after: Duration,
        now: Instant,
    ) -> Self {
        Self {
            down_after,
            cluster,
            new_cluster,
            bootstrapping: None,
            version: None,
            masters: BTreeMap::new(),
            duplicates: Duplicates::default(),
            foreign_masters: ForeignMasters::default(),
            is_empty: None,
            abandonment_order: None,
            abandoned: None,
            witness: None,
            witness_leader: None,
            available: None,
            voters: Vec::new(),
            observed_voters: ObservedVoters::default(),
            voter_config: Arc::default(),
            quorum_loss: None,
            quorum_loss_lasts: false,
            replacing_witness: None,
            election: Election::default(),
            leaderless_since: None,
            newcomer_at: now,
            last_tick: now,
            other_clusters: BTreeMap::new(),
        }
    }

    /// The cluster, once it is known.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster
    }

    /// In which version of the format the cluster writes, once a leader has reported it.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Every master that is shown, by id.
    pub fn masters(&self) -> &BTreeMap<NodeId, Master> {
        &self.masters
    }

    /// The router's own witness, once it has reported, and whether it works.
    pub fn witness(&self) -> Option<(NodeId, bool)> {
        self.witness.as_ref().map(|witness| (witness.node, witness.broken.is_none()))
    }

    /// Which nodes are missing and what to do, if too few are up for a leader.
    pub fn quorum_loss(&self) -> Option<&str> {
        let (_, missing) = self.quorum_loss.as_ref().filter(|_| self.quorum_loss_lasts)?;
        Some(missing)
    }

    /// What is wrong and does not repair itself, and what to do about it, in words for people.
    pub fn problems(&self) -> Vec<String> {
        let broken = self.witness.as_ref().and_then(|witness| witness.broken.as_ref());
        let witness = broken.map(|reason| {
            format!(
                "the router's witness does not work: {reason}; it starts again by itself as soon as its disk accepts data"
            )
        });
        let missing = self.missing().map(|MissingVoters { count, nodes }| {
            let name = |node: &NodeId| match self.masters.get(node) {
                Some(master) => master.hello.name.clone(),
                None => format!("node {node}"),
            };
            let names: Vec<String> = nodes.iter().map(name).collect();
            let names = names.join(", ");
            format!("no quorum: {count} of these must come back, with its data: {names}")
        });
        // If it has lasted, the longer message is used.
        let quorum_loss = self.quorum_loss().map(str::to_owned).or(missing);
        let other_clusters = self.cluster.into_iter().flat_map(|own| {
            self.other_clusters.iter().map(move |(name, other)| other_cluster(name, own, *other))
        });
        let foreign_masters = self.cluster.into_iter().flat_map(|own| {
            self.foreign_masters
                .iter()
                .map(move |foreign_master| may_be_taken_in(&foreign_master.hello, own))
        });
        let others = other_clusters.chain(foreign_masters);
        quorum_loss.into_iter().chain(witness).chain(others).chain(self.wrong_clocks()).collect()
    }

    /// Which nodes have to come back before any master can serve, if none can.
    pub fn missing(&self) -> Option<MissingVoters> {
        let lives = |node| self.masters.get(&node).is_some_and(Master::lives);
        let is_there = |node| lives(node) || self.witness() == Some((node, true));
        if self.available.is_some() { None } else { self.observed_voters.missing(is_there) }
    }

    fn wrong_clocks(&self) -> impl Iterator<Item = String> {
        let median_ms = self.median_ahead_ms();
        let living = self.masters.values().filter(|master| master.lives());
        living.filter_map(move |Master { hello, ahead_ms, .. }| {
            let ahead_ms = ahead_ms.saturating_sub(median_ms);
            let by_ms = ahead_ms.unsigned_abs();
            let way = if ahead_ms > 0 { "ahead of" } else { "behind" };
            let by = humantime::format_duration(Duration::from_secs(by_ms / 1_000));
            let name = &hello.name;
            let words = || format!("the clock of {name} is {by} {way} the others': put it right");
            (by_ms >= cluster_clock::MAX_SKEW_MS.unsigned_abs()).then(words)
        })
    }

    /// The available server.
    pub fn available(&self) -> Option<&Master> {
        self.masters.get(&self.available?)
    }

    /// How far the median clock is ahead of the router's, in milliseconds.
    pub fn median_ahead_ms(&self) -> i64 {
        let living = self.masters.values().filter(|master| master.lives());
        let clocks = living.map(|master| master.ahead_ms).chain([0]).collect();
        cluster_clock::median(clocks).expect("the router has a clock")
    }

    /// When the next [`Input::Tick`] is due at the latest.
    pub fn next_tick(&self) -> Instant {
        let regular = self.last_tick + self.down_after / 10;
        self.election.deadline().map_or(regular, |deadline| deadline.min(regular))
    }

    /// Processes one input at the time `now`; `wall` is the time of day, for people.
    pub fn step(&mut self, input: Input, now: Instant, wall: UnixMillis) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Hello(stream, hello) => self.on_hello(stream, hello, now, wall, &mut effects),
            Input::Progress(stream, progress) => {
                self.on_progress(stream, progress, now, wall, &mut effects);
            }
            Input::WitnessProgress(node, progress) => {
                self.on_witness_progress(node, progress, &mut effects);
            }
            Input::WitnessBroken(reason) => {
                if let Some(witness) = &mut self.witness {
                    witness.broken = Some(reason);
                    witness.progress = Progress::default();
                }
                effects.push(Effect::Publish);
            }
            Input::Leaving(stream) => {
                if let Some(master) = self.master_by_stream(stream) {
                    master.leaving = true;
                    effects.push(Effect::Publish);
                }
            }
            Input::Lost(stream) => {
                if let Some(master) = self.master_by_stream(stream) {
                    master.stream = None;
                    master.progress.leading = false;
                    master.progress.cut_off = false;
                }
                self.duplicates.remove(stream);
                self.foreign_masters.remove(stream);
                if let Some(abandoned) = &mut self.abandoned {
                    abandoned.masters.retain(|(told, _)| *told != stream);
                }
                if self.bootstrapping.take_if(|bootstrapping| *bootstrapping == stream).is_some() {
                    // It may have bootstrapped the cluster, and come back to say so.
                    self.newcomer_at = now;
                }
            }
            Input::Tick { witness_leader } => {
                self.witness_leader = witness_leader;
                self.on_tick(now);
            }
        }
        self.register_replacements(now, wall, &mut effects);
        self.bootstrap(now, &mut effects);
        self.choose_available(now, &mut effects);
        self.abandon_cluster(&mut effects);
        self.replace_witness(now, &mut effects);
        self.note_quorum_loss(now, &mut effects);
        self.update_states(wall, &mut effects);
        effects
    }

    fn master_by_stream(&mut self, stream: MasterStreamId) -> Option<&mut Master> {
        self.masters.values_mut().find(|master| master.stream == Some(stream))
    }

    fn on_hello(
        &mut self,
        stream: MasterStreamId,
        hello: Hello,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        match (self.cluster, hello.cluster) {
            (Some(own), Some(other)) if own != other => {
                self.on_foreign_master(stream, hello, own, other, effects);
                return;
            }
            (None, Some(cluster)) => {
                self.adopt_cluster(hello.abandoned_for.unwrap_or(cluster), effects);
            }
            _ => {}
        }
        if let Some(reason) = self.version.and_then(|version| too_old(&hello, version)) {
            effects.push(Effect::Reject(stream, reason));
            return;
        }
        match self.masters.get(&hello.node) {
            Some(master) if master.lives() && master.hello.process != hello.process => {
                self.duplicates.add(stream, hello, now);
            }
            _ => self.register(stream, hello, now, wall, effects),
        }
    }

    /// A master of another cluster has come: it may not be clear yet which of the clusters goes on.
    fn on_foreign_master(
        &mut self,
        stream: MasterStreamId,
        hello: Hello,
        own: ClusterId,
        other: ClusterId,
        effects: &mut Vec<Effect>,
    ) {
        let was_abandoned = self.abandoned.as_ref().is_some_and(|before| before.cluster == other);
        if was_abandoned || hello.abandoned_for == Some(own) {
            self.reset_node(stream, hello.node, effects);
        } else if self.is_empty == Some(false) {
            self.reject_foreign_master(stream, hello.name, own, other, effects);
        } else {
            effects.push(Effect::Defer(stream, may_be_taken_in(&hello, own)));
            self.foreign_masters.insert(stream, hello);
        }
    }

    fn reject_foreign_master(
        &mut self,
        stream: MasterStreamId,
        name: String,
        own: ClusterId,
        other: ClusterId,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(reject_other_cluster(stream, &name, own, other));
        self.other_clusters.insert(name, other);
        if self.other_clusters.len() > OTHER_CLUSTERS {
            self.other_clusters.pop_first();
        }
    }

    /// Tells a master whose cluster was abandoned to become a new node, but not before the witness
    /// has: a router that restarts must not return to that cluster.
    fn reset_node(&mut self, stream: MasterStreamId, node: NodeId, effects: &mut Vec<Effect>) {
        match &mut self.abandoned {
            Some(AbandonedCluster { witness: Some(_), masters, .. }) => {
                masters.push((stream, node));
            }
            _ => effects.push(Effect::ResetNode(Voter::Master(stream), node)),
        }
    }

    /// Gives the cluster up for an older one if nobody has made anything in it; otherwise turns the
    /// masters of the older one away.
    fn abandon_cluster(&mut self, effects: &mut Vec<Effect>) {
        let (Some(own), Some(is_empty)) = (self.cluster, self.is_empty) else { return };
        if !is_empty {
            for (stream, ForeignMaster { hello, .. }) in self.foreign_masters.take(|_| true) {
                let other = hello.cluster.expect("a foreign master has a cluster");
                self.reject_foreign_master(stream, hello.name, own, other, effects);
            }
            return;
        }
        let leader = self.available().and_then(Master::stream);
        let witness = self.witness.as_ref().map(|witness| witness.node);
        let (Some(leader), Some(better)) =
            (leader, self.foreign_masters.preferred_cluster(witness))
        else {
            return;
        };
        if self.abandonment_order != Some((leader, better)) {
            self.abandonment_order = Some((leader, better));
            effects.push(Effect::AbandonCluster(leader, better));
        }
    }

    /// The cluster was abandoned for `better`: all of its nodes become new ones, and the masters of
    /// `better` are admitted.
    fn change_cluster(
        &mut self,
        better: ClusterId,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.cluster else { return };
        tracing::warn!(%cluster, %better, "the cluster, which is empty, was abandoned for an older one");
        let fresh = Self::new(Some(better), self.new_cluster, self.down_after, now);
        let before = std::mem::replace(self, fresh);
        let witness = before.witness.map(|witness| witness.node);
        let masters = before.masters.into_iter();
        self.abandoned = Some(AbandonedCluster {
            cluster,
            witness,
            masters: masters.filter_map(|(node, master)| Some((master.stream?, node))).collect(),
        });
        if let Some(witness) = witness {
            effects.push(Effect::ResetNode(Voter::Witness, witness));
        }
        effects.push(Effect::Publish);
        self.foreign_masters = before.foreign_masters;
        let taken_in = self
            .foreign_masters
            .take(|foreign_master| foreign_master.hello.cluster == Some(better));
        for (stream, ForeignMaster { hello, progress }) in taken_in {
            self.on_hello(stream, hello, now, wall, effects);
            if let Some(progress) = progress {
                self.on_progress(stream, progress, now, wall, effects);
            }
        }
    }

    /// Another process of a known node replaces the previous one, if that is lost.
    fn register_replacements(&mut self, now: Instant, wall: UnixMillis, effects: &mut Vec<Effect>) {
        let masters = &self.masters;
        let is_lost = |node| !masters.get(&node).is_some_and(Master::lives);
        for (stream, hello) in self.duplicates.take_replacements(is_lost) {
            self.register(stream, hello, now, wall, effects);
        }
    }

    fn register(
        &mut self,
        stream: MasterStreamId,
        hello: Hello,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        tracing::info!(master = %hello.name, address = %hello.client_address, "reports");
        self.masters.retain(|node, master| {
            *node == hello.node || master.lives() || master.hello.name != hello.name
        });
        if let Some(Master { stream: Some(replaced), .. }) = self.masters.get(&hello.node) {
            effects.push(Effect::Close(*replaced));
        }
        self.other_clusters.remove(&hello.name);
        self.newcomer_at = now;
        self.election.retry_soon(now);
        let master = Master {
            progress: Progress::default(),
            since: wall,
            state: State::CatchingUp,
            ahead_ms: 0,
            stream: Some(stream),
            reported: false,
            last_report: now,
            silent: false,
            leaving: false,
            hello,
        };
        self.masters.insert(master.hello.node, master);
        effects.push(Effect::Publish);
    }

    fn on_progress(
        &mut self,
        stream: MasterStreamId,
        progress: Progress,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(progress) = self.foreign_masters.report(stream, progress) else { return };
        let (own, reported) = (self.cluster, progress.cluster);
        self.resolve_duplicates(stream, now, effects);
        let Some(master) = self.master_by_stream(stream) else { return };
        master.last_report = now;
        master.silent = false;
        if progress.clock != UnixMillis::EPOCH {
            master.ahead_ms = progress.clock.saturating_ms_since(wall);
        }
        master.reported = true;
        let (node, probe, votes) = (master.hello.node, progress.probe, progress.voter);
        match (own, reported) {
            (Some(own), _) if progress.abandoned_for.is_some_and(|better| better != own) => {
                let better = progress.abandoned_for.expect("asked just now");
                self.change_cluster(better, now, wall, effects);
                return;
            }
            (Some(own), Some(other)) if own != other => {
                // It bootstrapped one after its stream had broken, when another master had been
                // told to.
                effects.push(reject_other_cluster(stream, &master.hello.name, own, other));
                self.masters.remove(&node);
                return;
            }
            _ => {
                if progress.voter_config.index >= self.voter_config.index {
                    self.voter_config.clone_from(&progress.voter_config);
                }
                // Looked up again, because the borrow has ended.
                if let Some(master) = self.master_by_stream(stream) {
                    master.progress = progress;
                }
            }
        }
        self.observed_voters.observe(&self.masters[&node].progress);
        if votes {
            self.election.answered(node, probe);
        }
        if self.masters[&node].progress.leading {
            self.is_empty = Some(self.masters[&node].progress.is_empty);
        }
        self.note_version(node, effects);
        if let (None, Some(cluster)) = (own, reported) {
            self.adopt_cluster(cluster, effects);
        }
    }

    /// `stream` has reported: either it has a duplicate that waits, or it is itself the later one.
    fn resolve_duplicates(
        &mut self,
        stream: MasterStreamId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(master) = self.masters.values_mut().find(|m| m.stream == Some(stream)) else {
            return;
        };
        match self.duplicates.resolve(&master.hello, now, self.down_after / 2) {
            None => {}
            Some(DuplicateResolution::RejectSecond(duplicate, reason)) => {
                effects.push(Effect::Reject(duplicate, reason));
            }
            Some(DuplicateResolution::RejectFirst(reason)) => {
                effects.push(Effect::Reject(stream, reason));
                // Leaves its place to the other.
                master.stream = None;
                master.progress.leading = false;
            }
        }
    }

    fn on_witness_progress(&mut self, node: NodeId, progress: Progress, effects: &mut Vec<Effect>) {
        if let Some(abandoned) = &mut self.abandoned {
            if abandoned.witness == Some(node) {
                // It was broken when it was told.
                effects.push(Effect::ResetNode(Voter::Witness, node));
                return;
            }
            abandoned.witness = None;
            let told = std::mem::take(&mut abandoned.masters);
            effects.extend(
                told.into_iter()
                    .map(|(stream, node)| Effect::ResetNode(Voter::Master(stream), node)),
            );
        }
        self.election.answered(node, progress.probe);
        self.observed_voters.observe(&progress);
        if progress.leading && progress.applied == progress.last_log.1 {
            self.election.handed_over();
        }
        if let (None, Some(cluster)) = (progress.cluster, self.cluster) {
            // It was broken when the cluster became known, or it is new.
            effects.push(Effect::AdoptCluster(cluster));
        }
        let known = self.witness.as_ref();
        if known.is_none_or(|known| known.node != node || known.broken.is_some()) {
            effects.push(Effect::Publish);
        }
        self.witness = Some(WitnessRecord { node, progress, broken: None });
    }

    /// Learns from a leader in which version of the format the cluster writes, and turns away
    /// masters that came before this was known and do not speak it.
    fn note_version(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        let leader = self.masters.get(&node).filter(|master| master.progress.leading);
        let Some(version) = leader.map(|leader| leader.progress.version) else { return };
        if self.version.is_some_and(|known| known >= version) {
            return;
        }
        self.version = Some(version);
        self.masters.retain(|_, master| {
            let reason = too_old(&master.hello, version);
            let (Some(reason), Some(stream)) = (reason, master.stream) else { return true };
            effects.push(Effect::Reject(stream, reason));
            false
        });
    }

    fn adopt_cluster(&mut self, cluster: ClusterId, effects: &mut Vec<Effect>) {
        self.cluster = Some(cluster);
        self.bootstrapping = None;
        effects.push(Effect::AdoptCluster(cluster));
    }

    fn on_tick(&mut self, now: Instant) {
        // After a pause of this process (stopped, or the machine asleep), silence does not count.
        let paused = now - self.last_tick > self.down_after / 2;
        self.last_tick = now;
        for master in self.masters.values_mut() {
            if paused {
                master.last_report = now;
            } else if now - master.last_report > self.down_after {
                master.silent = true;
            }
        }
        self.masters.retain(|_, master| master.lives() || now - master.last_report < SHOWN_FOR);
    }

    /// Bootstraps a cluster if there is none and no node knows of one.
    fn bootstrap(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.cluster.is_some() || self.bootstrapping.is_some() || now - self.newcomer_at < SETTLE
        {
            return;
        }
        let first = self.masters.values().filter(|m| m.lives()).min_by_key(|m| &m.hello.name);
        if let Some(stream) = first.and_then(|master| master.stream) {
            self.bootstrapping = Some(stream);
            effects.push(Effect::Bootstrap(stream, self.new_cluster));
            self.new_cluster = self.new_cluster.next();
        }
    }

    /// Decides which master is available, and directs an election if none is.
    fn choose_available(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let leader = self
            .masters
            .values()
            .filter(|master| master.leads())
            .max_by_key(|master| master.progress.term)
            .map(|master| (master.hello.node, master.leaving, &master.progress.voters));
        let last = self.available.map(|node| self.masters.get(&node));
        let lost = last.is_some_and(|last| !last.is_some_and(Master::lives));
        let cut_off = last.flatten().is_some_and(|last| last.progress.cut_off);
        let before = std::mem::replace(&mut self.available, leader.map(|(node, ..)| node));
        if before != self.available {
            effects.push(Effect::Publish);
        }
        if let Some((.., voters)) = leader {
            self.voters.clone_from(voters);
        }
        let leaves = leader.map(|(_, leaving, _)| leaving);
        match leaves {
            Some(false) => {
                self.leaderless_since = None;
                self.election.end();
                return;
            }
            Some(true) => self.election.begin(Cause::Gone),
            None if lost => self.election.begin(Cause::Gone),
            None if cut_off => self.election.begin(Cause::Unclear),
            None if self.is_leaderless(now) => self.election.begin(Cause::Unclear),
            None => {}
        }
        let mut candidates = self.candidates();
        if leaves.is_none() {
            candidates.extend(self.witness_as_candidate());
        }
        // Before the first leader, the voters are unknown.
        let majority = if self.voters.is_empty() { usize::MAX } else { self.voters.len() / 2 + 1 };
        for order in self.election.advance(now, &candidates, majority) {
            effects.push(match order {
                Order::Probe(voter, question) => Effect::Probe(voter, question),
                Order::Campaign(voter) => Effect::Campaign(voter),
            });
        }
    }

    /// Lets a new witness replace a lost one, if that is all that is missing.
    fn replace_witness(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Some(WitnessRecord { node, progress, broken: None }) = &self.witness else { return };
        let is_new = progress.last_log == (0, 0) && progress.voter_config.index == 0;
        let lasts = self.leaderless_since.is_some_and(|since| now - since >= LEADERLESS);
        if !is_new || !lasts || self.replacing_witness == Some(*node) {
            return;
        }
        let living = || self.masters.iter().filter(|(_, master)| master.lives());
        let reports: Vec<(NodeId, &VoterConfig)> =
            living().map(|(node, master)| (*node, &*master.progress.voter_config)).collect();
        if let Some(lost) = quorum_loss::replaceable_witness(Some(*node), &reports) {
            let term = living().map(|(_, master)| master.progress.term).max().unwrap_or(0);
            self.replacing_witness = Some(*node);
            effects.push(Effect::ReplaceWitness(lost, term));
        }
    }

    /// Reports which nodes are missing, once this has lasted: in a restart of everything, they come
    /// back one by one.
    fn note_quorum_loss(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let masters = self.masters.iter().filter(|(_, master)| master.lives());
        let witness = self.witness.iter().filter(|witness| witness.broken.is_none());
        let here: BTreeSet<NodeId> =
            masters.map(|(node, _)| *node).chain(witness.map(|witness| witness.node)).collect();
        let missing = match self.available {
            Some(_) => None,
            None => quorum_loss::describe(&self.voter_config, &here),
        };
        let before = self.quorum_loss().map(str::to_owned);
        let since = self.quorum_loss.take().map_or(now, |(since, _)| since);
        self.quorum_loss = missing.map(|missing| (since, missing));
        self.quorum_loss_lasts = self.quorum_loss.is_some() && now - since >= SETTLE;
        let after = self.quorum_loss();
        if before.as_deref() != after {
            if let Some(missing) = after {
                tracing::warn!("{missing}");
            } else {
                tracing::info!("there is a quorum again");
            }
            effects.push(Effect::Publish);
        }
    }

    /// Whether there has been no leader for so long that none is to be expected.
    fn is_leaderless(&mut self, now: Instant) -> bool {
        let has_reported = |master: &Master| master.reported && master.lives();
        let is_voter = |master: &Master| has_reported(master) && master.progress.voter;
        if !self.masters.values().any(is_voter) {
            self.leaderless_since = None;
            return false;
        }
        let since = *self.leaderless_since.get_or_insert(now);
        let is_absent = |leader: NodeId| {
            let is_witness = self.witness.as_ref().is_some_and(|witness| witness.node == leader);
            !is_witness && !self.masters.get(&leader).is_some_and(has_reported)
        };
        let masters = self.masters.values().filter(|master| has_reported(master));
        let mut leaders =
            masters.filter_map(|master| master.progress.known_leader).chain(self.witness_leader);
        now - since >= if leaders.any(is_absent) { LEADER_ABSENT } else { LEADERLESS }
    }

    fn witness_as_candidate(&self) -> Option<Candidate> {
        let WitnessRecord { node, progress, broken } = self.witness.as_ref()?;
        let eligible = broken.is_none() && progress.voter && !progress.leading;
        let Progress { last_log, electable, .. } = *progress;
        eligible.then_some(Candidate { node: *node, voter: Voter::Witness, last_log, electable })
    }

    /// The masters that may campaign; one that is cut off still believes that it leads. Whether
    /// they vote, according to their last report, may be a moment old, and the last leader may know
    /// better; once they have been asked, only their own answers count.
    fn candidates(&self) -> Vec<Candidate> {
        let votes =
            |master: &Master| master.progress.voter || self.voters.contains(&master.hello.node);
        let eligible = |master: &&Master| {
            let leads = master.progress.leading || master.progress.cut_off;
            master.lives() && votes(master) && !master.leaving && !leads
        };
        let candidate = |master: &Master| {
            Some(Candidate {
                node: master.hello.node,
                voter: Voter::Master(master.stream?),
                last_log: master.progress.last_log,
                electable: master.progress.electable,
            })
        };
        self.masters.values().filter(eligible).filter_map(candidate).collect()
    }

    /// Updates the state in which each master is shown.
    fn update_states(&mut self, wall: UnixMillis, effects: &mut Vec<Effect>) {
        let available = self.available;
        let voters = self.available().map(|leader| leader.progress.voters.clone());
        for (node, master) in &mut self.masters {
            let votes = match &voters {
                Some(voters) => voters.contains(node),
                // A master that was away may not know yet that it has lost its vote.
                None => self.observed_voters.votes(*node).unwrap_or(master.progress.voter),
            };
            let state = if !master.lives() {
                State::Down
            } else if available == Some(*node) {
                State::Available
            } else if votes {
                State::Standby
            } else {
                State::CatchingUp
            };
            if state != master.state {
                tracing::info!(master = %master.hello.name, ?state, "now");
                if State::Down == state || State::Down == master.state {
                    effects.push(Effect::Publish);
                }
                master.state = state;
                master.since = wall;
            }
        }
    }
}

/// Why a master cannot be a member of a cluster that writes in `version`.
fn too_old(hello: &Hello, version: Version) -> Option<String> {
    hello.supported_versions.refusal(&hello.name, version)
}

fn reject_other_cluster(
    stream: MasterStreamId,
    name: &str,
    own: ClusterId,
    other: ClusterId,
) -> Effect {
    Effect::Reject(stream, other_cluster(name, own, other))
}

/// The message about a master of another cluster that may go on instead of this one.
fn may_be_taken_in(Hello { name, cluster, .. }: &Hello, own: ClusterId) -> String {
    let other = cluster.map_or_else(String::new, |cluster| cluster.to_string());
    format!(
        "{name} belongs to cluster {other}, but this router to cluster {own}, which is abandoned if it is empty and enough masters of {other} are here to elect a leader: start its other masters too"
    )
}

/// The message about a master of another cluster. It may be the original cluster of this network:
/// the younger one was bootstrapped if a new master was the first to report to a router without its
/// disk.
fn other_cluster(name: &str, own: ClusterId, other: ClusterId) -> String {
    format!(
        "{name} belongs to cluster {other}, but this router to cluster {own}: give each cluster a router and data directories of its own; or, if {own} was bootstrapped by mistake after the router had lost its disk, stop everything, remove the router's data directory and the slots of the masters of {own}, and start the other masters first"
    )
}
