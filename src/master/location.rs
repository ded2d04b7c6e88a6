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
