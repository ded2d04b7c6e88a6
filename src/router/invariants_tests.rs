//! Whatever nodes say, and in whatever order, the registry's invariants hold: it checks them itself
//! after every step, so that a breach is a panic here.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*};
use tokio::time::Instant;

use super::{
    presentation::{self, RouterFacts, View},
    registry::{Input, MasterStreamId, Registry, Silence},
};
use crate::{
    control::{Hello, Progress, Room, VoterConfig, VoterName},
    domain::{ClusterId, LogPosition, NodeId, UnixMillis},
    envelope::{SupportedVersions, Version},
    replication::node::LeaderContact,
};

fn node() -> impl Strategy<Value = NodeId> {
    (1..5_u64).prop_map(NodeId::new)
}

fn cluster() -> impl Strategy<Value = ClusterId> {
    (1..4_u128).prop_map(ClusterId::new)
}

fn version() -> impl Strategy<Value = Version> {
    (1..3_u8).prop_map(Version::new)
}

fn hello() -> impl Strategy<Value = Hello> {
    let ids = (node(), 1..3_u64, any::<i64>());
    (ids, option::of(cluster()), option::of(cluster()), version()).prop_map(
        |((node, process, started), cluster, abandoned_for, newest)| Hello {
            node,
            name: format!("server-{}", node.get() % 3),
            cluster,
            client_address: format!("host:{node}"),
            peer_address: format!("host:1{node}"),
            pid: 1,
            reboots: 0,
            host: String::new(),
            supported_versions: SupportedVersions { oldest: Version::FIRST, newest },
            address_version: 0,
            metrics_address: String::new(),
            process,
            started: UnixMillis::new(started),
            abandoned_for,
        },
    )
}

fn voter_config() -> impl Strategy<Value = VoterConfig> {
    let voter_sets = vec(prop::collection::btree_set(node(), 0..4), 0..3);
    let name = (node(), any::<bool>()).prop_map(|(node, witness)| VoterName {
        node,
        name: format!("server-{node}"),
        witness,
    });
    (0..4_u64, voter_sets, vec(name, 0..4)).prop_map(|(index, voter_sets, names)| VoterConfig {
        index,
        voter_sets,
        names,
    })
}

/// Terms that go back, leaders that are cut off, voters that do not exist.
fn progress() -> impl Strategy<Value = Progress> {
    let numbers = (0..4_u64, (0..4_u64, 0..4_u64), 0..4_u64, 0..5_u64, any::<i64>(), version());
    let flags = any::<[bool; 6]>();
    let clusters = (option::of(cluster()), option::of(cluster()));
    let nodes = (option::of(node()), vec(node(), 0..4), voter_config());
    (numbers, flags, clusters, nodes).prop_map(|(numbers, flags, clusters, nodes)| {
        let (term, last_log, applied, probe, clock, version) = numbers;
        let [leading, cut_off, electable, voter, is_empty, cannot_accept] = flags;
        let (known_leader, voters, voter_config) = nodes;
        Progress {
            term,
            last_log: LogPosition::new(last_log.0, last_log.1),
            applied,
            leading,
            cut_off,
            known_leader,
            electable,
            voter,
            voters,
            cluster: clusters.0,
            probe,
            voter_config: voter_config.into(),
            clock: UnixMillis::new(clock),
            version,
            cannot_accept,
            is_empty,
            abandoned_for: clusters.1,
            room: Room::default(),
            open_to_all: false,
        }
    })
}

/// What happens on a stream counts from the last one that was opened, and may have ended before.
/// The witness has heard a leader just now, or long ago.
fn contact() -> impl Strategy<Value = LeaderContact> {
    let at = (0..2_000_u64).prop_map(|ago| Instant::now() - Duration::from_millis(ago));
    (node(), at).prop_map(|(leader, at)| LeaderContact { leader, at })
}

fn input() -> impl Strategy<Value = Input> {
    let stream = || 0..6 as MasterStreamId;
    prop_oneof![
        4 => hello().prop_map(|hello| Input::Hello(0, hello)),
        8 => (stream(), progress()).prop_map(|(back, progress)| Input::Progress(back, progress)),
        3 => (node(), progress()).prop_map(|(node, said)| Input::WitnessProgress(node, said)),
        1 => Just(Input::WitnessBroken("a full disk".to_owned())),
        1 => stream().prop_map(Input::Leaving),
        2 => stream().prop_map(Input::Lost),
        3 => (option::of(node()), option::of(contact())).prop_map(|(witness_leader, leader_contact)| {
            Input::Tick { witness_leader, leader_contact }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_node_can_break_what_the_registry_promises(
        cluster in option::of(cluster()),
        inputs in vec((input(), 0..1_500_u64), 0..60),
    ) {
        let mut now = Instant::now();
        let silence = Silence::of(Duration::from_secs(1), Duration::from_millis(200));
        let mut registry = Registry::new(cluster, ClusterId::new(9), silence, now);
        let mut streams = 0;
        for (input, passed) in inputs {
            now += Duration::from_millis(passed);
            let stream = |back: MasterStreamId| MasterStreamId::saturating_sub(streams, back);
            let input = match input {
                Input::Hello(_, hello) => Input::Hello(streams + 1, hello),
                Input::Progress(back, progress) => Input::Progress(stream(back), progress),
                Input::Leaving(back) => Input::Leaving(stream(back)),
                Input::Lost(back) => Input::Lost(stream(back)),
                other => other,
            };
            streams += u64::from(matches!(input, Input::Hello(..)));
            registry.step(input, now, UnixMillis::EPOCH);
            let location = presentation::location(&registry);
            let roster = presentation::roster(&registry, 3012);
            prop_assert_eq!(location.available.is_some(), roster.available.is_some());
            if let Some(available) = roster.available {
                prop_assert!(roster.members.contains_key(&available.node));
            }
            presentation::status(&registry, RouterFacts::default(), View::Operator);
        }
    }
}
