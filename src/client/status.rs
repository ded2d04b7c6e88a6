//! The cluster as the router sees it. The call is not repeated, and nobody else is asked: it is for
//! people and monitoring, who want to know when the router is away.

use std::time::Duration;

use tokio::time;
use tonic::{Request, metadata::AsciiMetadataValue};

use super::{ClientError, directory};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    host::net::{self, Security},
    node_auth::{NodeAuth, SECRET_KEY},
    settings::{NodeEncryption, NodeSecurity, Secret},
    tls::TlsError,
    wire::v1::{self, directory_service_client::DirectoryServiceClient},
};

/// A router that lives answers in a millisecond.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The whole cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterStatus {
    /// Absent until the cluster is bootstrapped.
    pub cluster_id: Option<String>,
    /// Name of the available server, if there is one.
    pub available: Option<String>,
    /// Every master that has reported to the router.
    pub masters: Vec<MasterStatus>,
    /// The router itself.
    pub router: RouterStatus,
    /// What is wrong and what to do about it, a sentence each.
    pub problems: Vec<String>,
    /// The version of the format in which the cluster writes, if the router knows it.
    pub format: Option<u32>,
    /// How much the router has told.
    pub view: StatusView,
}

impl ClusterStatus {
    /// Which cluster it is, if there is one.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster_id.as_deref()?.parse().ok()
    }
}

/// How much the router tells of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusView {
    /// No address, host and process id: they are empty or 0.
    Public,
    /// Everything, to those who have the cluster's secret or ask on the router's machine.
    Operator,
}

/// What a master is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterState {
    /// Serves all clients.
    Available,
    /// Ready to take over.
    Standby,
    /// Alive, but not up to date yet.
    CatchingUp,
    /// Does not report.
    Down,
    /// A state of a later version.
    Unknown,
}

/// One master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterStatus {
    /// Like `server-4`.
    pub name: String,
    /// host:port of the client API.
    pub address: String,
    /// Its id, for operators.
    pub node: Option<NodeId>,
    /// host:port at which other nodes reach it, for operators.
    pub peer_address: String,
    /// Process id, on its own machine.
    pub pid: u32,
    /// What it is doing.
    pub state: MasterState,
    /// The term that it is in.
    pub term: u64,
    /// The end of its log.
    pub last_log_index: u64,
    /// How much of its log is in its state.
    pub applied_index: u64,
    /// How often its slave has rebooted it.
    pub reboots: u32,
    /// When it entered `state`.
    pub since: UnixMillis,
    /// True if it takes part in votes.
    pub voter: bool,
    /// The name of its machine or container.
    pub host: String,
    /// How far its clock is ahead of the median clock, in milliseconds.
    pub clock_ahead_ms: i64,
}

/// The router and its witness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterStatus {
    /// host:port.
    pub address: String,
    /// Process id, on its own machine.
    pub pid: u32,
    /// When it was started.
    pub since: UnixMillis,
    /// The term that its witness is in.
    pub term: u64,
    /// The end of its witness's log.
    pub last_log_index: u64,
    /// Whether its witness takes part in votes, which it does beside two or more masters.
    pub voter: bool,
    /// The name of its machine or container.
    pub host: String,
}

/// Who asks about the cluster.
#[derive(Clone, Default)]
pub struct Viewer {
    /// How connections are protected where nothing has to be proved.
    pub security: Security,
    /// What operators prove, who are told more.
    pub operator: Option<NodeAuth>,
}

impl Viewer {
    /// An operator of the cluster with this secret.
    pub fn with_secret(secret: Secret) -> Result<Self, TlsError> {
        let security = NodeSecurity { encryption: NodeEncryption::On, files: None };
        let operator = Some(NodeAuth::new(secret, &security)?);
        Ok(Self { security: Security::InClear, operator })
    }
}

/// Asks the router at `address` (host:port; of several, with commas between them, the first that answers) about the
/// cluster.
pub async fn cluster(address: &str) -> Result<ClusterStatus, ClientError> {
    cluster_for(address, &Viewer::default()).await
}

/// The same for somebody in particular. Who has not proved to be an operator of this cluster is told what
/// everybody is told.
pub async fn cluster_for(address: &str, viewer: &Viewer) -> Result<ClusterStatus, ClientError> {
    let mut failure = None;
    for entry in directory::entries(address) {
        match cluster_at(entry, viewer).await {
            Ok(status) => return Ok(status),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.expect("there is one address at least, if an empty one"))
}

async fn cluster_at(address: &str, viewer: &Viewer) -> Result<ClusterStatus, ClientError> {
    if let Some(auth) = &viewer.operator
        && let Ok(status) = ask(address, &auth.to_router(), Some(auth.metadata())).await
    {
        return Ok(status);
    }
    ask(address, &viewer.security, None).await
}

async fn ask(
    address: &str,
    security: &Security,
    secret: Option<AsciiMetadataValue>,
) -> Result<ClusterStatus, ClientError> {
    let unreachable = |reason| ClientError::Router { address: address.to_owned(), reason };
    let channel = net::channel(address, security)
        .map_err(|_| ClientError::Address { address: address.to_owned() })?;
    let mut directory = DirectoryServiceClient::new(channel);
    let mut request = Request::new(v1::ClusterRequest {});
    if let Some(secret) = secret {
        request.metadata_mut().insert(SECRET_KEY, secret);
    }
    match time::timeout(TIMEOUT, directory.cluster(request)).await {
        Ok(Ok(reply)) => Ok(reply.into_inner().into()),
        Ok(Err(status)) => Err(unreachable(directory::innermost_cause(&status))),
        Err(_) => Err(unreachable("it does not answer".to_owned())),
    }
}

impl From<v1::ClusterStatus> for ClusterStatus {
    fn from(status: v1::ClusterStatus) -> Self {
        let view = match status.view() {
            v1::StatusView::Public => StatusView::Public,
            v1::StatusView::Operator | v1::StatusView::Unspecified => StatusView::Operator,
        };
        let v1::ClusterStatus { cluster_id, available, masters, router, problems, format, .. } =
            status;
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            cluster_id: present(cluster_id),
            available: present(available),
            masters: masters.into_iter().map(MasterStatus::from).collect(),
            router: router.map(RouterStatus::from).unwrap_or_default(),
            problems,
            format: Some(format).filter(|format| *format > 0),
            view,
        }
    }
}

impl From<v1::MasterStatus> for MasterStatus {
    fn from(master: v1::MasterStatus) -> Self {
        let state = match master.state() {
            v1::MasterState::Available => MasterState::Available,
            v1::MasterState::Standby => MasterState::Standby,
            v1::MasterState::CatchingUp => MasterState::CatchingUp,
            v1::MasterState::Down => MasterState::Down,
            v1::MasterState::Unspecified => MasterState::Unknown,
        };
        Self {
            name: master.name,
            address: master.address,
            node: NodeId::from_wire(master.node_id),
            peer_address: master.peer_address,
            pid: master.pid,
            state,
            term: master.term,
            last_log_index: master.last_log_index,
            applied_index: master.applied_index,
            reboots: master.reboots,
            since: UnixMillis::new(master.since_ms),
            voter: master.voter,
            host: master.host,
            clock_ahead_ms: master.clock_ahead_ms,
        }
    }
}

impl From<v1::RouterStatus> for RouterStatus {
    fn from(router: v1::RouterStatus) -> Self {
        let v1::RouterStatus { address, pid, since_ms, term, last_log_index, voter, host } = router;
        Self { address, pid, since: UnixMillis::new(since_ms), term, last_log_index, voter, host }
    }
}
