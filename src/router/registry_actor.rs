//! The task that owns the registry: takes inputs, carries out effects, publishes the result.

use std::{collections::BTreeMap, process, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tonic::Status;

use super::{
    election::Voter,
    monitored::Failovers,
    presentation::{self, RouterFacts, View},
    registry::{Effect, Input, Master, MasterStreamId, Registry, Silence},
};
use crate::{
    control::{Directive, Hello, Progress, VoterDirective, WitnessDirective},
    directory::Location,
    domain::{ClusterId, NodeId, UnixMillis},
    host::{clock, net, random},
    replication::{addresses::AddressSource, node::Node},
    wire::v1::ClusterStatus,
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
    Status(View, oneshot::Sender<ClusterStatus>),
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

    /// The cluster as it is now.
    pub async fn status(&self, view: View) -> Result<ClusterStatus, Status> {
        let stopping = || Status::unavailable("the router is stopping");
        let (asked, status) = oneshot::channel();
        self.messages.send(Message::Status(view, asked)).await.map_err(|_| stopping())?;
        status.await.map_err(|_| stopping())
    }

    async fn input(&self, input: Input) {
        // If the registry actor is gone, the router is stopping.
        let _stopping = self.messages.send(Message::Input(input)).await;
    }
}

/// The task's own state.
pub struct RegistryActor {
    registry: Registry,
    /// None while the witness is broken.
    witness: watch::Receiver<Option<Node>>,
    witness_directives: mpsc::Sender<WitnessDirective>,
    place: RouterAddress,
    since: UnixMillis,
    streams: BTreeMap<MasterStreamId, mpsc::Sender<Directive>>,
    next_stream: MasterStreamId,
    /// Why a master was last rejected.
    last_rejection: Option<String>,
    /// When the nodes that do not lead get the newest roster.
    roster_due: Option<Instant>,
    messages: mpsc::Receiver<Message>,
    location: watch::Sender<Location>,
    failovers: Failovers,
}

impl RegistryActor {
    /// A registry actor with no masters yet; directives for the witness go to `witness_directives`.
    pub fn new(
        witness: watch::Receiver<Option<Node>>,
        witness_directives: mpsc::Sender<WitnessDirective>,
        silence: Silence,
        place: RouterAddress,
    ) -> (Self, RegistryHandle) {
        let (sender, messages) = mpsc::channel(INPUTS_WAITING);
        let (location, watched) = watch::channel(Location::default());
        let new_cluster = ClusterId::new(random::wide_id());
        let cluster = witness.borrow().as_ref().and_then(Node::cluster);
        let registry = Registry::new(cluster, new_cluster, silence, Instant::now());
        let registry = Self {
            registry,
            witness,
            witness_directives,
            place,
            since: clock::now(),
            streams: BTreeMap::new(),
            next_stream: 1,
            last_rejection: None,
            roster_due: None,
            messages,
            location,
            failovers: Failovers::default(),
        };
        (registry, RegistryHandle { messages: sender, location: watched })
    }

    /// Runs for as long as there are handles.
    pub async fn run(mut self) {
        loop {
            let message = tokio::select! {
                // A report that waits is heard before its master counts as silent.
                biased;
                message = self.messages.recv() => message,
                () = sleep_until(self.registry.next_tick()) => {
                    Some(Message::Input(self.tick()))
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
                Some(Message::Status(view, asked)) => {
                    let _gone = asked.send(self.status(view));
                }
            }
        }
    }

    fn tick(&self) -> Input {
        let witness = self.witness.borrow();
        let witness = witness.as_ref();
        Input::Tick {
            witness_leader: witness.and_then(Node::known_leader),
            leader_contact: witness.and_then(Node::leader_contact),
        }
    }

    async fn open(&mut self, hello: Hello, opened: oneshot::Sender<MasterStream>) {
        let id = self.next_stream;
        self.next_stream += 1;
        let (sender, directives) = mpsc::channel(DIRECTIVES_WAITING);
        let other = self.streams.insert(id, sender);
        debug_assert!(other.is_none(), "one master a stream: {id}");
        if opened.send(MasterStream { id, directives }).is_ok() {
            self.step(Input::Hello(id, hello)).await;
        }
    }

    async fn step(&mut self, input: Input) {
        let effects = self.registry.step(input, Instant::now(), clock::now());
        let publish = effects.contains(&Effect::Publish);
        for effect in effects {
            self.carry_out(effect).await;
        }
        if publish {
            self.publish();
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Bootstrap(stream, cluster) => {
                tracing::info!(%cluster, "bootstrapping a new cluster");
                self.send(stream, Directive::Bootstrap(cluster));
            }
            Effect::Probe(voter, request) => {
                self.send_to_voter(voter, VoterDirective::Probe(request));
            }
            Effect::Campaign(voter, after_term) => {
                tracing::info!(?voter, "directing an election");
                self.send_to_voter(voter, VoterDirective::Campaign { after_term });
            }
            Effect::ReplaceWitness(lost) => {
                tracing::info!(node = lost.node.get(), "the new witness replaces the lost one");
                self.send_to_witness(WitnessDirective::ReplaceWitness(lost));
            }
            Effect::Reject(stream, reason) => {
                if self.last_rejection.as_ref() != Some(&reason) {
                    // A master that is rejected comes again and again, until somebody does
                    // something.
                    tracing::warn!(reason, "rejected a master");
                    self.last_rejection = Some(reason.clone());
                }
                self.send(stream, Directive::Reject(reason));
                self.streams.remove(&stream);
            }
            Effect::Defer(stream, reason) => {
                tracing::warn!(reason, "a master waits");
                self.send(stream, Directive::Defer(reason));
            }
            Effect::AbandonCluster(stream, cluster) => {
                tracing::info!(%cluster, "asking for the empty cluster to be abandoned for an older one");
                self.send(stream, Directive::AbandonCluster(cluster));
            }
            Effect::ResetNode(voter, node) => {
                self.send_to_voter(voter, VoterDirective::ResetNode(node));
            }
            Effect::Close(stream) => {
                self.streams.remove(&stream);
            }
            Effect::AdoptCluster(cluster) => {
                // A broken one is told when it is back.
                let witness = self.witness.borrow().clone();
                if let Some(witness) = witness
                    && let Err(error) = witness.join(cluster).await
                {
                    tracing::error!(%error, "the witness cannot take part");
                }
            }
            Effect::Publish => {}
        }
    }

    /// Tells clients and the leader the registry's news now; the other nodes hear it soon.
    fn publish(&mut self) {
        let leader = self.registry.available().and_then(Master::stream);
        self.send_roster(|stream| Some(stream) == leader);
        self.roster_due.get_or_insert_with(|| Instant::now() + ROSTER_AFTER);
        self.introduce_to_witness();
        let location = presentation::location(&self.registry);
        self.failovers.note(location.available.as_ref(), Instant::now());
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
            witness.peers().learn(*node, master.hello.info(), AddressSource::Router);
            witness.peers().open(*node);
        }
    }

    fn send_roster(&self, to: impl Fn(MasterStreamId) -> bool) {
        let roster = Arc::new(presentation::roster(&self.registry, self.place.witness_port));
        // Not to masters that wait to be admitted, nor to those that are to become new nodes.
        let taken_in = self.registry.masters().values().filter_map(Master::stream);
        for stream in taken_in.filter(|stream| to(*stream)) {
            self.send(stream, Directive::Roster(Arc::clone(&roster)));
        }
    }

    fn send_to_voter(&self, voter: Voter, directive: VoterDirective) {
        match voter {
            Voter::Master(stream) => self.send(stream, Directive::Voter(directive)),
            Voter::Witness => self.send_to_witness(WitnessDirective::Voter(directive)),
        }
    }

    fn send(&self, stream: MasterStreamId, directive: Directive) {
        let directives = self.streams.get(&stream);
        if directives.is_some_and(|directives| directives.try_send(directive).is_err()) {
            // It is hung or gone: the missing reports will show which.
            tracing::debug!(voter = ?Voter::Master(stream), "the node does not accept directives");
        }
    }

    fn send_to_witness(&self, directive: WitnessDirective) {
        if self.witness_directives.try_send(directive).is_err() {
            tracing::debug!(voter = ?Voter::Witness, "the node does not accept directives");
        }
    }

    fn status(&self, view: View) -> ClusterStatus {
        let witness = self.witness.borrow().clone();
        let witness = witness.map(|node| node.raft().metrics().borrow().clone());
        let router = RouterFacts {
            address: self.place.address.clone(),
            pid: process::id(),
            host: net::host_name(),
            since: self.since,
            term: witness.as_ref().map_or(0, |now| now.current_term),
            last_log_index: witness.as_ref().and_then(|now| now.last_log_index).unwrap_or(0),
        };
        presentation::status(&self.registry, router, view)
    }
}
