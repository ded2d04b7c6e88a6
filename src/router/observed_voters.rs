//! Who votes, according to the newest information from the nodes that are up, and which nodes a
//! quorum lacks. Pure.
//!
//! A leader knows best. If there is none, the node with the longest log does: entries of the log
//! decide who votes.

use std::collections::BTreeSet;

use crate::{
    control::Progress,
    domain::{LogPosition, NodeId},
    replication::quorum::missing_for_quorum,
};

/// The voters, as far as any node has reported.
#[derive(Debug, Default)]
pub struct ObservedVoters {
    /// Term and index of the last entry in the log of the node that reported them.
    as_of: LogPosition,
    voters: BTreeSet<NodeId>,
}

/// There is no quorum, and so no available server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingVoters {
    /// How many nodes have to come back.
    pub count: usize,
    /// Which nodes are missing.
    pub nodes: BTreeSet<NodeId>,
}

impl ObservedVoters {
    /// A node has reported.
    pub fn observe(&mut self, progress: &Progress) {
        if !progress.voters.is_empty() && progress.last_log >= self.as_of {
            self.as_of = progress.last_log;
            self.voters = progress.voters.iter().copied().collect();
        }
    }

    /// Whether `node` votes; none if no node has reported who does.
    pub fn votes(&self, node: NodeId) -> Option<bool> {
        (!self.voters.is_empty()).then(|| self.voters.contains(&node))
    }

    /// Which nodes have to come back, if too few are up.
    pub fn missing(&self, is_there: impl Fn(NodeId) -> bool) -> Option<MissingVoters> {
        let there = self.voters.iter().filter(|node| is_there(**node)).count();
        let nodes = missing_for_quorum(std::slice::from_ref(&self.voters), is_there);
        let count = (self.voters.len() / 2 + 1).saturating_sub(there);
        (!nodes.is_empty()).then_some(MissingVoters { count, nodes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(last_log: LogPosition, voters: &[u64]) -> Progress {
        Progress { last_log, voters: NodeId::all(voters.iter().copied()), ..Progress::default() }
    }

    #[test]
    fn the_longest_log_tells_who_votes() {
        let mut observed_voters = ObservedVoters::default();
        let votes = |observed: &ObservedVoters, node| observed.votes(NodeId::new(node));
        assert_eq!(votes(&observed_voters, 1), None);
        assert_eq!(observed_voters.missing(|_| false), None, "nobody has said who votes");
        observed_voters.observe(&says(LogPosition::new(2, 7), &[2, 3]));
        observed_voters.observe(&says(LogPosition::new(1, 90), &[1]));
        observed_voters.observe(&says(LogPosition::new(2, 8), &[]));
        assert_eq!(votes(&observed_voters, 1), Some(false));
        assert_eq!(votes(&observed_voters, 2), Some(true));
        observed_voters.observe(&says(LogPosition::new(2, 8), &[1, 2, 3]));
        assert_eq!(votes(&observed_voters, 1), Some(true));
    }

    #[test]
    fn those_are_missing_who_are_not_there_where_too_few_are() {
        let mut observed_voters = ObservedVoters::default();
        observed_voters.observe(&says(LogPosition::new(1, 1), &[1, 2, 3, 4]));
        let missing = |there: &'static [u64]| {
            let missing = observed_voters.missing(|node| there.contains(&node.get()))?;
            Some((missing.count, missing.nodes.into_iter().map(NodeId::get).collect::<Vec<_>>()))
        };
        assert_eq!(missing(&[1, 2, 4]), None);
        assert_eq!(missing(&[1, 4]), Some((1, vec![2, 3])));
        assert_eq!(missing(&[5]), Some((3, vec![1, 2, 3, 4])));
    }
}
