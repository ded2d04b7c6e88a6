//! What a cluster's first leader writes before anyone can log in: the key that signs session
//! tokens.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    host::random,
    replication::{node::Node, writes::Writes},
    social::{Command, StateReader},
};

/// Between attempts.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Runs until the key is in the state.
pub async fn run(node: Node, state: StateReader, writes: Writes, cancelled: CancellationToken) {
    let mut metrics = node.raft().data_metrics();
    while !is_bootstrapped(&state) {
        if node.leads() {
            let signing_key = random::bytes();
            // The first key wins, so proposing a second one does no harm.
            if let Err(error) = writes.submit(Command::BootstrapCluster { signing_key }).await {
                tracing::debug!(%error, "the key is not written yet");
                sleep(RETRY_AFTER).await;
            }
            continue;
        }
        tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            changed = metrics.changed() => if changed.is_err() { return },
        }
    }
}

fn is_bootstrapped(state: &StateReader) -> bool {
    let view = state.view();
    view.expect("a state that cannot be read ends this master").signing_key().is_some()
}
