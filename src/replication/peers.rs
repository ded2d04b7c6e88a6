//! The other nodes: their addresses, the links to them, when each last answered, and which process
//! of each may call.
//!
//! openraft creates a new network client for every vote and every linearizable read, so the links
//! are kept here and shared.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::join_all;
use openraft::{
    AnyError, CommittedLeaderId, Snapshot,
    error::{
        Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Timeout,
        Unreachable,
    },
    network::{Backoff, RPCOption, RPCTypes, RaftNetwork, RaftNetworkFactory},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
    },
};
use parking_lot::{Mutex, MutexGuard};
use prost::Message as _;
use serde::de::DeserializeOwned;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{
    Consensus, LogId, NodeInfo, Vote,
    addresses::{AddressBook, AddressSource},
    cluster_clock::{self, ClockReading},
    durability::HeldAcks,
    link::Link,
    log_store::LogStore,
    node_credentials::{self, Caller, NodeCredentials},
    reachability::{Reachability, ReachabilityChange},
    snapshot::{self, Header, SnapshotData},
};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::{self, Kind, Version, seal},
    host::random,
    node_auth::NodeAuth,
    planted::{self, PlantedFault},
    wire::internal::{KnownAddresses, LogPosition, PeerAnswer, Ping, Pong, peer_call::Call},
};

/// Between attempts to reach a node that cannot be reached.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How long votes are marked as directed after the router has ordered an election. Votes for a
/// later election carry no mark, since the router has not ordered it.
const DIRECTED_FOR: Duration = Duration::from_secs(1);
/// A process that does not answer within this time loses its place to another of the same node.
const LIVENESS_TIMEOUT: Duration = Duration::from_secs(1);
/// A snapshot that has not arrived within this time is started again.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_mins(10);

/// Shared by all connections of this node; clones share it.
#[derive(Clone)]
pub struct Peers {
    shared: Arc<Shared>,
}

struct Shared {
    log: LogStore,
    credentials: Arc<NodeCredentials>,
    /// Distinguishes the processes of this node.
    process: u64,
    state: Mutex<State>,
    /// Counts changes of the address book, from 1.
    version: watch::Sender<u64>,
    /// Whether no quorum has answered this leader for a while.
    cut_off: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    addresses: AddressBook,
    links: BTreeMap<NodeId, Arc<Link>>,
    contacts: BTreeMap<NodeId, Contact>,
    reachability: BTreeMap<NodeId, Reachability>,
    clocks: BTreeMap<NodeId, ClockReading>,
    /// Whether this node's own clock was wrong when last checked.
    is_out_of_step: bool,
    admitted: BTreeMap<NodeId, Admitted>,
    directed_until: Option<Instant>,
}

/// The process that may call on behalf of a node.
struct Admitted {
    process: u64,
    /// Cancelled when another process takes its place.
    replaced: CancellationToken,
}

/// Two running processes have the same identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "another process with the identity of this node, {node}, is running{at}: a slot directory must not be copied; remove the copy, and its master joins as a new node"
)]
pub struct DuplicateProcess {
    node: NodeId,
    at: String,
}

/// When a node last answered, and since when it has failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact {
    /// The time of the last answer.
    pub answered: Option<Instant>,
    /// Since when its connection has been broken, or every attempt to connect has failed; timeouts
    /// do not count.
    pub refused_since: Option<Instant>,
}

/// The answer to a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingAnswer {
    /// Where the node's log ends.
    pub last_log: Option<LogId>,
    /// The leader that it has heard recently.
    pub known_leader: Option<NodeId>,
}

impl Peers {
    /// For the node that keeps `log`.
    pub fn new(log: LogStore, auth: &NodeAuth) -> Self {
        let credentials = Arc::new(NodeCredentials::new(auth));
        let process = random::id();
        credentials.set_caller(&Caller { node: log.node_id(), process, info: None });
        let version = watch::Sender::new(1);
        let (state, cut_off) = (Mutex::default(), watch::Sender::new(false));
        let shared = Shared { log, credentials, process, state, version, cut_off };
        Self { shared: Arc::new(shared) }
    }

    /// From now on, calls name this cluster.
    pub fn set_cluster(&self, cluster: ClusterId) {
        self.shared.credentials.join(cluster);
    }

    /// From now on, calls say that the cluster writes in `version` of the format.
    pub fn set_version(&self, version: Version) {
        self.shared.credentials.set_version(version);
    }

    /// The number of this node's process: no other process has the same.
    pub fn process(&self) -> u64 {
        self.shared.process
    }

    /// From now on, tells the others that this node, a master, has the addresses in `info`.
    pub fn set_own_address(&self, info: NodeInfo) {
        let node = self.shared.log.node_id();
        let caller = Caller { node, process: self.shared.process, info: Some(info.clone()) };
        self.shared.credentials.set_caller(&caller);
        if self.state().addresses.learn(node, info, AddressSource::Router) {
            self.shared.version.send_modify(|version| *version += 1);
        }
    }

    /// This node's own addresses, once they are known.
    pub fn own(&self) -> Option<NodeInfo> {
        self.state().addresses.get(self.shared.log.node_id()).cloned()
    }

    /// `source` reports the addresses of `node`. If they are new, the node is called, so that there
    /// is a connection before it is needed.
    pub fn learn(&self, node: NodeId, info: NodeInfo, source: AddressSource) {
        if node == self.shared.log.node_id() {
            return;
        }
        let mut state = self.state();
        if state.addresses.learn(node, info, source) {
            self.shared.open(&mut state, node);
            self.shared.version.send_modify(|version| *version += 1);
        }
    }

    /// `node` is said to be alive: calls it, unless it is connected.
    pub fn open(&self, node: NodeId) {
        if node != self.shared.log.node_id() {
            self.shared.open(&mut self.state(), node);
        }
    }

    /// The newest information about `node`: the one `noted` in the membership, the one `listed` on
    /// a roster, or the one received here.
    pub fn newest(
        &self,
        node: NodeId,
        noted: Option<&NodeInfo>,
        listed: Option<&NodeInfo>,
    ) -> Option<NodeInfo> {
        self.state().addresses.newest(node, noted, listed).cloned()
    }

    /// Changes whenever an address does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// The masters that have called this node and are connected to it.
    pub fn callers(&self) -> Vec<NodeId> {
        let state = self.state();
        let is_connected = |node: &NodeId| {
            state.addresses.get(*node).is_some()
                && state.links.get(node).is_some_and(|link| link.is_open())
        };
        state.admitted.keys().copied().filter(is_connected).collect()
    }

    /// Admits `caller`, unless another process of the same node is running. The returned token is
    /// cancelled when another process takes its place.
    pub async fn admit(&self, caller: Caller) -> Result<CancellationToken, DuplicateProcess> {
        let Caller { node, process, info } = caller;
        let own = node == self.shared.log.node_id();
        if own && process != self.shared.process {
            return Err(DuplicateProcess { node, at: String::new() });
        }
        if let Some(link) = self.link_to_another_process(node, process)
            && self.is_held_by_another_process(node, process, &link).await
        {
            return Err(DuplicateProcess { node, at: format!(" at {}", link.address()) });
        }
        let replaced = self.note_process(node, process);
        if let Some(info) = info {
            self.learn(node, info, AddressSource::Itself);
        }
        Ok(replaced)
    }

    /// The open link to `node`, unless it leads to the caller's own `process`.
    fn link_to_another_process(&self, node: NodeId, process: u64) -> Option<Arc<Link>> {
        let state = self.state();
        state.admitted.get(&node).filter(|admitted| admitted.process != process)?;
        state.links.get(&node).filter(|link| link.is_open()).cloned()
    }

    async fn is_held_by_another_process(&self, node: NodeId, process: u64, link: &Link) -> bool {
        let ask = link.call(Call::KnownAddresses(self.known_addresses()));
        let Ok(Ok(answer)) = timeout(LIVENESS_TIMEOUT, ask).await else { return false };
        let answering = KnownAddresses::decode(answer.payload).map_or(0, |known| known.process);
        let still_admitted =
            self.state().admitted.get(&node).is_some_and(|now| now.process == answering);
        answering != process && still_admitted
    }

    fn note_process(&self, node: NodeId, process: u64) -> CancellationToken {
        let mut state = self.state();
        let new = || Admitted { process, replaced: CancellationToken::new() };
        let admitted = state.admitted.entry(node).or_insert_with(new);
        if admitted.process != process {
            std::mem::replace(admitted, new()).replaced.cancel();
        }
        admitted.replaced.clone()
    }

    /// What this node tells the others about itself and the nodes it knows. The router itself
    /// reports its witness.
    pub fn known_addresses(&self) -> KnownAddresses {
        let state = self.state();
        let masters = state.addresses.all().filter(|(_, info)| !info.witness);
        let nodes = masters.map(|(node, info)| node_credentials::to_wire(node, info)).collect();
        KnownAddresses { process: self.shared.process, nodes }
    }

    /// Another node reports what it knows of the others. Nodes that are connected report about
    /// themselves.
    pub fn learn_all(&self, known: KnownAddresses) {
        for (node, info) in known.nodes.into_iter().map(node_credentials::from_wire) {
            let connected = self.state().links.get(&node).is_some_and(|link| link.is_open());
            if !connected {
                self.learn(node, info, AddressSource::Itself);
            }
        }
    }

    /// The links to those nodes, of the `members` and those heard of, that are not connected or do
    /// not know the current addresses of the others.
    pub fn untold<'a>(
        &self,
        members: impl Iterator<Item = (&'a NodeId, &'a NodeInfo)>,
    ) -> Vec<(NodeId, Arc<Link>)> {
        let version = *self.shared.version.borrow();
        let mut state = self.state();
        let addresses: Vec<(NodeId, String)> = {
            let State { addresses, links, .. } = &*state;
            let mut nodes = BTreeMap::new();
            for (node, info) in members {
                nodes.insert(*node, info);
            }
            nodes.extend(addresses.all());
            let newest = nodes
                .into_iter()
                .filter_map(|(node, info)| Some((node, addresses.newest(node, Some(info), None)?)));
            let own = self.shared.log.node_id();
            let is_untold = |(node, newest): &(NodeId, &NodeInfo)| {
                *node != own
                    && !links.get(node).is_some_and(|link| {
                        link.address() == newest.peer_address
                            && link.is_open()
                            && link.addresses_sent() == version
                    })
            };
            newest
                .filter(is_untold)
                .map(|(node, newest)| (node, newest.peer_address.clone()))
                .collect()
        };
        let link = |(node, address): (NodeId, String)| {
            Some((node, self.shared.link(&mut state, node, &address).ok()?))
        };
        addresses.into_iter().filter_map(link).collect()
    }

    /// Connects to these nodes and tells them the addresses of the others. Returns the reasons why
    /// this node was refused.
    pub async fn tell(&self, links: Vec<(NodeId, Arc<Link>)>) -> Vec<Status> {
        let version = *self.shared.version.borrow();
        let known = self.known_addresses();
        let tell = |(node, link): (NodeId, Arc<Link>)| {
            let call = Call::KnownAddresses(known.clone());
            async move {
                match timeout(LIVENESS_TIMEOUT, link.call(call)).await {
                    Ok(Ok(answer)) => {
                        link.set_addresses_sent(version);
                        if let Ok(known) = KnownAddresses::decode(answer.payload) {
                            self.note_process(node, known.process);
                            self.learn_all(known);
                        }
                        None
                    }
                    Ok(Err(status)) => Some(status),
                    Err(_late) => None,
                }
            }
        };
        join_all(links.into_iter().map(tell)).await.into_iter().flatten().collect()
    }

    /// Calls `node`, whose addresses in the membership are `info`, outside of the consensus.
    pub async fn ask(
        &self,
        node: NodeId,
        info: &NodeInfo,
        call: Call,
        limit: Duration,
    ) -> Result<Bytes, Status> {
        let link = self.link(node, info)?;
        let late = |_| Status::deadline_exceeded("no answer");
        let answer = timeout(limit, link.call(call)).await.map_err(late)??;
        Ok(answer.payload)
    }

    /// When `node` last answered, and since when it has failed.
    pub fn contact(&self, node: NodeId) -> Contact {
        let state = self.state();
        let noted = state.contacts.get(&node).copied().unwrap_or_default();
        let link = state.links.get(&node);
        // An answer that came too late for its caller counts too.
        let answered = noted.answered.max(link.and_then(|link| link.answered()));
        let refused = noted.refused_since.filter(|since| Some(*since) >= answered);
        let broken = link.and_then(|link| link.broken_since());
        let refused_since = [refused, broken].into_iter().flatten().min();
        Contact { answered, refused_since }
    }

    /// For the next moment, this node asks for votes on the router's order.
    pub fn direct_votes(&self) {
        self.state().directed_until = Some(Instant::now() + DIRECTED_FOR);
    }

    /// The time to use, given that this node's clock shows `own`.
    pub fn cluster_time(&self, own: UnixMillis) -> UnixMillis {
        if planted::is(PlantedFault::StampsByItsOwnClock)
            || planted::is(PlantedFault::RepliesAgedByTheLeadersClock)
        {
            return own;
        }
        let now = Instant::now();
        let mut state = self.state();
        let agreed = cluster_clock::cluster_time(
            own,
            state.clocks.values().filter_map(|clock| clock.now(now)),
        );
        let is_out_of_step = agreed != own;
        if is_out_of_step != std::mem::replace(&mut state.is_out_of_step, is_out_of_step) {
            drop(state);
            let ahead_ms = own.saturating_ms_since(agreed);
            if is_out_of_step {
                tracing::warn!(
                    ahead_ms,
                    "this machine's clock is wrong: using the other nodes' time"
                );
            } else {
                tracing::info!("this machine's clock agrees with the other nodes' again");
            }
        }
        agreed
    }

    fn note_clock(&self, node: NodeId, time: UnixMillis, asked: Instant) {
        if let Some(reading) = ClockReading::of(time, asked, Instant::now()) {
            self.state().clocks.insert(node, reading);
        }
    }

    /// Whether this node is a leader that no quorum has answered for a while.
    pub fn cut_off(&self) -> watch::Receiver<bool> {
        self.shared.cut_off.subscribe()
    }

    /// See [`cut_off`](Self::cut_off). A leader that is cut off does not renew its lease: it only
    /// pings until a quorum answers again.
    pub fn set_cut_off(&self, cut_off: bool) {
        let news = self.shared.cut_off.send_if_modified(|was| {
            let changed = *was != cut_off;
            *was = cut_off;
            changed
        });
        match (news, cut_off) {
            (true, true) => tracing::warn!("this node leads, but no quorum answers"),
            (true, false) => tracing::info!("this node is no longer a leader without a quorum"),
            (false, _) => {}
        }
    }

    /// Pings `node`; none if there is no answer within `limit`.
    pub async fn ping(&self, node: NodeId, info: &NodeInfo, limit: Duration) -> Option<PingAnswer> {
        let link = self.link(node, info).ok()?;
        let answer = timeout(limit, link.call(Call::Ping(Ping {}))).await.ok()?;
        self.note(node, &info.name, &answer);
        let Pong { last_log, known_leader } = Pong::decode(answer.ok()?.payload).ok()?;
        let last_log = last_log.map(|LogPosition { term, leader, index }| {
            LogId::new(CommittedLeaderId::new(term, NodeId::new(leader)), index)
        });
        Some(PingAnswer { last_log, known_leader: NodeId::from_wire(known_leader) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    fn link(&self, node: NodeId, info: &NodeInfo) -> Result<Arc<Link>, Status> {
        let mut state = self.state();
        let State { addresses, links, .. } = &*state;
        let newest = addresses.newest(node, Some(info), None).unwrap_or(info);
        if let Some(link) = links.get(&node).filter(|link| link.address() == newest.peer_address) {
            return Ok(Arc::clone(link));
        }
        let address = newest.peer_address.clone();
        self.shared.link(&mut state, node, &address)
    }

    fn note<T>(&self, node: NodeId, name: &str, result: &Result<T, Status>) {
        let now = Instant::now();
        let mut state = self.state();
        let reachability = state.reachability.entry(node).or_default();
        let news =
            if result.is_ok() { reachability.answered(now) } else { reachability.failed(now) };
        log_reachability(name, news, result.as_ref().err().map_or("", Status::message));
        let contact = state.contacts.entry(node).or_default();
        match result {
            Ok(_) => *contact = Contact { answered: Some(now), refused_since: None },
            Err(status) if status.code() == Code::Unavailable => {
                contact.refused_since.get_or_insert(now);
            }
            Err(_) => {}
        }
    }
}

/// openraft's own messages, ten a second, help nobody.
fn log_reachability(name: &str, news: Option<ReachabilityChange>, why: &str) {
    match news {
        Some(ReachabilityChange::Lost) => tracing::warn!(node = name, why, "cannot reach the node"),
        Some(ReachabilityChange::Recovered(after)) => {
            tracing::info!(node = name, after_ms = after.as_millis(), "reached the node again");
        }
        None => {}
    }
}

impl Shared {
    /// Calls `node`, if its address is known.
    fn open(&self, state: &mut State, node: NodeId) {
        let Some(address) = state.addresses.get(node).map(|info| info.peer_address.clone()) else {
            return;
        };
        // An invalid address is reported to whoever calls the node.
        if self.credentials.has_cluster()
            && let Ok(link) = self.link(state, node, &address)
        {
            link.open();
        }
    }

    fn link(&self, state: &mut State, node: NodeId, address: &str) -> Result<Arc<Link>, Status> {
        if let Some(link) = state.links.get(&node).filter(|link| link.address() == address) {
            return Ok(Arc::clone(link));
        }
        let failed = |error| Status::unavailable(format!("{address}: {error}"));
        let link = Link::new(node, address.to_owned(), Arc::clone(&self.credentials));
        let link = Arc::new(link.map_err(failed)?);
        state.links.insert(node, Arc::clone(&link));
        Ok(link)
    }
}

impl RaftNetworkFactory<Consensus> for Peers {
    type Network = Connection;

    async fn new_client(&mut self, target: NodeId, node: &NodeInfo) -> Connection {
        Connection {
            peers: self.clone(),
            target,
            info: node.clone(),
            held_acks: HeldAcks::default(),
            acknowledged: None,
        }
    }
}

/// The connection to one node, as openraft uses it.
pub struct Connection {
    peers: Peers,
    target: NodeId,
    info: NodeInfo,
    held_acks: HeldAcks,
    /// When the last append began that the other node has acknowledged.
    acknowledged: Option<Instant>,
}

type CallError = RPCError<NodeId, NodeInfo, RaftError<NodeId>>;

impl Connection {
    /// Whether an append need not be sent, because all that it could say is how far the log is committed.
    /// The next entries say that too, or else a heartbeat, of which there is one each `heartbeat`.
    ///
    /// The consensus has only one append under way to a node, so whatever is written next would wait for
    /// the answer. A read's question to the quorum is always sent: it has a connection of its own, on which
    /// nothing was acknowledged before.
    fn can_wait(&self, rpc: &AppendEntriesRequest<Consensus>, heartbeat: Duration) -> bool {
        let is_lately = self.acknowledged.is_some_and(|began| began.elapsed() < heartbeat / 2);
        is_lately && self.held_acks.cover(rpc)
    }

    fn timed_out(&self, action: RPCTypes, limit: Duration) -> Timeout<NodeId> {
        Timeout { action, id: self.peers.shared.log.node_id(), target: self.target, timeout: limit }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        action: RPCTypes,
        limit: Duration,
        call: Call,
        answer: Kind,
    ) -> Result<T, CallError> {
        let link = self.peers.link(self.target, &self.info).map_err(|e| unreachable(&e))?;
        let asked = Instant::now();
        let Ok(result) = timeout(limit, link.call(call)).await else {
            let news = self
                .peers
                .state()
                .reachability
                .entry(self.target)
                .or_default()
                .failed(Instant::now());
            log_reachability(&self.info.name, news, "it does not answer");
            return Err(RPCError::Timeout(self.timed_out(action, limit)));
        };
        self.peers.note(self.target, &self.info.name, &result);
        let PeerAnswer { payload, clock_ms, .. } = result.map_err(|status| unreachable(&status))?;
        self.peers.note_clock(self.target, UnixMillis::new(clock_ms), asked);
        envelope::open(answer, &payload)
            .map_err(|error| RPCError::Network(NetworkError::new(&error)))
    }
}

fn unreachable(status: &Status) -> CallError {
    RPCError::Unreachable(Unreachable::new(status))
}

impl RaftNetwork<Consensus> for Connection {
    /// A successful answer says that the other node has the log up to some entry. It is held back
    /// until this node's disk has that entry too, since the consensus counts this node's own copy
    /// from the beginning ([`durability`](super::durability)). If this node's disk takes longer
    /// than the consensus waits for an answer, the answer says only that the other node follows,
    /// and acknowledges none of the entries.
    ///
    /// openraft lets what a leader has begun to send go on after another leads, out of a log that the
    /// other one has changed since: under the old vote, such entries could come to stand behind ones
    /// that they do not follow. A higher vote is always saved before the log is changed, so it is
    /// enough to look for one after the entries were read.
    async fn append_entries(
        &mut self,
        mut rpc: AppendEntriesRequest<Consensus>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, CallError> {
        if *self.peers.shared.cut_off.borrow()
            && !planted::is(PlantedFault::CutOffLeaderKeepsItsLease)
            && !planted::is(PlantedFault::MuteLeaderGoesOnReporting)
        {
            let _noted = self.peers.ping(self.target, &self.info, option.hard_ttl()).await;
            return Err(unreachable(&Status::unavailable("no quorum answers: only pinged")));
        }
        if let Some(higher) = self.peers.shared.log.higher_vote(&rpc.vote)
            && !planted::is(PlantedFault::SupersededLeaderGoesOnSending)
        {
            return Ok(AppendEntriesResponse::HigherVote(higher));
        }
        if self.can_wait(&rpc, option.hard_ttl()) {
            return Ok(AppendEntriesResponse::Success);
        }
        let began = Instant::now();
        let (vote, before) = (rpc.vote, rpc.prev_log_id);
        let last = rpc.entries.last().map(|entry| entry.log_id).or(before);
        self.held_acks.trim(&mut rpc);
        let call = Call::Append(seal(Kind::Append, &rpc).into());
        let answer =
            match self.call(RPCTypes::AppendEntries, option.hard_ttl(), call, Kind::Appended).await
            {
                Err(RPCError::Timeout(_)) if planted::is(PlantedFault::LostAnswerCountsAsYes) => {
                    return Ok(AppendEntriesResponse::Success);
                }
                answer => answer?,
            };
        if !matches!(answer, AppendEntriesResponse::Success) {
            self.held_acks.forget();
            return Ok(answer);
        }
        self.held_acks.acknowledged(vote, last);
        self.acknowledged = Some(began);
        if planted::is(PlantedFault::CountUnwrittenOwnCopy) {
            return Ok(answer);
        }
        let durable = self.peers.shared.log.durable();
        let left = option.soft_ttl().saturating_sub(began.elapsed());
        match timeout(left, durable.wait_for_entry(last)).await {
            Ok(Ok(())) => Ok(answer),
            Ok(Err(gone)) => Err(RPCError::Unreachable(Unreachable::new(&gone))),
            // The consensus does not accept an empty log as partial success.
            Err(_slow) if before.is_some() && durable.has(before) => {
                Ok(AppendEntriesResponse::PartialSuccess(before))
            }
            Err(_slow) => {
                Err(RPCError::Timeout(self.timed_out(RPCTypes::AppendEntries, option.soft_ttl())))
            }
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, CallError> {
        let directed = self.peers.state().directed_until.is_some_and(|end| Instant::now() < end)
            || planted::is(PlantedFault::LeaseAlwaysDropped);
        let payload: Bytes = seal(Kind::Ballot, &rpc).into();
        let call = if directed { Call::DirectedVote(payload) } else { Call::Vote(payload) };
        self.call(RPCTypes::Vote, option.hard_ttl(), call, Kind::Voted).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<Consensus>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<NodeId>, StreamingError<Consensus, Fatal<NodeId>>> {
        if *self.peers.shared.cut_off.borrow() {
            let cut_off = Status::unavailable("no quorum answers: no snapshot is sent");
            return Err(StreamingError::Unreachable(Unreachable::new(&cut_off)));
        }
        let header = Header { vote, meta: snapshot.meta };
        let data = if self.info.witness { SnapshotData::Empty } else { *snapshot.snapshot };
        let chunks = ReceiverStream::new(snapshot::send(&header, data));
        let request = self.peers.shared.credentials.request(self.target, chunks);
        let unreachable = |status: &Status| StreamingError::Unreachable(Unreachable::new(status));
        let link = self.peers.link(self.target, &self.info).map_err(|e| unreachable(&e))?;
        let mut client = link.client();
        let reply = tokio::select! {
            biased;
            closed = cancel => return Err(StreamingError::Closed(closed)),
            reply = timeout(SNAPSHOT_TIMEOUT, client.install_snapshot(request)) => reply,
        };
        let Ok(result) = reply else {
            let timed_out = self.timed_out(RPCTypes::InstallSnapshot, SNAPSHOT_TIMEOUT);
            return Err(StreamingError::Timeout(timed_out));
        };
        self.peers.note(self.target, &self.info.name, &result);
        let reply = result.map_err(|status| unreachable(&status))?.into_inner();
        envelope::open(Kind::Installed, &reply.payload)
            .map_err(|error| StreamingError::Network(NetworkError::from(AnyError::new(&error))))
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(RETRY_AFTER))
    }
}
