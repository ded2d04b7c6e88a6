//! Watches whether a quorum still answers this node while it leads, and reports this to
//! [`peers`](super::peers), which then stops renewing the others' leases, and through
//! [`Node`](super::node::Node) to everyone who asks whether this node leads.

use std::time::Duration;

use openraft::{RaftMetrics, ServerState};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    NodeInfo, Raft,
    peers::Peers,
    quorum::{self, Look, Standing},
};
use crate::domain::NodeId;

/// Starts watching, for as long as the consensus runs. A leader that no quorum has answered for
/// `patience` is cut off.
pub fn start(raft: &Raft, peers: Peers, patience: Duration) {
    tokio::spawn(watch(raft.metrics(), raft.server_metrics(), peers, patience));
}

async fn watch<T>(
    metrics: watch::Receiver<RaftMetrics<NodeId, NodeInfo>>,
    mut changes: watch::Receiver<T>,
    peers: Peers,
    patience: Duration,
) {
    let mut vigil = quorum::Vigil::new(patience);
    let mut ticks = interval(vigil.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = Instant::now();
        let standing = vigil.look(look(&metrics.borrow(), &peers, now), now);
        peers.set_cut_off(standing == Standing::CutOff);
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            // A follower sleeps: most nodes are followers.
            _ = ticks.tick(), if standing != Standing::Follows => {}
        }
    }
}

fn look(metrics: &RaftMetrics<NodeId, NodeInfo>, peers: &Peers, now: Instant) -> Look {
    if metrics.state != ServerState::Leader {
        return Look { leads: None, answered: None };
    }
    let parts = metrics.membership_config.membership().get_joint_config();
    let answered = quorum::answered(parts, |node| {
        if node == metrics.id { Some(now) } else { peers.contact(node).answered }
    });
    Look { leads: Some(metrics.current_term), answered }
}
