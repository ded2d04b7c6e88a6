//! A node's name and addresses, as the membership records them and the roster lists them.

use serde::{Deserialize, Serialize};

use crate::envelope::SupportedVersions;

/// What is known about a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The display name.
    pub name: String,
    /// Where other nodes reach it, host:port.
    pub peer_address: String,
    /// Where clients reach it, host:port; empty for the witness.
    pub client_address: String,
    /// The router's witness: votes and keeps the log, holds no state, serves nobody.
    pub witness: bool,
    /// The versions of the format that its program speaks.
    pub supported_versions: SupportedVersions,
    /// Of two pieces of information about one node, the one with the higher version is
    /// newer: it increases with every start of the node's process, and whenever that process
    /// changes its address.
    pub address_version: u64,
}

impl NodeInfo {
    /// Whether both contain the same information, whichever is newer.
    pub fn is_same_but_for_version(&self, other: &Self) -> bool {
        Self { address_version: other.address_version, ..self.clone() } == *other
    }
}
