//! What can be set, one validated struct a role.

mod secret;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use secret::Secret;

/// Settings of `tinysns router`.
#[derive(Clone, Debug)]
pub struct RouterSettings {
    /// Where clients and masters reach the router.
    pub router_listen: SocketAddr,
    /// Where masters reach the witness.
    pub witness_listen: SocketAddr,
    /// The host by which others dial this one; by default the address they are reached from.
    pub advertise_host: Option<String>,
    /// Where the router keeps its witness's log.
    pub data_dir: PathBuf,
    /// Shared by all nodes of one cluster.
    pub secret: Secret,
    /// A master that has not reported for this long counts as down.
    pub down_after: Duration,
    /// Timing of the consensus.
    pub consensus: ConsensusSettings,
}

/// Settings of `tinysns master`, and of the master that a slave forks.
#[derive(Clone, Debug)]
pub struct MasterSettings {
    /// The name shown to people; by default `server-` and the number of the slot.
    pub name: Option<String>,
    /// The router, host:port.
    pub router: String,
    /// Where clients reach this master.
    pub client_listen: SocketAddr,
    /// Where the other nodes reach this master.
    pub peer_listen: SocketAddr,
    /// The host by which others dial this one; by default this machine's address on the way to
    /// the router.
    pub advertise_host: Option<String>,
    /// Holds one slot for each master of this machine.
    pub data_dir: PathBuf,
    /// Shared by all nodes of one cluster.
    pub secret: Secret,
    /// How often the master reports to the router when nothing changes.
    pub report_interval: Duration,
    /// How long a stopping master may take to hand over and finish what it has begun.
    pub drain_timeout: Duration,
    /// Timing of the consensus.
    pub consensus: ConsensusSettings,
    /// What one client may ask of a master.
    pub limits: Limits,
}

/// Settings of `tinysns slave`.
#[derive(Clone, Debug)]
pub struct SlaveSettings {
    /// From a master's crash to its reboot.
    pub reboot_delay: Duration,
    /// The master to fork.
    pub master: MasterSettings,
}

/// Settings of `tinysns client`, `status` and `healthcheck`.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The router, host:port.
    pub router: String,
}

/// Timing of the consensus; the same on every node.
#[derive(Clone, Copy, Debug)]
pub struct ConsensusSettings {
    /// Between a leader's heartbeats; also the time limit of one replication call.
    pub heartbeat: Duration,
    /// Shortest wait before a follower stands for election by itself.
    pub election_min: Duration,
    /// Longest wait before a follower stands for election by itself.
    pub election_max: Duration,
}

/// What one client may ask of a master.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest post, in characters.
    pub post_chars: usize,
    /// Most posts or names on one page.
    pub page_size: usize,
    /// Most timelines that one master streams at a time.
    pub subscriptions: usize,
    /// Posts that may wait for one slow reader before its stream is closed.
    pub stream_queue: usize,
    /// Calls and streams under way on one connection.
    pub streams_per_connection: u32,
    /// Requests that may wait for the replicated log before new ones are turned away.
    pub pending_writes: usize,
    /// How long a session token is good.
    pub session_lifetime: Duration,
}
