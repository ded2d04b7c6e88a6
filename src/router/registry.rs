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
    election::{Candidate, Cause, Election, Order, Question, Voter},
    electorate::{Electorate, Missing},
    rivals::{Rivals, Verdict},
    visitors::{Visitor, Visitors},
    waiting,
};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::{Speaks, Version},
    replication::{clocks, electorate::Electorate as KnownVoters, node::Progress},
};

/// How long new masters are given to be joined by others that already belong to a cluster, before
/// the router founds a new one.
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
const STRANGERS: usize = 8;

/// One stream from a master.
pub type SessionId = u64;

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
    pub speaks: Speaks,
    /// The edition of its addresses: the higher, the newer.
    pub edition: u64,
    /// Distinguishes the processes of one node.
    pub process: u64,
    /// When its process started, by its own clock.
    pub started: UnixMillis,
    /// The cluster for which its own was given up.
    pub gave_way_to: Option<ClusterId>,
}

/// An event that the registry processes.
#[derive(Clone, Debug)]
pub enum Input {
    /// A master opened a stream.
    Hello(SessionId, Hello),
    /// A master reported.
    Progress(SessionId, Progress),
    /// The router's own witness, with this node id, reported.
    Witness(NodeId, Progress),
    /// The witness cannot continue, for this reason; it works again when it next reports.
    WitnessBroken(String),
    /// A master is about to stop.
    Leaving(SessionId),
    /// A stream ended.
    Lost(SessionId),
    /// Time has passed.
    Tick {
        /// The leader that the router's own witness has heard recently.
        witness_hears: Option<NodeId>,
    },
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell the master to found this cluster.
    Found(SessionId, ClusterId),
    /// Ask a node for a report.
    Probe(Voter, Question),
    /// Tell a node to stand for election.
    Stand(Voter),
    /// Tell the witness to replace the lost one, which may have voted in terms up to this.
    Inherit(NodeId, u64),
    /// Turn the master away, with a reason for people.
    Turn(SessionId, String),
    /// Let the master wait, with a reason for people.
    Hold(SessionId, String),
    /// Tell the master to give its cluster up for this one.
    GiveWay(SessionId, ClusterId),
    /// Tell the node, whose cluster was given up, to become a new one.
    BeginAnew(Voter, NodeId),
    /// Close a stream that was replaced by another of the same master.
    Close(SessionId),
    /// The cluster is known from now on.
    Adopt(ClusterId),
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
    session: Option<SessionId>,
    /// Whether it has reported on this stream.
    reported: bool,
    heard: Instant,
    silent: bool,
    leaving: bool,
}

impl Master {
    /// Whether it is alive, because it reports.
    pub fn lives(&self) -> bool {
        self.session.is_some() && !self.silent
    }

    /// Its stream, unless that has ended.
    pub fn session(&self) -> Option<SessionId> {
        self.session
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
struct Witness {
    node: NodeId,
    /// As it last reported.
    progress: Progress,
    /// Why it cannot continue.
    broken: Option<String>,
}

/// The cluster that was given up for the present one.
struct GivenUp {
    cluster: ClusterId,
    /// The witness was its; none where it was broken and had never reported.
    witness: Option<NodeId>,
    /// Masters of it that have not been told to begin anew.
    masters: Vec<(SessionId, NodeId)>,
}

/// The registry.
pub struct Registry {
    down_after: Duration,
    cluster: Option<ClusterId>,
    spare_cluster: ClusterId,
    founder: Option<SessionId>,
    version: Option<Version>,
    masters: BTreeMap<NodeId, Master>,
    rivals: Rivals,
    visitors: Visitors,
    /// Whether nobody has made anything in the cluster, by its leader's word.
    is_empty: Option<bool>,
    /// Whom the leader was told to give way to, and on which stream.
    gives_way: Option<(SessionId, ClusterId)>,
    given_up: Option<GivenUp>,
    witness: Option<Witness>,
    /// The leader that the witness has heard recently.
    witness_hears: Option<NodeId>,
    available: Option<NodeId>,
    /// Who votes, according to the last leader.
    voters: Vec<NodeId>,
    /// Who votes, according to the longest log.
    electorate: Electorate,
    /// The newest membership that any master knows.
    known_voters: Arc<KnownVoters>,
    /// Which nodes are missing and what to do, and since when.
    waiting: Option<(Instant, String)>,
    /// Whether that has lasted long enough to be reported.
    is_waiting: bool,
    /// The witness that was last told to replace a lost one.
    inherited: Option<NodeId>,
    election: Election,
    leaderless_since: Option<Instant>,
    newcomer_at: Instant,
    ticked: Instant,
    /// The last masters of other clusters that were turned away.
    strangers: BTreeMap<String, ClusterId>,
}

impl Registry {
    /// An empty registry of `cluster`, or of none yet; if one has to be founded, it gets the random
    /// id `spare`.
    pub fn new(
        cluster: Option<ClusterId>,
        spare: ClusterId,
        down_after: Duration,
        now: Instant,
    ) -> Self {
        Self {
            down_after,
            cluster,
            spare_cluster: spare,
            founder: None,
            version: None,
            masters: BTreeMap::new(),
            rivals: Rivals::default(),
            visitors: Visitors::default(),
            is_empty: None,
            gives_way: None,
            given_up: None,
            witness: None,
            witness_hears: None,
            available: None,
            voters: Vec::new(),
            electorate: Electorate::default(),
            known_voters: Arc::default(),
            waiting: None,
            is_waiting: false,
            inherited: None,
            election: Election::default(),
            leaderless_since: None,
            newcomer_at: now,
            ticked: now,
            strangers: BTreeMap::new(),
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
    pub fn waiting(&self) -> Option<&str> {
        let (_, missing) = self.waiting.as_ref().filter(|_| self.is_waiting)?;
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
        let missing = self.missing().map(|Missing { count, nodes }| {
            let name = |node: &NodeId| match self.masters.get(node) {
                Some(master) => master.hello.name.clone(),
                None => format!("node {node}"),
            };
            let names: Vec<String> = nodes.iter().map(name).collect();
            let names = names.join(", ");
            format!("no quorum: {count} of these must come back, with its data: {names}")
        });
        // If it has lasted, the longer message is used.
        let waiting = self.waiting().map(str::to_owned).or(missing);
        let strangers = self.cluster.into_iter().flat_map(|own| {
            self.strangers.iter().map(move |(name, other)| other_cluster(name, own, *other))
        });
        let visitors = self.cluster.into_iter().flat_map(|own| {
            self.visitors.iter().map(move |visitor| may_be_taken_in(&visitor.hello, own))
        });
        let others = strangers.chain(visitors);
        waiting.into_iter().chain(witness).chain(others).chain(self.wrong_clocks()).collect()
    }

    /// Which nodes have to come back before any master can serve, if none can.
    pub fn missing(&self) -> Option<Missing> {
        let lives = |node| self.masters.get(&node).is_some_and(Master::lives);
        let is_there = |node| lives(node) || self.witness() == Some((node, true));
        if self.available.is_some() { None } else { self.electorate.missing(is_there) }
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
            (by_ms >= clocks::MAX_SKEW_MS.unsigned_abs()).then(words)
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
        clocks::median(clocks).expect("the router has a clock")
    }

    /// When the next [`Input::Tick`] is due at the latest.
    pub fn next_tick(&self) -> Instant {
        let regular = self.ticked + self.down_after / 10;
        self.election.deadline().map_or(regular, |deadline| deadline.min(regular))
    }

    /// Processes one input at the time `now`; `wall` is the time of day, for people.
    pub fn step(&mut self, input: Input, now: Instant, wall: UnixMillis) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Hello(session, hello) => self.hello(session, hello, now, wall, &mut effects),
            Input::Progress(session, progress) => {
                self.progress(session, progress, now, wall, &mut effects);
            }
            Input::Witness(node, progress) => self.witness_reports(node, progress, &mut effects),
            Input::WitnessBroken(reason) => {
                if let Some(witness) = &mut self.witness {
                    witness.broken = Some(reason);
                    witness.progress = Progress::default();
                }
                effects.push(Effect::Publish);
            }
            Input::Leaving(session) => {
                if let Some(master) = self.of_session(session) {
                    master.leaving = true;
                    effects.push(Effect::Publish);
                }
            }
            Input::Lost(session) => {
                if let Some(master) = self.of_session(session) {
                    master.session = None;
                    master.progress.leading = false;
                    master.progress.cut_off = false;
                }
                self.rivals.lost(session);
                self.visitors.lost(session);
                if let Some(given_up) = &mut self.given_up {
                    given_up.masters.retain(|(told, _)| *told != session);
                }
                if self.founder.take_if(|founder| *founder == session).is_some() {
                    // It may have founded the cluster, and come back to say so.
                    self.newcomer_at = now;
                }
            }
            Input::Tick { witness_hears } => {
                self.witness_hears = witness_hears;
                self.tick(now);
            }
        }
        self.make_room(now, wall, &mut effects);
        self.found(now, &mut effects);
        self.choose(now, &mut effects);
        self.give_way(&mut effects);
        self.inherit(now, &mut effects);
        self.miss(now, &mut effects);
        self.show(wall, &mut effects);
        effects
    }

    fn of_session(&mut self, session: SessionId) -> Option<&mut Master> {
        self.masters.values_mut().find(|master| master.session == Some(session))
    }

    fn hello(
        &mut self,
        session: SessionId,
        hello: Hello,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        match (self.cluster, hello.cluster) {
            (Some(own), Some(other)) if own != other => {
                self.stranger(session, hello, own, other, effects);
                return;
            }
            (None, Some(cluster)) => {
                self.adopt(hello.gave_way_to.unwrap_or(cluster), effects);
            }
            _ => {}
        }
        if let Some(reason) = self.version.and_then(|version| too_old(&hello, version)) {
            effects.push(Effect::Turn(session, reason));
            return;
        }
        match self.masters.get(&hello.node) {
            Some(master) if master.lives() && master.hello.process != hello.process => {
                self.rivals.wait(session, hello, now);
            }
            _ => self.admit(session, hello, now, wall, effects),
        }
    }

    /// A master of another cluster has come: it may not be clear yet which of the clusters goes on.
    fn stranger(
        &mut self,
        session: SessionId,
        hello: Hello,
        own: ClusterId,
        other: ClusterId,
        effects: &mut Vec<Effect>,
    ) {
        let was_given_up = self.given_up.as_ref().is_some_and(|before| before.cluster == other);
        if was_given_up || hello.gave_way_to == Some(own) {
            self.begin_anew(session, hello.node, effects);
        } else if self.is_empty == Some(false) {
            self.turn_stranger(session, hello.name, own, other, effects);
        } else {
            effects.push(Effect::Hold(session, may_be_taken_in(&hello, own)));
            self.visitors.insert(session, hello);
        }
    }

    fn turn_stranger(
        &mut self,
        session: SessionId,
        name: String,
        own: ClusterId,
        other: ClusterId,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(turn(session, &name, own, other));
        self.strangers.insert(name, other);
        if self.strangers.len() > STRANGERS {
            self.strangers.pop_first();
        }
    }

    /// Tells a master whose cluster was given up to become a new node, but not before the witness
    /// has: a router that restarts must not return to that cluster.
    fn begin_anew(&mut self, session: SessionId, node: NodeId, effects: &mut Vec<Effect>) {
        match &mut self.given_up {
            Some(GivenUp { witness: Some(_), masters, .. }) => masters.push((session, node)),
            _ => effects.push(Effect::BeginAnew(Voter::Master(session), node)),
        }
    }

    /// Gives the cluster up for an older one if nobody has made anything in it; otherwise turns the
    /// masters of the older one away.
    fn give_way(&mut self, effects: &mut Vec<Effect>) {
        let (Some(own), Some(is_empty)) = (self.cluster, self.is_empty) else { return };
        if !is_empty {
            for (session, Visitor { hello, .. }) in self.visitors.take(|_| true) {
                let other = hello.cluster.expect("a visitor has a cluster");
                self.turn_stranger(session, hello.name, own, other, effects);
            }
            return;
        }
        let leader = self.available().and_then(Master::session);
        let witness = self.witness.as_ref().map_or(0, |witness| witness.node);
        let (Some(leader), Some(better)) = (leader, self.visitors.better(witness)) else { return };
        if self.gives_way != Some((leader, better)) {
            self.gives_way = Some((leader, better));
            effects.push(Effect::GiveWay(leader, better));
        }
    }

    /// The cluster was given up for `better`: its nodes begin anew, and the masters of `better` are
    /// admitted.
    fn change_cluster(
        &mut self,
        better: ClusterId,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.cluster else { return };
        tracing::warn!(%cluster, %better, "the cluster, which is empty, was given up for an older one");
        let fresh = Self::new(Some(better), self.spare_cluster, self.down_after, now);
        let before = std::mem::replace(self, fresh);
        let witness = before.witness.map(|witness| witness.node);
        let masters = before.masters.into_iter();
        self.given_up = Some(GivenUp {
            cluster,
            witness,
            masters: masters.filter_map(|(node, master)| Some((master.session?, node))).collect(),
        });
        if let Some(witness) = witness {
            effects.push(Effect::BeginAnew(Voter::Witness, witness));
        }
        effects.push(Effect::Publish);
        self.visitors = before.visitors;
        let taken_in = self.visitors.take(|visitor| visitor.hello.cluster == Some(better));
        for (session, Visitor { hello, progress }) in taken_in {
            self.hello(session, hello, now, wall, effects);
            if let Some(progress) = progress {
                self.progress(session, progress, now, wall, effects);
            }
        }
    }

    /// Another process of a known node replaces the previous one, if that is lost.
    fn make_room(&mut self, now: Instant, wall: UnixMillis, effects: &mut Vec<Effect>) {
        let masters = &self.masters;
        let is_lost = |node| !masters.get(&node).is_some_and(Master::lives);
        for (session, hello) in self.rivals.take(is_lost) {
            self.admit(session, hello, now, wall, effects);
        }
    }

    fn admit(
        &mut self,
        session: SessionId,
        hello: Hello,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        tracing::info!(master = %hello.name, address = %hello.client_address, "reports");
        self.masters.retain(|node, master| {
            *node == hello.node || master.lives() || master.hello.name != hello.name
        });
        if let Some(Master { session: Some(replaced), .. }) = self.masters.get(&hello.node) {
            effects.push(Effect::Close(*replaced));
        }
        self.strangers.remove(&hello.name);
        self.newcomer_at = now;
        self.election.encourage(now);
        let master = Master {
            progress: Progress::default(),
            since: wall,
            state: State::CatchingUp,
            ahead_ms: 0,
            session: Some(session),
            reported: false,
            heard: now,
            silent: false,
            leaving: false,
            hello,
        };
        self.masters.insert(master.hello.node, master);
        effects.push(Effect::Publish);
    }

    fn progress(
        &mut self,
        session: SessionId,
        progress: Progress,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(progress) = self.visitors.report(session, progress) else { return };
        let (own, reported) = (self.cluster, progress.cluster);
        self.judge_rivals(session, now, effects);
        let Some(master) = self.of_session(session) else { return };
        master.heard = now;
        master.silent = false;
        if progress.clock != 0 {
            master.ahead_ms = progress.clock.saturating_sub(wall);
        }
        master.reported = true;
        let (node, probe, votes) = (master.hello.node, progress.probe, progress.voter);
        match (own, reported) {
            (Some(own), _) if progress.gave_way_to.is_some_and(|better| better != own) => {
                let better = progress.gave_way_to.expect("asked just now");
                self.change_cluster(better, now, wall, effects);
                return;
            }
            (Some(own), Some(other)) if own != other => {
                // It founded one after its stream had broken, when another master had been told to.
                effects.push(turn(session, &master.hello.name, own, other));
                self.masters.remove(&node);
                return;
            }
            _ => {
                if progress.electorate.index >= self.known_voters.index {
                    self.known_voters.clone_from(&progress.electorate);
                }
                // Looked up again, because the borrow has ended.
                if let Some(master) = self.of_session(session) {
                    master.progress = progress;
                }
            }
        }
        self.electorate.hear(&self.masters[&node].progress);
        if votes {
            self.election.answered(node, probe);
        }
        if self.masters[&node].progress.leading {
            self.is_empty = Some(self.masters[&node].progress.is_empty);
        }
        self.note_version(node, effects);
        if let (None, Some(cluster)) = (own, reported) {
            self.adopt(cluster, effects);
        }
    }

    /// `session` has reported: either it has a rival that waits, or it is itself the later one.
    fn judge_rivals(&mut self, session: SessionId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(master) = self.masters.values_mut().find(|m| m.session == Some(session)) else {
            return;
        };
        match self.rivals.judge(&master.hello, now, self.down_after / 2) {
            None => {}
            Some(Verdict::Turn(rival, reason)) => effects.push(Effect::Turn(rival, reason)),
            Some(Verdict::Replace(reason)) => {
                effects.push(Effect::Turn(session, reason));
                // Leaves its place to the other.
                master.session = None;
                master.progress.leading = false;
            }
        }
    }

    fn witness_reports(&mut self, node: NodeId, progress: Progress, effects: &mut Vec<Effect>) {
        if let Some(given_up) = &mut self.given_up {
            if given_up.witness == Some(node) {
                // It was broken when it was told.
                effects.push(Effect::BeginAnew(Voter::Witness, node));
                return;
            }
            given_up.witness = None;
            let told = std::mem::take(&mut given_up.masters);
            effects.extend(
                told.into_iter()
                    .map(|(session, node)| Effect::BeginAnew(Voter::Master(session), node)),
            );
        }
        self.election.answered(node, progress.probe);
        self.electorate.hear(&progress);
        if progress.leading && progress.applied == progress.last_log.1 {
            self.election.handed_over();
        }
        if let (None, Some(cluster)) = (progress.cluster, self.cluster) {
            // It was broken when the cluster became known, or it is new.
            effects.push(Effect::Adopt(cluster));
        }
        let known = self.witness.as_ref();
        if known.is_none_or(|known| known.node != node || known.broken.is_some()) {
            effects.push(Effect::Publish);
        }
        self.witness = Some(Witness { node, progress, broken: None });
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
            let (Some(reason), Some(session)) = (reason, master.session) else { return true };
            effects.push(Effect::Turn(session, reason));
            false
        });
    }

    fn adopt(&mut self, cluster: ClusterId, effects: &mut Vec<Effect>) {
        self.cluster = Some(cluster);
        self.founder = None;
        effects.push(Effect::Adopt(cluster));
    }

    fn tick(&mut self, now: Instant) {
        // After a pause of this process (stopped, or the machine asleep), silence does not count.
        let paused = now - self.ticked > self.down_after / 2;
        self.ticked = now;
        for master in self.masters.values_mut() {
            if paused {
                master.heard = now;
            } else if now - master.heard > self.down_after {
                master.silent = true;
            }
        }
        self.masters.retain(|_, master| master.lives() || now - master.heard < SHOWN_FOR);
    }

    /// Founds a cluster if there is none and no node knows of one.
    fn found(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.cluster.is_some() || self.founder.is_some() || now - self.newcomer_at < SETTLE {
            return;
        }
        let first = self.masters.values().filter(|m| m.lives()).min_by_key(|m| &m.hello.name);
        if let Some(session) = first.and_then(|master| master.session) {
            self.founder = Some(session);
            effects.push(Effect::Found(session, self.spare_cluster));
            self.spare_cluster = self.spare_cluster.next();
        }
    }

    /// Decides which master is available, and directs an election if none is.
    fn choose(&mut self, now: Instant, effects: &mut Vec<Effect>) {
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
                Order::Stand(voter) => Effect::Stand(voter),
            });
        }
    }

    /// Lets a new witness replace a lost one, if that is all that is missing.
    fn inherit(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Some(Witness { node, progress, broken: None }) = &self.witness else { return };
        let is_new = progress.last_log == (0, 0) && progress.electorate.index == 0;
        let lasts = self.leaderless_since.is_some_and(|since| now - since >= LEADERLESS);
        if !is_new || !lasts || self.inherited == Some(*node) {
            return;
        }
        let living = || self.masters.iter().filter(|(_, master)| master.lives());
        let reports: Vec<(NodeId, &KnownVoters)> =
            living().map(|(node, master)| (*node, &*master.progress.electorate)).collect();
        if let Some(lost) = waiting::inherits(*node, &reports) {
            let term = living().map(|(_, master)| master.progress.term).max().unwrap_or(0);
            self.inherited = Some(*node);
            effects.push(Effect::Inherit(lost, term));
        }
    }

    /// Reports which nodes are missing, once this has lasted: in a restart of everything, they come
    /// back one by one.
    fn miss(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let masters = self.masters.iter().filter(|(_, master)| master.lives());
        let witness = self.witness.iter().filter(|witness| witness.broken.is_none());
        let here: BTreeSet<NodeId> =
            masters.map(|(node, _)| *node).chain(witness.map(|witness| witness.node)).collect();
        let missing = match self.available {
            Some(_) => None,
            None => waiting::waiting_for(&self.known_voters, &here),
        };
        let before = self.waiting().map(str::to_owned);
        let since = self.waiting.take().map_or(now, |(since, _)| since);
        self.waiting = missing.map(|missing| (since, missing));
        self.is_waiting = self.waiting.is_some() && now - since >= SETTLE;
        let after = self.waiting();
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
            masters.filter_map(|master| master.progress.hears).chain(self.witness_hears);
        now - since >= if leaders.any(is_absent) { LEADER_ABSENT } else { LEADERLESS }
    }

    fn witness_as_candidate(&self) -> Option<Candidate> {
        let Witness { node, progress, broken } = self.witness.as_ref()?;
        let eligible = broken.is_none() && progress.voter && !progress.leading;
        let Progress { last_log, electable, .. } = *progress;
        eligible.then_some(Candidate { node: *node, voter: Voter::Witness, last_log, electable })
    }

    /// The masters that may stand; one that is cut off still believes that it leads. Whether they
    /// vote, according to their last report, may be a moment old, and the last leader may know
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
                voter: Voter::Master(master.session?),
                last_log: master.progress.last_log,
                electable: master.progress.electable,
            })
        };
        self.masters.values().filter(eligible).filter_map(candidate).collect()
    }

    /// Updates the state in which each master is shown.
    fn show(&mut self, wall: UnixMillis, effects: &mut Vec<Effect>) {
        let available = self.available;
        let voters = self.available().map(|leader| leader.progress.voters.clone());
        for (node, master) in &mut self.masters {
            let votes = match &voters {
                Some(voters) => voters.contains(node),
                // A master that was away may not know yet that it has lost its vote.
                None => self.electorate.votes(*node).unwrap_or(master.progress.voter),
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
    hello.speaks.refusal(&hello.name, version)
}

fn turn(session: SessionId, name: &str, own: ClusterId, other: ClusterId) -> Effect {
    Effect::Turn(session, other_cluster(name, own, other))
}

/// The message about a master of another cluster that may go on instead of this one.
fn may_be_taken_in(Hello { name, cluster, .. }: &Hello, own: ClusterId) -> String {
    let other = cluster.map_or_else(String::new, |cluster| cluster.to_string());
    format!(
        "{name} belongs to cluster {other}, this router to cluster {own}, which gives way if nobody has posted in it and enough masters of {other} are here: start the other masters of {other} too"
    )
}

/// The message about a master of another cluster. It may be the original cluster of this network:
/// the younger one was founded if a new master was the first to report to a router without its
/// disk.
fn other_cluster(name: &str, own: ClusterId, other: ClusterId) -> String {
    format!(
        "{name} belongs to cluster {other}, but this router to cluster {own}: give each cluster a router and data directories of its own; or, if {own} was founded by mistake after the router had lost its disk, stop everything, remove the router's data directory and the slots of the masters of {own}, and start the other masters first"
    )
}
