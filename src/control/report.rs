//! What a master tells the router: who it is, how far it is, and that it is about to stop.

use std::sync::Arc;

use super::{NodeInfo, Room, VoterConfig};
use crate::{
    domain::{Certification, ClusterId, LogPosition, NodeId, UnixMillis},
    envelope::{SupportedVersions, Version},
};

/// One report. The first on every stream is a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The master introduces itself.
    Hello(Hello),
    /// The master goes on.
    Progress(Progress),
    /// What proves that the network is its domain has changed, and this master leads.
    Certification(Arc<Certification>),
    /// The master is about to stop: its leadership is to be handed over first.
    Leaving,
}

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
    /// Where it answers monitoring, host:port.
    pub metrics_address: String,
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

impl Hello {
    /// Its name and addresses, for the other nodes.
    pub fn info(&self) -> NodeInfo {
        NodeInfo {
            name: self.name.clone(),
            peer_address: self.peer_address.clone(),
            client_address: self.client_address.clone(),
            witness: false,
            supported_versions: self.supported_versions,
            address_version: self.address_version,
        }
    }
}

/// A node's progress: a master's, or that of the router's own witness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the report are independent")]
pub struct Progress {
    /// The newest term it knows.
    pub term: u64,
    /// Term and index of its last log entry; zeros for an empty log.
    pub last_log: LogPosition,
    /// Index of the last entry that it applied; 0 for none.
    pub applied: u64,
    /// It leads the consensus, and a quorum has answered it recently.
    pub leading: bool,
    /// It was elected to lead, but no quorum has answered it for a while.
    pub cut_off: bool,
    /// The leader that it has heard recently.
    pub known_leader: Option<NodeId>,
    /// It would win an election, according to the pre-vote that the probe asked for.
    pub electable: bool,
    /// It votes, according to the membership it knows.
    pub voter: bool,
    /// Who votes, according to the membership it knows.
    pub voters: Vec<NodeId>,
    /// The cluster it belongs to now.
    pub cluster: Option<ClusterId>,
    /// The newest probe it has seen; 0 before the first.
    pub probe: u64,
    /// All voters, according to the membership it knows. The same `Arc` as long as that is the
    /// same, so that a stream carries it only when it changes.
    pub voter_config: Arc<VoterConfig>,
    /// The time on its clock; the epoch if it does not say.
    pub clock: UnixMillis,
    /// In which version of the format the cluster writes, according to the log it has applied.
    pub version: Version,
    /// Descriptors or memory are lacking for further connections. Its reporter says.
    pub cannot_accept: bool,
    /// Nobody has made anything in its cluster, as far as it has applied the log. Its reporter says.
    pub is_empty: bool,
    /// The cluster for which its own was abandoned. Its reporter says.
    pub abandoned_for: Option<ClusterId>,
    /// How much room it has on its disk. Its reporter says.
    pub room: Room,
    /// Whoever reaches it can take any name that is free, without a password. Its reporter says.
    pub open_to_all: bool,
}
