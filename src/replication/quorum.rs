//! What a majority is, and whether a leader still has one. Pure.
//!
//! The consensus calls a node leader until it hears of another one. If a leader is cut off from the
//! others, this would last for ever, and any heartbeats that still arrive would keep the others
//! from electing a new leader. So a leader counts only while a quorum has answered it recently
//! (which etcd calls `CheckQuorum`).

use std::{borrow::Cow, cmp::Reverse, collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use crate::{
    domain::NodeId,
    planted::{self, PlantedFault},
};

/// The voters: one set, or two while a change of the membership is in progress. A quorum is a
/// majority of each.
pub type VoterSets = [BTreeSet<NodeId>];

/// How many of so many voters are a majority.
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// Whether the nodes for which `counts` is true are a majority of each of the `voter_sets`.
pub fn is_majority(voter_sets: &VoterSets, counts: impl Fn(NodeId) -> bool) -> bool {
    let counting = |set: &BTreeSet<NodeId>| set.iter().filter(|node| counts(**node)).count();
    each_of(voter_sets).iter().all(|set| counting(set) >= majority(set.len()))
}

/// The sets of which a majority each is needed; with a planted fault, their union.
fn each_of(voter_sets: &VoterSets) -> Cow<'_, VoterSets> {
    if planted::is(PlantedFault::UnionOfAJointMembership) {
        return Cow::Owned(vec![voter_sets.iter().flatten().copied().collect()]);
    }
    Cow::Borrowed(voter_sets)
}

/// The voters that are missing for a quorum: the absent voters of every voter set of the
/// configuration that has no majority without them. Empty if there is a quorum.
pub fn missing_for_quorum(
    voter_sets: &VoterSets,
    is_there: impl Fn(NodeId) -> bool,
) -> BTreeSet<NodeId> {
    let silent = |set: &&BTreeSet<NodeId>| {
        set.iter().filter(|id| is_there(**id)).count() < majority(set.len())
    };
    each_of(voter_sets)
        .iter()
        .filter(silent)
        .flatten()
        .copied()
        .filter(|id| !is_there(*id))
        .collect()
}

/// When a quorum last answered: the latest moment at or after which a majority of each of the
/// `voter_sets` has answered, given when each node last `answered`. None if a quorum never has.
pub fn last_quorum_answer(
    voter_sets: &VoterSets,
    answered: impl Fn(NodeId) -> Option<Instant>,
) -> Option<Instant> {
    let of_set = |set: &BTreeSet<NodeId>| {
        let mut moments: Vec<Option<Instant>> = set.iter().map(|node| answered(*node)).collect();
        moments.sort_by_key(|moment| Reverse(*moment));
        moments.get(set.len() / 2).copied().flatten()
    };
    each_of(voter_sets).iter().map(of_set).min().flatten()
}

/// The standing of a node in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leadership {
    /// It does not lead.
    #[default]
    Follows,
    /// It leads.
    Leads,
    /// It was elected to lead, but no quorum has answered it for a while.
    CutOff,
}

/// One observation of the consensus.
#[derive(Clone, Copy, Debug)]
pub struct QuorumSample {
    /// The term in which this node leads, if it does.
    pub leads: Option<u64>,
    /// When a quorum last answered: see [`last_quorum_answer`].
    pub answered: Option<Instant>,
}

/// Determines the node's standing from one observation to the next.
#[derive(Debug)]
pub struct QuorumCheck {
    quorum_timeout: Duration,
    elected: Option<Elected>,
    last_observed: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Elected {
    term: u64,
    /// Since when silence counts.
    since: Instant,
}

impl QuorumCheck {
    /// A leader is cut off if no quorum has answered for `quorum_timeout`.
    pub fn new(quorum_timeout: Duration) -> Self {
        Self { quorum_timeout, elected: None, last_observed: None }
    }

    /// How long may pass between two observations.
    pub fn interval(&self) -> Duration {
        self.quorum_timeout / 10
    }

    /// Makes one observation, at the time `now`.
    pub fn observe(&mut self, sample: QuorumSample, now: Instant) -> Leadership {
        let Some(term) = sample.leads else {
            self.elected = None;
            self.last_observed = None;
            return Leadership::Follows;
        };
        // After a pause of this process (stopped, or the machine asleep), the others' answers have
        // not been read yet.
        let paused = self
            .last_observed
            .is_some_and(|last_observed| now - last_observed > self.quorum_timeout / 2);
        self.last_observed = Some(now);
        let elected = self.elected.filter(|elected| elected.term == term && !paused);
        let Elected { since, .. } =
            *self.elected.insert(elected.unwrap_or(Elected { term, since: now }));
        let heard = sample.answered.map_or(since, |answered| answered.max(since));
        if now - heard < self.quorum_timeout { Leadership::Leads } else { Leadership::CutOff }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUORUM_TIMEOUT: Duration = Duration::from_millis(500);

    fn voter_sets(voter_sets: &[&[u64]]) -> Vec<BTreeSet<NodeId>> {
        voter_sets.iter().map(|set| NodeId::all(set.iter().copied())).collect()
    }

    #[test]
    fn a_quorum_is_a_majority_of_every_voter_set() {
        for (voters, counted, expected) in [
            (&[&[1][..]][..], &[1][..], true),
            (&[&[1]], &[], false),
            (&[&[1, 2]], &[1], false),
            (&[&[1, 2, 3]], &[1, 3], true),
            (&[&[1, 2, 3, 9]], &[1, 9], false),
            (&[&[1, 2, 3, 9]], &[1, 2, 9], true),
            (&[&[1, 2, 3], &[1]], &[1], false),
            (&[&[1, 2, 3], &[1]], &[2, 3], false),
            (&[&[1, 2, 3], &[1]], &[1, 2], true),
            (&[&[1, 2, 3], &[1, 4, 5]], &[1, 2], false),
            (&[&[1, 2, 3], &[1, 4, 5]], &[1, 2, 4, 7], true),
        ] {
            let is = is_majority(&voter_sets(voters), |node| counted.contains(&node.get()));
            assert_eq!(is, expected, "{counted:?} of {voters:?}");
        }
    }

    #[test]
    fn a_quorum_has_answered_when_the_last_that_it_needs_did() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        // Node 1 observes at time 100; the others answered at the given times, or never.
        for (voters, others, expected) in [
            (&[&[1][..]][..], &[][..], Some(100)),
            (&[&[1, 2]], &[(2, 30)], Some(30)),
            (&[&[1, 2]], &[], None),
            (&[&[1, 2, 3]], &[(2, 30), (3, 80)], Some(80)),
            (&[&[1, 2, 3]], &[(2, 30)], Some(30)),
            (&[&[1, 2, 3, 9]], &[(2, 30), (9, 90)], Some(30)),
            (&[&[1, 2, 3, 9]], &[(9, 90)], None),
            (&[&[1, 2, 3, 4, 5, 9]], &[(2, 30), (3, 40), (4, 50), (9, 90)], Some(40)),
            (&[&[1, 2, 3], &[1]], &[(2, 30), (3, 80)], Some(80)),
            (&[&[1, 2, 3], &[1, 4]], &[(2, 30), (3, 80), (4, 10)], Some(10)),
            (&[&[1, 2, 3], &[1, 4]], &[(2, 30), (3, 80)], None),
            (&[&[2, 3]], &[(2, 30), (3, 80)], Some(30)),
        ] {
            let moment = |node: NodeId| {
                let other = others.iter().find(|(other, _)| *other == node.get());
                if node.get() == 1 { Some(at(100)) } else { other.map(|(_, millis)| at(*millis)) }
            };
            let found = last_quorum_answer(&voter_sets(voters), moment);
            assert_eq!(found, expected.map(at), "{others:?} of {voters:?}");
        }
    }

    /// Observes every so many milliseconds, a leader of `term` that a quorum answered at the given
    /// time.
    fn looks(looks: &[(u64, Option<u64>, Option<u64>)]) -> Vec<Leadership> {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut check = QuorumCheck::new(QUORUM_TIMEOUT);
        let look = |(now, leads, answered): &(u64, Option<u64>, Option<u64>)| {
            check.observe(QuorumSample { leads: *leads, answered: answered.map(at) }, at(*now))
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn a_leader_that_no_quorum_answers_is_cut_off_until_one_does() {
        use Leadership::{CutOff, Follows, Leads};
        let one = Some(1);
        for (seen, expected) in [
            // Time counts from its election, whatever was heard before.
            (&[(1_000, None, None), (1_100, one, Some(100)), (1_300, one, Some(100))][..], Leads),
            (&[(0, one, None), (200, one, None), (400, one, None), (499, one, None)], Leads),
            (&[(0, one, None), (200, one, None), (400, one, None), (500, one, None)], CutOff),
            (&[(0, one, None), (200, one, None), (400, one, Some(1)), (500, one, Some(1))], Leads),
            (&[(0, one, None), (250, one, None), (500, one, None), (501, one, Some(501))], Leads),
            // A new election starts the time again.
            (
                &[(0, one, None), (250, one, None), (490, Some(2), None), (700, Some(2), None)],
                Leads,
            ),
            (&[(0, one, None), (250, one, None), (500, one, None), (550, None, None)], Follows),
            // It has not yet read what arrived while it was asleep.
            (&[(0, one, Some(0)), (9_000, one, Some(0)), (9_200, one, Some(0))], Leads),
            (
                &[(0, one, Some(0)), (9_000, one, Some(0)), (9_250, one, None), (9_500, one, None)],
                CutOff,
            ),
        ] {
            assert_eq!(looks(seen).last(), Some(&expected), "{seen:?}");
        }
    }
}
