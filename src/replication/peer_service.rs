//! Receives the calls of other nodes and passes them to the consensus.

use std::{pin::Pin, sync::Arc};

use futures::StreamExt as _;
use openraft::{
    Snapshot,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
    },
};
use prost::Message as _;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};

use super::{
    Consensus, LogId, Vote,
    compaction::{self, Compacted, CompactionError},
    node::Node,
    node_credentials::Caller,
    pre_vote,
    snapshot::{self, Header, SnapshotData},
};
use crate::{
    domain::NodeId,
    envelope::{self, Kind, Version, seal},
    host::clock,
    node_auth::{CLUSTER_KEY, FORMAT_KEY, NODE_KEY, metadata_text},
    planted::{self, PlantedFault},
    social::StagedState,
    wire::internal::{
        CompactReply, CompactRequest, FetchStateRequest, LogPosition, PeerAnswer, PeerCall,
        PeerReply, Ping, Pong, SnapshotChunk, peer_call::Call, peer_service_server::PeerService,
    },
};

/// Calls of one node that are processed at a time; a node makes one or two.
const CALLS_AT_A_TIME: usize = 64;

/// Serves one node.
pub struct PeerServer {
    /// None while the node is broken.
    node: watch::Receiver<Option<Node>>,
    /// One snapshot is received at a time.
    receiving: Arc<tokio::sync::Mutex<()>>,
    stop: CancellationToken,
}

impl PeerServer {
    /// Accepts calls for `node` until `stop`.
    pub fn new(node: Node, stop: CancellationToken) -> Self {
        Self::of(watch::channel(Some(node)).1, stop)
    }

    /// The same for a node that is restarted when it breaks.
    pub fn of(node: watch::Receiver<Option<Node>>, stop: CancellationToken) -> Self {
        Self { node, receiving: Arc::default(), stop }
    }

    /// Returns the node, for a call with `metadata`, and a token that is cancelled when the caller
    /// is no longer admitted. Refuses calls that are meant for another node, come from another
    /// cluster, from a cluster that already writes a version of the format that this program does
    /// not speak, or from a second process of one node. A node that belongs to no cluster yet joins
    /// the caller's.
    async fn authenticate(
        &self,
        metadata: &MetadataMap,
    ) -> Result<(Node, CancellationToken), Status> {
        let node = self.node.borrow().clone();
        let node = node.ok_or_else(|| Status::unavailable("this node's disk has failed"))?;
        let own = node.id().to_string();
        if metadata_text(metadata, NODE_KEY).is_none_or(|meant| meant != own) {
            return Err(Status::failed_precondition(format!(
                "this is node {own}; the node you are calling listens elsewhere now"
            )));
        }
        let cluster = metadata_text(metadata, CLUSTER_KEY)
            .and_then(|cluster| cluster.parse().ok())
            .ok_or_else(|| Status::failed_precondition("the caller belongs to no cluster"))?;
        let version = metadata_text(metadata, FORMAT_KEY).and_then(|version| version.parse().ok());
        if let Some(version) = version.map(Version::new)
            && let Some(reason) = node.supported_versions().refusal("this node", version)
        {
            tracing::warn!(reason, "the cluster cannot use this node");
            return Err(Status::failed_precondition(reason));
        }
        if let Err(error) = node.join(cluster).await {
            return Err(Status::failed_precondition(error.to_string()));
        }
        let Some(caller) = Caller::of(metadata) else {
            return Ok((node, CancellationToken::new()));
        };
        match node.peers().admit(caller).await {
            Ok(replaced) => Ok((node, replaced)),
            Err(duplicate) => Err(Status::already_exists(duplicate.to_string())),
        }
    }

    async fn receive(
        &self,
        node: &Node,
        mut stream: Streaming<SnapshotChunk>,
    ) -> Result<SnapshotResponse<NodeId>, Status> {
        let first = stream.message().await?.ok_or_else(|| Status::invalid_argument("no header"))?;
        let Header { vote, meta } = decode(Kind::SnapshotHeader, &first.payload)?;
        let data = match node.state_slot() {
            None => SnapshotData::Empty,
            Some(slot) => {
                let incoming: StagedState = snapshot::receive_from(slot, &mut stream)
                    .await?
                    .map_err(|error| Status::aborted(error.to_string()))?;
                SnapshotData::Received(incoming)
            }
        };
        let snapshot = Snapshot { meta, snapshot: Box::new(data) };
        node.raft().install_full_snapshot(vote, snapshot).await.map_err(stopped)
    }
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(format!("this node is stopping: {error}"))
}

/// Decodes what another node has sent. If the version is wrong, asking again would not help.
fn decode<T: DeserializeOwned>(kind: Kind, payload: &[u8]) -> Result<T, Status> {
    envelope::open(kind, payload).map_err(|error| {
        if error.is_another_version() {
            Status::failed_precondition(error.to_string())
        } else {
            Status::data_loss(error.to_string())
        }
    })
}

async fn answer(node: &Node, PeerCall { number, call }: PeerCall) -> Result<PeerAnswer, Status> {
    let unknown = || Status::invalid_argument("not a call of this version of tinysns");
    let payload = match call.ok_or_else(unknown)? {
        Call::Append(payload) => {
            let message: AppendEntriesRequest<Consensus> = decode(Kind::Append, &payload)?;
            let leader = message.vote.leader_id().node_id;
            let mut answer = node.raft().append_entries(message).await.map_err(stopped)?;
            if planted::is(PlantedFault::FollowerClaimsWhatItLacks)
                && matches!(answer, AppendEntriesResponse::Conflict)
            {
                answer = AppendEntriesResponse::Success;
            }
            if !matches!(answer, AppendEntriesResponse::HigherVote(_)) {
                node.note_leader(leader);
                node.leader_lease().renew();
            }
            seal(Kind::Appended, &answer)
        }
        Call::Vote(payload) => {
            let message: VoteRequest<NodeId> = decode(Kind::Ballot, &payload)?;
            seal(Kind::Voted, &vote(node, message, PlantedFault::VoteForAShorterLog).await?)
        }
        Call::DirectedVote(payload) => {
            let message: VoteRequest<NodeId> = decode(Kind::Ballot, &payload)?;
            node.leader_lease().revoke();
            release_lease(node, &message.vote).await;
            let ignores_logs = PlantedFault::DirectedElectionIgnoresTheLogs;
            seal(Kind::Voted, &vote(node, message, ignores_logs).await?)
        }
        Call::KnownAddresses(known) => {
            node.peers().learn_all(known);
            node.peers().known_addresses().encode_to_vec()
        }
        Call::PreVote(poll) => pre_vote::answer(node, &poll).await.encode_to_vec(),
        // The consensus is asked, so that a hung one does not seem healthy.
        Call::Ping(Ping {}) => {
            let last_log = node.newest_entry().await.map_err(stopped)?;
            let last_log = last_log.map(|LogId { leader_id, index }| LogPosition {
                term: leader_id.term,
                leader: leader_id.node_id.get(),
                index,
            });
            Pong { last_log, known_leader: NodeId::to_wire(node.known_leader()) }.encode_to_vec()
        }
    };
    Ok(PeerAnswer { number, payload: payload.into(), clock_ms: clock::now().get() })
}

/// Votes; with the planted fault `ignores_logs`, even for a candidate whose log is shorter.
async fn vote(
    node: &Node,
    message: VoteRequest<NodeId>,
    ignores_logs: PlantedFault,
) -> Result<VoteResponse<NodeId>, Status> {
    let (vote, last) = (message.vote, message.last_log_id);
    let answer = node.raft().vote(message).await.map_err(stopped)?;
    if planted::is(ignores_logs) && answer.last_log_id > last && answer.vote <= vote {
        return Ok(VoteResponse { vote, vote_granted: true, last_log_id: last });
    }
    Ok(answer)
}

/// Drops the lease of the last leader, for a candidate that was told to campaign because that
/// leader is gone. The flag on a vote during a leadership transfer has the same effect (Ongaro,
/// "Consensus: Bridging Theory and Practice", 3.10 and 4.2.3).
///
/// What is acknowledged here is the candidate's vote, which is not yet granted, so granting it still
/// depends on its log.
async fn release_lease(node: &Node, candidate: &Vote) {
    node.acknowledge(Vote { committed: false, ..*candidate }).await;
}

#[tonic::async_trait]
impl PeerService for PeerServer {
    type ExchangeStream = Pin<Box<dyn Stream<Item = Result<PeerAnswer, Status>> + Send>>;

    async fn exchange(
        &self,
        request: Request<Streaming<PeerCall>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let (node, replaced) = self.authenticate(request.metadata()).await?;
        let (stop, ended) = (self.stop.clone(), node.ended());
        let over = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = ended.cancelled() => {}
                () = replaced.cancelled() => {}
            }
        };
        let answer = move |call: Result<PeerCall, Status>| {
            let node = node.clone();
            async move { answer(&node, call?).await }
        };
        let answers =
            request.into_inner().map(answer).buffer_unordered(CALLS_AT_A_TIME).take_until(over);
        Ok(Response::new(Box::pin(answers)))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<SnapshotChunk>>,
    ) -> Result<Response<PeerReply>, Status> {
        let (node, _replaced) = self.authenticate(request.metadata()).await?;
        let _receiving = self.receiving.lock().await;
        let reply = self.receive(&node, request.into_inner()).await?;
        Ok(Response::new(PeerReply { payload: seal(Kind::Installed, &reply).into() }))
    }

    type FetchStateStream = Pin<Box<dyn Stream<Item = Result<SnapshotChunk, Status>> + Send>>;

    async fn fetch_state(
        &self,
        request: Request<FetchStateRequest>,
    ) -> Result<Response<Self::FetchStateStream>, Status> {
        let (node, _replaced) = self.authenticate(request.metadata()).await?;
        let none = || Status::failed_precondition("this node has no state to give");
        if node.state_slot().is_none() {
            return Err(none());
        }
        let snapshot = node.raft().get_snapshot().await.map_err(stopped)?.ok_or_else(none)?;
        let vote = node.raft().metrics().borrow().vote;
        let chunks = snapshot::send(&Header { vote, meta: snapshot.meta }, *snapshot.snapshot);
        Ok(Response::new(Box::pin(ReceiverStream::new(chunks).map(Ok))))
    }

    async fn compact(
        &self,
        request: Request<CompactRequest>,
    ) -> Result<Response<CompactReply>, Status> {
        let (node, _replaced) = self.authenticate(request.metadata()).await?;
        let compacted = compaction::run(&node).await.map_err(|error| match &error {
            CompactionError::NoState | CompactionError::NoRoom { .. } => {
                Status::failed_precondition(error.to_string())
            }
            CompactionError::Disk(_) | CompactionError::State(_) => {
                tracing::error!(%error, "cannot compact");
                Status::internal(error.to_string())
            }
            CompactionError::Stopping => Status::unavailable(error.to_string()),
        })?;
        let Compacted { before, after } = compacted;
        Ok(Response::new(CompactReply { before, after }))
    }
}
