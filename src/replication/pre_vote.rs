//! Which node campaigns without being told to: only one that would win.
//!
//! A voter that hears no leader would campaign again and again, each time in a new term, even if it
//! is alone; and when it can be reached again, its term would depose a healthy leader. So it first
//! asks the others whether they would vote for it, and campaigns only if a majority would (Ongaro,
//! "Consensus: Bridging Theory and Practice", 9.6: the Pre-Vote phase). A node would not if it has
//! heard a leader within the lease, or if its log is longer. openraft has no such phase, but can be
//! told not to hold elections of its own.
//!
//! Elections that the router directs do not go through this module.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::future::join_all;
use openraft::ServerState;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{NodeInfo, StoredMembership, node::Node, position};
use crate::{
    domain::{LogPosition, NodeId},
    planted::{self, PlantedFault},
    wire::internal::{PreVoteAnswer, PreVoteRequest, peer_call::Call},
};

/// Between two pre-votes while there is no leader.
const PRE_VOTE_EVERY: Duration = Duration::from_millis(100);
/// A node that has not answered a poll within this time counts as silent.
const ANSWER_WITHIN: Duration = Duration::from_millis(200);
/// If, for this long, too few voters can be reached to elect anyone, this is logged.
const WARN_AFTER: Duration = Duration::from_secs(10);

/// Whether a leader has been heard recently.
pub struct LeaderLease {
    lease: Duration,
    heard: Mutex<Option<Instant>>,
}

impl LeaderLease {
    /// For a node that has not heard a leader yet; a heard leader counts for `lease`.
    pub fn new(lease: Duration) -> Self {
        Self { lease, heard: Mutex::default() }
    }

    /// A leader has called, and was accepted as leader.
    pub fn renew(&self) {
        self.set(Some(Instant::now()));
    }

    /// The leader that was heard has gone.
    pub fn revoke(&self) {
        self.set(None);
    }

    /// Until when this node relies on the leader that it has heard; none if it does not.
    fn valid_until(&self) -> Option<Instant> {
        let heard = *self.heard.lock();
        heard.map(|heard| heard + self.lease).filter(|end| *end > Instant::now())
    }

    fn set(&self, heard: Option<Instant>) {
        *self.heard.lock() = heard;
    }
}

/// This node's answer to a candidate's poll.
pub async fn answer(node: &Node, request: &PreVoteRequest) -> PreVoteAnswer {
    if (node.leads() || node.leader_lease().valid_until().is_some())
        && !planted::is(PlantedFault::LeaseAlwaysDropped)
    {
        return PreVoteAnswer { granted: false };
    }
    let PreVoteRequest { last_log_term, last_log_index } = *request;
    let candidate = LogPosition::new(last_log_term, last_log_index);
    let own = position(node.last_log().await);
    PreVoteAnswer { granted: candidate >= own || planted::is(PlantedFault::VoteForAShorterLog) }
}

/// Lets a master campaign whenever it would win; runs until cancelled.
pub async fn run(node: Node, cancelled: CancellationToken) {
    let mut warning = QuorumWarning::default();
    loop {
        let pause = match node.leader_lease().valid_until() {
            Some(end) => {
                allow_elections(&node, false);
                warning = QuorumWarning::default();
                end - Instant::now()
            }
            None if node.leads() => {
                allow_elections(&node, false);
                warning = QuorumWarning::default();
                node.leader_lease().lease
            }
            None => {
                let outcome = request_pre_votes(&node).await;
                allow_elections(&node, outcome.as_ref().is_some_and(PreVoteOutcome::is_won));
                if let Some(outcome) = outcome {
                    warning.update(&outcome);
                }
                PRE_VOTE_EVERY
            }
        };
        tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            () = sleep(pause) => {}
        }
    }
}

fn allow_elections(node: &Node, election: bool) {
    node.raft().runtime_config().elect(election);
}

/// The results of a poll.
struct PreVoteOutcome {
    /// The voter sets of the membership, each of which must agree.
    voter_sets: Vec<BTreeSet<NodeId>>,
    names: BTreeMap<NodeId, String>,
    /// How each node that answered would vote; this node votes for itself.
    answers: BTreeMap<NodeId, bool>,
}

impl PreVoteOutcome {
    fn is_won(&self) -> bool {
        self.in_each_voter_set(|node| self.answers.get(&node).copied().unwrap_or(false))
    }

    fn reaches_a_majority(&self) -> bool {
        self.in_each_voter_set(|node| self.answers.contains_key(&node))
    }

    fn in_each_voter_set(&self, counts: impl Fn(NodeId) -> bool) -> bool {
        self.voter_sets.iter().all(|set| {
            let counted = set.iter().filter(|node| counts(**node)).count();
            counted > set.len() / 2
        })
    }

    fn silent(&self) -> String {
        let silent = self.names.iter().filter(|(node, _)| !self.answers.contains_key(node));
        silent.map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Asks all other voters; none if this node does not vote, or leads.
async fn request_pre_votes(node: &Node) -> Option<PreVoteOutcome> {
    let (membership, state) = {
        let metrics = node.raft().metrics();
        let metrics = metrics.borrow();
        (metrics.membership_config.clone(), metrics.state)
    };
    let membership: &StoredMembership = &membership;
    let voter_sets = membership.membership().get_joint_config().clone();
    let votes = |id: &NodeId| voter_sets.iter().any(|set| set.contains(id));
    if state == ServerState::Leader || !votes(&node.id()) {
        return None;
    }
    let own = position(node.last_log().await);
    let asked = PreVoteRequest { last_log_term: own.term, last_log_index: own.index };
    let ask = |(id, info): (NodeId, NodeInfo)| async move {
        if id == node.id() {
            return Some((id, true));
        }
        let answer = node.peers().ask(id, &info, Call::PreVote(asked), ANSWER_WITHIN).await.ok()?;
        PreVoteAnswer::decode(answer).ok().map(|answer| (id, answer.granted))
    };
    let voters: Vec<(NodeId, NodeInfo)> = membership
        .nodes()
        .filter(|(id, _)| votes(id))
        .map(|(id, info)| (*id, info.clone()))
        .collect();
    let names = voters.iter().map(|(id, info)| (*id, info.name.clone())).collect();
    let answers = join_all(voters.into_iter().map(ask)).await.into_iter().flatten().collect();
    Some(PreVoteOutcome { voter_sets, names, answers })
}

/// Logs once, if it lasts, that too few voters can be reached.
#[derive(Default)]
struct QuorumWarning {
    since: Option<Instant>,
    said: bool,
}

impl QuorumWarning {
    fn update(&mut self, outcome: &PreVoteOutcome) {
        if outcome.reaches_a_majority() {
            *self = Self::default();
            return;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.said && since.elapsed() > WARN_AFTER {
            self.said = true;
            tracing::error!(
                silent = outcome.silent(),
                "too few voters can be reached to elect a leader; masters that have \
                 changed their addresses while the router was away find each other through the \
                 router, or through a master that is where it was"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(voter_sets: &[&[u64]], answers: &[(u64, bool)]) -> PreVoteOutcome {
        PreVoteOutcome {
            voter_sets: voter_sets.iter().map(|set| NodeId::all(set.iter().copied())).collect(),
            names: (1..=5).map(|node| (NodeId::new(node), format!("server-{node}"))).collect(),
            answers: answers.iter().map(|(node, granted)| (NodeId::new(*node), *granted)).collect(),
        }
    }

    #[test]
    fn a_candidate_campaigns_where_a_majority_of_each_voter_set_would_vote_for_it() {
        let three: &[u64] = &[1, 2, 3];
        let five: &[u64] = &[1, 2, 3, 4, 5];
        for (voter_sets, answers, won, reaches) in [
            (&[&[1_u64][..]][..], &[(1, true)][..], true, true),
            (&[three], &[(1, true)], false, false),
            (&[three], &[(1, true), (2, false)], false, true),
            (&[three], &[(1, true), (2, true)], true, true),
            (&[&[1, 2, 3, 4]], &[(1, true), (2, true)], false, false),
            (&[three, five], &[(1, true), (2, true)], false, false),
            (&[three, five], &[(1, true), (4, true), (5, true)], false, false),
            (&[three, five], &[(1, true), (2, false), (4, true), (5, true)], false, true),
            (&[three, five], &[(1, true), (2, true), (4, true)], true, true),
        ] {
            let outcome = outcome(voter_sets, answers);
            assert_eq!(outcome.is_won(), won, "{voter_sets:?} {answers:?}");
            assert_eq!(outcome.reaches_a_majority(), reaches, "{voter_sets:?} {answers:?}");
        }
    }

    #[test]
    fn those_who_do_not_answer_are_named() {
        let outcome = outcome(&[&[1, 2, 3, 4, 5]], &[(1, true), (3, false), (5, true)]);
        assert_eq!(outcome.silent(), "server-2, server-4");
    }
}
