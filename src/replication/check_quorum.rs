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
    quorum::{self, Leadership, QuorumSample},
};
use crate::domain::NodeId;

/// Watches for as long as the consensus runs. A leader that no quorum has answered for
/// `quorum_timeout` is cut off.
pub fn run(
    raft: &Raft,
    peers: Peers,
    quorum_timeout: Duration,
) -> impl Future<Output = ()> + use<> {
    watch(raft.metrics(), raft.server_metrics(), peers, quorum_timeout)
}

async fn watch<T>(
    metrics: watch::Receiver<RaftMetrics<NodeId, NodeInfo>>,
    mut changes: watch::Receiver<T>,
    peers: Peers,
    quorum_timeout: Duration,
) {
    let mut check = quorum::QuorumCheck::new(quorum_timeout);
    let mut ticks = interval(check.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = Instant::now();
        let leadership = check.observe(sample(&metrics.borrow(), &peers, now), now);
        peers.set_cut_off(leadership == Leadership::CutOff);
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            // A follower sleeps: most nodes are followers.
            _ = ticks.tick(), if leadership != Leadership::Follows => {}
        }
    }
}

fn sample(metrics: &RaftMetrics<NodeId, NodeInfo>, peers: &Peers, now: Instant) -> QuorumSample {
    if metrics.state != ServerState::Leader {
        return QuorumSample { leads: None, answered: None };
    }
    let voter_sets = metrics.membership_config.membership().get_joint_config();
    let answered = quorum::last_quorum_answer(voter_sets, |node| {
        if node == metrics.id { Some(now) } else { peers.contact(node).answered }
    });
    QuorumSample { leads: Some(metrics.current_term), answered }
}
