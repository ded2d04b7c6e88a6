//! Every node that the router knows: as the router sends it, and as a master keeps it.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::NodeInfo;
use crate::domain::{ClusterId, NodeId};

/// What the router sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// The cluster, once it is known.
    pub cluster: Option<ClusterId>,
    /// By id.
    pub members: BTreeMap<NodeId, RosterEntry>,
    /// The available server, if there is one; a member.
    pub available: Option<AvailableServer>,
}

/// One node on the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterEntry {
    /// Its name and addresses. As the router sends it, the witness's peer address has no host.
    pub info: NodeInfo,
    /// It reported to this router, but no longer does.
    pub down: bool,
    /// It is about to stop, and waits until it is no longer needed.
    pub leaving: bool,
    /// It has no room for more on its disk.
    pub full: bool,
}

/// Which node serves all clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvailableServer {
    /// Its node.
    pub node: NodeId,
    /// The term in which it leads.
    pub term: u64,
}

/// The newest roster that a master has received.
#[derive(Clone, Debug, Default)]
pub struct ReceivedRoster {
    /// By id.
    pub members: BTreeMap<NodeId, RosterEntry>,
    /// When it arrived; none before the first.
    pub received: Option<Instant>,
}

impl Roster {
    /// The members, for a master that reaches the router at `router_host`: there its witness is
    /// reached too.
    #[must_use]
    pub fn members_seen_from(mut self, router_host: &str) -> BTreeMap<NodeId, RosterEntry> {
        for RosterEntry { info, .. } in self.members.values_mut() {
            if info.peer_address.starts_with(':') {
                info.peer_address.insert_str(0, router_host);
            }
        }
        self.members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_witness_is_reached_where_the_router_is_and_masters_where_they_say() {
        let entry = |peer_address: &str| RosterEntry {
            info: NodeInfo { peer_address: peer_address.to_owned(), ..NodeInfo::default() },
            down: false,
            leaving: false,
            full: false,
        };
        let members = [(1, "host:3011"), (9, ":3012")];
        let members = members.map(|(node, address)| (NodeId::new(node), entry(address)));
        let roster = Roster { members: members.into(), ..Roster::default() };
        let seen = roster.members_seen_from("router");
        let addresses = seen.values().map(|listed| listed.info.peer_address.as_str());
        assert_eq!(addresses.collect::<Vec<_>>(), ["host:3011", "router:3012"]);
    }
}
