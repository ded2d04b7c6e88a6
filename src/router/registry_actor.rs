//! The task that owns the registry: takes inputs, carries out effects, publishes the result.

use std::{collections::HashMap, process, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tonic::Status;

use super::{
    election::{ProbeRequest, Voter},
    registry::{Effect, Hello, Input, Master, MasterStreamId, Registry, State},
};
use crate::{
    directory::{Available, ClusterView, Location},
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::SupportedVersions,
    host::{clock, net, random},
    replication::{
        NodeInfo,
        addresses::AddressSource,
        node::{Node, Progress},
    },
    wire::{
        internal::{
            AbandonCluster, Bootstrap, Campaign, Directive, Member, Probe, Reject, ReplaceWitness,
            ResetNode, Roster, directive,
        },
        v1::{ClusterStatus, MasterState, MasterStatus, RouterStatus},
    },
};

/// Inputs that may wait for the registry actor. Masters report ten times a second.
const INPUTS_WAITING: usize = 1_024;
/// Directives that may wait for one node.
pub const DIRECTIVES_WAITING: usize = 64;
/// How long a roster is held back from nodes that do not lead. They can do without it, while the
/// clients of a lost server need the processor time. Later changes go out with the same roster.
const ROSTER_AFTER: Duration = Duration::from_millis(50);

/// The addresses of the router itself.
#[derive(Clone, Debug)]
pub struct RouterAddress {
    /// host:port, to be shown to people.
    pub address: String,
    /// The port of the witness, on whatever host the masters know the router by.
    pub witness_port: u16,
}

enum Message {
    Open(Hello, oneshot::Sender<MasterStream>),
    Input(Input),
    Status(oneshot::Sender<ClusterStatus>),
}

/// A master's stream, as the registry actor opened it.
pub struct MasterStream {
    /// Its number.
    pub id: MasterStreamId,
    /// Directives for the master; their end closes the stream.
    pub directives: mpsc::Receiver<Directive>,
}

/// A handle for the registry actor; clones share it.
#[derive(Clone)]
pub struct RegistryHandle {
    messages: mpsc::Sender<Message>,
    location: watch::Receiver<Location>,
}

impl RegistryHandle {
    /// Where the available server is.
    pub fn location(&self) -> watch::Receiver<Location> {
        self.location.clone()
    }

    /// A master has introduced itself; none if the router is stopping.
    pub async fn open(&self, hello: Hello) -> Option<MasterStream> {
        let (opened, stream) = oneshot::channel();
        self.messages.send(Message::Open(hello, opened)).await.ok()?;
        stream.await.ok()
    }

    /// A master has reported.
    pub async fn progress(&self, stream: MasterStreamId, progress: Progress) {
        self.input(Input::Progress(stream, progress)).await;
    }

    /// The witness, `node`, has reported.
    pub async fn witness_progress(&self, node: NodeId, progress: Progress) {
        self.input(Input::WitnessProgress(node, progress)).await;
    }

    /// The witness cannot continue, for this reason.
    pub async fn witness_broken(&self, reason: String) {
        self.input(Input::WitnessBroken(reason)).await;
    }

    /// A master is about to stop.
    pub async fn leaving(&self, stream: MasterStreamId) {
        self.input(Input::Leaving(stream)).await;
    }

    /// A master's stream has ended.
    pub async fn lost(&self, stream: MasterStreamId) {
        self.input(Input::Lost(stream)).await;
    }

    async fn input(&self, input: Input) {
        // If the registry actor is gone, the router is stopping.
        let _stopping = self.messages.send(Message::Input(input)).await;
    }
}

impl ClusterView for RegistryHandle {
    async fn status(&self) -> Result<ClusterStatus, Status> {
        let stopping = || Status::unavailable("the router is stopping");
        let (asked, status) = oneshot::channel();
        self.messages.send(Message::Status(asked)).await.map_err(|_| stopping())?;
        status.await.map_err(|_| stopping())
    }
}

/// The task's own state.
pub struct RegistryActor {
    registry: Registry,
    /// None while the witness is broken.
    witness: watch::Receiver<Option<Node>>,
    witness_directives: mpsc::Sender<Directive>,
    place: RouterAddress,
    since: UnixMillis,
    streams: HashMap<MasterStreamId, mpsc::Sender<Directive>>,
    next_stream: MasterStreamId,
    /// Why a master was last rejected.
    last_rejection: Option<String>,
    /// When the nodes that do not lead get the newest roster.
    roster_due: Option<Instant>,
    messages: mpsc::Receiver<Message>,
    location: watch::Sender<Location>,
}

impl RegistryActor {
    /// A registry actor with no masters yet; directives for the witness go to `witness_directives`.
    pub fn new(
        witness: watch::Receiver<Option<Node>>,
        witness_directives: mpsc::Sender<Directive>,
        down_after: Duration,
        place: RouterAddress,
    ) -> (Self, RegistryHandle) {
        let (sender, messages) = mpsc::channel(INPUTS_WAITING);
        let (location, watched) = watch::channel(Location::default());
        let new_cluster = ClusterId::new(random::wide_id());
        let cluster = witness.borrow().as_ref().and_then(Node::cluster);
        let registry = Registry::new(cluster, new_cluster, down_after, Instant::now());
        let registry = Self {
            registry,
            witness,
            witness_directives,
            place,
            since: clock::now(),
            streams: HashMap::new(),
            next_stream: 1,
            last_rejection: None,
            roster_due: None,
            messages,
            location,
        };
        (registry, RegistryHandle { messages: sender, location: watched })
    }

    /// Runs for as long as there are handles.
    pub async fn run(mut self) {
        loop {
            let message = tokio::select! {
                message = self.messages.recv() => message,
                () = sleep_until(self.registry.next_tick()) => {
                    Some(Message::Input(Input::Tick { witness_leader: self.witness_leader() }))
                }
                () = sleep_until(self.roster_due.unwrap_or_else(Instant::now)),
                    if self.roster_due.is_some() =>
                {
                    self.roster_due = None;
                    self.send_roster(|_| true);
                    continue;
                }
            };
            match message {
                None => return,
                Some(Message::Open(hello, opened)) => self.open(hello, opened).await,
                Some(Message::Input(input)) => {
                    if let Input::Lost(stream) = input {
                        self.streams.remove(&stream);
                    }
                    self.step(input).await;
                }
                Some(Message::Status(asked)) => {
                    let _gone = asked.send(self.status());
                }
            }
        }
    }

    fn witness_leader(&self) -> Option<NodeId> {
        self.witness.borrow().as_ref()?.known_leader()
    }

    async fn open(&mut self, hello: Hello, opened: oneshot::Sender<MasterStream>) {
        let id = self.next_stream;
        self.next_stream += 1;
        let (sender, directives) = mpsc::channel(DIRECTIVES_WAITING);
        self.streams.insert(id, sender);
        if opened.send(MasterStream { id, directives }).is_ok() {
            self.step(Input::Hello(id, hello)).await;
        }
    }

    async fn step(&mut self, input: Input) {
        let effects = self.registry.step(input, Instant::now(), clock::now());
        for effect in &effects {
            match effect {
                Effect::Bootstrap(stream, cluster) => {
                    tracing::info!(%cluster, "bootstrapping a new cluster");
                    let bootstrap = Bootstrap { cluster_id: cluster.to_string() };
                    self.send_directive(*stream, directive::Directive::Bootstrap(bootstrap));
                }
                Effect::Probe(voter, ProbeRequest { number, pre_vote }) => {
                    let pre_vote_ms = u32::try_from(pre_vote.as_millis()).unwrap_or(u32::MAX);
                    let probe = Probe { number: *number, pre_vote_ms };
                    self.send_to_voter(*voter, directive::Directive::Probe(probe));
                }
                Effect::Campaign(voter) => {
                    tracing::info!(?voter, "directing an election");
                    self.send_to_voter(*voter, directive::Directive::Campaign(Campaign {}));
                }
                Effect::ReplaceWitness(node, term) => {
                    tracing::info!(node = node.get(), "the new witness replaces the lost one");
                    let replace = ReplaceWitness { node_id: node.get(), term: *term };
                    self.send_to_voter(
                        Voter::Witness,
                        directive::Directive::ReplaceWitness(replace),
                    );
                }
                Effect::Reject(stream, reason) => {
                    if self.last_rejection.as_ref() != Some(reason) {
                        // A master that is rejected comes again and again, until somebody does
                        // something.
                        tracing::warn!(reason, "rejected a master");
                        self.last_rejection = Some(reason.clone());
                    }
                    let reject = Reject { reason: reason.clone(), temporary: false };
                    self.send_directive(*stream, directive::Directive::Reject(reject));
                    self.streams.remove(stream);
                }
                Effect::Defer(stream, reason) => {
                    tracing::warn!(reason, "a master waits");
                    let reject = Reject { reason: reason.clone(), temporary: true };
                    self.send_directive(*stream, directive::Directive::Reject(reject));
                }
                Effect::AbandonCluster(stream, cluster) => {
                    tracing::info!(%cluster, "asking for the empty cluster to be abandoned for an older one");
                    let abandon_cluster = AbandonCluster { cluster_id: cluster.to_string() };
                    self.send_directive(
                        *stream,
                        directive::Directive::AbandonCluster(abandon_cluster),
                    );
                }
                Effect::ResetNode(voter, node) => {
                    let reset_node = ResetNode { node_id: node.get() };
                    self.send_to_voter(*voter, directive::Directive::ResetNode(reset_node));
                }
                Effect::Close(stream) => {
                    self.streams.remove(stream);
                }
                Effect::AdoptCluster(cluster) => {
                    // A broken one is told when it is back.
                    let witness = self.witness.borrow().clone();
                    if let Some(witness) = witness
                        && let Err(error) = witness.join(*cluster).await
                    {
                        tracing::error!(%error, "the witness cannot take part");
                    }
                }
                Effect::Publish => {}
            }
        }
        if effects.contains(&Effect::Publish) {
            self.publish();
        }
    }

    /// Tells clients and the leader the registry's news now; the other nodes hear it soon.
    fn publish(&mut self) {
        let leader = self.registry.available().and_then(Master::stream);
        self.send_roster(|stream| Some(stream) == leader);
        self.roster_due.get_or_insert_with(|| Instant::now() + ROSTER_AFTER);
        self.introduce_to_witness();
        let location = self.locate();
        self.location.send_if_modified(|published| {
            let changed = *published != location;
            if changed {
                let available = location.available.as_ref().map(|server| server.name.as_str());
                tracing::info!(available, term = location.term, "location");
                *published = location;
            }
            changed
        });
    }

    /// The witness gets no roster, but is told when a master returns, perhaps at a new address.
    fn introduce_to_witness(&self) {
        let Some(witness) = &*self.witness.borrow() else { return };
        for (node, master) in self.registry.masters().iter().filter(|(_, master)| master.lives()) {
            let Hello {
                name,
                client_address,
                peer_address,
                supported_versions,
                address_version,
                ..
            } = master.hello.clone();
            let info = NodeInfo {
                name,
                peer_address,
                client_address,
                witness: false,
                supported_versions,
                address_version,
            };
            witness.peers().learn(*node, info, AddressSource::Router);
            witness.peers().open(*node);
        }
    }

    fn send_roster(&self, to: impl Fn(MasterStreamId) -> bool) {
        let roster = self.roster();
        // Not to masters that wait to be admitted, nor to those that are to become new nodes.
        let taken_in = self.registry.masters().values().filter_map(Master::stream);
        for stream in taken_in.filter(|stream| to(*stream)) {
            self.send_directive(stream, directive::Directive::Roster(roster.clone()));
        }
    }

    fn send_directive(&self, stream: MasterStreamId, directive: directive::Directive) {
        self.send_to_voter(Voter::Master(stream), directive);
    }

    fn send_to_voter(&self, voter: Voter, directive: directive::Directive) {
        let directives = match voter {
            Voter::Master(stream) => self.streams.get(&stream),
            Voter::Witness => Some(&self.witness_directives),
        };
        let directive = Directive { directive: Some(directive) };
        if directives.is_some_and(|directives| directives.try_send(directive).is_err()) {
            // The node is hung or gone: the missing reports will show which.
            tracing::debug!(?voter, "the node does not accept directives");
        }
    }

    fn locate(&self) -> Location {
        let available = self.registry.available();
        Location {
            available: available.map(|master| Available {
                name: master.hello.name.clone(),
                address: master.hello.client_address.clone(),
            }),
            term: self.newest_term(),
            waiting: self.registry.quorum_loss().unwrap_or_default().to_owned(),
            masters: self
                .registry
                .masters()
                .values()
                .filter(|master| master.lives())
                .map(|master| master.hello.client_address.clone())
                .collect(),
        }
    }

    fn newest_term(&self) -> u64 {
        let terms = self.registry.masters().values().map(|master| master.progress.term);
        self.registry
            .available()
            .map_or_else(|| terms.max().unwrap_or(0), |leader| leader.progress.term)
    }

    fn roster(&self) -> Roster {
        let master = |master: &Master| Member {
            node_id: master.hello.node.get(),
            name: master.hello.name.clone(),
            client_address: master.hello.client_address.clone(),
            peer_address: master.hello.peer_address.clone(),
            witness: false,
            down: !master.lives(),
            leaving: master.leaves(),
            oldest_format: master.hello.supported_versions.oldest.into(),
            newest_format: master.hello.supported_versions.newest.into(),
            address_version: master.hello.address_version,
        };
        let witness = self.registry.witness().map(|(node, works)| Member {
            node_id: node.get(),
            name: "router".to_owned(),
            client_address: String::new(),
            peer_address: format!(":{}", self.place.witness_port),
            witness: true,
            down: !works,
            leaving: false,
            oldest_format: SupportedVersions::BUILD.oldest.into(),
            newest_format: SupportedVersions::BUILD.newest.into(),
            // There is one router, and what it says of its witness is always new.
            address_version: 0,
        });
        let available = self.registry.available();
        Roster {
            cluster_id: self.registry.cluster().map_or(String::new(), |id| id.to_string()),
            members: self.registry.masters().values().map(master).chain(witness).collect(),
            available: NodeId::to_wire(available.map(|master| master.hello.node)),
            available_term: available.map_or(0, |master| master.progress.term),
        }
    }

    fn status(&self) -> ClusterStatus {
        let witness = self.witness.borrow().clone();
        let witness = witness.map(|node| node.raft().metrics().borrow().clone());
        let available = self.registry.available();
        let median_ahead_ms = self.registry.median_ahead_ms();
        let status = |master: &Master| master_status(master, median_ahead_ms);
        let mut masters: Vec<MasterStatus> = self.registry.masters().values().map(status).collect();
        masters.sort_by(|a, b| natural_order(&a.name).cmp(&natural_order(&b.name)));
        ClusterStatus {
            cluster_id: self.registry.cluster().map_or(String::new(), |id| id.to_string()),
            available: available.map_or(String::new(), |master| master.hello.name.clone()),
            masters,
            router: Some(RouterStatus {
                address: self.place.address.clone(),
                pid: process::id(),
                host: net::host_name(),
                since_ms: self.since.get(),
                term: witness.as_ref().map_or(0, |now| now.current_term),
                last_log_index: witness.as_ref().and_then(|now| now.last_log_index).unwrap_or(0),
                voter: available.is_some_and(|leader| {
                    let votes = |(node, works)| works && leader.progress.voters.contains(&node);
                    self.registry.witness().is_some_and(votes)
                }),
            }),
            problems: self.registry.problems(),
            format: self.registry.version().map_or(0, u32::from),
        }
    }
}

fn master_status(master: &Master, median_ahead_ms: i64) -> MasterStatus {
    let state = match master.state {
        State::Available => MasterState::Available,
        State::Standby => MasterState::Standby,
        State::CatchingUp => MasterState::CatchingUp,
        State::Down => MasterState::Down,
    };
    MasterStatus {
        name: master.hello.name.clone(),
        address: master.hello.client_address.clone(),
        pid: master.hello.pid,
        state: state.into(),
        term: master.progress.term,
        last_log_index: master.progress.last_log.1,
        applied_index: master.progress.applied,
        reboots: master.hello.reboots,
        host: master.hello.host.clone(),
        since_ms: master.since.get(),
        voter: matches!(master.state, State::Available | State::Standby),
        clock_ahead_ms: master.ahead_ms.saturating_sub(median_ahead_ms),
    }
}

/// Sorts server-10 after server-9.
fn natural_order(name: &str) -> (&str, u64, &str) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem, name[stem.len()..].parse().unwrap_or(0), name)
}
