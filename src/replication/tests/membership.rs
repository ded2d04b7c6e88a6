//! The leader keeps the membership true.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    cluster::{CLUSTER, DEADLINE, Member, roster},
    entries::{account, view},
};
use crate::replication::reconcile::{self, Roster};

/// Masters of no cluster yet but for the first, which leads and keeps the membership by the
/// returned roster.
async fn growing(masters: usize) -> (Vec<Member>, Member, watch::Sender<Roster>) {
    let mut members = Vec::new();
    for number in 1..=masters {
        members.push(Member::master(&format!("server-{number}")).await);
    }
    let witness = Member::witness().await;
    let first = &members[0];
    first.node.found(CLUSTER, first.info.clone()).await.expect("founded");
    first.leads().await;
    let (sender, seen) = watch::channel(roster(members.iter().chain([&witness])));
    tokio::spawn(reconcile::run(first.node.clone(), seen, CancellationToken::new()));
    (members, witness, sender)
}

#[tokio::test]
async fn newcomers_on_the_roster_are_added_and_vote_once_they_have_caught_up() {
    let (masters, witness, _roster) = growing(3).await;
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    masters[2].level_with(&masters[0]).await;
    masters[2].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    assert_eq!(masters[2].node.cluster(), Some(CLUSTER));
}

#[tokio::test]
async fn a_dead_follower_is_demoted_the_last_master_votes_alone_and_who_returns_votes_again() {
    let (mut masters, witness, sender) = growing(3).await;
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    let writes = masters[0].writes();

    masters[2].cut();
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;
    writes.submit(account("ann")).await.expect("written");

    masters[1].cut();
    masters[0].votes(&[&masters[0]]).await;
    let written = timeout(Duration::from_secs(30), writes.submit(account("bob"))).await;
    written.expect("alone, but not stuck").expect("written");

    masters[1].heal().await;
    masters[0].node.peers().set_address(masters[1].id(), masters[1].info.peer_address.clone());
    sender.send_replace(roster(masters.iter().chain([&witness])));
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;
    masters[1].level_with(&masters[0]).await;
    assert_eq!(view(masters[1].state()).users(None, 9).expect("read").names.len(), 2);

    let id = masters[1].id();
    let mut metrics = masters[0].node.raft().metrics();
    let address = masters[1].info.peer_address.clone();
    let moved = metrics.wait_for(|now| {
        let noted = now.membership_config.membership().get_node(&id);
        noted.is_some_and(|info| info.peer_address == address)
    });
    timeout(DEADLINE, moved).await.expect("in time").expect("runs");
}

#[tokio::test]
async fn a_master_that_the_router_lost_is_demoted_at_the_routers_word() {
    let (masters, witness, sender) = growing(3).await;
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    masters[1].kill().await;
    let mut reported = roster(masters.iter().chain([&witness]));
    reported.members.get_mut(&masters[1].id()).expect("listed").down = true;
    sender.send_replace(reported);
    masters[0].votes(&[&masters[0], &masters[2], &witness]).await;
}

#[tokio::test]
async fn a_router_that_lost_its_disk_is_the_witness_again_under_its_new_id() {
    let (masters, witness, sender) = growing(2).await;
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;
    witness.kill().await;
    let new = Member::witness().await;
    sender.send_replace(roster(masters.iter().chain([&new])));
    masters[0].votes(&[&masters[0], &masters[1], &new]).await;
    let mut metrics = masters[0].node.raft().metrics();
    let old = witness.id();
    let forgotten =
        metrics.wait_for(|now| now.membership_config.membership().get_node(&old).is_none());
    timeout(DEADLINE, forgotten).await.expect("in time").expect("runs");
}
