//! Directed elections: fast, and as safe as any other.

use openraft::{
    Vote,
    raft::{VoteRequest, VoteResponse},
};

use super::{
    cluster::{DEADLINE, Member, assembled, cluster, introduce, only_the_witness_knows},
    entries::{account, publish, view},
    slow_disk::SlowDisk,
};
use crate::{
    domain::{NodeId, PostId, UserName},
    envelope::{Kind, open, seal},
    replication::{LogId, writes::WriteError},
    social::Reply,
    wire::internal::peer_call::Call,
};

/// Asks `voter` for its vote for node 1 in `term`.
async fn ask(
    voter: &Member,
    term: u64,
    last_log: Option<LogId>,
    directed: bool,
) -> VoteResponse<NodeId> {
    let request: VoteRequest<NodeId> = VoteRequest::new(Vote::new(term, NodeId::new(1)), last_log);
    let payload = seal(Kind::Ballot, &request).into();
    let call = if directed { Call::DirectedVote(payload) } else { Call::Vote(payload) };
    let answer = voter.ask(voter.request(call)).await.expect("answered");
    open(Kind::Voted, &answer).expect("a vote")
}

#[tokio::test]
async fn a_directed_candidate_wins_while_the_dead_leaders_lease_still_holds_back_others() {
    let (masters, _witness) = cluster(3).await;
    masters[0].writes().submit(account("ann")).await.expect("written");
    masters[1].level_with(&masters[0]).await;
    masters[2].level_with(&masters[0]).await;
    masters[0].kill().await;

    let last_log = masters[2].node.last_log().await;
    let undirected = ask(&masters[2], 50, last_log, false).await;
    assert!(!undirected.vote_granted, "the lease lasts");
    assert!(undirected.vote.leader_id().term < 50);

    masters[1].node.campaign(0).await;
    masters[1].leads().await;
    let term = masters[1].node.raft().metrics().borrow().current_term;
    assert!(term < 50, "by its own vote in term {term}");
    let reply = masters[1].writes().submit(account("bob")).await.expect("written");
    assert!(matches!(reply, Reply::Account(account) if account.created));
    masters[2].level_with(&masters[1]).await;
    let names = view(masters[2].state()).users(None, 9).expect("read").names;
    assert_eq!(names.iter().map(UserName::as_str).collect::<Vec<_>>(), ["ann", "bob"]);
}

#[tokio::test]
async fn a_candidate_whose_disk_is_slow_does_not_depose_whoever_was_told_to_campaign_after_it() {
    let disks = [SlowDisk::default(), SlowDisk::default()];
    let mut members = vec![Member::master("server-1").await];
    members.push(Member::master_on(&disks[0], "server-2").await);
    members.push(Member::master_on(&disks[1], "server-3").await);
    members.push(Member::master("server-4").await);
    let (masters, _witness) = assembled(members, Member::witness().await).await;
    // In one term, openraft prefers the greater id.
    let (late, elected) = if masters[1].id() > masters[2].id() { (1, 2) } else { (2, 1) };
    let disk = &disks[late - 1];
    let term = masters[elected].node.progress(0).await.term;
    masters[0].kill().await;
    disk.hang(true);
    masters[late].node.campaign(0).await;
    masters[elected].node.campaign(term + 1).await;
    masters[elected].leads().await;
    let before = masters[elected].node.raft().metrics().borrow().vote;
    disk.hang(false);
    masters[elected].writes().submit(account("ann")).await.expect("written");
    masters[late].level_with(&masters[elected]).await;
    assert_eq!(masters[elected].node.raft().metrics().borrow().vote, before, "leads as before");
}

#[tokio::test]
async fn a_directed_candidate_with_a_shorter_log_gets_no_vote() {
    let (masters, witness) = cluster(2).await;
    masters[0].writes().submit(account("ann")).await.expect("written");
    for voter in [&masters[1], &witness] {
        voter.level_with(&masters[0]).await;
        let last = voter.node.last_log().await.expect("a log");
        let shorter = LogId::new(last.leader_id, last.index - 1);
        for short in [None, Some(shorter)] {
            let answer = ask(voter, 50, short, true).await;
            assert!(!answer.vote_granted, "{short:?}");
        }
        assert_eq!(voter.node.last_log().await, Some(last), "the log is as it was");
        assert!(ask(voter, 51, Some(last), true).await.vote_granted);
    }
}

#[tokio::test]
async fn a_directed_candidate_of_an_old_term_changes_nothing() {
    let (masters, _witness) = cluster(2).await;
    let before = masters[1].node.raft().metrics().borrow().vote;
    let last = masters[1].node.last_log().await;
    let answer = ask(&masters[1], 0, last, true).await;
    assert!(!answer.vote_granted);
    assert_eq!(masters[1].node.raft().metrics().borrow().vote, before);
    masters[0].writes().submit(account("ann")).await.expect("the leader leads on");
}

#[tokio::test]
async fn a_false_alarm_costs_a_change_of_leaders_and_no_data() {
    let (masters, _witness) = cluster(3).await;
    let writes = masters[0].writes();
    writes.submit(account("ann")).await.expect("written");
    masters[1].level_with(&masters[0]).await;
    masters[1].node.campaign(0).await;
    masters[1].leads().await;
    let command = publish(1, 1);
    masters[1].writes().submit(command.clone()).await.expect("written");
    masters[0].level_with(&masters[1]).await;
    assert_eq!(view(masters[0].state()).newest_post(), PostId::new(1));
    assert!(!masters[0].node.leads());
    assert_eq!(writes.submit(command).await, Err(WriteError::NotLeading));
    assert_eq!(masters[0].reads().confirm().await, Err(WriteError::NotLeading));
    assert_eq!(masters[1].reads().confirm().await, Ok(()));
}

#[tokio::test]
async fn what_only_the_witness_has_of_a_dead_leader_it_hands_over() {
    let (master, witness) = only_the_witness_knows().await;
    introduce(&[&master, &witness]);

    let own_vote = master.node.progress(0).await.term + 1;
    master.node.campaign(0).await;
    let refused = witness.node.raft().wait(Some(DEADLINE));
    refused.metrics(|now| now.current_term >= own_vote, "was asked").await.expect("in time");
    assert!(!master.node.leads(), "the witness knows better");

    witness.node.campaign(0).await;
    witness.leads().await;
    master.level_with(&witness).await;
    master.node.campaign(0).await;
    master.leads().await;
    master.writes().submit(account("bob")).await.expect("written");
    let names = view(master.state()).users(None, 9).expect("read").names;
    assert_eq!(names.iter().map(UserName::as_str).collect::<Vec<_>>(), ["ann", "bob"]);
}

#[tokio::test]
async fn every_leader_may_be_killed_in_turn_while_a_majority_lives() {
    let (masters, _witness) = cluster(4).await;
    masters[0].writes().submit(account("ann")).await.expect("written");
    masters[0].writes().submit(publish(1, 1)).await.expect("written");
    for (dead, next, sequence) in [(0, 1, 2), (1, 2, 3)] {
        masters[next].level_with(&masters[dead]).await;
        masters[dead].kill().await;
        masters[next].node.campaign(0).await;
        masters[next].leads().await;
        masters[next].writes().submit(publish(1, sequence)).await.expect("written");
        assert_eq!(view(masters[next].state()).newest_post(), PostId::new(sequence));
    }
}
