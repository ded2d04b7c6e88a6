//! Who votes, according to the membership that one node knows. The router hears this from every
//! node, whether it leads or not.

use std::collections::BTreeSet;

use super::{NodeInfo, StoredMembership};
use crate::{domain::NodeId, wire::internal as wire};

/// All voters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoterConfig {
    /// Log index of the membership; 0 for none.
    pub index: u64,
    /// A majority of each voter set is needed; there are two parts while a change is in progress.
    pub voter_sets: Vec<BTreeSet<NodeId>>,
    /// Every voter.
    pub names: Vec<VoterName>,
}

/// The name of a voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterName {
    /// Its node.
    pub node: NodeId,
    /// Its display name.
    pub name: String,
    /// Whether it is a router's witness.
    pub witness: bool,
}

impl From<VoterConfig> for wire::VoterConfig {
    fn from(VoterConfig { index, voter_sets, names }: VoterConfig) -> Self {
        let set = |set: BTreeSet<NodeId>| wire::voter_config::VoterSet {
            node_ids: set.into_iter().map(NodeId::get).collect(),
        };
        let voter = |VoterName { node, name, witness }| wire::VoterName {
            node_id: node.get(),
            name,
            witness,
        };
        Self {
            index,
            voter_sets: voter_sets.into_iter().map(set).collect(),
            voters: names.into_iter().map(voter).collect(),
        }
    }
}

impl From<wire::VoterConfig> for VoterConfig {
    fn from(wire::VoterConfig { index, voter_sets, voters }: wire::VoterConfig) -> Self {
        let voter = |wire::VoterName { node_id, name, witness }| VoterName {
            node: NodeId::new(node_id),
            name,
            witness,
        };
        Self {
            index,
            voter_sets: voter_sets
                .into_iter()
                .map(|set| set.node_ids.into_iter().map(NodeId::new).collect())
                .collect(),
            names: voters.into_iter().map(voter).collect(),
        }
    }
}

impl VoterConfig {
    /// Of the membership that a node knows.
    pub fn of(stored: &StoredMembership) -> Self {
        let membership = stored.membership();
        let voters: BTreeSet<NodeId> = membership.voter_ids().collect();
        let name = |(node, info): (&NodeId, &NodeInfo)| VoterName {
            node: *node,
            name: info.name.clone(),
            witness: info.witness,
        };
        Self {
            index: stored.log_id().map_or(0, |at| at.index),
            voter_sets: membership.get_joint_config().clone(),
            names: membership.nodes().filter(|(node, _)| voters.contains(node)).map(name).collect(),
        }
    }
}
