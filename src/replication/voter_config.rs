//! Who votes, according to the membership that this node knows.

use std::collections::BTreeSet;

use super::{NodeInfo, StoredMembership};
use crate::{
    control::{VoterConfig, VoterName},
    domain::NodeId,
};

/// All voters of a membership.
pub fn of(stored: &StoredMembership) -> VoterConfig {
    let membership = stored.membership();
    let voters: BTreeSet<NodeId> = membership.voter_ids().collect();
    let name = |(node, info): (&NodeId, &NodeInfo)| VoterName {
        node: *node,
        name: info.name.clone(),
        witness: info.witness,
    };
    VoterConfig {
        index: stored.log_id().map_or(0, |at| at.index),
        voter_sets: membership.get_joint_config().clone(),
        names: membership.nodes().filter(|(node, _)| voters.contains(node)).map(name).collect(),
    }
}
