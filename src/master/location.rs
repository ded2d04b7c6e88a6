//! Where the available server is, as this master sees it: the node that it knows to lead, and the
//! masters in the membership, at their newest known addresses.
//!
//! Clients ask here when the router is away.

use openraft::{RaftMetrics, ServerState};
use tokio::sync::watch;

use crate::{
    directory::{Available, Location},
    domain::NodeId,
    replication::{NodeInfo, node::Node, peers::Peers},
};

/// Keeps the location up to date for as long as the node runs.
pub fn start(node: &Node) -> watch::Receiver<Location> {
    let (location, seen) = watch::channel(Location::default());
    let mut metrics = node.raft().metrics();
    let mut changes = node.raft().server_metrics();
    let peers = node.peers().clone();
    let mut addresses = peers.changes();
    let mut cut_off = peers.cut_off();
    node.tasks().spawn(async move {
        loop {
            addresses.borrow_and_update();
            let now = locate(&metrics.borrow_and_update(), *cut_off.borrow_and_update(), &peers);
            location.send_if_modified(|published| {
                let changed = *published != now;
                *published = now;
                changed
            });
            // All lead to the same: the newest of everything is looked at.
            tokio::select! {
                biased;
                changed = changes.changed() => if changed.is_err() { return },
                changed = addresses.changed() => if changed.is_err() { return },
                changed = cut_off.changed() => if changed.is_err() { return },
                () = location.closed() => return,
            }
        }
    });
    seen
}

/// The address of the available server, for clients that are sent elsewhere. It is never
/// this master's own, which may lead without a quorum, or not know yet that it no longer leads.
pub fn redirect_address(node: &Node) -> Option<String> {
    known_leader_address(&node.raft().metrics().borrow(), node.peers())
}

fn known_leader_address(metrics: &RaftMetrics<NodeId, NodeInfo>, peers: &Peers) -> Option<String> {
    let leader = metrics.current_leader.filter(|id| *id != metrics.id)?;
    let address = server(leader, metrics, peers)?.client_address;
    // What was the leader's address may now be this master's.
    let is_own = peers.own().is_some_and(|own| own.client_address == address);
    (!is_own).then_some(address)
}

/// What is known about a master.
fn server(id: NodeId, metrics: &RaftMetrics<NodeId, NodeInfo>, peers: &Peers) -> Option<NodeInfo> {
    let noted = metrics.membership_config.membership().get_node(&id);
    peers.newest(id, noted, None).filter(|info| !info.witness)
}

/// `cut_off` says that no quorum answers this node, if it is the leader.
fn locate(metrics: &RaftMetrics<NodeId, NodeInfo>, cut_off: bool, peers: &Peers) -> Location {
    let leads = metrics.state == ServerState::Leader && !cut_off;
    let leader = metrics.current_leader.filter(|id| leads || *id != metrics.id);
    let available = leader
        .and_then(|id| server(id, metrics, peers))
        .map(|info| Available { name: info.name, address: info.client_address });
    let membership = metrics.membership_config.membership();
    let masters = membership
        .nodes()
        .filter_map(|(id, _)| server(*id, metrics, peers))
        .map(|info| info.client_address)
        .collect();
    Location { available, term: metrics.current_term, masters, ..Location::default() }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        sync::Arc,
    };

    use openraft::Membership;

    use super::*;
    use crate::{
        node_auth::NodeAuth,
        replication::{StoredMembership, addresses::AddressSource, log_store::LogStore},
        settings::Secret,
    };

    fn info(id: u64) -> NodeInfo {
        NodeInfo {
            name: format!("node-{id}"),
            client_address: format!("host:{id}"),
            witness: id == 3,
            ..NodeInfo::default()
        }
    }

    /// What is known while `leader` leads, for master 1, which observes, master 2 and witness 3.
    fn metrics(leader: u64, state: ServerState) -> RaftMetrics<NodeId, NodeInfo> {
        let nodes: BTreeMap<_, _> = (1..=3).map(|id| (NodeId::new(id), info(id))).collect();
        let membership = Membership::new(vec![NodeId::all::<BTreeSet<_>>([1, 2, 3])], nodes);
        RaftMetrics {
            current_leader: Some(NodeId::new(leader)),
            state,
            membership_config: Arc::new(StoredMembership::new(None, membership)),
            ..RaftMetrics::new_initial(NodeId::new(1))
        }
    }

    /// The peers of a node that has not heard of anyone.
    fn peers(directory: &tempfile::TempDir) -> Peers {
        let log = LogStore::open(&directory.path().join("raft.redb")).expect("opened");
        Peers::new(log, &NodeAuth::in_clear(Secret::new("a secret of the tests")))
    }

    fn seen(leader: u64, state: ServerState, cut_off: bool) -> Option<String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let location = locate(&metrics(leader, state), cut_off, &peers(&directory));
        assert_eq!(location.masters, ["host:1", "host:2"], "a witness is not a master");
        location.available.map(|server| server.name)
    }

    #[test]
    fn the_master_that_leads_is_available_and_a_witness_never_is() {
        assert_eq!(seen(2, ServerState::Follower, false).as_deref(), Some("node-2"));
        assert_eq!(seen(1, ServerState::Leader, false).as_deref(), Some("node-1"));
        assert_eq!(seen(1, ServerState::Leader, true), None, "no quorum answers it");
        assert_eq!(seen(1, ServerState::Follower, false), None, "it led before");
        assert_eq!(seen(3, ServerState::Follower, false), None);
    }

    #[test]
    fn nobody_is_sent_from_a_server_to_itself() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let peers = peers(&directory);
        let sent = |leader, state| known_leader_address(&metrics(leader, state), &peers);
        assert_eq!(sent(2, ServerState::Follower).as_deref(), Some("host:2"));
        assert_eq!(sent(1, ServerState::Leader), None, "it leads, but finds no quorum");
        assert_eq!(sent(1, ServerState::Follower), None, "it has just stopped leading");
        assert_eq!(sent(3, ServerState::Follower), None);
        // It was started at the dead leader's address.
        peers.set_own_address(NodeInfo { client_address: "host:2".to_owned(), ..info(1) });
        assert_eq!(sent(2, ServerState::Follower), None);
    }

    #[test]
    fn clients_are_sent_where_a_master_is_now() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let peers = peers(&directory);
        let moved =
            NodeInfo { client_address: "host:22".to_owned(), address_version: 1, ..info(2) };
        peers.learn(NodeId::new(2), moved, AddressSource::Itself);
        let location = locate(&metrics(2, ServerState::Follower), false, &peers);
        assert_eq!(location.masters, ["host:1", "host:22"]);
        assert_eq!(location.available.expect("it leads").address, "host:22");
    }
}
