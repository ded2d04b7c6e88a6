//! The other nodes as this one reaches them: addresses, links, and when each last answered.
//!
//! openraft makes a new network client for every vote and every linearizable read, so the links are
//! kept here and shared.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use openraft::{
    AnyError, Snapshot,
    error::{
        Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Timeout,
        Unreachable,
    },
    network::{Backoff, RPCOption, RPCTypes, RaftNetwork, RaftNetworkFactory},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
    },
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{
    Consensus, NodeInfo, Vote,
    clocks::{self, Reading},
    durability::Unanswered,
    link::Link,
    log_store::LogStore,
    passport::Passport,
    reach::{News, Reach},
    snapshot::{self, Header, SnapshotData},
};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::{self, Kind, Version, seal},
    settings::Secret,
    wire::internal::{PeerAnswer, peer_call::Call},
};

/// Between attempts to reach a node that cannot be reached.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// A directed election's votes carry its mark for this long; a later election is nobody's order.
const DIRECTED_FOR: Duration = Duration::from_secs(1);
/// A snapshot that has not arrived in this time is begun anew.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_mins(10);

/// Shared by all connections of this node; clones share it.
#[derive(Clone)]
pub struct Peers {
    shared: Arc<Shared>,
}

struct Shared {
    log: LogStore,
    passport: Arc<Passport>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the router's roster; newer than what the membership says.
    addresses: HashMap<NodeId, String>,
    links: HashMap<NodeId, Arc<Link>>,
    contacts: HashMap<NodeId, Contact>,
    reach: HashMap<NodeId, Reach>,
    clocks: HashMap<NodeId, Reading>,
    /// Whether this node's own clock was last found to be wrong.
    is_out_of_step: bool,
    directed_until: Option<Instant>,
}

/// When a node last answered, and whether it has failed since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact {
    /// The last answer.
    pub answered: Option<Instant>,
    /// Since when its connection is broken, or nothing but connection failures came back; timeouts
    /// do not count.
    pub refused_since: Option<Instant>,
}

impl Peers {
    /// For the node that keeps `log`.
    pub fn new(log: LogStore, secret: &Secret) -> Self {
        let passport = Arc::new(Passport::new(secret));
        Self { shared: Arc::new(Shared { log, passport, state: Mutex::default() }) }
    }

    /// From now on calls name this cluster.
    pub fn set_cluster(&self, cluster: ClusterId) {
        self.shared.passport.join(cluster);
    }

    /// From now on calls say that the cluster writes in `version` of the format.
    pub fn set_version(&self, version: Version) {
        self.shared.passport.set_version(version);
    }

    /// The roster says that `node` lives and listens at `address` (host:port): it is as good as
    /// called, so that it can be called without delay.
    pub fn set_address(&self, node: NodeId, address: String) {
        let mut state = self.state();
        let is_callable = node != self.shared.log.node_id() && self.shared.passport.is_complete();
        // An address that is none is told to whoever calls.
        if is_callable && let Ok(link) = self.shared.link(&mut state, node, &address) {
            link.open();
        }
        state.addresses.insert(node, address);
    }

    /// What is known of `node`'s reachability.
    pub fn contact(&self, node: NodeId) -> Contact {
        let state = self.state();
        let contact = state.contacts.get(&node).copied().unwrap_or_default();
        let broken_since = state.links.get(&node).and_then(|link| link.broken_since());
        let failures = [contact.refused_since, broken_since];
        Contact { refused_since: failures.into_iter().flatten().min(), ..contact }
    }

    /// Votes that this node asks for in the next moments are on the router's order.
    pub fn direct_votes(&self) {
        self.state().directed_until = Some(Instant::now() + DIRECTED_FOR);
    }

    /// The time to go by, where this node's clock says `own`.
    pub fn agreed_time(&self, own: UnixMillis) -> UnixMillis {
        let now = Instant::now();
        let mut state = self.state();
        let agreed = clocks::agreed(own, state.clocks.values().filter_map(|clock| clock.now(now)));
        let is_out_of_step = agreed != own;
        if is_out_of_step != std::mem::replace(&mut state.is_out_of_step, is_out_of_step) {
            drop(state);
            let ahead_ms = own.saturating_sub(agreed);
            if is_out_of_step {
                tracing::warn!(ahead_ms, "this machine's clock is wrong: going by the others'");
            } else {
                tracing::info!("this machine's clock is in step with the others'");
            }
        }
        agreed
    }

    fn note_clock(&self, node: NodeId, time: UnixMillis, asked: Instant) {
        if let Some(reading) = Reading::of(time, asked, Instant::now()) {
            self.state().clocks.insert(node, reading);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self, node: NodeId, info: &NodeInfo) -> Result<Arc<Link>, Status> {
        let mut state = self.state();
        let address = state.addresses.get(&node).unwrap_or(&info.peer_address).clone();
        self.shared.link(&mut state, node, &address)
    }

    fn note<T>(&self, node: NodeId, name: &str, result: &Result<T, Status>) {
        let now = Instant::now();
        let mut state = self.state();
        let reach = state.reach.entry(node).or_default();
        let news = if result.is_ok() { reach.answered(now) } else { reach.failed(now) };
        tell(name, news, result.as_ref().err().map_or("", Status::message));
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

/// openraft's own words on it, ten a second, are no help to anyone.
fn tell(name: &str, news: Option<News>, why: &str) {
    match news {
        Some(News::Lost) => tracing::warn!(node = name, why, "cannot reach the node"),
        Some(News::Back(after)) => {
            tracing::info!(node = name, after_ms = after.as_millis(), "reached the node again");
        }
        None => {}
    }
}

impl Shared {
    fn link(&self, state: &mut State, node: NodeId, address: &str) -> Result<Arc<Link>, Status> {
        if let Some(link) = state.links.get(&node).filter(|link| link.address() == address) {
            return Ok(Arc::clone(link));
        }
        let failed = |error| Status::unavailable(format!("{address}: {error}"));
        let link = Link::new(node, address.to_owned(), Arc::clone(&self.passport));
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
            unanswered: Unanswered::default(),
        }
    }
}

/// One node, as openraft calls it.
pub struct Connection {
    peers: Peers,
    target: NodeId,
    info: NodeInfo,
    unanswered: Unanswered,
}

type CallError = RPCError<NodeId, NodeInfo, RaftError<NodeId>>;

impl Connection {
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
            let news =
                self.peers.state().reach.entry(self.target).or_default().failed(Instant::now());
            tell(&self.info.name, news, "it does not answer");
            return Err(RPCError::Timeout(self.timed_out(action, limit)));
        };
        self.peers.note(self.target, &self.info.name, &result);
        let PeerAnswer { payload, clock_ms, .. } = result.map_err(|status| unreachable(&status))?;
        self.peers.note_clock(self.target, clock_ms, asked);
        envelope::open(answer, &payload)
            .map_err(|error| RPCError::Network(NetworkError::new(&error)))
    }
}

fn unreachable(status: &Status) -> CallError {
    RPCError::Unreachable(Unreachable::new(status))
}

impl RaftNetwork<Consensus> for Connection {
    /// An answer tells that another node has the log up to some entry. It is held back until this
    /// node has that too, since the consensus counts its own copy from the beginning
    /// ([`durability`](super::durability)). Where its own disk takes longer than the consensus waits
    /// for an answer, the answer tells that the other node follows, and nothing of the entries.
    async fn append_entries(
        &mut self,
        mut rpc: AppendEntriesRequest<Consensus>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, CallError> {
        let began = Instant::now();
        let (vote, before) = (rpc.vote, rpc.prev_log_id);
        let last = rpc.entries.last().map(|entry| entry.log_id).or(before);
        self.unanswered.trim(&mut rpc);
        let call = Call::Append(seal(Kind::Append, &rpc).into());
        let answer =
            self.call(RPCTypes::AppendEntries, option.hard_ttl(), call, Kind::Appended).await?;
        if !matches!(answer, AppendEntriesResponse::Success) {
            self.unanswered.forget();
            return Ok(answer);
        }
        self.unanswered.acknowledged(vote, last);
        let durable = self.peers.shared.log.durable();
        let left = option.soft_ttl().saturating_sub(began.elapsed());
        match timeout(left, durable.reaches(last)).await {
            Ok(Ok(())) => Ok(answer),
            Ok(Err(gone)) => Err(RPCError::Unreachable(Unreachable::new(&gone))),
            Err(_slow) if durable.has(before) => Ok(AppendEntriesResponse::PartialSuccess(before)),
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
        let directed = self.peers.state().directed_until.is_some_and(|end| Instant::now() < end);
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
        let header = Header { vote, meta: snapshot.meta };
        let data = if self.info.witness { SnapshotData::Nothing } else { *snapshot.snapshot };
        let chunks = ReceiverStream::new(snapshot::send(&header, data));
        let request = self.peers.shared.passport.request(self.target, chunks);
        let unreachable = |status: &Status| StreamingError::Unreachable(Unreachable::new(status));
        let link = self.peers.link(self.target, &self.info).map_err(|e| unreachable(&e))?;
        let mut client = link.client();
        let reply = tokio::select! {
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
