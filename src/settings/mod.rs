//! What can be set, one validated struct a role.
//!
//! Settings come in layers, each stronger than the one before: defaults, a TOML file, `TINYSNS_*`
//! variables, flags. One file and one environment may serve a whole cluster, so a role ignores the
//! settings of the others; a setting of no role is refused.
//!
//! - `keys`: the one table of every setting: its roles, default, meaning and what it may hold.
//! - `value`: how a text becomes a value, and what is allowed.
//! - `layers`: the layers, and where a value came from.
//! - `load`: from the layers to the structs below.
//! - `secret`: the cluster's shared secret.

mod keys;
mod layers;
mod load;
mod secret;
mod value;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::domain::UserName;

pub use keys::{Key, Role, VARIABLE_PREFIX};
pub use layers::{Layers, Refusal};
pub use secret::Secret;
pub use value::Kind;

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
    /// How clients of the classic protocol are served.
    pub classic: ClassicMode,
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
    /// How clients of the classic protocol are served.
    pub classic: ClassicMode,
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

/// How clients of the classic protocol are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicMode {
    /// They stay at the server that they asked, which passes everything on to the available one.
    Relay,
    /// They are told the available server's address, and go there.
    Direct,
    /// Not at all.
    Off,
}

/// How a client finds the cluster.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The router, host:port.
    pub router: String,
}

/// Settings of `tinysns client`.
#[derive(Clone, Debug)]
pub struct TerminalSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// Who logs in.
    pub user: UserName,
    /// Holds the password, on its first line; without it the account has none.
    pub password_file: Option<PathBuf>,
    /// Keeps the lines typed.
    pub history_file: HistoryFile,
    /// Whether the timeline may have the whole screen.
    pub full_screen: bool,
    /// Print JSON in place of words.
    pub json: bool,
    /// The only command, where there is one; else they are read from standard input.
    pub command: Option<String>,
}

/// Where the lines typed are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryFile {
    /// Where the state of programs usually is.
    Usual,
    /// In this file.
    At(PathBuf),
    /// Nowhere.
    None,
}

/// Settings of `tinysns status`.
#[derive(Clone, Debug)]
pub struct StatusSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// Keep the table on screen.
    pub watch: bool,
    /// Print JSON in place of a table.
    pub json: bool,
}

/// Settings of `tinysns healthcheck`.
#[derive(Clone, Debug)]
pub struct HealthcheckSettings {
    /// The health service to ask, host:port.
    pub address: String,
}

/// What is logged, and how; every role has these.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// A filter in the words of `tracing_subscriber::EnvFilter`, known to be valid.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
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
