//! The router, with its witness, on a partitioned network: the real registry and nodes, with relays
//! between them.

use std::time::Duration;

use futures::future::join_all;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    registry_actor::RegistryHandle,
    witness_supervisor::{
        report,
        tests::{hello, registry, report_for},
    },
};
use crate::replication::tests::{
    cluster::{DEADLINE, Member},
    entries::account,
    network::{Network, is_cut_off, serves},
};

const DOWN_AFTER: Duration = Duration::from_secs(2);
/// Longer than the router waits for a leader that no node hears.
const A_WHILE: Duration = Duration::from_millis(800);

/// A router with the witness of `network`.
fn start(network: &Network) -> RegistryHandle {
    let witness = network.witness().node.clone();
    let (handle, mut directives_for_it) =
        registry(&watch::channel(Some(witness.clone())).1, DOWN_AFTER);
    let reports_to = handle.clone();
    tokio::spawn(async move { report(&witness, &reports_to, &mut directives_for_it).await });
    handle
}

async fn introduce(master: &Member, registry: &RegistryHandle) {
    let stream = registry.open(hello(master)).await.expect("the registry runs");
    tokio::spawn(report_for(master.node.clone(), registry.clone(), stream));
}

/// Waits until the router names another available server than `last`.
async fn another(registry: &RegistryHandle, last: &str) -> String {
    let mut location = registry.location();
    let named =
        location.wait_for(|now| now.available.as_ref().is_some_and(|server| server.name != last));
    let named = timeout(DEADLINE, named).await.expect("in time").expect("the registry runs");
    named.available.as_ref().expect("it names one").name.clone()
}

/// The leader of this many masters is cut off from the others, in these directions, and is
/// replaced.
async fn is_replaced(masters: usize, to_leader: bool, from_leader: bool) {
    let network = Network::new(masters).await;
    let leader = &network.members[0];
    let registry = start(&network);
    for master in &network.members[..masters] {
        introduce(master, &registry).await;
    }
    assert_eq!(another(&registry, "").await, "server-1");
    leader.writes().submit(account("ann")).await.expect("written");

    for other in 1..masters {
        network.connect(other, 0, !to_leader);
        network.connect(0, other, !from_leader);
    }
    // The witness hears of this, and so does every node that still hears the leader.
    let waiting = leader.writes();
    let unwritten = tokio::spawn(async move { waiting.submit(account("bob")).await });
    is_cut_off(leader).await;
    let next = another(&registry, "server-1").await;
    let next = network.members.iter().find(|member| member.info.name == next).expect("known");
    timeout(DEADLINE, serves(next)).await.expect("it leads");

    for other in 1..masters {
        network.connect(other, 0, true);
        network.connect(0, other, true);
    }
    leader.level_with(next).await;
    assert_eq!(another(&registry, "server-1").await, next.info.name, "the last one follows");
    let unwritten = timeout(DEADLINE, unwritten).await.expect("in time").expect("no panic");
    drop(unwritten);
}

#[tokio::test]
async fn a_leader_that_the_router_sees_and_its_peers_do_not_is_replaced() {
    join_all([3, 4, 5].map(|masters| is_replaced(masters, true, true))).await;
}

#[tokio::test]
async fn a_leader_that_is_cut_off_one_way_is_replaced() {
    join_all([(true, false), (false, true)].map(|(to, from)| is_replaced(3, to, from))).await;
}

#[tokio::test]
async fn a_router_that_returns_directs_no_election_while_its_witness_hears_a_leader() {
    let network = Network::new(2).await;
    let (leader, other) = (&network.members[0], &network.members[1]);
    let term = leader.node.progress(0).await.term;
    network.connect(0, 1, false);
    let knows_no_leader = async {
        while other.node.known_leader().is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, knows_no_leader).await.expect("in time");
    // The leader reaches the router again later than the other.
    let registry = start(&network);
    introduce(other, &registry).await;
    let mut location = registry.location();
    let named = location.wait_for(|now| now.available.is_some());
    assert!(timeout(A_WHILE, named).await.is_err(), "nobody leads that the router knows");
    introduce(leader, &registry).await;
    assert_eq!(another(&registry, "").await, "server-1");
    assert_eq!(leader.node.progress(0).await.term, term, "there was no needless election");
}
