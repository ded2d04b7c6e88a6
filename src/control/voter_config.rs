//! Who votes, according to the membership that one node knows. The router hears this from every
//! node, whether it leads or not.

use std::collections::BTreeSet;

use crate::domain::NodeId;

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
