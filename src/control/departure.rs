//! Who may leave, and who is needed.
//!
//! A master that is about to stop says so, and serves until the others can do without it. What each
//! role makes of that is one rule, and is written here:
//!
//! 1. Whoever leaves is not elected while anybody else can be, and a leader that leaves hands over
//!    ([`may_be_elected`]; the router's registry).
//! 2. Whoever leaves gives up its vote, except the leader itself, which needs it to lead
//!    ([`gives_up_vote`]; the leader's membership).
//! 3. But never fewer than [`MIN_MASTERS`] masters vote because of it ([`are_too_few`]; the leader's
//!    membership): what is acknowledged is to be on two disks.
//! 4. So a master may go when it has no vote any more, or when it is one of the last two, the other
//!    leads, and the witness votes too ([`is_dispensable`]; the master that leaves).
//! 5. It need not wait for that if no other master stays ([`others_stay`]); one that is merely
//!    rebooting ([`expected_back`]) takes over later, and is given a vote first
//!    ([`are_counted_on`]; the master that leaves).
//!
//! How long somebody who left is expected back is the leader's business
//! (`replication/reconcile`), and so is who takes the seat of whoever leaves
//! (`replication/membership`).

use std::collections::{BTreeMap, BTreeSet};

use super::{RosterEntry, VoterConfig};
use crate::domain::NodeId;

/// The masters on a roster, by id.
type Members = BTreeMap<NodeId, RosterEntry>;

/// With fewer masters that vote, what is acknowledged could be on a single disk.
pub const MIN_MASTERS: usize = 2;

/// Whether a master may be elected, given whether there is a leader, and whether another master that
/// stays could be elected. If there is neither, one of those that leave has to lead, so that the votes
/// can be given to those that will return.
pub fn may_be_elected(leaving: bool, is_led: bool, another_could: bool) -> bool {
    !leaving || !(is_led || another_could)
}

/// Whether the leader takes the vote of a node away because it leaves.
pub fn gives_up_vote(leaving: bool, is_leader: bool) -> bool {
    leaving && !is_leader
}

/// Whether so few masters would vote that one that leaves keeps its vote.
pub fn are_too_few(masters: usize) -> bool {
    masters < MIN_MASTERS
}

/// Whether `own` votes alone: then there is nobody to hand over to.
pub fn is_single(own: NodeId, voter_config: &VoterConfig) -> bool {
    !voter_config.voter_sets.is_empty()
        && voter_config.voter_sets.iter().flatten().all(|id| *id == own)
}

/// Whether the others will have a quorum and a leader when `own` stops: `own` does not vote, or they
/// have a leader, and `own` is one of two masters beside the witness. The witness does not vote if the
/// router has been away.
pub fn is_dispensable(own: NodeId, leader: Option<NodeId>, voter_config: &VoterConfig) -> bool {
    let votes = voter_config.voter_sets.iter().any(|set| set.contains(&own));
    let masters = voter_config.names.iter().filter(|voter| !voter.witness).count();
    let other_leads = leader.is_some_and(|id| id != own);
    let others_suffice = voter_config.voter_sets.iter().all(|set| {
        let others = set.iter().filter(|id| **id != own).count();
        others * 2 > set.len()
    });
    !votes || (other_leads && masters <= MIN_MASTERS && others_suffice)
}

/// Whether it is known that `own` is about to stop.
pub fn is_announced(own: NodeId, members: &Members) -> bool {
    members.get(&own).is_some_and(|listed| listed.leaving)
}

/// Whether a master other than `own` is up and is not about to stop.
pub fn others_stay(own: NodeId, members: &Members) -> bool {
    members
        .iter()
        .any(|(id, listed)| *id != own && !listed.info.witness && !listed.down && !listed.leaving)
}

/// The masters other than `own` that are lost, and have not stopped on purpose.
pub fn expected_back(own: NodeId, members: &Members) -> BTreeSet<NodeId> {
    let lost = |(id, listed): (&NodeId, &RosterEntry)| {
        let expected = listed.down && !listed.leaving && !listed.info.witness && *id != own;
        expected.then_some(*id)
    };
    members.iter().filter_map(lost).collect()
}

/// Whether those who are `expected` can go on with the witness alone: one of them votes, together they
/// are a majority, and no change of the voters is half made.
pub fn are_counted_on(expected: &BTreeSet<NodeId>, voter_config: &VoterConfig) -> bool {
    let [voters] = voter_config.voter_sets.as_slice() else { return false };
    let back = voters.intersection(expected).count();
    let witnesses = voter_config.names.iter().filter(|voter| voter.witness).count();
    back > 0 && (back + witnesses) * 2 > voters.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{NodeInfo, VoterName};

    const OWN: NodeId = NodeId::new(1);
    const WITNESS: u64 = 9;

    fn voter_config(voter_sets: &[&[u64]]) -> VoterConfig {
        let voters: BTreeSet<NodeId> = NodeId::all(voter_sets.concat());
        let name = |node: NodeId| VoterName {
            node,
            name: format!("server-{node}"),
            witness: node.get() == WITNESS,
        };
        VoterConfig {
            index: 5,
            voter_sets: voter_sets.iter().map(|set| NodeId::all(set.iter().copied())).collect(),
            names: voters.into_iter().map(name).collect(),
        }
    }

    #[test]
    fn a_master_may_go_without_a_vote_or_as_one_of_two_whose_other_leads() {
        for (voter_sets, leader, may) in [
            (&[&[1, 2, WITNESS][..]][..], Some(2), true),
            (&[&[1, 2, WITNESS]], Some(WITNESS), true),
            (&[&[1, 2, WITNESS]], Some(1), false),
            (&[&[1, 2, WITNESS]], None, false),
            (&[&[1, 2]], Some(2), false),
            (&[&[1, 2, WITNESS], &[1, 2]], Some(2), false),
            (&[&[1, 2, 3]], Some(2), false),
            (&[&[1, 2, 3, WITNESS], &[2, 3, WITNESS]], Some(2), false),
            (&[&[2, 3, WITNESS]], Some(2), true),
            (&[&[2, 3, WITNESS]], None, true),
            (&[&[1]], Some(1), false),
        ] {
            let leader = leader.map(NodeId::new);
            let said = is_dispensable(OWN, leader, &voter_config(voter_sets));
            assert_eq!(said, may, "{voter_sets:?}, {leader:?} leads");
        }
    }

    #[test]
    fn only_who_votes_alone_has_nobody_to_hand_over_to() {
        for (voter_sets, single) in [
            (&[&[1][..]][..], true),
            (&[&[2]], false),
            (&[&[1, WITNESS]], false),
            (&[&[1, 2], &[1]], false),
            (&[], false),
        ] {
            assert_eq!(is_single(OWN, &voter_config(voter_sets)), single, "{voter_sets:?}");
        }
    }

    #[test]
    fn who_leaves_is_not_elected_and_gives_up_its_vote_unless_it_leads_or_is_one_of_two() {
        for (is_led, another_could) in [(true, true), (true, false), (false, true)] {
            assert!(may_be_elected(false, is_led, another_could));
            assert!(!may_be_elected(true, is_led, another_could));
        }
        assert!(may_be_elected(true, false, false), "nobody else can");
        assert!(gives_up_vote(true, false) && !gives_up_vote(true, true));
        assert!(!gives_up_vote(false, false));
        assert_eq!([0, 1, 2, 3].map(are_too_few), [true, true, false, false]);
    }

    #[test]
    fn those_stay_who_are_up_and_those_are_expected_back_who_did_not_leave() {
        type Case = (&'static [(u64, bool, bool)], bool, &'static [u64]);
        // Node, down, leaving; whether others stay; who is expected back.
        let table: [Case; 7] = [
            (&[], false, &[]),
            (&[(1, false, false), (WITNESS, false, false)], false, &[]),
            (&[(1, false, true), (2, false, false)], true, &[]),
            (&[(1, false, true), (2, false, true)], false, &[]),
            (&[(1, false, true), (2, true, false)], false, &[2]),
            (&[(1, true, false), (2, true, true), (3, true, false)], false, &[3]),
            (&[(2, false, false), (3, true, false), (WITNESS, true, false)], true, &[3]),
        ];
        for (listed, stay, back) in table {
            let entry = |&(node, down, leaving): &(u64, bool, bool)| {
                let info = NodeInfo { witness: node == WITNESS, ..NodeInfo::default() };
                (NodeId::new(node), RosterEntry { info, down, leaving, full: false })
            };
            let members: Members = listed.iter().map(entry).collect();
            assert_eq!(others_stay(OWN, &members), stay, "{listed:?}");
            let expected: BTreeSet<NodeId> = NodeId::all(back.iter().copied());
            assert_eq!(expected_back(OWN, &members), expected, "{listed:?}");
            let announced = listed.iter().any(|(node, _, leaving)| *node == 1 && *leaving);
            assert_eq!(is_announced(OWN, &members), announced, "{listed:?}");
        }
    }

    #[test]
    fn those_are_counted_on_who_are_a_majority_with_the_witness_when_no_change_is_half_made() {
        let expected = NodeId::all([2, 3]);
        for (voter_sets, are) in [
            (&[&[1, 3, WITNESS][..]][..], true),
            (&[&[1, 2, 3]], true),
            (&[&[1, 3, 4]], false),
            (&[&[1, 3]], false),
            (&[&[1, WITNESS]], false),
            (&[&[1, 3, WITNESS], &[1]], false),
            (&[], false),
        ] {
            let said = are_counted_on(&expected, &voter_config(voter_sets));
            assert_eq!(said, are, "{voter_sets:?}");
        }
    }
}
