//! How masters learn each other's addresses without the router.
//!
//! A master that is restarted may have another address, and the others may have too. It calls all
//! the nodes it knows: the membership on its disk has an address for each. A node that is called
//! learns the caller's address from the call, and answers with the addresses it knows. So it is
//! enough that one of them is reached at an address that is still correct.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::node::Node;

/// Between attempts to connect to nodes that are not connected, and to pass on news.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until cancelled.
pub async fn run(node: Node, cancelled: CancellationToken) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refused = BTreeSet::new();
    loop {
        tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if node.cluster().is_none() {
            // The others do not admit a node without a cluster.
            continue;
        }
        let untold = {
            let metrics = node.raft().metrics();
            let metrics = metrics.borrow();
            node.peers().untold(metrics.membership_config.membership().nodes())
        };
        if untold.is_empty() {
            continue;
        }
        for status in node.peers().tell(untold).await {
            if status.code() == Code::AlreadyExists && refused.insert(status.message().to_owned()) {
                tracing::error!(reason = status.message(), "another node refuses this one");
            }
        }
    }
}
