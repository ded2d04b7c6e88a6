//! Every master makes itself known to the others, and they to it, without the router.
//!
//! A master that is born again may be reached by another address, and the others may be too. It
//! calls all whom it knows: the membership on its disk has addresses of everyone. Who is called learns
//! from the call where the caller is now, and answers with what it knows of the others. So it is
//! enough that one of them is still, or again, where it was.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::node::Node;

/// Between attempts to connect to those that are not connected, and to tell what is new.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until cancelled.
pub async fn run(node: Node, cancelled: CancellationToken) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refused = BTreeSet::new();
    loop {
        tokio::select! {
            () = cancelled.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if node.cluster().is_none() {
            // The others admit no stranger.
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
