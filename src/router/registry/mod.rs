//! The masters that the router knows, and which of them is the available server. Pure.
//!
//! Every input returns effects for the shell to carry out. The available server is the master that
//! leads the consensus; when it is lost, or is about to stop, an election is
//! [directed](super::election) at the most up-to-date of the others.
//!
//! This file has the state and its [`step`](Registry::step); then, in reading order:
//!
//! - [`master`]: what is known about one master
//! - `admission`: who is taken in, and who bootstraps
//! - `reports`: what masters and the witness report
//! - `silence`: how long a master may be silent
//! - `availability`: who is available, and whom to elect
//! - [`abandonment`]: masters of other clusters
//!
//! What the state comes to, for clients, nodes and people, is in
//! [`presentation`](super::presentation).
//!
//! **Invariants**, which hold after every step, whatever is reported (`check_invariants`):
//!
//! 1. *One master a stream*: no stream belongs to two masters, nor to a master and to one that waits.
//! 2. *The available server leads*: it is a living master that says it leads, in the newest term of
//!    those that do.
//! 3. *Who is reset is no member*: a master that is told to become a new node is not in the registry.
//!
//! What masters say of themselves is believed, but never relied upon: terms may even go back.

pub mod abandonment;
mod admission;
mod availability;
pub mod master;
mod reports;
mod silence;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use self::{abandonment::Abandonment, master::WitnessRecord, silence::Heard};
pub use self::{
    master::{Master, State},
    silence::Silence,
};
use super::{
    duplicates::Duplicates,
    election::{Election, Voter},
    foreign_masters::ForeignMaster,
    observed_voters::ObservedVoters,
};
use crate::{
    control::{Hello, ProbeRequest, Progress, VoterConfig, directive::LostWitness},
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::Version,
    replication::{cluster_clock, node::LeaderContact},
};

/// A master that has been down for this long is no longer shown.
const SHOWN_FOR: Duration = Duration::from_mins(10);

/// One stream from a master.
pub type MasterStreamId = u64;

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
        /// The leader that it has heard last, and when.
        leader_contact: Option<LeaderContact>,
    },
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell the master to bootstrap this cluster.
    Bootstrap(MasterStreamId, ClusterId),
    /// Ask a node for a report.
    Probe(Voter, ProbeRequest),
    /// Tell a node to campaign, in a later term than this.
    Campaign(Voter, u64),
    /// Tell the witness to replace the lost one.
    ReplaceWitness(LostWitness),
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

/// The registry.
pub struct Registry {
    silence: Silence,
    cluster: Option<ClusterId>,
    new_cluster: ClusterId,
    bootstrapping: Option<MasterStreamId>,
    version: Option<Version>,
    masters: BTreeMap<NodeId, Master>,
    duplicates: Duplicates,
    abandonment: Abandonment,
    witness: Option<WitnessRecord>,
    /// The leader that the witness has heard recently.
    witness_leader: Option<NodeId>,
    /// The leader that it has heard last, and when.
    leader_contact: Option<LeaderContact>,
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
    /// The last input, and when this process last woke up from a pause.
    last_step: Instant,
    /// When this process, after a pause of any length, could hear anybody again.
    listening_since: Instant,
    awake_since: Option<Instant>,
}

impl Registry {
    /// An empty registry of `cluster`, or of none yet; if one has to be bootstrapped, it gets the
    /// random id `new_cluster`.
    pub fn new(
        cluster: Option<ClusterId>,
        new_cluster: ClusterId,
        silence: Silence,
        now: Instant,
    ) -> Self {
        Self {
            silence,
            cluster,
            new_cluster,
            bootstrapping: None,
            version: None,
            masters: BTreeMap::new(),
            duplicates: Duplicates::default(),
            abandonment: Abandonment::default(),
            witness: None,
            witness_leader: None,
            leader_contact: None,
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
            last_step: now,
            listening_since: now,
            awake_since: None,
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

    /// Why the router's own witness cannot continue, if so.
    pub fn broken_witness(&self) -> Option<&str> {
        self.witness.as_ref()?.broken.as_deref()
    }

    /// The last masters of other clusters that were rejected, by name.
    pub fn other_clusters(&self) -> impl Iterator<Item = (&String, &ClusterId)> {
        self.abandonment.rejected()
    }

    /// The masters of other clusters that wait.
    pub fn foreign_masters(&self) -> impl Iterator<Item = &ForeignMaster> {
        self.abandonment.foreign_masters()
    }

    /// Which nodes are missing and what to do, if too few are up for a leader.
    pub fn quorum_loss(&self) -> Option<&str> {
        let (_, missing) = self.quorum_loss.as_ref().filter(|_| self.quorum_loss_lasts)?;
        Some(missing)
    }

    /// The available server.
    pub fn available(&self) -> Option<&Master> {
        self.masters.get(&self.available?)
    }

    /// The master that was told to campaign, if none is available.
    pub fn candidate(&self) -> Option<&Master> {
        let candidate = self.election.candidate().filter(|_| self.available.is_none())?;
        self.masters.get(&candidate)
    }

    /// How far the median clock is ahead of the router's, in milliseconds.
    pub fn median_ahead_ms(&self) -> i64 {
        let living = self.masters.values().filter(|master| master.lives());
        let clocks = living.map(|master| master.ahead_ms).chain([0]).collect();
        cluster_clock::median(clocks).expect("the router has a clock")
    }

    /// When the next [`Input::Tick`] is due at the latest.
    pub fn next_tick(&self) -> Instant {
        let regular = self.last_tick + self.tick();
        let silent = self.available().and_then(|leader| self.leader_is_silent_at(leader));
        // A tick that was due at once would be due again and again.
        let silent = silent.filter(|at| *at > self.last_tick);
        [silent, self.election.deadline()].into_iter().flatten().fold(regular, Instant::min)
    }

    /// Processes one input at the time `now`; `wall` is the time of day, for people.
    pub fn step(&mut self, input: Input, now: Instant, wall: UnixMillis) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.note_pause(now);
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
                self.abandonment.lost(stream);
                if self.bootstrapping.take_if(|bootstrapping| *bootstrapping == stream).is_some() {
                    // It may have bootstrapped the cluster, and come back to say so.
                    self.newcomer_at = now;
                }
            }
            Input::Tick { witness_leader, leader_contact } => {
                self.witness_leader = witness_leader;
                self.leader_contact = leader_contact;
                self.on_tick(now);
            }
        }
        self.register_replacements(now, wall, &mut effects);
        self.bootstrap(now, &mut effects);
        self.choose_available(now, &mut effects);
        let leader = self.available().and_then(Master::stream);
        let witness = self.witness.as_ref().map(|witness| witness.node);
        self.abandonment.decide(self.cluster, leader, witness, &mut effects);
        self.replace_witness(now, &mut effects);
        self.note_quorum_loss(now, &mut effects);
        self.give_way(now, wall, &mut effects);
        self.update_states(wall, &mut effects);
        self.check_invariants(&effects);
        effects
    }

    /// The invariants at the head of this file.
    fn check_invariants(&self, effects: &[Effect]) {
        if !cfg!(debug_assertions) {
            return;
        }
        let mut streams = BTreeSet::new();
        let reporting = self.masters.values().filter_map(|master| master.stream);
        for stream in reporting.chain(self.duplicates.streams()).chain(self.abandonment.streams()) {
            debug_assert!(streams.insert(stream), "one master a stream: {stream}");
        }
        for (node, master) in &self.masters {
            debug_assert_eq!(*node, master.hello.node, "a master is listed under its node");
        }
        let leaders = self.masters.values().filter(|master| master.leads());
        let newest = leaders.map(|master| master.progress.term).max();
        let available = self.available().filter(|master| master.leads());
        debug_assert_eq!(
            self.available.is_some(),
            newest.is_some(),
            "if any leads, one is available"
        );
        let term = available.map(|master| master.progress.term);
        debug_assert_eq!(term, newest, "the available server leads");
        for effect in effects {
            if let Effect::ResetNode(Voter::Master(stream), node) = effect {
                let is_member = self.masters.values().any(|m| m.stream == Some(*stream));
                debug_assert!(!is_member, "who is reset is no member: {node}");
            }
        }
    }

    fn master_by_stream(&mut self, stream: MasterStreamId) -> Option<&mut Master> {
        self.masters.values_mut().find(|master| master.stream == Some(stream))
    }

    /// After a pause of this process (stopped, or the machine asleep), silence does not count.
    fn note_pause(&mut self, now: Instant) {
        let pause = now - self.last_step;
        self.last_step = now;
        if pause > 2 * self.tick() {
            self.listening_since = now;
        }
        if pause > self.silence.reports() / 2 {
            self.awake_since = Some(now);
            self.masters.values_mut().for_each(|master| master.last_report = now);
        }
    }

    /// Between two regular ticks.
    fn tick(&self) -> Duration {
        self.silence.reports() / 10
    }

    /// When a leader that the witness hears, too, counts as down unless either hears something.
    fn leader_is_silent_at(&self, leader: &Master) -> Option<Instant> {
        let contact = self.leader_contact.filter(|last| last.leader == leader.hello.node)?;
        let (report, entry) = (leader.last_report, contact.at);
        self.silence.ends(Heard { report, entry, listening_since: self.listening_since })
    }

    fn on_tick(&mut self, now: Instant) {
        self.last_tick = now;
        let leader = self.available().filter(|leader| {
            let silent_at = self.leader_is_silent_at(leader);
            silent_at.is_some_and(|silent_at| now >= silent_at)
        });
        let silent_leader = leader.map(|leader| leader.hello.node);
        for (node, master) in &mut self.masters {
            let is_silent = now - master.last_report > self.silence.reports();
            if is_silent || silent_leader == Some(*node) {
                master.silent = true;
            }
        }
        self.masters.retain(|_, master| master.lives() || now - master.last_report < SHOWN_FOR);
    }
}
