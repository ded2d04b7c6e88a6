//! A leader that is cut off from a majority of the others reports it, lets them elect another, and
//! returns. There is no router; what the router does is in its own tests.

use std::time::Duration;

use futures::future::{join_all, select_all};
use openraft::ServerState;
use tokio::time::timeout;

use super::{
    cluster::DEADLINE,
    entries::account,
    network::{Network, is_cut_off, serves},
};
use crate::replication::writes::WriteError;

/// Which direction is cut, between the leader and each of the other masters.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Both,
    /// Its heartbeats arrive, but no answer comes back.
    ToLeader,
    FromLeader,
}

impl Cut {
    fn make(self, network: &Network, gets_through: bool) {
        for other in 1..network.members.len() - 1 {
            if matches!(self, Self::Both | Self::ToLeader) {
                network.connect(other, 0, gets_through);
            }
            if matches!(self, Self::Both | Self::FromLeader) {
                network.connect(0, other, gets_through);
            }
        }
    }
}

async fn is_replaced(masters: usize, cut: Cut) {
    let network = Network::new(masters).await;
    let others = &network.members[1..masters];
    network.members[0].writes().submit(account("ann")).await.expect("written");
    if masters > 3 {
        // The others are a majority without it.
        network.witness().kill().await;
    }
    network.elect_by_themselves();
    cut.make(&network, false);
    let serve = others.iter().map(|other| Box::pin(serves(other)));
    let Ok(((), next, _)) = timeout(DEADLINE, select_all(serve)).await else {
        panic!("nobody replaces the leader of {masters} masters, {cut:?}")
    };
    let next = &others[next];

    cut.make(&network, true);
    let last = next.node.last_log().await.expect("a log").index;
    let comes_back = network.members[0].node.raft().wait(Some(DEADLINE));
    comes_back.applied_index_at_least(Some(last), "follows").await.expect("in time");
    let follows = network.members[0].node.raft().wait(Some(DEADLINE));
    follows.state(ServerState::Follower, "follows").await.expect("in time");
    assert!(!*network.members[0].node.peers().cut_off().borrow());
}

#[tokio::test]
async fn a_leader_cut_off_from_its_peers_is_replaced_without_a_router() {
    join_all([3, 4, 5].map(|masters| is_replaced(masters, Cut::Both))).await;
}

#[tokio::test]
async fn a_leader_that_is_heard_and_hears_no_answer_is_replaced_without_a_router() {
    join_all([3, 4, 5].map(|masters| is_replaced(masters, Cut::ToLeader))).await;
}

#[tokio::test]
async fn a_leader_that_hears_and_is_not_heard_is_replaced_without_a_router() {
    join_all([3, 4, 5].map(|masters| is_replaced(masters, Cut::FromLeader))).await;
}

#[tokio::test]
async fn a_leader_that_no_quorum_answers_refuses_and_leads_on_in_its_term_when_one_does() {
    let network = Network::new(3).await;
    let leader = &network.members[0];
    leader.writes().submit(account("ann")).await.expect("written");
    let before = leader.node.progress(0).await;
    assert!(before.leading && !before.cut_off);
    assert_eq!(network.members[1].node.known_leader(), Some(leader.id()));

    Cut::Both.make(&network, false);
    is_cut_off(leader).await;
    let meanwhile = leader.node.progress(0).await;
    assert!(!leader.node.leads() && !meanwhile.leading && meanwhile.cut_off);
    assert_eq!(leader.reads().confirm().await, Err(WriteError::NotLeading));
    assert!(!leader.node.pre_vote(Duration::from_millis(50)).await, "nor would it be elected");
    let waiting = leader.writes();
    let written = tokio::spawn(async move { waiting.submit(account("bob")).await });

    Cut::Both.make(&network, true);
    let written = timeout(DEADLINE, written).await.expect("in time").expect("no panic");
    written.expect("what was asked for meanwhile is done");
    timeout(DEADLINE, serves(leader)).await.expect("a quorum answers in time");
    let after = leader.node.progress(0).await.term;
    assert_eq!(after, before.term, "there was no needless election");
}

#[tokio::test]
async fn only_who_reaches_a_majority_with_logs_no_longer_than_its_own_would_win() {
    let network = Network::new(3).await;
    let within = Duration::from_secs(10);
    network.connect(0, 2, false);
    network.members[0].writes().submit(account("ann")).await.expect("written");
    network.members[1].level_with(&network.members[0]).await;
    assert!(network.members[1].node.pre_vote(within).await, "with the leader and the witness");
    assert!(!network.members[2].node.pre_vote(within).await, "its log is too short");
    for other in [0, 3] {
        network.connect(1, other, false);
    }
    let moment = Duration::from_millis(200);
    assert!(!network.members[1].node.pre_vote(moment).await, "it reaches one of three");
    let leader = network.members[0].node.raft().metrics().borrow().current_term;
    assert_eq!(network.members[1].node.raft().metrics().borrow().current_term, leader);
}
