//! All settings, as one validated struct per role.
//!
//! Settings come in layers, each of which overrides the previous one: defaults, a TOML file,
//! `TINYSNS_*` variables, flags. One file and one environment can serve a whole cluster, so a role
//! ignores the settings of the others; a setting of no role is refused.
//!
//! - `keys`: the one table of every setting: its roles, default, meaning and allowed values.
//! - `value`: how a text becomes a value, and what is allowed.
//! - `layers`: the layers, and where a value was set.
//! - `load`: from the layers to the structs below.
//! - `secret`: the cluster's shared secret.

mod keys;
mod layers;
mod load;
mod secret;
mod value;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use crate::{
    acme::Authority,
    domain::{Importable, SecretCode, UserName},
    object_storage::address::{Address, SCHEME},
    tls::{CertificateFiles, NodeFiles, Trust},
};

pub use keys::{Key, Role, VARIABLE_PREFIX};
pub use layers::{Layers, SettingsError};
pub use secret::Secret;
pub use value::ValueKind;

/// Settings of `tinysns router`.
#[derive(Clone, Debug)]
pub struct RouterSettings {
    /// The address at which the router listens for clients and masters.
    pub router_listen: SocketAddr,
    /// The address at which the witness listens for masters.
    pub witness_listen: SocketAddr,
    /// The address at which monitoring asks the router how it is.
    pub metrics_listen: SocketAddr,
    /// The host by which others reach this node; by default the address at which it was reached.
    pub advertise_host: Option<String>,
    /// The directory for the witness's log.
    pub data_dir: PathBuf,
    /// Shared by all nodes of one cluster.
    pub secret: Secret,
    /// A master that has not reported for this long counts as down.
    pub down_after: Duration,
    /// How nodes protect what they tell each other.
    pub nodes: NodeSecurity,
    /// How clients of the classic protocol are served.
    pub classic: ClassicMode,
    /// How clients' connections are protected.
    pub clients: ClientSecurity,
    /// What stands in front of it.
    pub front: Front,
    /// Timing of the consensus.
    pub consensus: ConsensusSettings,
    /// Within this time, what was deleted is in no file.
    pub erase_within: Duration,
    /// Limits on what callers may hold.
    pub callers: CallerLimits,
}

/// Settings of `tinysns master`, and of the master that a slave forks.
#[derive(Clone, Debug)]
pub struct MasterSettings {
    /// The display name; by default `server-` and the number of the slot.
    pub name: Option<String>,
    /// The router, host:port.
    pub router: String,
    /// The address at which the master listens for clients.
    pub client_listen: SocketAddr,
    /// The address at which the master listens for other nodes.
    pub peer_listen: SocketAddr,
    /// The address at which monitoring asks the master how it is.
    pub metrics_listen: SocketAddr,
    /// The host by which others reach this node; by default this machine's address on the way to
    /// the router.
    pub advertise_host: Option<String>,
    /// Holds one slot for each master of this machine.
    pub data_dir: PathBuf,
    /// Shared by all nodes of one cluster.
    pub secret: Secret,
    /// How nodes protect what they tell each other.
    pub nodes: NodeSecurity,
    /// How clients' connections are protected.
    pub clients: ClientSecurity,
    /// What stands in front of it.
    pub front: Front,
    /// How often the master reports to the router when nothing changes.
    pub report_interval: Duration,
    /// How long a stopping master may take to hand over and finish what it has begun.
    pub drain_timeout: Duration,
    /// The memory that the state takes at most for what was changed or read lately, in MiB.
    pub state_memory_mib: usize,
    /// How much the master may take of its disk.
    pub disk: DiskLimits,
    /// Timing of the consensus.
    pub consensus: ConsensusSettings,
    /// Within this time, what was deleted is in no file.
    pub erase_within: Duration,
    /// How clients of the classic protocol are served.
    pub classic: ClassicMode,
    /// Limits on what clients may use.
    pub limits: Limits,
    /// Limits on what callers may hold.
    pub callers: CallerLimits,
}

/// How much a master may take of its disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskLimits {
    /// The most that its data may take.
    pub quota: Option<u64>,
    /// What is left free.
    pub reserve: u64,
}

/// Settings of `tinysns slave`.
#[derive(Clone, Debug)]
pub struct SlaveSettings {
    /// The time from a master's crash to its reboot.
    pub reboot_delay: Duration,
    /// The master to fork.
    pub master: MasterSettings,
}

/// How clients of the classic protocol are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicMode {
    /// They stay at the server that they called, which passes everything on to the available one.
    Relay,
    /// They are told the available server's address, and go there.
    Direct,
    /// Not at all.
    Off,
}

/// How the nodes of a cluster protect what they tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSecurity {
    /// Whether they do.
    pub encryption: NodeEncryption,
    /// By which certificates they prove who they are; by default they certify themselves, by the
    /// cluster's secret.
    pub files: Option<NodeFiles>,
}

/// Whether nodes encrypt what they tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeEncryption {
    /// Always.
    On,
    /// Wherever the other node does, too.
    Optional,
    /// Never.
    Off,
}

/// How clients' connections are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecurity {
    /// What they are shown; without it, only nodes can encrypt connections.
    pub certificate: Option<ClientCertificate>,
    /// Who may call without encryption.
    pub plain: PlainCalls,
    /// A further address at which the node listens for clients.
    pub https_listen: Option<SocketAddr>,
    /// The address at which the node refers browsers to encrypted connections, and proves to be its
    /// domain.
    pub http_listen: Option<SocketAddr>,
}

/// What stands between a node and the browsers and apps of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Front {
    /// The address by which they know the network, such as `https://sns.example.net`; none for what each of them
    /// calls.
    pub public_url: Option<String>,
    /// Proxies that are believed when they say from where a call comes.
    pub trusted_proxies: Arc<[IpAddr]>,
}

/// Where the certificate comes from that clients are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Somebody takes care of these files.
    Files(CertificateFiles),
    /// The network orders it.
    OfDomain(DomainSettings),
}

/// How the network comes by a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSettings {
    /// For this domain.
    pub domain: String,
    /// From this authority.
    pub authority: Authority,
}

/// Which clients may call without encryption; those of the classic protocol always may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainCalls {
    /// All.
    Allow,
    /// Those on the node's own machine.
    Loopback,
    /// None.
    Refuse,
}

/// How a client finds the cluster.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The router, host:port.
    pub router: String,
    /// The name that its servers have to prove, and who is trusted with that, if connections are
    /// encrypted.
    pub name: Option<(String, Trust)>,
}

/// Settings of `tinysns client`.
#[derive(Clone, Debug)]
pub struct TerminalSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// Who logs in.
    pub user: UserName,
    /// The file with the password on its first line; without it, the account has none.
    pub password_file: Option<PathBuf>,
    /// Where typed lines are kept.
    pub history_file: HistoryFile,
    /// Whether the timeline may fill the screen.
    pub full_screen: bool,
    /// Print JSON instead of words.
    pub json: bool,
    /// The only command, if one was given; otherwise commands are read from standard input.
    pub command: Option<String>,
}

/// Where typed lines are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryFile {
    /// In the usual directory for the state of programs.
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
    /// The cluster's secret, with which more is shown.
    pub secret: Option<Secret>,
    /// How the cluster's nodes protect what they tell each other, and operators what they ask them.
    pub nodes: NodeSecurity,
    /// Keep showing the table.
    pub watch: bool,
    /// Print JSON instead of a table.
    pub json: bool,
}

/// Settings of `tinysns healthcheck`.
#[derive(Clone, Debug)]
pub struct HealthcheckSettings {
    /// The health service to ask, host:port.
    pub address: String,
}

/// Settings of `tinysns log`.
#[derive(Clone, Debug)]
pub struct LogChangeSettings {
    /// Where the node answers monitoring, host:port.
    pub metrics: String,
    /// What it is to log from now on; otherwise only what it logs is shown.
    pub filter: Option<String>,
}

/// Settings of `tinysns certs`.
#[derive(Clone, Debug)]
pub struct CertsSettings {
    /// Where the files are, and are made.
    pub directory: PathBuf,
    /// The nodes that get a certificate.
    pub nodes: Vec<String>,
}

/// Settings of `tinysns check`.
#[derive(Clone, Debug)]
pub struct CheckSettings {
    /// What is looked at: a data directory, one of its slots, or the router's directory.
    pub directory: PathBuf,
    /// Print JSON instead of words.
    pub json: bool,
}

/// Settings of `tinysns backup`.
#[derive(Clone, Debug)]
pub struct BackupSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// The cluster's secret.
    pub secret: Secret,
    /// How the cluster's nodes protect what they tell each other, and operators what they ask them.
    pub nodes: NodeSecurity,
    /// What is made.
    pub plan: BackupPlan,
}

/// What is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPlan {
    /// One backup.
    Once {
        /// Where it is to be.
        place: BackupPlace,
    },
    /// One after the other.
    Every {
        /// The directory, or what stands for one in a store.
        directory: BackupPlace,
        /// From one to the next.
        every: Duration,
        /// So many of them are kept.
        keep: usize,
    },
}

/// Where a backup is, or several are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPlace {
    /// A file or a directory.
    File(PathBuf),
    /// An object in a store, or a folder of them.
    Object(Address),
}

impl BackupPlace {
    /// Reads a path, or `s3://bucket/key`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("s3", _)) => {
                Address::parse(text).map(Self::Object).map_err(|why| why.to_string())
            }
            Some((scheme, _)) => Err(format!(
                "{scheme}:// is not known here; allowed: the path of a file, or {SCHEME}bucket/key"
            )),
            None => Ok(Self::File(text.into())),
        }
    }
}

impl fmt::Display for BackupPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Object(address) => address.fmt(formatter),
        }
    }
}

/// Settings of `tinysns restore`.
#[derive(Clone, Debug)]
pub struct RestoreSettings {
    /// The backup.
    pub place: BackupPlace,
    /// Where the first master of the new cluster gets its data.
    pub data_dir: PathBuf,
    /// Whether who was logged in still is.
    pub keeps_sessions: bool,
}

/// Settings of `tinysns recover`.
#[derive(Clone, Debug)]
pub struct RecoverSettings {
    /// What is left: data directories, slots, or the router's directory.
    pub directories: Vec<PathBuf>,
    /// Where the first master of the new cluster gets its data.
    pub data_dir: PathBuf,
    /// Do not ask before anything is made.
    pub is_agreed: bool,
    /// How to find the router, to ask it who is up.
    pub client: ClientSettings,
    /// The cluster's secret, with which more is told.
    pub secret: Option<Secret>,
    /// How the cluster's nodes protect what they tell each other, and operators what they ask them.
    pub nodes: NodeSecurity,
}

/// Settings of `tinysns compact`.
#[derive(Clone, Debug)]
pub struct CompactSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// The cluster's secret.
    pub secret: Secret,
    /// How the cluster's nodes protect what they tell each other, and operators what they ask them.
    pub nodes: NodeSecurity,
}

/// Settings of `tinysns admin`.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// The cluster's secret, of an operator.
    pub secret: Option<Secret>,
    /// How operators protect what they ask the cluster's nodes.
    pub nodes: NodeSecurity,
    /// Who asks, if not an operator.
    pub as_user: Option<UserName>,
    /// The file with their password.
    pub password_file: Option<PathBuf>,
    /// Whether to print JSON.
    pub json: bool,
}

/// Settings of `tinysns sign-up`.
#[derive(Clone, Debug)]
pub struct SignUpSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// Who wants to join.
    pub user: UserName,
    /// The file with the password that they have chosen.
    pub password_file: Option<PathBuf>,
    /// By which they were invited.
    pub invitation: Option<SecretCode>,
    /// Why they want to join.
    pub reason: String,
}

/// What `tinysns export` and `tinysns import` have in common.
#[derive(Clone, Debug)]
pub struct TransferSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// Who logs in.
    pub user: UserName,
    /// The file with the user's password.
    pub password_file: Option<PathBuf>,
    /// How the network is called in addresses, if not like the router's host.
    pub host: Option<String>,
    /// Whether to print JSON.
    pub json: bool,
}

/// Settings of `tinysns export`.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// Whose.
    pub of: TransferSettings,
    /// Where the files are made.
    pub folder: PathBuf,
    /// Whether to replace files that are there.
    pub replaces: bool,
}

/// Settings of `tinysns import`.
#[derive(Clone, Debug)]
pub struct ImportSettings {
    /// Whose.
    pub of: TransferSettings,
    /// Into what.
    pub what: Importable,
    /// From which file.
    pub file: PathBuf,
}

/// Settings of `tinysns bench`.
#[derive(Clone, Debug)]
pub struct BenchSettings {
    /// How to find the cluster.
    pub client: ClientSettings,
    /// How many masters are started on this machine, if a network of its own is measured.
    pub start: Option<usize>,
    /// What is measured.
    pub scenarios: Vec<Scenario>,
    /// Calls in progress at a time, at most.
    pub callers: usize,
    /// Clients that share these calls.
    pub clients: usize,
    /// Calls to begin in a second, if it is not up to the callers.
    pub rate: Option<u32>,
    /// How long a round lasts.
    pub round: Duration,
    /// Rounds that count.
    pub rounds: u32,
    /// Live timelines.
    pub readers: usize,
    /// People who follow each other.
    pub people: usize,
    /// Posts with which a network is filled.
    pub posts: u64,
    /// How long the network is watched.
    pub duration: Duration,
    /// The shortest pause that is reported.
    pub pause: Duration,
    /// Where the router answers monitoring, host:port.
    pub metrics: String,
    /// Print JSON instead of a table.
    pub json: bool,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Posts.
    Publish,
    /// Lists of whom one follows.
    List,
    /// Pages of one's timeline.
    Timeline,
    /// Pages of one person's posts.
    Posts,
    /// Deliveries of one person's posts to many who read along.
    Fanout,
    /// Timelines, posts of a person and posts made, as people do it.
    Mixed,
    /// Pages and live streams over HTTP, as apps read them.
    Http,
    /// Pauses while the available server is crashed.
    Failover,
    /// Pauses while the available server is stopped, so that nobody sees that it is lost.
    Standstill,
    /// What the processes take while nothing happens.
    Footprint,
    /// How soon a network with many posts is whole again.
    Recovery,
    /// What becomes of a network while it is filled.
    Growth,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Publish,
        Self::List,
        Self::Timeline,
        Self::Posts,
        Self::Fanout,
        Self::Mixed,
        Self::Http,
        Self::Failover,
        Self::Standstill,
        Self::Footprint,
        Self::Recovery,
        Self::Growth,
    ];
    /// Those that take a network's machines away, or fill its disks: they are for one of the bench's own.
    pub const OF_ITS_OWN: [Self; 3] = [Self::Standstill, Self::Recovery, Self::Growth];
    /// Those that need nobody who crashes servers, and no access to the nodes.
    pub const USUAL: [Self; 6] =
        [Self::Publish, Self::List, Self::Timeline, Self::Posts, Self::Fanout, Self::Mixed];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::List => "list",
            Self::Timeline => "timeline",
            Self::Posts => "posts",
            Self::Fanout => "fanout",
            Self::Mixed => "mixed",
            Self::Http => "http",
            Self::Failover => "failover",
            Self::Standstill => "standstill",
            Self::Footprint => "footprint",
            Self::Recovery => "recovery",
            Self::Growth => "growth",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }
}

/// What is logged, and how; every role has these.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// A filter in the syntax of `tracing_subscriber::EnvFilter`, known to be valid.
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

/// Timing of the consensus; it must be the same on every node.
#[derive(Clone, Copy, Debug)]
pub struct ConsensusSettings {
    /// The time between a leader's heartbeats; also the time limit of one replication call.
    pub heartbeat: Duration,
    /// The shortest wait before a follower campaigns by itself.
    pub election_min: Duration,
    /// The longest wait before a follower campaigns by itself.
    pub election_max: Duration,
}

/// Limits on what clients may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest post, in characters.
    pub post_chars: usize,
    /// The most posts or names on one page.
    pub page_size: usize,
    /// The most timelines that one master streams at a time.
    pub subscriptions: usize,
    /// The most of them for one account.
    pub subscriptions_per_account: usize,
    /// Posts that may wait for one slow reader before its stream is closed.
    pub stream_queue: usize,
    /// The most calls and streams in progress on one connection.
    pub streams_per_connection: u32,
    /// Requests that may wait for the replicated log before new ones are refused.
    pub pending_writes: usize,
    /// How long a session token is valid.
    pub session_lifetime: Duration,
    /// Whether those who do something too often are slowed down.
    pub limits_rates: bool,
}

/// Limits on what callers of a listener for clients may hold.
#[derive(Clone, Copy, Debug)]
pub struct CallerLimits {
    /// The most open connections.
    pub connections: usize,
    /// The most open connections from one address.
    pub connections_per_address: usize,
    /// The most calls and streams in progress for one address.
    pub calls_per_address: usize,
}

#[cfg(test)]
impl CallerLimits {
    /// As much as they like.
    pub const UNLIMITED: Self = Self {
        connections: usize::MAX,
        connections_per_address: usize::MAX,
        calls_per_address: usize::MAX,
    };
}
