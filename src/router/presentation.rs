//! What the registry shows: to clients the location, to nodes the roster, to people the status and
//! what is wrong. Pure: functions of the registry's state.
//!
//! Relies on *The available server leads* (see [`registry`](super::registry)). The status is built in
//! its wire form, which is what every one of its readers takes.

use std::time::Duration;

use super::{
    foreign_masters::ForeignMaster,
    observed_voters::MissingVoters,
    registry::{
        Master, Registry, State,
        abandonment::{may_be_taken_in, other_cluster},
    },
};
use crate::{
    control::{NodeInfo, RoomCondition, Roster, RosterEntry, roster::AvailableServer},
    directory::{Available, Location},
    domain::{NodeId, UnixMillis},
    envelope::SupportedVersions,
    replication::cluster_clock,
    wire::v1::{ClusterStatus, MasterState, MasterStatus, RouterStatus, StatusView},
};

/// What the status says about the router itself, and its witness's view of the log.
#[derive(Clone, Debug, Default)]
pub struct RouterFacts {
    /// host:port, to be shown to people.
    pub address: String,
    /// Its process.
    pub pid: u32,
    /// The display name of its machine or container.
    pub host: String,
    /// When it started.
    pub since: UnixMillis,
    /// The witness's term; 0 while it is broken.
    pub term: u64,
    /// Where the witness's log ends; 0 for an empty one.
    pub last_log_index: u64,
}

/// How much of the cluster is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// How it is, to everybody: no address, pid, host or path.
    Public,
    /// Where everything runs, too, to those who run it.
    Operator,
}

/// Where clients find the available server.
pub fn location(registry: &Registry) -> Location {
    let available = registry.available();
    debug_assert!(available.is_none_or(Master::leads), "the available server leads");
    let masters = registry.masters().values();
    Location {
        available: available.map(|master| Available {
            name: master.hello.name.clone(),
            address: master.hello.client_address.clone(),
        }),
        term: newest_term(registry),
        waiting: registry.quorum_loss().unwrap_or_default().to_owned(),
        candidate: registry.candidate().map(|master| master.hello.client_address.clone()),
        masters: masters
            .filter(|master| master.lives())
            .map(|master| master.hello.client_address.clone())
            .collect(),
    }
}

/// The leader's term, or the newest that anybody knows.
fn newest_term(registry: &Registry) -> u64 {
    let terms = registry.masters().values().map(|master| master.progress.term);
    registry.available().map_or_else(|| terms.max().unwrap_or(0), |leader| leader.progress.term)
}

/// Every node that the router knows; its witness listens on `witness_port`.
pub fn roster(registry: &Registry, witness_port: u16) -> Roster {
    let master = |(node, master): (&NodeId, &Master)| {
        let info = master.hello.info();
        let (down, leaving) = (!master.lives(), master.leaves());
        let full = master.progress.room.condition == RoomCondition::None;
        (*node, RosterEntry { info, down, leaving, full })
    };
    let witness = registry.witness().map(|(node, works)| {
        let info = NodeInfo {
            name: "router".to_owned(),
            peer_address: format!(":{witness_port}"),
            client_address: String::new(),
            witness: true,
            supported_versions: SupportedVersions::of_this_program(),
            // There is one router, and what it says of its witness is always new.
            address_version: 0,
        };
        (node, RosterEntry { info, down: !works, leaving: false, full: false })
    });
    let available = registry.available();
    Roster {
        cluster: registry.cluster(),
        members: registry.masters().iter().map(master).chain(witness).collect(),
        available: available
            .map(|master| AvailableServer { node: master.hello.node, term: master.progress.term }),
    }
}

/// The state of the cluster, for people and for monitoring.
pub fn status(registry: &Registry, router: RouterFacts, view: View) -> ClusterStatus {
    let available = registry.available();
    let median_ahead_ms = registry.median_ahead_ms();
    let status = |master: &Master| master_status(master, median_ahead_ms);
    let mut masters: Vec<MasterStatus> = registry.masters().values().map(status).collect();
    masters.sort_by(|a, b| natural_order(&a.name).cmp(&natural_order(&b.name)));
    let RouterFacts { address, pid, host, since, term, last_log_index } = router;
    let status = ClusterStatus {
        cluster_id: registry.cluster().map_or(String::new(), |id| id.to_string()),
        available: available.map_or(String::new(), |master| master.hello.name.clone()),
        masters,
        router: Some(RouterStatus {
            address,
            pid,
            host,
            since_ms: since.get(),
            term,
            last_log_index,
            voter: available.is_some_and(|leader| {
                let votes = |(node, works)| works && leader.progress.voters.contains(&node);
                registry.witness().is_some_and(votes)
            }),
        }),
        problems: problems(registry, view),
        format: registry.version().map_or(0, u32::from),
        view: StatusView::Operator.into(),
    };
    match view {
        View::Operator => status,
        View::Public => without_places(status),
    }
}

/// The same without where everything runs.
fn without_places(mut status: ClusterStatus) -> ClusterStatus {
    for master in &mut status.masters {
        (master.address, master.pid, master.host) = (String::new(), 0, String::new());
        master.metrics_address = String::new();
        (master.node_id, master.peer_address) = (0, String::new());
    }
    if let Some(router) = &mut status.router {
        (router.address, router.pid, router.host) = (String::new(), 0, String::new());
    }
    status.view = StatusView::Public.into();
    status
}

fn master_status(master: &Master, median_ahead_ms: i64) -> MasterStatus {
    let state = match master.state {
        State::Available => MasterState::Available,
        State::Standby => MasterState::Standby,
        State::CatchingUp => MasterState::CatchingUp,
        State::Down => MasterState::Down,
    };
    MasterStatus {
        name: master.hello.name.clone(),
        address: master.hello.client_address.clone(),
        pid: master.hello.pid,
        state: state.into(),
        term: master.progress.term,
        last_log_index: master.progress.last_log.index,
        applied_index: master.progress.applied,
        reboots: master.hello.reboots,
        host: master.hello.host.clone(),
        since_ms: master.since.get(),
        voter: matches!(master.state, State::Available | State::Standby),
        clock_ahead_ms: master.ahead_ms.saturating_sub(median_ahead_ms),
        metrics_address: master.hello.metrics_address.clone(),
        node_id: master.hello.node.get(),
        peer_address: master.hello.peer_address.clone(),
    }
}

/// Sorts server-10 after server-9.
fn natural_order(name: &str) -> (&str, u64, &str) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem, name[stem.len()..].parse().unwrap_or(0), name)
}

/// What is wrong and does not repair itself, and what to do about it, in words for people.
pub fn problems(registry: &Registry, view: View) -> Vec<String> {
    let witness = registry.broken_witness().map(|reason| {
        // It may name a path, or another node's address.
        let reason = match view {
            View::Operator => reason,
            View::Public => "the router's log says why",
        };
        format!(
            "the router's witness does not work: {reason}; it starts again by itself as soon as its disk accepts data"
        )
    });
    // If it has lasted, the longer message is used.
    let missing = || registry.missing().map(|missing| no_quorum(registry, &missing));
    let quorum_loss = registry.quorum_loss().map(str::to_owned).or_else(missing);
    let others = registry.cluster().into_iter().flat_map(|own| {
        let rejected = registry.other_clusters();
        let rejected = rejected.map(move |(name, other)| other_cluster(name, own, *other));
        let waiting = registry.foreign_masters();
        let waiting = waiting.map(move |ForeignMaster { hello, .. }| may_be_taken_in(hello, own));
        rejected.chain(waiting)
    });
    let clocks = wrong_clocks(registry);
    let rooms = little_room(registry);
    let open = open_to_all(registry);
    let all = quorum_loss.into_iter().chain(witness).chain(others).chain(clocks).chain(rooms);
    all.chain(open).collect()
}

/// The available server knows what the network is.
fn open_to_all(registry: &Registry) -> Option<String> {
    registry.available().filter(|master| master.progress.open_to_all).map(|_| {
        "whoever reaches this network can take any name that is free, without a password: say who may join, with \
         tinysns admin init"
            .to_owned()
    })
}

fn little_room(registry: &Registry) -> impl Iterator<Item = String> {
    let living = registry.masters().values().filter(|master| master.lives());
    let little = living.filter(|master| master.progress.room.condition != RoomCondition::Plenty);
    little.map(|Master { hello, progress, .. }| {
        format!(
            "{} {} on disk: make room on its disk, or raise its data_quota_mib",
            hello.name, progress.room
        )
    })
}

fn no_quorum(registry: &Registry, MissingVoters { count, nodes }: &MissingVoters) -> String {
    let name = |node: &NodeId| match registry.masters().get(node) {
        Some(master) => master.hello.name.clone(),
        None => format!("node {node}"),
    };
    let names: Vec<String> = nodes.iter().map(name).collect();
    let names = names.join(", ");
    format!("no quorum: {count} of these must come back, with its data: {names}")
}

fn wrong_clocks(registry: &Registry) -> impl Iterator<Item = String> {
    let median_ms = registry.median_ahead_ms();
    let living = registry.masters().values().filter(|master| master.lives());
    living.filter_map(move |Master { hello, ahead_ms, .. }| {
        let ahead_ms = ahead_ms.saturating_sub(median_ms);
        let by_ms = ahead_ms.unsigned_abs();
        let way = if ahead_ms > 0 { "ahead of" } else { "behind" };
        let by = humantime::format_duration(Duration::from_secs(by_ms / 1_000));
        let name = &hello.name;
        let words = || format!("the clock of {name} is {by} {way} the others': put it right");
        (by_ms >= cluster_clock::MAX_SKEW_MS.unsigned_abs()).then(words)
    })
}
