//! Why there is no available server, if too few of the voters are up; and whether a new witness may
//! replace a lost one. Pure.

use std::collections::BTreeSet;

use crate::{
    control::{Names, VoterConfig, VoterName},
    domain::NodeId,
    replication::quorum::majority,
};

/// Which nodes are missing and what to do, if those in `here` are not a quorum of `voter_config`.
pub fn describe(voter_config: &VoterConfig, here: &BTreeSet<NodeId>) -> Option<String> {
    let present = |set: &BTreeSet<NodeId>| set.intersection(here).count();
    let mut voter_sets = voter_config.voter_sets.iter();
    let lacking = voter_sets.find(|set| present(set) < majority(set.len()))?;
    let missing: Vec<&VoterName> = voter_config
        .names
        .iter()
        .filter(|voter| lacking.contains(&voter.node) && !here.contains(&voter.node))
        .collect();
    let masters: Vec<&str> =
        missing.iter().filter(|voter| !voter.witness).map(|voter| voter.name.as_str()).collect();
    let mut names = masters.clone();
    if missing.iter().any(|voter| voter.witness) {
        names.push("the router's witness");
    }
    let remedy = if masters.is_empty() {
        "the router's log says what is wrong with it".to_owned()
    } else {
        format!(
            "start {} again with the data that it had; if too many disks are lost for that, tinysns recover makes a new cluster of the others",
            Names(masters)
        )
    };
    Some(format!(
        "waiting for {}: {} of {} voters are here, {} are needed; {remedy}",
        Names(names),
        present(lacking),
        lacking.len(),
        majority(lacking.len()),
    ))
}

/// Which lost witness the router's new witness, `own` once it is known, may replace: the one whose
/// disk was lost. `reports` are the voters that each living master knows, with its node.
///
/// It may do so if the number of voters is even, no change of the voters is in progress, and a
/// majority of the masters among them are up and agree. If the number of voters is even and one of
/// them is the witness, every quorum includes a majority of the masters, whatever the witness
/// remembers: so nothing depends on what the lost one knew. If the number is odd, the masters elect
/// a leader without it.
pub fn replaceable_witness(
    own: Option<NodeId>,
    reports: &[(NodeId, &VoterConfig)],
) -> Option<NodeId> {
    let (_, newest) = reports.iter().max_by_key(|(_, voter_config)| voter_config.index)?;
    let [voters] = newest.voter_sets.as_slice() else { return None };
    let witnesses: Vec<NodeId> =
        newest.names.iter().filter(|voter| voter.witness).map(|voter| voter.node).collect();
    let [lost] = witnesses.as_slice() else { return None };
    let agree = |(node, voter_config): &&(NodeId, &VoterConfig)| {
        voters.contains(node) && node != lost && voter_config.voter_sets == newest.voter_sets
    };
    if !voters.contains(lost) {
        return None;
    }
    let masters = voters.len() - 1;
    let agreeing = reports.iter().filter(agree).count();
    let may = voters.len() % 2 == 0 && agreeing >= majority(masters);
    let is_new = own.is_none_or(|own| *lost != own && !voters.contains(&own));
    (may && is_new).then_some(*lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITNESS: u64 = 9;
    const NEW_WITNESS: u64 = 10;

    /// Nodes 1, 2, … are server-1, server-2, …
    fn voter_config(voter_sets: &[&[u64]]) -> VoterConfig {
        let names: BTreeSet<NodeId> = NodeId::all(voter_sets.concat());
        VoterConfig {
            index: 5,
            voter_sets: voter_sets.iter().map(|set| NodeId::all(set.iter().copied())).collect(),
            names: names
                .into_iter()
                .map(|node| VoterName {
                    node,
                    name: format!("server-{node}"),
                    witness: node.get() == WITNESS,
                })
                .collect(),
        }
    }

    #[test]
    fn says_who_is_missing_how_many_are_needed_and_what_to_do() {
        type Case = (&'static [&'static [u64]], &'static [u64], Option<&'static str>);
        let table: [Case; 7] = [
            (&[&[1, 2, 3]], &[1, 2], None),
            (&[&[1, 2, WITNESS]], &[2, WITNESS], None),
            (
                &[&[1, 2, 3, WITNESS]],
                &[2, WITNESS],
                Some(
                    "waiting for server-1 and server-3: 2 of 4 voters are here, 3 are needed; start server-1 and server-3 again with the data that it had; if too many disks are lost for that, tinysns recover makes a new cluster of the others",
                ),
            ),
            (
                &[&[1, 2, WITNESS]],
                &[2],
                Some(
                    "waiting for server-1 and the router's witness: 1 of 3 voters are here, 2 are needed; start server-1 again with the data that it had; if too many disks are lost for that, tinysns recover makes a new cluster of the others",
                ),
            ),
            (
                &[&[1, WITNESS]],
                &[1],
                Some(
                    "waiting for the router's witness: 1 of 2 voters are here, 2 are needed; the router's log says what is wrong with it",
                ),
            ),
            (
                &[&[1, 2, 3], &[1]],
                &[2, 3],
                Some(
                    "waiting for server-1: 0 of 1 voters are here, 1 are needed; start server-1 again with the data that it had; if too many disks are lost for that, tinysns recover makes a new cluster of the others",
                ),
            ),
            (&[], &[1, 2], None),
        ];
        for (voter_sets, here, expected) in table {
            let said = describe(&voter_config(voter_sets), &NodeId::all(here.iter().copied()));
            assert_eq!(said.as_deref(), expected, "{voter_sets:?} {here:?}");
        }
    }

    #[test]
    fn a_new_witness_replaces_a_lost_one_only_where_nothing_depends_on_what_that_knew() {
        const FOUR: &[&[u64]] = &[&[1, 2, 3, WITNESS]];
        const JOINT: &[&[u64]] = &[&[1, 2, 3, WITNESS], &[1, 2, WITNESS]];
        type Case = (&'static str, &'static [(u64, &'static [&'static [u64]])], bool);
        let table: [Case; 8] = [
            ("a majority of the masters", &[(2, FOUR), (3, FOUR)], true),
            ("all of them", &[(1, FOUR), (2, FOUR), (3, FOUR)], true),
            ("one of three", &[(2, FOUR)], false),
            ("one that has no vote does not count", &[(2, FOUR), (4, FOUR)], false),
            ("a change is under way", &[(2, JOINT), (3, JOINT)], false),
            ("they do not agree", &[(2, FOUR), (3, JOINT)], false),
            ("odd", &[(1, &[&[1, 2, WITNESS]]), (2, &[&[1, 2, WITNESS]])], false),
            ("it has no vote", &[(1, &[&[1, 2]]), (2, &[&[1, 2]])], false),
        ];
        for (case, reports, may) in table {
            let configs: Vec<(NodeId, VoterConfig)> = reports
                .iter()
                .map(|(node, voter_sets)| (NodeId::new(*node), voter_config(voter_sets)))
                .collect();
            let reports: Vec<(NodeId, &VoterConfig)> =
                configs.iter().map(|(node, voter_config)| (*node, voter_config)).collect();
            let [lost, new] = [WITNESS, NEW_WITNESS].map(|node| Some(NodeId::new(node)));
            let expected = may.then_some(lost).flatten();
            assert_eq!(replaceable_witness(new, &reports), expected, "{case}");
            assert_eq!(replaceable_witness(None, &reports), expected, "{case}: not known yet");
            assert_eq!(replaceable_witness(lost, &reports), None, "{case}: it is that one");
        }
    }
}
