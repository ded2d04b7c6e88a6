//! What a majority is, and whether a leader still has one. Pure.
//!
//! The consensus calls a node leader until it hears of another one. If a leader is cut off from the
//! others, this would last for ever, and any heartbeats that still arrive would keep the others
//! from electing a new leader. So a leader counts only while a quorum has answered it recently
//! (which etcd calls `CheckQuorum`).

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use crate::domain::NodeId;

/// The voters: one set, or two while a change of the membership is in progress. A quorum is a
/// majority of each.
pub type Parts = [BTreeSet<NodeId>];

/// Whether the nodes for which `counts` is true are a majority of each of the `parts`.
pub fn is_majority(parts: &Parts, counts: impl Fn(NodeId) -> bool) -> bool {
    let majority = |part: &BTreeSet<NodeId>| {
        part.iter().filter(|node| counts(**node)).count() * 2 > part.len()
    };
    parts.iter().all(majority)
}

/// When a quorum last answered: the latest moment at or after which a majority of each of the
/// `parts` has answered, given when each node last `answered`. None if a quorum never has.
pub fn answered(parts: &Parts, answered: impl Fn(NodeId) -> Option<Instant>) -> Option<Instant> {
    let of_part = |part: &BTreeSet<NodeId>| {
        let mut moments: Vec<Option<Instant>> = part.iter().map(|node| answered(*node)).collect();
        moments.sort_by_key(|moment| Reverse(*moment));
        moments.get(part.len() / 2).copied().flatten()
    };
    parts.iter().map(of_part).min().flatten()
}

/// The standing of a node in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
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
pub struct Look {
    /// The term in which this node leads, if it does.
    pub leads: Option<u64>,
    /// When a quorum last [`answered`].
    pub answered: Option<Instant>,
}

/// Determines the node's standing from one observation to the next.
#[derive(Debug)]
pub struct Vigil {
    patience: Duration,
    elected: Option<Elected>,
    looked: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Elected {
    term: u64,
    /// Since when silence counts.
    since: Instant,
}

impl Vigil {
    /// A leader is cut off if no quorum has answered for `patience`.
    pub fn new(patience: Duration) -> Self {
        Self { patience, elected: None, looked: None }
    }

    /// How long may pass between two observations.
    pub fn interval(&self) -> Duration {
        self.patience / 10
    }

    /// Makes one observation, at the time `now`.
    pub fn look(&mut self, look: Look, now: Instant) -> Standing {
        let Some(term) = look.leads else {
            self.elected = None;
            self.looked = None;
            return Standing::Follows;
        };
        // After a pause of this process (stopped, or the machine asleep), the others' answers have
        // not been read yet.
        let paused = self.looked.is_some_and(|looked| now - looked > self.patience / 2);
        self.looked = Some(now);
        let elected = self.elected.filter(|elected| elected.term == term && !paused);
        let Elected { since, .. } =
            *self.elected.insert(elected.unwrap_or(Elected { term, since: now }));
        let heard = look.answered.map_or(since, |answered| answered.max(since));
        if now - heard < self.patience { Standing::Leads } else { Standing::CutOff }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn parts(parts: &[&[NodeId]]) -> Vec<BTreeSet<NodeId>> {
        parts.iter().map(|part| part.iter().copied().collect()).collect()
    }

    #[test]
    fn a_quorum_is_a_majority_of_every_part() {
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
            let is = is_majority(&parts(voters), |node| counted.contains(&node));
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
                let other = others.iter().find(|(other, _)| *other == node);
                if node == 1 { Some(at(100)) } else { other.map(|(_, millis)| at(*millis)) }
            };
            let found = answered(&parts(voters), moment);
            assert_eq!(found, expected.map(at), "{others:?} of {voters:?}");
        }
    }

    /// Observes every so many milliseconds, a leader of `term` that a quorum answered at the given
    /// time.
    fn looks(looks: &[(u64, Option<u64>, Option<u64>)]) -> Vec<Standing> {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut vigil = Vigil::new(PATIENCE);
        let look = |(now, leads, answered): &(u64, Option<u64>, Option<u64>)| {
            vigil.look(Look { leads: *leads, answered: answered.map(at) }, at(*now))
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn a_leader_that_no_quorum_answers_is_cut_off_until_one_does() {
        use Standing::{CutOff, Follows, Leads};
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
