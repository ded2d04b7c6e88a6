//! The router, with its witness, over a network that is cut: hub and nodes as they are, and relays
//! between them.

use std::time::Duration;

use futures::future::join_all;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    hub::Handle,
    witness::{
        report,
        tests::{hello, hub, report_for},
    },
};
use crate::replication::tests::{
    cluster::{DEADLINE, Member},
    entries::account,
    network::{Network, is_cut_off, serves},
};

const DOWN_AFTER: Duration = Duration::from_secs(2);
/// Longer than the router waits for a leader that nobody hears.
const A_WHILE: Duration = Duration::from_millis(800);

/// A router beside the witness of `network`.
fn start(network: &Network) -> Handle {
    let witness = network.witness().node.clone();
    let (handle, mut obeyed) = hub(&watch::channel(Some(witness.clone())).1, DOWN_AFTER);
    let reports_to = handle.clone();
    tokio::spawn(async move { report(&witness, &reports_to, &mut obeyed).await });
    handle
}

async fn introduce(master: &Member, hub: &Handle) {
    let session = hub.open(hello(master)).await.expect("the hub runs");
    tokio::spawn(report_for(master.node.clone(), hub.clone(), session));
}

/// Until the router names another available server than `last`.
async fn another(hub: &Handle, last: &str) -> String {
    let mut location = hub.location();
    let named =
        location.wait_for(|now| now.available.as_ref().is_some_and(|server| server.name != last));
    let named = timeout(DEADLINE, named).await.expect("in time").expect("the hub runs");
    named.available.as_ref().expect("it names one").name.clone()
}

/// The leader of so many masters loses the others, in these directions, and the router replaces it.
async fn is_replaced(masters: usize, to_leader: bool, from_leader: bool) {
    let network = Network::new(masters).await;
    let leader = &network.members[0];
    let hub = start(&network);
    for master in &network.members[..masters] {
        introduce(master, &hub).await;
    }
    assert_eq!(another(&hub, "").await, "server-1");
    leader.writes().submit(account("ann")).await.expect("written");

    for other in 1..masters {
        network.connect(other, 0, !to_leader);
        network.connect(0, other, !from_leader);
    }
    // Of this the witness hears, and whoever still hears the leader.
    let waiting = leader.writes();
    let unwritten = tokio::spawn(async move { waiting.submit(account("bob")).await });
    is_cut_off(leader).await;
    let next = another(&hub, "server-1").await;
    let next = network.members.iter().find(|member| member.info.name == next).expect("known");
    timeout(DEADLINE, serves(next)).await.expect("it leads");

    for other in 1..masters {
        network.connect(other, 0, true);
        network.connect(0, other, true);
    }
    leader.level_with(next).await;
    assert_eq!(another(&hub, "server-1").await, next.info.name, "the last one follows");
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
    let hears_nobody = async {
        while other.node.hears().is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, hears_nobody).await.expect("in time");
    // The leader finds the router again after the other.
    let hub = start(&network);
    introduce(other, &hub).await;
    let mut location = hub.location();
    let named = location.wait_for(|now| now.available.is_some());
    assert!(timeout(A_WHILE, named).await.is_err(), "nobody leads that the router knows");
    introduce(leader, &hub).await;
    assert_eq!(another(&hub, "").await, "server-1");
    assert_eq!(leader.node.progress(0).await.term, term, "there was no election for nothing");
}
