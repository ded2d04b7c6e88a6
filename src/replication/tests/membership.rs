//! The leader keeps the membership up to date.

use std::{collections::BTreeSet, time::Duration};

use openraft::RaftMetrics;
use tokio::{
    sync::watch,
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    cluster::{CLUSTER, DEADLINE, Member, cluster, introduce, roster},
    entries::{account, view},
};
use crate::{
    control::ReceivedRoster,
    domain::NodeId,
    replication::{NodeInfo, addresses::AddressSource, reconcile},
};

/// Masters that belong to no cluster yet, except the first, which leads and keeps the membership
/// according to the returned roster.
async fn growing(masters: usize) -> (Vec<Member>, Member, watch::Sender<ReceivedRoster>) {
    let mut members = Vec::new();
    for number in 1..=masters {
        members.push(Member::master(&format!("server-{number}")).await);
    }
    let witness = Member::witness().await;
    let first = &members[0];
    first.node.bootstrap(CLUSTER, first.info.clone()).await.expect("bootstrapped");
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
async fn a_dead_follower_is_demoted_but_not_the_second_of_two_and_who_returns_votes_again() {
    let (mut masters, witness, sender) = growing(3).await;
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    let writes = masters[0].writes();

    masters[2].cut();
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;
    writes.submit(account("ann")).await.expect("written");

    masters[1].cut();
    masters[0].misses(&masters[1]).await;
    let written = timeout(Duration::from_secs(30), writes.submit(account("bob"))).await;
    written.expect("with the witness").expect("written");
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;

    masters[1].heal().await;
    let back = &masters[1];
    masters[0].node.peers().learn(back.id(), back.info.clone(), AddressSource::Router);
    sender.send_replace(roster(masters.iter().chain([&witness])));
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

    masters[2].heal().await;
    let back = &masters[2];
    masters[0].node.peers().learn(back.id(), back.info.clone(), AddressSource::Router);
    sender.send_replace(roster(masters.iter().chain([&witness])));
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
}

#[tokio::test]
async fn what_the_last_of_two_masters_acknowledged_survives_the_loss_of_its_disk() {
    let (mut masters, witness, _roster) = growing(2).await;
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;
    masters[1].level_with(&masters[0]).await;
    masters[1].cut();
    masters[0].misses(&masters[1]).await;
    masters[0].writes().submit(account("ann")).await.expect("written");
    masters[0].kill().await;

    masters[1].heal().await;
    introduce(&[&masters[1], &witness]);
    witness.node.campaign(0).await;
    witness.leads().await;
    masters[1].level_with(&witness).await;
    masters[1].node.campaign(0).await;
    masters[1].leads().await;
    masters[1].writes().submit(account("bob")).await.expect("written");
    assert_eq!(view(masters[1].state()).users(None, 9).expect("read").names.len(), 2);
}

#[tokio::test]
async fn a_change_that_was_half_made_is_finished_and_then_the_leader_may_be_lost() {
    let (mut masters, witness) = cluster(3).await;
    masters[1].cut();
    masters[2].cut();
    for other in &masters[1..] {
        masters[0].misses(other).await;
    }
    // As a leader would that does not know yet that it cannot reach a majority.
    let (raft, alone) = (masters[0].node.raft().clone(), BTreeSet::from([masters[0].id()]));
    let shrinks = tokio::spawn(async move { raft.change_membership(alone, true).await });
    let half_made = masters[0].node.raft().wait(Some(DEADLINE));
    let is_joint = |now: &RaftMetrics<NodeId, NodeInfo>| {
        now.membership_config.membership().get_joint_config().len() == 2
    };
    half_made.metrics(is_joint, "half made").await.expect("in time");
    shrinks.abort();

    for master in &mut masters[1..] {
        master.heal().await;
    }
    introduce(&[&masters[0], &masters[1], &masters[2], &witness]);
    for other in [&masters[1], &masters[2], &witness] {
        other.level_with(&masters[0]).await;
    }
    // All are up, and all are voters of one voter set or the other.
    let (_sender, seen) = watch::channel(roster(masters.iter().chain([&witness])));
    tokio::spawn(reconcile::run(masters[0].node.clone(), seen, CancellationToken::new()));
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    masters[0].writes().submit(account("ann")).await.expect("written");
    for other in [&masters[1], &masters[2], &witness] {
        other.level_with(&masters[0]).await;
    }
    masters[0].kill().await;
    masters[1].node.campaign(0).await;
    masters[1].leads().await;
    masters[1].writes().submit(account("bob")).await.expect("written");
}

#[tokio::test]
async fn a_leader_that_reaches_no_majority_proposes_nothing() {
    let (mut masters, witness, sender) = growing(3).await;
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    let end = |leader: &Member| leader.node.raft().metrics().borrow().last_log_index;
    let before = end(&masters[0]);
    masters[1].cut();
    masters[2].cut();
    masters[0].misses(&masters[1]).await;
    masters[0].misses(&masters[2]).await;
    assert_eq!(end(&masters[0]), before, "it would take effect when they are back");

    masters[2].heal().await;
    introduce(&[&masters[0], &masters[2]]);
    sender.send_replace(roster(masters.iter().chain([&witness])));
    masters[0].votes(&[&masters[0], &masters[2], &witness]).await;
}

#[tokio::test]
async fn a_roster_that_calls_healthy_nodes_down_takes_no_vote_away() {
    let (masters, witness, sender) = growing(3).await;
    let all = [&masters[0], &masters[1], &masters[2], &witness];
    masters[0].votes(&all).await;
    let voters: BTreeSet<NodeId> = all.iter().map(|member| member.id()).collect();
    let mut metrics = masters[0].node.raft().metrics();
    let demoted = tokio::spawn(async move {
        let all_vote =
            |voter_sets: &[BTreeSet<NodeId>]| voter_sets.iter().all(|set| set.is_superset(&voters));
        let lost = metrics
            .wait_for(|now| !all_vote(now.membership_config.membership().get_joint_config()));
        lost.await.map(|now| now.membership_config.to_string())
    });
    let newcomer = Member::master("server-4").await;
    let mut wrong = roster(masters.iter().chain([&witness, &newcomer]));
    for other in &masters[1..] {
        wrong.members.get_mut(&other.id()).expect("listed").down = true;
    }
    sender.send_replace(wrong);
    // It is added after all changes to the others.
    masters[0].votes(&[all[0], all[1], all[2], all[3], &newcomer]).await;
    assert!(!demoted.is_finished(), "{:?}", demoted.await);
}

#[tokio::test]
async fn a_master_that_waits_for_its_reboot_serves_when_all_others_were_stopped_for_good() {
    let (mut masters, witness, sender) = growing(3).await;
    masters[0].votes(&[&masters[0], &masters[1], &masters[2], &witness]).await;
    masters[2].level_with(&masters[0]).await;
    masters[2].cut();
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;
    masters[0].writes().submit(account("ann")).await.expect("written");
    let mut stopping = roster(masters.iter().chain([&witness]));
    for (place, master) in masters.iter().enumerate() {
        let listed = stopping.members.get_mut(&master.id()).expect("listed");
        listed.leaving = place < 2;
        listed.down = place == 2;
    }
    sender.send_replace(stopping);
    masters[0].votes(&[&masters[0], &masters[2], &witness]).await;
    masters[0].kill().await;
    masters[1].kill().await;

    masters[2].heal().await;
    introduce(&[&masters[2], &witness]);
    witness.node.campaign(0).await;
    witness.leads().await;
    masters[2].level_with(&witness).await;
    masters[2].node.campaign(0).await;
    masters[2].leads().await;
    masters[2].writes().submit(account("bob")).await.expect("written");
    assert_eq!(view(masters[2].state()).users(None, 9).expect("read").names.len(), 2);
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

#[tokio::test]
async fn a_new_witness_that_calls_before_the_router_says_that_it_is_the_one_waits_for_its_word() {
    let (masters, witness, sender) = growing(2).await;
    masters[0].votes(&[&masters[0], &masters[1], &witness]).await;
    let new = Member::witness().await;
    new.node.join(CLUSTER).await.expect("it belongs to none");
    introduce(&[&masters[0], &new]);
    let leader = &masters[0].node;
    let mut looks = interval(Duration::from_millis(5));
    let calls = async {
        while !leader.peers().callers().contains(&new.id()) {
            looks.tick().await;
        }
    };
    timeout(DEADLINE, calls).await.expect("it calls");
    let before = leader.raft().metrics().borrow().last_log_index;
    witness.kill().await;
    // Meanwhile the leader has looked at its nodes more than once.
    masters[0].misses(&witness).await;
    assert_eq!(leader.raft().metrics().borrow().last_log_index, before, "nothing was changed");
    sender.send_replace(roster(masters.iter().chain([&new])));
    masters[0].votes(&[&masters[0], &masters[1], &new]).await;
}
