//! The router is away, and masters restart at other addresses; and two of them have the same
//! identity.

use std::time::Duration;

use tokio::time::timeout;
use tonic::{Code, Status};

use super::{
    cluster::{DEADLINE, Member, QUICK, assembled, cluster},
    entries::account,
};
use crate::{
    domain::NodeId,
    replication::{NodeInfo, node_credentials::Caller},
    settings::ConsensusSettings,
    social::{Command, Reply},
};

async fn masters(count: usize, timing: ConsensusSettings) -> Vec<Member> {
    let mut masters = Vec::new();
    for number in 1..=count {
        masters.push(Member::master_timed(&format!("server-{number}"), timing).await);
    }
    masters
}

/// What the membership that `member` knows says about `node`.
fn noted(member: &Member, node: NodeId) -> Option<NodeInfo> {
    let metrics = member.node.raft().metrics();
    let metrics = metrics.borrow();
    metrics.membership_config.membership().get_node(&node).cloned()
}

async fn gossip_addresses(member: &Member) -> Vec<Status> {
    let untold = {
        let metrics = member.node.raft().metrics();
        let metrics = metrics.borrow();
        member.node.peers().untold(metrics.membership_config.membership().nodes())
    };
    member.node.peers().tell(untold).await
}

fn term(member: &Member) -> u64 {
    member.node.raft().metrics().borrow().current_term
}

async fn written(leader: &Member, command: Command) {
    let reply = timeout(DEADLINE, leader.writes().submit(command)).await.expect("in time");
    assert!(matches!(reply, Ok(Reply::Account(_))), "{reply:?}");
}

/// Waits until the membership of `member` has the current address of `other`.
async fn notes(member: &Member, other: &Member) {
    let mut metrics = member.node.raft().metrics();
    let moved = metrics.wait_for(|now| {
        let noted = now.membership_config.membership().get_node(&other.node.id());
        noted.is_some_and(|noted| noted.peer_address == other.info.peer_address)
    });
    timeout(DEADLINE, moved).await.expect("in time").expect("runs");
}

#[tokio::test]
async fn masters_restarted_while_the_router_is_away_are_found_by_the_leader_without_an_election() {
    let (mut all, witness) = cluster(3).await;
    let before = term(&all[0]);
    witness.kill().await;
    let (third, second) = (all.pop().expect("three"), all.pop().expect("three"));
    all[0].start_background_tasks();
    let (second, third) = (second.restarted().await, third.restarted().await);
    second.start_background_tasks();
    third.start_background_tasks();

    written(&all[0], account("ann")).await;
    for restarted in [&second, &third] {
        restarted.level_with(&all[0]).await;
        notes(&all[0], restarted).await;
        assert_eq!(
            noted(&all[0], restarted.id()).map(|noted| noted.name),
            Some(restarted.info.name.clone())
        );
        assert_eq!(term(restarted), before);
    }
    assert!(all[0].node.leads());
    assert_eq!(term(&all[0]), before, "nobody campaigned");
}

#[tokio::test]
async fn masters_restarted_while_the_router_is_away_find_each_other_through_the_one_that_stayed() {
    let (mut all, witness) = assembled(masters(3, QUICK).await, Member::witness().await).await;
    for master in &all[..2] {
        master.start_background_tasks();
    }
    // The one that stays knows both, and does not stand: they must reach each other.
    all[2].node.raft().runtime_config().elect(false);
    written(&all[0], account("ann")).await;
    witness.kill().await;
    let stayed = all.pop().expect("three");
    stayed.level_with(&all[0]).await;
    let second = all.pop().expect("two").restarted().await;
    let first = all.pop().expect("one").restarted().await;
    first.start_background_tasks();
    second.start_background_tasks();

    let all = [first, second, stayed];
    let leader = async {
        loop {
            if let Some(leader) = all.iter().find(|master| master.node.leads()) {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let leader = timeout(DEADLINE, leader).await.expect("elected in time");
    written(leader, account("bob")).await;
    for master in &all {
        master.level_with(leader).await;
    }
}

#[tokio::test]
async fn who_cannot_win_does_not_campaign_and_deposes_nobody_when_it_is_found() {
    let (mut all, _witness) = assembled(masters(4, QUICK).await, Member::witness().await).await;
    let (careful, careless) = (2, 3);
    // All but one stand only if they would win.
    for master in &all[..careless] {
        master.start_background_tasks();
    }
    written(&all[0], account("ann")).await;
    let before = term(&all[0]);
    for cut in [careful, careless] {
        all[cut].level_with(&all[0]).await;
        all[cut].cut();
    }
    let campaigned = all[careless].node.raft().wait(Some(DEADLINE));
    campaigned.metrics(|now| now.current_term > before + 3, "campaigns").await.expect("in time");
    assert_eq!(term(&all[careful]), before, "the others hear a leader");

    all[careful].heal().await;
    written(&all[0], account("bob")).await;
    all[careful].level_with(&all[0]).await;
    assert_eq!(term(&all[0]), before);
    assert!(all[0].node.leads());
}

#[tokio::test]
async fn a_copy_of_a_slot_is_refused_by_the_others_while_the_master_lives_and_not_when_it_is_gone()
{
    let (mut all, _witness) = cluster(2).await;
    let original = all.pop().expect("two");
    let leader = &all[0];
    leader.start_background_tasks();
    original.kill().await;
    let slot = original.directory().to_owned();
    let copy = {
        // The slot is free for a moment.
        let original_info = original.info.clone();
        timeout(DEADLINE, Member::copy_of(&slot, &original_info.name)).await.expect("in time")
    };
    let original = original.restarted().await;
    original.start_background_tasks();
    written(leader, account("ann")).await;
    original.level_with(leader).await;
    notes(leader, &original).await;

    assert_eq!(copy.id(), original.id());
    let refusals = gossip_addresses(&copy).await;
    let reasons: Vec<&str> = refusals
        .iter()
        .filter(|status| status.code() == Code::AlreadyExists)
        .map(Status::message)
        .collect();
    assert!(reasons.iter().any(|why| why.contains(&original.info.peer_address)), "{refusals:?}");
    assert_eq!(leader.node.peers().newest(copy.id(), None, None), Some(original.info.clone()));
    written(leader, account("bob")).await;
    original.level_with(leader).await;
    let in_its_name = Caller { node: copy.id(), process: copy.node.peers().process(), info: None };
    assert!(original.node.peers().admit(in_its_name).await.is_err(), "nobody else is this node");

    original.kill().await;
    let admitted = async {
        while !gossip_addresses(&copy).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, admitted).await.expect("admitted in time");
}
