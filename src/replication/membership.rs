//! Who votes: what the leader should change next. Pure.
//!
//! Voters are the living masters that keep up and, if there are two or more of them, the witness. A
//! dead node loses its vote, so that the next death leaves a majority; so does a node that is about
//! to stop, before it stops, and one that falls far behind. A node that returns first catches up as
//! a learner; one that stays away is removed.
//!
//! Two rules keep more voters than that ([ADR 13](../../docs/adr/0013-two-copies-and-an-odd-number.md)):
//! a second master keeps its vote while it is expected back, so that nothing is acknowledged on
//! only one disk; and an even number is made odd by keeping one voter that is dead or behind. That
//! never needs more answers than without it, and may need fewer nodes to return.
//!
//! **Invariants.** No change is proposed unless a majority of every voter set of the current
//! configuration, and of the next one, answers: otherwise it would remain in the log and take
//! effect after the network heals. No change drops half of the present voters or more.

use std::{collections::BTreeSet, time::Duration};

use super::{
    NodeInfo,
    quorum::{majority, missing_for_quorum},
};
use crate::{
    control::departure,
    domain::NodeId,
    planted::{self, PlantedFault},
};

/// The role of a node in the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipRole {
    /// Not in it.
    Absent,
    /// Receives the log.
    Learner,
    /// Receives the log and votes, in at least one voter set of the configuration.
    Voter,
}

/// The health of a node, as far as the leader can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Answers, and its log is nearly as long as the leader's.
    CaughtUp,
    /// Answers, but is behind.
    Behind,
    /// Answers, but is too far behind to be counted on.
    Lagging,
    /// Too early to tell: nothing is changed because of this node.
    Unclear,
    /// Does not answer; it may just be rebooting.
    Dead,
    /// Has not answered for longer than a reboot takes.
    Away,
    /// Has stopped on purpose, and has been away for longer than a restart takes.
    Left,
    /// Has not answered for so long that it is no longer expected back, or was replaced.
    Gone,
}

impl Health {
    fn answers(self) -> bool {
        matches!(self, Self::CaughtUp | Self::Behind | Self::Lagging)
    }

    fn is_dead(self) -> bool {
        matches!(self, Self::Dead | Self::Away | Self::Left | Self::Gone)
    }
}

/// One node, as the leader sees it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Its id.
    pub id: NodeId,
    /// Its name and addresses, from the newest source.
    pub info: NodeInfo,
    /// Its role in the membership.
    pub role: MembershipRole,
    /// Its health.
    pub health: Health,
    /// Whether `info` differs from what the membership holds.
    pub moved: bool,
    /// Whether it is about to stop, or has stopped on purpose.
    pub leaving: bool,
    /// How long this leader has known that it is dead; zero if it is not.
    pub dead_for: Duration,
}

/// The cluster, as its leader sees it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The leader.
    pub own: NodeId,
    /// Who votes. More than one set means that a change is half finished: a majority of each is
    /// needed.
    pub voter_sets: Vec<BTreeSet<NodeId>>,
    /// Whether the newest change is committed; no other may begin before.
    pub committed: bool,
    /// All nodes, including the leader.
    pub nodes: Vec<Observed>,
}

/// A change of the membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Exactly these nodes vote.
    Voters(BTreeSet<NodeId>),
    /// Start to send the log to this node.
    Add(NodeId, NodeInfo),
    /// Record this node's new address.
    UpdateAddress(NodeId, NodeInfo),
    /// Stop sending the log to this node.
    Remove(NodeId),
}

impl Observation {
    /// What the leader should change first, if anything.
    pub fn plan(&self) -> Option<Change> {
        if !self.committed || !self.voter_sets.iter().all(|set| self.is_answered_by(set)) {
            return None;
        }
        let voters = self.voters();
        // More than one part means a change that its leader, perhaps another one, did not finish.
        let is_settled = if planted::is(PlantedFault::UnionOfAJointMembership) {
            self.voter_sets.iter().flatten().copied().collect::<BTreeSet<_>>() == voters
        } else {
            matches!(self.voter_sets.as_slice(), [set] if *set == voters)
        };
        if !is_settled && self.is_answered_by(&voters) {
            return Some(Change::Voters(voters));
        }
        self.nodes.iter().find_map(|node| match (node.role, node.health) {
            (MembershipRole::Absent, health) if !health.is_dead() => {
                Some(Change::Add(node.id, node.info.clone()))
            }
            (MembershipRole::Learner, Health::Gone) => Some(Change::Remove(node.id)),
            (MembershipRole::Learner | MembershipRole::Voter, _) if node.moved => {
                Some(Change::UpdateAddress(node.id, node.info.clone()))
            }
            _ => None,
        })
    }

    /// How many of the living voters may die at once and still leave a quorum.
    pub fn fault_margin(&self) -> usize {
        let lives = |id: &NodeId| self.node(*id).is_some_and(|node| !node.health.is_dead());
        let margin = |set: &BTreeSet<NodeId>| {
            let living = set.iter().filter(|id| lives(id)).count();
            living.saturating_sub(majority(set.len()))
        };
        self.voter_sets.iter().map(margin).min().unwrap_or(0)
    }

    fn node(&self, id: NodeId) -> Option<&Observed> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Whether a majority of `voters` answers.
    fn is_answered_by(&self, voters: &BTreeSet<NodeId>) -> bool {
        let answers =
            |id| id == self.own || self.node(id).is_some_and(|node| node.health.answers());
        missing_for_quorum(std::slice::from_ref(voters), answers).is_empty()
    }

    /// Who should vote, as far as one change may go.
    fn voters(&self) -> BTreeSet<NodeId> {
        let mut seats: Vec<&Observed> =
            self.nodes.iter().filter(|node| self.should_vote(node)).collect();
        let single = |seats: &[&Observed]| {
            departure::are_too_few(seats.iter().filter(|n| !n.info.witness).count())
        };
        if single(&seats) {
            seats.extend(self.best(&seats, |node| self.rank_as_second_master(node)));
        }
        if single(&seats) {
            // A witness never serves: beside a single master it could only delay it.
            seats.retain(|node| !node.info.witness);
        } else if seats.len().is_multiple_of(2) {
            seats.extend(self.best(&seats, rank_as_odd_voter));
        }
        self.limit_removals(seats.into_iter().map(|node| node.id).collect())
    }

    fn should_vote(&self, node: &Observed) -> bool {
        let fares_well = match node.role {
            MembershipRole::Absent => false,
            MembershipRole::Learner if planted::is(PlantedFault::LearnerPromotedTooEarly) => {
                node.health.answers()
            }
            MembershipRole::Learner => node.health == Health::CaughtUp,
            MembershipRole::Voter => {
                matches!(node.health, Health::CaughtUp | Health::Behind | Health::Unclear)
            }
        };
        let is_own = node.id == self.own;
        is_own || (fares_well && !departure::gives_up_vote(node.leaving, is_own))
    }

    /// The node with the lowest rank that is not in `seats`; of two, whichever is likelier to return:
    /// one whose name nobody else has taken, and the one that was lost last.
    fn best(
        &self,
        seats: &[&Observed],
        rank: impl Fn(&Observed) -> Option<u8>,
    ) -> Option<&Observed> {
        let is_seated = |node: &&Observed| seats.iter().any(|seat| seat.id == node.id);
        let others = self.nodes.iter().filter(|node| !is_seated(node));
        others
            .filter_map(|node| Some((rank(node)?, node)))
            .min_by_key(|(rank, node)| (*rank, self.has_successor(node), node.dead_for))
            .map(|(_, node)| node)
    }

    /// Whether a living node has the name of one that is dead: a master that has lost its disk comes
    /// back as another node.
    fn has_successor(&self, node: &Observed) -> bool {
        let succeeds = |other: &Observed| {
            other.id != node.id && other.info.name == node.info.name && !other.health.is_dead()
        };
        node.health.is_dead() && self.nodes.iter().any(succeeds)
    }

    /// How suitable `node` is as the second master beside a single healthy one; lower is better.
    /// While a master waits for its reboot, others may be stopped for good: then the vote goes to
    /// the one that will return.
    fn rank_as_second_master(&self, node: &Observed) -> Option<u8> {
        if node.info.witness || planted::is(PlantedFault::LastMasterVotesAlone) {
            return None;
        }
        let masters =
            self.nodes.iter().filter(|n| n.role == MembershipRole::Voter && !n.info.witness);
        let has_been_single = masters.count() < 2;
        match (node.role, node.health, node.leaving) {
            (MembershipRole::Absent, ..) | (_, Health::Left | Health::Gone, _) => None,
            (MembershipRole::Learner, _, _) if has_been_single => None,
            (MembershipRole::Learner, Health::Away, _) | (MembershipRole::Learner, _, true) => None,
            (MembershipRole::Voter, Health::Away, false) => Some(5),
            (MembershipRole::Voter, Health::Dead | Health::Away, true) => Some(6),
            (MembershipRole::Voter, Health::Dead, false) => Some(1),
            (MembershipRole::Learner, Health::Dead, false) => Some(3),
            (MembershipRole::Learner, _, false) => Some(2),
            (MembershipRole::Voter, _, false) => Some(0),
            (MembershipRole::Voter, _, true) => Some(4),
        }
    }

    /// `voters`, plus as many of the present voters as needed so that less than half of them are
    /// dropped.
    fn limit_removals(&self, mut voters: BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let is_witness = |id: NodeId| self.node(id).is_some_and(|node| node.info.witness);
        if planted::is(PlantedFault::VoteTakenFromTooMany) {
            return voters;
        }
        loop {
            // If the witness does not vote because there is a single master, it does not count as
            // dropped.
            let alone = voters.len() == 1;
            let too_many = self.voter_sets.iter().any(|set| {
                let dropped = set.difference(&voters).filter(|id| !(alone && is_witness(**id)));
                let dropped = dropped.count();
                dropped > 0 && dropped * 2 >= set.len()
            });
            let dropped = self
                .nodes
                .iter()
                .filter(|node| node.role == MembershipRole::Voter && !voters.contains(&node.id));
            let best =
                dropped.min_by_key(|node| (node.health.is_dead(), node.health == Health::Lagging));
            match best {
                Some(best) if too_many => voters.insert(best.id),
                _ => return voters,
            };
        }
    }
}

/// How suitable a present voter that is not healthy is to make an even number odd; lower is better.
fn rank_as_odd_voter(node: &Observed) -> Option<u8> {
    match (node.role, node.health) {
        _ if node.leaving => None,
        (MembershipRole::Voter, Health::Lagging) => Some(0),
        // A router returns sooner than a master.
        (MembershipRole::Voter, Health::Dead | Health::Away) if node.info.witness => Some(1),
        (MembershipRole::Voter, Health::Dead) => Some(2),
        (MembershipRole::Voter, Health::Away) => Some(3),
        _ => None,
    }
}
