//! Abandoning a cluster in which nobody has made anything, for an older one whose masters have
//! come.
//!
//! The router says for which. The leader lets the log decide, by a command: so nothing that was
//! acknowledged is lost, and nothing is acknowledged afterwards. Reports tell the router the outcome,
//! and the router tells each master to become a new node.

use std::time::Duration;

use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::ClusterId,
    replication::{node::Node, writes::Writes},
    social::{Command, Reply, StateReader},
};

/// Between attempts.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// What was read from the state, which is read again when more is applied.
#[derive(Default)]
struct Known {
    applied: Option<u64>,
    /// What people have made does not go away.
    has_content: bool,
    abandoned_for: Option<ClusterId>,
}

/// What the reporter passes on, and asks.
pub struct AbandonmentHandle {
    state: StateReader,
    known: Known,
    to: watch::Sender<Option<ClusterId>>,
    node_reset: CancellationToken,
}

impl AbandonmentHandle {
    /// Reads from `state`; `node_reset` is cancelled when this master is to become a new node.
    pub fn new(
        state: StateReader,
        node_reset: CancellationToken,
    ) -> (Self, watch::Receiver<Option<ClusterId>>) {
        let (to, asked) = watch::channel(None);
        (Self { state, known: Known::default(), to, node_reset }, asked)
    }

    /// Whether nobody has made anything in the cluster, and for which it was abandoned, after the
    /// log entry with the index `applied`.
    pub fn observe(&mut self, applied: u64) -> (bool, Option<ClusterId>) {
        let known = &mut self.known;
        if !known.has_content && known.applied != Some(applied) {
            let view = self.state.view();
            let read = view.and_then(|view| Ok((view.has_content()?, view.abandoned_for())));
            let (has_content, abandoned_for) =
                read.expect("a state that cannot be read ends this master");
            *known = Known { applied: Some(applied), has_content, abandoned_for };
        }
        (!known.has_content, known.abandoned_for)
    }

    /// Abandons this cluster for `cluster`, if this one is empty.
    pub fn abandon_cluster(&self, cluster: ClusterId) {
        self.to.send_replace(Some(cluster));
    }

    /// Becomes a new node.
    pub fn reset_node(&self) {
        self.node_reset.cancel();
    }
}

/// Does what the router asks for, until cancelled.
pub async fn run(
    mut asked: watch::Receiver<Option<ClusterId>>,
    node: Node,
    writes: Writes,
    cancelled: CancellationToken,
) {
    let decided = async {
        while asked.changed().await.is_ok() {
            let to = *asked.borrow_and_update();
            if let Some(to) = to {
                propose(to, &node, &writes).await;
            }
        }
    };
    tokio::select! {
        biased;
        () = cancelled.cancelled() => {}
        () = decided => {}
    }
}

async fn propose(to: ClusterId, node: &Node, writes: &Writes) {
    while node.leads() {
        match writes.submit(Command::AbandonCluster { to }).await {
            Ok(Reply::Refused(refusal)) => {
                tracing::info!(%to, %refusal, "is not abandoned");
                return;
            }
            Ok(_) => {
                tracing::info!(%to, "this cluster, which is empty, is abandoned");
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "cannot be abandoned yet");
                sleep(RETRY_AFTER).await;
            }
        }
    }
}
