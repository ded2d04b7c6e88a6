//! Who votes, according to the membership that one node knows. The router hears this from every
//! node, whether it leads or not.

use std::collections::BTreeSet;

use super::{NodeInfo, StoredMembership};
use crate::{domain::NodeId, wire::internal as wire};

/// All voters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Electorate {
    /// Log index of the membership; 0 for none.
    pub index: u64,
    /// A majority of each part is needed; there are two parts while a change is in progress.
    pub parts: Vec<BTreeSet<NodeId>>,
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

impl From<Electorate> for wire::Electorate {
    fn from(Electorate { index, parts, names }: Electorate) -> Self {
        let part = |part: BTreeSet<NodeId>| wire::electorate::Part {
            node_ids: part.into_iter().collect(),
        };
        let voter =
            |VoterName { node, name, witness }| wire::VoterName { node_id: node, name, witness };
        Self {
            index,
            parts: parts.into_iter().map(part).collect(),
            voters: names.into_iter().map(voter).collect(),
        }
    }
}

impl From<wire::Electorate> for Electorate {
    fn from(wire::Electorate { index, parts, voters }: wire::Electorate) -> Self {
        let voter =
            |wire::VoterName { node_id, name, witness }| VoterName { node: node_id, name, witness };
        Self {
            index,
            parts: parts.into_iter().map(|part| part.node_ids.into_iter().collect()).collect(),
            names: voters.into_iter().map(voter).collect(),
        }
    }
}

impl Electorate {
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
            parts: membership.get_joint_config().clone(),
            names: membership.nodes().filter(|(node, _)| voters.contains(node)).map(name).collect(),
        }
    }
}
