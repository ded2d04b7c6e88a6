//! Who takes part in votes: what the leader should change next. Pure.
//!
//! Voters are the living, caught-up masters, and the witness beside two masters or more. A dead
//! node is demoted at once, so that the next death finds a quorum; one that is about to stop, even
//! before it does, so that many may stop together; one that returns catches up as a learner first;
//! one that stays away is forgotten.

use std::collections::BTreeSet;

use super::NodeInfo;
use crate::domain::NodeId;

/// What a node is in the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Not in it.
    Absent,
    /// Receives the log.
    Learner,
    /// Receives the log and votes.
    Voter,
}

/// How a node fares, as far as the leader can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Answers, and its log is nearly the leader's.
    CaughtUp,
    /// Answers, and is behind.
    Behind,
    /// Too early to tell: nothing is changed on this account.
    Unclear,
    /// Does not answer.
    Dead,
    /// Has not answered for so long that nobody waits for it any more, or was replaced.
    Gone,
}

/// One node, as the leader sees it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Its id.
    pub id: NodeId,
    /// Its names and addresses, by the newest source.
    pub info: NodeInfo,
    /// What it is in the membership.
    pub part: Part,
    /// How it fares.
    pub health: Health,
    /// Whether `info` differs from what the membership holds.
    pub moved: bool,
    /// Whether it is about to stop.
    pub leaving: bool,
}

/// A change of the membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// These vote, and no others.
    Voters(BTreeSet<NodeId>),
    /// Start to send the log to this node.
    Add(NodeId, NodeInfo),
    /// Note where this node is now.
    Move(NodeId, NodeInfo),
    /// Send the log to this node no more.
    Forget(NodeId),
}

/// What the leader, `own`, should change first, if anything. `nodes` holds the leader too.
pub fn plan(own: NodeId, nodes: &[Observed]) -> Option<Change> {
    let current: BTreeSet<NodeId> =
        nodes.iter().filter(|node| node.part == Part::Voter).map(|node| node.id).collect();
    let voters = voters(own, nodes);
    if voters != current {
        return Some(Change::Voters(voters));
    }
    nodes.iter().find_map(|node| match (node.part, node.health) {
        (Part::Absent, Health::CaughtUp | Health::Behind | Health::Unclear) => {
            Some(Change::Add(node.id, node.info.clone()))
        }
        (Part::Learner, Health::Gone) => Some(Change::Forget(node.id)),
        (Part::Learner | Part::Voter, _) if node.moved => {
            Some(Change::Move(node.id, node.info.clone()))
        }
        _ => None,
    })
}

/// How many of the living voters may die at once and leave a quorum that can go on without them.
pub fn spare(nodes: &[Observed]) -> usize {
    let voters = || nodes.iter().filter(|node| node.part == Part::Voter);
    let living = voters().filter(|node| !matches!(node.health, Health::Dead | Health::Gone));
    let quorum = voters().count() / 2 + 1;
    living.count().saturating_sub(quorum)
}

fn voters(own: NodeId, nodes: &[Observed]) -> BTreeSet<NodeId> {
    let votes = |node: &&Observed| match node.part {
        _ if node.id == own => true,
        Part::Absent => false,
        Part::Learner => node.health == Health::CaughtUp && !node.leaving,
        Part::Voter => !matches!(node.health, Health::Dead | Health::Gone),
    };
    let (witnesses, mut masters): (Vec<_>, Vec<_>) =
        nodes.iter().filter(votes).partition(|node| node.info.witness);
    // Not the last two: when all stop, the cluster should not depend on the return of one.
    let stay = masters.iter().filter(|node| node.id == own || !node.leaving).count();
    let mut kept = 2_usize.saturating_sub(stay);
    masters.retain(|node| {
        let stays = node.id == own || !node.leaving;
        let keep = stays || kept > 0;
        if !stays && keep {
            kept -= 1;
        }
        keep
    });
    // A witness never serves: beside a single master it could only hold that master up.
    let witnesses = if masters.len() > 1 { witnesses } else { Vec::new() };
    masters.into_iter().chain(witnesses).map(|node| node.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: NodeId = 1;
    const WITNESS: NodeId = 9;

    fn node(id: NodeId, part: Part, health: Health) -> Observed {
        let info = NodeInfo { witness: id == WITNESS, ..NodeInfo::default() };
        Observed { id, info, part, health, moved: false, leaving: false }
    }

    fn settled(id: NodeId) -> Observed {
        node(id, Part::Voter, Health::CaughtUp)
    }

    fn planned_voters(nodes: &[Observed]) -> Option<Vec<NodeId>> {
        match plan(LEADER, nodes) {
            Some(Change::Voters(voters)) => Some(voters.into_iter().collect()),
            _ => None,
        }
    }

    #[test]
    fn every_death_takes_one_off_what_may_be_lost() {
        for (masters, dead, spared) in
            [(8, 0, 4), (8, 1, 3), (8, 2, 2), (8, 4, 0), (8, 5, 0), (4, 1, 1), (2, 0, 1), (2, 1, 0)]
        {
            let mut nodes: Vec<_> = (1..=masters).map(settled).collect();
            nodes.push(settled(WITNESS));
            nodes.push(node(10, Part::Learner, Health::CaughtUp));
            for lost in nodes.iter_mut().take(dead) {
                lost.health = Health::Dead;
            }
            assert_eq!(spare(&nodes), spared, "{dead} of {masters}");
        }
    }

    #[test]
    fn a_settled_cluster_is_left_alone() {
        assert_eq!(plan(LEADER, &[settled(1), settled(2), settled(WITNESS)]), None);
    }

    #[test]
    fn the_dead_are_demoted_at_once() {
        let nodes = [settled(1), settled(2), node(3, Part::Voter, Health::Dead), settled(WITNESS)];
        assert_eq!(planned_voters(&nodes), Some(vec![1, 2, WITNESS]));
    }

    #[test]
    fn doubt_changes_nothing() {
        for part in [Part::Voter, Part::Learner] {
            let nodes = [settled(1), settled(2), node(3, part, Health::Unclear), settled(WITNESS)];
            assert_eq!(plan(LEADER, &nodes), None, "{part:?}");
        }
    }

    #[test]
    fn a_returning_node_votes_only_when_it_has_caught_up() {
        let behind = [settled(1), settled(2), node(3, Part::Learner, Health::Behind)];
        assert_eq!(plan(LEADER, &behind), None);
        let level = [settled(1), settled(2), node(3, Part::Learner, Health::CaughtUp)];
        assert_eq!(planned_voters(&level), Some(vec![1, 2, 3]));
    }

    #[test]
    fn the_last_master_votes_alone() {
        let nodes = [settled(1), node(2, Part::Voter, Health::Dead), settled(WITNESS)];
        assert_eq!(planned_voters(&nodes), Some(vec![1]));
        let back = [
            settled(1),
            node(2, Part::Learner, Health::CaughtUp),
            node(WITNESS, Part::Learner, Health::CaughtUp),
        ];
        assert_eq!(planned_voters(&back), Some(vec![1, 2, WITNESS]));
    }

    #[test]
    fn newcomers_are_added_movers_noted_and_the_gone_forgotten() {
        let change = |nodes: &[Observed]| plan(LEADER, nodes);
        let newcomer = node(2, Part::Absent, Health::Unclear);
        let info = newcomer.info.clone();
        assert_eq!(change(&[settled(1), newcomer]), Some(Change::Add(2, info.clone())));
        let mover = Observed { moved: true, ..settled(2) };
        assert_eq!(change(&[settled(1), mover]), Some(Change::Move(2, info)));
        let gone = node(2, Part::Learner, Health::Gone);
        assert_eq!(change(&[settled(1), gone]), Some(Change::Forget(2)));
        let dead_stranger = node(2, Part::Absent, Health::Dead);
        assert_eq!(change(&[settled(1), dead_stranger]), None);
    }

    #[test]
    fn those_about_to_stop_are_demoted_before_they_do_but_never_below_two_masters() {
        let leaving = |id, part| Observed { leaving: true, ..node(id, part, Health::CaughtUp) };
        let three_of_five = [
            settled(1),
            leaving(2, Part::Voter),
            leaving(3, Part::Voter),
            settled(4),
            leaving(5, Part::Learner),
            settled(WITNESS),
        ];
        assert_eq!(planned_voters(&three_of_five), Some(vec![1, 4, WITNESS]));
        let all = [
            Observed { leaving: true, ..settled(1) },
            leaving(2, Part::Voter),
            leaving(3, Part::Voter),
            settled(WITNESS),
        ];
        assert_eq!(planned_voters(&all), Some(vec![1, 2, WITNESS]));
    }

    #[test]
    fn voters_come_before_everything_else() {
        let nodes = [
            settled(1),
            node(4, Part::Absent, Health::Unclear),
            node(2, Part::Voter, Health::Dead),
        ];
        assert_eq!(planned_voters(&nodes), Some(vec![1]));
    }
}
