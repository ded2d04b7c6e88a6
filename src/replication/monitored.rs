//! What monitoring is told about a node's part in the consensus.

use std::path::Path;

use openraft::ServerState;

use super::{
    LogId, StoredMembership, log_store,
    node::{LOG_FILE, Node},
};
use crate::{
    domain::NodeId,
    host::thread,
    metrics::{self, whole},
    monitoring::{Check, Finding},
    social::State,
};

/// Sets the gauges of `node`, whose files are in `directory`.
pub async fn measure(node: &Node, directory: &Path) {
    measure_consensus(node);
    let slot = directory.to_owned();
    let log = directory.join(LOG_FILE);
    let lengths = move || [("log", log_store::length(&log)), ("state", State::length(&slot))];
    // A disk that hangs must not stop anybody else.
    for (file, length) in thread::run(lengths).await.into_iter().flatten() {
        // A witness has no state.
        if let Ok(Some(length)) = length {
            metrics::FILE_SIZE.with_label_values(&[file]).set(whole(length));
        }
    }
}

fn measure_consensus(node: &Node) {
    let now = node.raft().metrics().borrow().clone();
    let index = |position: Option<LogId>| position.map_or(0, |position| position.index);
    let voters: Vec<NodeId> = now.membership_config.membership().voter_ids().collect();
    metrics::TERM.set(whole(now.current_term));
    metrics::LEADS.set(i64::from(node.leads()));
    metrics::VOTES.set(i64::from(voters.contains(&node.id())));
    metrics::VOTERS.set(whole(voters.len()));
    metrics::LOG_INDEX.set(whole(now.last_log_index.unwrap_or(0)));
    metrics::APPLIED_INDEX.set(whole(index(now.last_applied)));
    metrics::PEER_LAG.reset();
    let peers = now.replication.iter().flatten().filter(|(peer, _)| **peer != node.id());
    for (peer, matched) in peers {
        let name = name(&now.membership_config, *peer);
        let lag = now.last_log_index.unwrap_or(0).saturating_sub(index(*matched));
        metrics::PEER_LAG.with_label_values(&[&name]).set(whole(lag));
    }
}

/// Whether `node` takes part, and who leads it.
pub fn check(node: &Node) -> Check {
    let now = node.raft().metrics().borrow().clone();
    let (term, is_elected) = (now.current_term, now.state == ServerState::Leader);
    let finding = match node.known_leader() {
        _ if node.leads() => Finding::Good(format!("leads in term {term}")),
        _ if is_elected => Finding::Bad(format!("leads in term {term}, but no quorum answers")),
        Some(leader) => {
            let leader = name(&now.membership_config, leader);
            Finding::Good(format!("follows {leader} in term {term}"))
        }
        None => Finding::Bad(format!("hears no leader in term {term}")),
    };
    Check { what: "consensus", finding }
}

/// The name of a member, by which people know it.
fn name(membership: &StoredMembership, member: NodeId) -> String {
    let info = membership.membership().get_node(&member);
    info.map_or_else(|| format!("node {member}"), |info| info.name.clone())
}
