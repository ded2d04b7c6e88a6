//! The other nodes as this one reaches them: addresses, channels, and when each last answered.
//!
//! openraft makes a new network client for every vote and every linearizable read, so the channels
//! are kept here and shared. Every call names the cluster and the node that is meant: an address
//! may have passed to another process since.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use super::{
    Consensus, NodeInfo, Vote, encode,
    snapshot::{self, Header, SnapshotData},
};
use crate::{
    credentials::{CLUSTER_KEY, NODE_KEY, SECRET_KEY},
    domain::{ClusterId, NodeId},
    host::net,
    settings::Secret,
    wire::internal::{PeerReply, PeerRequest, peer_service_client::PeerServiceClient},
};

/// Largest message between nodes, in bytes: replication is cut into pieces far smaller.
pub const MESSAGE_BYTES: usize = 64 << 20;
/// Between attempts to reach a node that cannot be reached.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// A directed election's votes carry its mark for this long; a later election is nobody's order.
const DIRECTED_FOR: Duration = Duration::from_secs(1);
/// A snapshot that has not arrived in this time is begun anew.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_mins(10);

type Client = PeerServiceClient<Channel>;

/// Shared by all connections of this node; clones share it.
#[derive(Clone)]
pub struct Peers {
    shared: Arc<Shared>,
}

struct Shared {
    own_id: NodeId,
    secret: MetadataValue<Ascii>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cluster: Option<MetadataValue<Ascii>>,
    /// By the router's roster; newer than what the membership says.
    addresses: HashMap<NodeId, String>,
    channels: HashMap<NodeId, (String, Client)>,
    contacts: HashMap<NodeId, Contact>,
    directed_until: Option<Instant>,
}

/// When a node last answered, and whether it has failed since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact {
    /// The last answer.
    pub answered: Option<Instant>,
    /// Since when nothing but connection failures came back; timeouts do not count.
    pub refused_since: Option<Instant>,
}

impl Peers {
    /// For the node `own_id`.
    pub fn new(own_id: NodeId, secret: &Secret) -> Self {
        let mut secret: MetadataValue<Ascii> =
            secret.expose().parse().expect("the settings admit visible ASCII only");
        secret.set_sensitive(true);
        Self { shared: Arc::new(Shared { own_id, secret, state: Mutex::default() }) }
    }

    /// From now on calls name this cluster.
    pub fn set_cluster(&self, cluster: ClusterId) {
        let value = cluster.to_string().parse().expect("hexadecimal digits are ASCII");
        self.state().cluster = Some(value);
    }

    /// Where the roster says that `node` listens.
    pub fn set_address(&self, node: NodeId, address: String) {
        self.state().addresses.insert(node, address);
    }

    /// What is known of `node`'s reachability.
    pub fn contact(&self, node: NodeId) -> Contact {
        self.state().contacts.get(&node).copied().unwrap_or_default()
    }

    /// Votes that this node asks for in the next moments are on the router's order.
    pub fn direct_votes(&self) {
        self.state().directed_until = Some(Instant::now() + DIRECTED_FOR);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, node: NodeId, info: &NodeInfo) -> Result<Client, Status> {
        let mut state = self.state();
        let address = state.addresses.get(&node).unwrap_or(&info.peer_address).clone();
        if let Some((known, client)) = state.channels.get(&node)
            && *known == address
        {
            return Ok(client.clone());
        }
        let channel = net::channel(&address)
            .map_err(|error| Status::unavailable(format!("{address}: {error}")))?;
        let client = PeerServiceClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        state.channels.insert(node, (address, client.clone()));
        Ok(client)
    }

    fn request<T>(&self, node: NodeId, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(SECRET_KEY, self.shared.secret.clone());
        metadata.insert(NODE_KEY, node.into());
        if let Some(cluster) = self.state().cluster.clone() {
            metadata.insert(CLUSTER_KEY, cluster);
        }
        request
    }

    fn note<T>(&self, node: NodeId, result: &Result<T, Status>) {
        let now = Instant::now();
        let mut state = self.state();
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

impl RaftNetworkFactory<Consensus> for Peers {
    type Network = Connection;

    async fn new_client(&mut self, target: NodeId, node: &NodeInfo) -> Connection {
        Connection { peers: self.clone(), target, info: node.clone() }
    }
}

/// One node, as openraft calls it.
pub struct Connection {
    peers: Peers,
    target: NodeId,
    info: NodeInfo,
}

type CallError = RPCError<NodeId, NodeInfo, RaftError<NodeId>>;

impl Connection {
    fn timed_out(&self, action: RPCTypes, limit: Duration) -> Timeout<NodeId> {
        Timeout { action, id: self.peers.shared.own_id, target: self.target, timeout: limit }
    }

    async fn call<T, F>(
        &self,
        action: RPCTypes,
        limit: Duration,
        call: impl FnOnce(Client) -> F,
    ) -> Result<T, CallError>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<Response<PeerReply>, Status>>,
    {
        let client = self.peers.client(self.target, &self.info).map_err(|e| unreachable(&e))?;
        let Ok(result) = timeout(limit, call(client)).await else {
            return Err(RPCError::Timeout(self.timed_out(action, limit)));
        };
        self.peers.note(self.target, &result);
        let reply = result.map_err(|status| unreachable(&status))?.into_inner();
        postcard::from_bytes(&reply.payload)
            .map_err(|error| RPCError::Network(NetworkError::new(&error)))
    }
}

fn unreachable(status: &Status) -> CallError {
    RPCError::Unreachable(Unreachable::new(status))
}

impl RaftNetwork<Consensus> for Connection {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Consensus>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, CallError> {
        let message = PeerRequest { payload: encode(&rpc).into(), directed: false };
        let request = self.peers.request(self.target, message);
        self.call(RPCTypes::AppendEntries, option.hard_ttl(), async |mut client: Client| {
            client.append_entries(request).await
        })
        .await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, CallError> {
        let directed = self.peers.state().directed_until.is_some_and(|end| Instant::now() < end);
        let message = PeerRequest { payload: encode(&rpc).into(), directed };
        let request = self.peers.request(self.target, message);
        self.call(RPCTypes::Vote, option.hard_ttl(), async |mut client: Client| {
            client.vote(request).await
        })
        .await
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
        let request = self.peers.request(self.target, chunks);
        let unreachable = |status: &Status| StreamingError::Unreachable(Unreachable::new(status));
        let mut client =
            self.peers.client(self.target, &self.info).map_err(|status| unreachable(&status))?;
        let reply = tokio::select! {
            closed = cancel => return Err(StreamingError::Closed(closed)),
            reply = timeout(SNAPSHOT_TIMEOUT, client.install_snapshot(request)) => reply,
        };
        let Ok(result) = reply else {
            let timed_out = self.timed_out(RPCTypes::InstallSnapshot, SNAPSHOT_TIMEOUT);
            return Err(StreamingError::Timeout(timed_out));
        };
        self.peers.note(self.target, &result);
        let reply = result.map_err(|status| unreachable(&status))?.into_inner();
        postcard::from_bytes(&reply.payload)
            .map_err(|error| StreamingError::Network(NetworkError::from(AnyError::new(&error))))
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(RETRY_AFTER))
    }
}
