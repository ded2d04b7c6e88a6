//! The one table of every setting. Flags, help texts, defaults, ranges and suggestions for misspelt
//! keys all come from it; only the fields of the structs are elsewhere.

use super::value::ValueKind;

/// Who reads a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `tinysns router`
    Router,
    /// `tinysns slave`
    Slave,
    /// `tinysns master`
    Master,
    /// `tinysns client`
    Client,
    /// `tinysns status`
    Status,
    /// `tinysns healthcheck`
    Healthcheck,
    /// `tinysns log`
    Log,
    /// `tinysns certs`
    Certs,
    /// `tinysns bench`
    Bench,
    /// `tinysns check`
    Check,
    /// `tinysns backup`
    Backup,
    /// `tinysns restore`
    Restore,
    /// `tinysns recover`
    Recover,
    /// `tinysns compact`
    Compact,
    /// `tinysns admin`
    Admin,
    /// `tinysns sign-up`
    SignUp,
    /// `tinysns export`
    Export,
    /// `tinysns import`
    Import,
}

impl Role {
    /// Every role.
    pub const ALL: &[Self] = &[
        Self::Router,
        Self::Slave,
        Self::Master,
        Self::Client,
        Self::Status,
        Self::Healthcheck,
        Self::Log,
        Self::Certs,
        Self::Bench,
        Self::Check,
        Self::Backup,
        Self::Restore,
        Self::Recover,
        Self::Compact,
        Self::Admin,
        Self::SignUp,
        Self::Export,
        Self::Import,
    ];

    /// Its name, as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Slave => "slave",
            Self::Master => "master",
            Self::Client => "client",
            Self::Status => "status",
            Self::Healthcheck => "healthcheck",
            Self::Log => "log",
            Self::Certs => "certs",
            Self::Bench => "bench",
            Self::Check => "check",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Recover => "recover",
            Self::Compact => "compact",
            Self::Admin => "admin",
            Self::SignUp => "sign-up",
            Self::Export => "export",
            Self::Import => "import",
        }
    }
}

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// As in a file; as a variable with `TINYSNS_` before it and in capitals, as a flag with
    /// hyphens.
    pub name: &'static str,
    /// The roles that read it.
    pub roles: &'static [Role],
    /// Its value when nothing sets it.
    pub default: Option<&'static str>,
    /// What it may hold.
    pub kind: ValueKind,
    /// What it means, for `--help`.
    pub help: &'static str,
    /// Whether it may be a flag: secrets may not, because everyone on a machine can see the flags
    /// of its processes.
    pub flag: bool,
}

impl Key {
    const fn new(
        name: &'static str,
        roles: &'static [Role],
        default: Option<&'static str>,
        kind: ValueKind,
        help: &'static str,
    ) -> Self {
        Self { name, roles, default, kind, help, flag: true }
    }

    /// The settings that `role` reads.
    pub fn of(role: Role) -> impl Iterator<Item = &'static Self> {
        KEYS.iter().filter(move |key| key.roles.contains(&role))
    }

    /// Its flag, without the two hyphens.
    pub fn flag_name(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// The start of every variable.
pub const VARIABLE_PREFIX: &str = "TINYSNS_";
/// Names the settings file, as a variable and a flag; it cannot be set in the file itself.
pub const CONFIG: &str = "config";
/// Variables with our prefix that are not settings: `TINYSNS_BIN` names the binary to `run.sh`,
/// `TINYSNS_IMAGE` the image to the compose file.
pub const FOREIGN_VARIABLES: [&str; 2] = ["bin", "image"];

const NODES: &[Role] = &[Role::Router, Role::Slave, Role::Master];
const NODES_AND_OPERATORS: &[Role] = &[
    Role::Router,
    Role::Slave,
    Role::Master,
    Role::Status,
    Role::Backup,
    Role::Recover,
    Role::Compact,
    Role::Admin,
];
/// Who asks a router, beside its own nodes.
const CALLERS: &[Role] = &[
    Role::Client,
    Role::Status,
    Role::Bench,
    Role::Backup,
    Role::Recover,
    Role::Compact,
    Role::Admin,
    Role::SignUp,
    Role::Export,
    Role::Import,
];
const MASTERS: &[Role] = &[Role::Slave, Role::Master];
const VISITORS: &[Role] = &[
    Role::Client,
    Role::Status,
    Role::Healthcheck,
    Role::Log,
    Role::Certs,
    Role::Bench,
    Role::Check,
    Role::Backup,
    Role::Restore,
    Role::Recover,
    Role::Compact,
    Role::Admin,
    Role::SignUp,
    Role::Export,
    Role::Import,
];
/// The allowed range of settings that limit memory: a million of anything is a mistake.
const MANY: ValueKind = ValueKind::Count { min: 1, max: 1_000_000 };

/// Every setting, in the order of `--help`.
pub static KEYS: &[Key] = &[
    Key::new(
        "router_listen",
        &[Role::Router],
        Some("0.0.0.0:3010"),
        ValueKind::Address,
        "The address at which the router listens for clients and masters",
    ),
    Key::new(
        "witness_listen",
        &[Role::Router],
        Some("0.0.0.0:3011"),
        ValueKind::Address,
        "The address at which the router's witness listens for masters",
    ),
    Key::new(
        "router_metrics_listen",
        &[Role::Router],
        Some("127.0.0.1:3012"),
        ValueKind::Address,
        "The address at which monitoring asks the router how it is",
    ),
    Key::new(
        "metrics_listen",
        MASTERS,
        Some("127.0.0.1:0"),
        ValueKind::Address,
        "The address at which monitoring asks the master how it is; port 0 takes a free one",
    ),
    Key::new(
        "router_data_dir",
        &[Role::Router],
        Some("./data/router"),
        ValueKind::Path,
        "The directory for the log of the router's witness",
    ),
    Key::new(
        "down_after",
        &[Role::Router],
        Some("500ms"),
        ValueKind::duration_ms(50, 60_000),
        "A master that has not reported for this long counts as down",
    ),
    Key::new(
        "router",
        MASTERS,
        Some("localhost:3010"),
        ValueKind::HostPort,
        "The address of the router",
    ),
    Key::new(
        "router",
        CALLERS,
        Some("localhost:3010"),
        ValueKind::Network,
        "The address of the router or of another node, or several of which the first that answers is used; or \
         https://NAME if connections to the network are encrypted",
    ),
    Key::new(
        "ca_file",
        CALLERS,
        None,
        ValueKind::Path,
        "The file with the certificates of the authorities that are trusted with the name after \
         https://, in the format PEM, instead of those that the system trusts",
    ),
    Key::new(
        "ca_file",
        NODES,
        None,
        ValueKind::Path,
        "The file with the certificates of the authorities that are trusted with the name of the \
         acme_directory, in the format PEM, instead of those that the system trusts",
    ),
    Key::new(
        "reboot_delay",
        &[Role::Slave],
        Some("25s"),
        ValueKind::duration_ms(0, 24 * 3_600_000),
        "The time from a master's crash to its reboot",
    ),
    Key::new(
        "name",
        MASTERS,
        None,
        ValueKind::Name,
        "The master's display name; by default server- and the number of its slot",
    ),
    Key::new(
        "client_listen",
        MASTERS,
        Some("0.0.0.0:0"),
        ValueKind::Address,
        "The address at which the master listens for clients; port 0 takes a free one",
    ),
    Key::new(
        "peer_listen",
        MASTERS,
        Some("0.0.0.0:0"),
        ValueKind::Address,
        "The address at which the master listens for other nodes; port 0 takes a free one",
    ),
    Key::new(
        "data_dir",
        &[Role::Slave, Role::Master, Role::Restore, Role::Recover],
        Some("./data"),
        ValueKind::Path,
        "The directory that holds a slot for each master of this machine",
    ),
    Key::new(
        "advertise_host",
        NODES,
        None,
        ValueKind::Host,
        "The host by which others reach this node; found automatically by default",
    ),
    Key {
        name: "secret",
        roles: NODES_AND_OPERATORS,
        default: None,
        kind: ValueKind::Secret,
        help: "The secret that the nodes of one cluster share",
        flag: false,
    },
    Key::new(
        "secret_file",
        NODES,
        None,
        ValueKind::Path,
        "The file with the secret that the nodes of one cluster share; the variable TINYSNS_SECRET may \
         hold it instead",
    ),
    Key::new(
        "secret_file",
        &[Role::Status, Role::Recover],
        None,
        ValueKind::Path,
        "The file with the cluster's secret, with which addresses, process ids and hosts are shown \
         from any machine; the variable TINYSNS_SECRET may hold it instead",
    ),
    Key::new(
        "secret_file",
        &[Role::Backup, Role::Compact, Role::Admin],
        None,
        ValueKind::Path,
        "The file with the cluster's secret, which the masters ask for; the variable TINYSNS_SECRET may hold it \
         instead",
    ),
    Key::new(
        "every",
        &[Role::Backup],
        None,
        ValueKind::duration_ms(1_000, 31_536_000_000),
        "Make a backup so often, until it is interrupted, in the directory that is named",
    ),
    Key::new(
        "keep",
        &[Role::Backup],
        Some("24"),
        ValueKind::Count { min: 1, max: 100_000 },
        "With --every, so many of the newest backups are kept, and older ones removed",
    ),
    Key::new(
        "node_encryption",
        NODES_AND_OPERATORS,
        Some("on"),
        ValueKind::Choice(&["on", "optional", "off"]),
        "Whether nodes encrypt what they tell each other, and prove who they are; optional also takes \
         nodes that do not, while a running cluster changes from off to on",
    ),
    Key::new(
        "node_authority",
        NODES_AND_OPERATORS,
        None,
        ValueKind::Path,
        "The file with the certificates of the authorities that certify nodes, in the format PEM; by \
         default nodes certify themselves by the cluster's secret",
    ),
    Key::new(
        "node_certificate",
        NODES_AND_OPERATORS,
        None,
        ValueKind::Path,
        "The file with this node's certificate from one of them",
    ),
    Key::new(
        "node_key",
        NODES_AND_OPERATORS,
        None,
        ValueKind::Path,
        "The file with the key of that certificate",
    ),
    Key::new(
        "tls_certificate",
        NODES,
        None,
        ValueKind::Path,
        "The file with the certificate that this node shows to clients, and with those between it and \
         an authority that they trust, in the format PEM; it is read again when it has changed",
    ),
    Key::new(
        "tls_key",
        NODES,
        None,
        ValueKind::Path,
        "The file with the key of that certificate, in the format PEM",
    ),
    Key::new(
        "domain",
        NODES,
        None,
        ValueKind::Domain,
        "The domain of the network, such as sns.example.net: the network orders a certificate for it, and \
         renews it, instead of a tls_certificate; that agrees to the terms of service of the authority",
    ),
    Key::new(
        "acme_directory",
        NODES,
        Some("https://acme-v02.api.letsencrypt.org/directory"),
        ValueKind::Https,
        "The address of the authority from which certificates for the domain are ordered by ACME; by \
         default Let's Encrypt",
    ),
    Key::new(
        "acme_email",
        NODES,
        None,
        ValueKind::Email,
        "The address to which the authority may write about certificates",
    ),
    Key::new(
        "plain",
        NODES,
        None,
        ValueKind::Choice(&["allow", "loopback", "refuse"]),
        "Whether clients may call without encryption: all, those on this machine, or none; by default \
         all, and none once there is a tls_certificate or a domain. Classic clients always may, unless classic is off",
    ),
    Key::new(
        "public_url",
        NODES,
        None,
        ValueKind::Origin,
        "The address by which browsers and apps know the network, such as https://sns.example.net, if a \
         proxy answers there; by default what each of them has called",
    ),
    Key::new(
        "trusted_proxies",
        NODES,
        None,
        ValueKind::Addresses,
        "The IP addresses of proxies, with commas between them, that are believed when they say in \
         X-Forwarded-For from where a call comes",
    ),
    Key::new(
        "router_https_listen",
        &[Role::Router],
        None,
        ValueKind::Address,
        "A further address at which the router listens for clients, such as 0.0.0.0:443",
    ),
    Key::new(
        "https_listen",
        MASTERS,
        None,
        ValueKind::Address,
        "A further address at which the master listens for clients, such as 0.0.0.0:443",
    ),
    Key::new(
        "router_http_listen",
        &[Role::Router],
        None,
        ValueKind::Address,
        "The address at which the router refers browsers to encrypted connections, and proves to be the \
         domain, such as 0.0.0.0:80",
    ),
    Key::new(
        "http_listen",
        MASTERS,
        None,
        ValueKind::Address,
        "The address at which the master refers browsers to encrypted connections, and proves to be the \
         domain, such as 0.0.0.0:80",
    ),
    Key::new(
        "report_interval",
        MASTERS,
        Some("200ms"),
        ValueKind::duration_ms(10, 10_000),
        "How often a master reports to the router when nothing changes",
    ),
    Key::new(
        "drain_timeout",
        MASTERS,
        Some("10s"),
        ValueKind::duration_ms(100, 3_600_000),
        "How long a stopping master may take to hand over and to finish what it has begun",
    ),
    Key::new(
        "state_memory_mib",
        MASTERS,
        Some("64"),
        ValueKind::Count { min: 8, max: 1_048_576 },
        "The memory that a master takes at most for what was changed or read lately, in MiB",
    ),
    Key::new(
        "data_quota_mib",
        MASTERS,
        None,
        ValueKind::Count { min: 32, max: 1 << 30 },
        "What a master's data may take on disk, in MiB; beyond that, nothing is added; by default as much as there is",
    ),
    Key::new(
        "disk_reserve_mib",
        MASTERS,
        Some("64"),
        ValueKind::Count { min: 1, max: 1 << 30 },
        "What a master leaves free on its disk, in MiB; with less, nothing is added",
    ),
    Key::new(
        "heartbeat",
        NODES,
        Some("100ms"),
        ValueKind::duration_ms(20, 10_000),
        "The time between a leader's heartbeats",
    ),
    Key::new(
        "election_min",
        NODES,
        Some("500ms"),
        ValueKind::duration_ms(41, 60_000),
        "The shortest wait before a master campaigns by itself",
    ),
    Key::new(
        "election_max",
        NODES,
        Some("1s"),
        ValueKind::duration_ms(42, 60_000),
        "The longest wait before a master campaigns by itself",
    ),
    Key::new(
        "erase_within",
        NODES,
        Some("24h"),
        ValueKind::duration_ms(1_000, 31 * 24 * 60 * 60 * 1_000),
        "Within this time, what was deleted is also gone from the files of every node",
    ),
    Key::new(
        "classic",
        NODES,
        Some("relay"),
        ValueKind::Choice(&["relay", "direct", "off"]),
        "How classic clients are served: with relay they stay at the server where they log in, \
         which passes everything on; with direct they are sent to the available server",
    ),
    Key::new(
        "post_chars",
        MASTERS,
        Some("1000"),
        ValueKind::Count { min: 1, max: 10_000 },
        "The longest post, in characters",
    ),
    Key::new(
        "page_size",
        MASTERS,
        Some("100"),
        ValueKind::Count { min: 1, max: 10_000 },
        "The most posts or names on one page",
    ),
    Key::new(
        "subscriptions",
        MASTERS,
        Some("10000"),
        MANY,
        "The most timelines that one master streams at a time",
    ),
    Key::new(
        "subscriptions_per_account",
        MASTERS,
        Some("100"),
        MANY,
        "The most of them for one account",
    ),
    Key::new(
        "stream_queue",
        MASTERS,
        Some("256"),
        MANY,
        "Posts that may wait for one slow reader before its stream is closed",
    ),
    Key::new(
        "streams_per_connection",
        MASTERS,
        Some("256"),
        MANY,
        "The most calls and streams in progress on one connection",
    ),
    Key::new(
        "connections",
        NODES,
        Some("8192"),
        MANY,
        "The most open connections of clients, if the system allows as many files",
    ),
    Key::new(
        "connections_per_address",
        NODES,
        Some("256"),
        MANY,
        "The most open connections of clients from one address",
    ),
    Key::new(
        "calls_per_address",
        NODES,
        Some("1024"),
        MANY,
        "The most calls and streams in progress for one address",
    ),
    Key::new(
        "pending_writes",
        MASTERS,
        Some("4096"),
        MANY,
        "Requests that may wait for the log before new ones are refused",
    ),
    Key::new(
        "session_lifetime",
        MASTERS,
        Some("30days"),
        ValueKind::duration_ms(60_000, 3_650 * 24 * 3_600_000),
        "How long a login is valid",
    ),
    Key::new(
        "rate_limits",
        MASTERS,
        Some("on"),
        ValueKind::Choice(&["on", "off"]),
        "Whether those are slowed down who try many wrong passwords, make many accounts, or post and \
         follow very often; off is for benchmarks and laboratories",
    ),
    Key::new(
        "user",
        &[Role::Client, Role::SignUp, Role::Export, Role::Import],
        Some("default"),
        ValueKind::User,
        "The name of the user who logs in",
    ),
    Key::new(
        "password_file",
        &[Role::Client, Role::Admin, Role::SignUp, Role::Export, Role::Import],
        None,
        ValueKind::Path,
        "The file with the user's password on its first line; without it, a password is asked for at \
         a terminal",
    ),
    Key::new(
        "history_file",
        &[Role::Client],
        None,
        ValueKind::Path,
        "The file for lines typed at a terminal; by default $XDG_STATE_HOME/tinysns/history, or \
         ~/.local/state/tinysns/history; none keeps them nowhere",
    ),
    Key::new(
        "full_screen",
        &[Role::Client],
        Some("on"),
        ValueKind::Choice(&["on", "off"]),
        "Whether the timeline fills the screen, on a terminal that can do that",
    ),
    Key::new(
        "address",
        &[Role::Healthcheck],
        Some("localhost:3010"),
        ValueKind::HostPort,
        "The health service to ask: the router's or a master's client address",
    ),
    Key::new(
        "metrics",
        &[Role::Log],
        Some("localhost:3012"),
        ValueKind::HostPort,
        "Where the node answers monitoring, as its metrics_listen or router_metrics_listen says",
    ),
    Key::new(
        "metrics",
        &[Role::Bench],
        Some("localhost:3012"),
        ValueKind::HostPort,
        "Where the router answers monitoring, as its router_metrics_listen says: footprint asks there \
         where all nodes do",
    ),
    Key::new(
        "start",
        &[Role::Bench],
        None,
        ValueKind::Count { min: 1, max: 64 },
        "Start a network of so many masters on this machine, measure it instead of one that is there, and \
         remove it",
    ),
    Key::new(
        "callers",
        &[Role::Bench],
        Some("64"),
        ValueKind::Count { min: 1, max: 4_096 },
        "Calls in progress at a time, at most",
    ),
    Key::new(
        "clients",
        &[Role::Bench],
        Some("4"),
        ValueKind::Count { min: 1, max: 256 },
        "Clients that share these calls, each with a connection of its own",
    ),
    Key::new(
        "rate",
        &[Role::Bench],
        None,
        MANY,
        "Calls to begin in a second, whether others have ended or not; by default, each caller makes the \
         next one when it has its answer",
    ),
    Key::new(
        "round",
        &[Role::Bench],
        Some("5s"),
        ValueKind::duration_ms(100, 3_600_000),
        "How long each round lasts",
    ),
    Key::new(
        "rounds",
        &[Role::Bench],
        Some("3"),
        ValueKind::Count { min: 1, max: 1_000 },
        "Rounds that count, after a short one that warms up",
    ),
    Key::new(
        "readers",
        &[Role::Bench],
        Some("100"),
        ValueKind::Count { min: 1, max: 10_000 },
        "Live timelines of fanout, each of which gets every post; idle ones of footprint",
    ),
    Key::new(
        "people",
        &[Role::Bench],
        Some("100"),
        ValueKind::Count { min: 2, max: 10_000 },
        "People of mixed, recovery and growth, few of whom are followed by many",
    ),
    Key::new(
        "posts",
        &[Role::Bench],
        Some("100000"),
        ValueKind::Count { min: 1_000, max: 1_000_000_000 },
        "Posts with which recovery and growth fill the network",
    ),
    Key::new(
        "duration",
        &[Role::Bench],
        Some("1m"),
        ValueKind::duration_ms(1_000, 24 * 3_600_000),
        "How long failover and footprint watch the network",
    ),
    Key::new(
        "pause",
        &[Role::Bench],
        Some("50ms"),
        ValueKind::duration_ms(1, 3_600_000),
        "The shortest pause in which nobody was answered that failover reports, also if no server was \
         lost",
    ),
    Key::new(
        "log",
        NODES,
        Some("info,openraft=off"),
        ValueKind::LogFilter,
        "What to log: a level (error, warn, info, debug, trace), also by module",
    ),
    Key::new(
        "log",
        VISITORS,
        Some("error"),
        ValueKind::LogFilter,
        "What to log: a level (error, warn, info, debug, trace), also by module",
    ),
    Key::new(
        "log_format",
        Role::ALL,
        Some("text"),
        ValueKind::Choice(&["text", "json"]),
        "The form of a log line",
    ),
];

/// Whether `name` is a setting of any role.
pub fn exists(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name)
}

/// The setting for which `name` was probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    /// Below this two names have little in common (1 is equality).
    const ALIKE: f64 = 0.75;
    KEYS.iter()
        .map(|key| (strsim::jaro_winkler(name, key.name), key.name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_its_setting_allows() {
        for key in KEYS {
            if let Some(default) = key.default {
                assert_eq!(key.kind.check(default), Ok(()), "{}", key.name);
            }
        }
    }

    #[test]
    fn no_role_reads_two_settings_of_one_name() {
        for role in Role::ALL {
            let mut names: Vec<_> = Key::of(*role).map(|key| key.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{role:?}");
        }
    }

    #[test]
    fn a_misspelt_setting_finds_the_one_that_was_meant() {
        for (misspelt, meant) in [
            ("reboot_dely", Some("reboot_delay")),
            ("routr_listen", Some("router_listen")),
            ("heart_beat", Some("heartbeat")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(misspelt), meant, "{misspelt}");
        }
    }
}
