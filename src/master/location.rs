//! Where the available server is, as this master sees it: the node that it knows to lead, and the
//! masters of the membership and of the router's newest roster.
//!
//! Clients ask here when the router is away.

use openraft::{RaftMetrics, ServerState};
use tokio::sync::watch;

use crate::{
    directory::{Available, Location},
    domain::NodeId,
    replication::{NodeInfo, node::Node, reconcile::Roster},
};

/// Keeps the location up to date for as long as the node runs.
pub fn start(node: &Node, mut roster: watch::Receiver<Roster>) -> watch::Receiver<Location> {
    let (location, seen) = watch::channel(Location::default());
    let mut metrics = node.raft().metrics();
    let mut changes = node.raft().server_metrics();
    tokio::spawn(async move {
        loop {
            let now = locate(&metrics.borrow_and_update(), &roster.borrow_and_update());
            location.send_if_modified(|published| {
                let changed = *published != now;
                *published = now;
                changed
            });
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                changed = roster.changed() => if changed.is_err() { return },
                () = location.closed() => return,
            }
        }
    });
    seen
}

fn locate(metrics: &RaftMetrics<NodeId, NodeInfo>, roster: &Roster) -> Location {
    let membership = metrics.membership_config.membership();
    let leads = metrics.state == ServerState::Leader;
    let leader = metrics.current_leader.filter(|id| leads || *id != metrics.id);
    let info = |id: NodeId| {
        let listed = roster.members.get(&id).map(|listed| &listed.info);
        listed.or_else(|| membership.get_node(&id))
    };
    let available = leader
        .and_then(info)
        .filter(|info| !info.witness)
        .map(|info| Available { name: info.name.clone(), address: info.client_address.clone() });
    let masters = membership
        .nodes()
        .filter_map(|(id, _)| info(*id))
        .filter(|info| !info.witness)
        .map(|info| info.client_address.clone())
        .collect();
    Location { available, term: metrics.current_term, masters }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        sync::Arc,
    };

    use openraft::Membership;

    use super::*;
    use crate::replication::StoredMembership;

    /// Where the available server is while `leader` leads, of master 1, which looks, master 2 and
    /// the witness 3.
    fn seen(leader: NodeId, state: ServerState) -> Option<String> {
        let info = |id: NodeId| NodeInfo {
            name: format!("node-{id}"),
            witness: id == 3,
            ..NodeInfo::default()
        };
        let nodes: BTreeMap<_, _> = (1..=3).map(|id| (id, info(id))).collect();
        let membership = Membership::new(vec![BTreeSet::from([1, 2, 3])], nodes);
        let metrics = RaftMetrics {
            current_leader: Some(leader),
            state,
            membership_config: Arc::new(StoredMembership::new(None, membership)),
            ..RaftMetrics::new_initial(1)
        };
        let location = locate(&metrics, &Roster::default());
        assert_eq!(location.masters.len(), 2, "a witness is no master");
        location.available.map(|server| server.name)
    }

    #[test]
    fn the_master_that_leads_is_available_and_a_witness_never_is() {
        assert_eq!(seen(2, ServerState::Follower).as_deref(), Some("node-2"));
        assert_eq!(seen(1, ServerState::Leader).as_deref(), Some("node-1"));
        assert_eq!(seen(1, ServerState::Follower), None, "it led before");
        assert_eq!(seen(3, ServerState::Follower), None);
    }
}
