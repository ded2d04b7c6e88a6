//! Giving a cluster up in which nobody has made anything, for an older one whose masters have come.
//!
//! The router says for which. The leader has the cluster itself decide, by a command in its log: so
//! nothing that was acknowledged is lost, and nothing is acknowledged afterwards. Reports tell the
//! router the outcome, and it tells each master to begin anew.

use std::time::Duration;

use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::ClusterId,
    replication::{node::Node, state_store::StateReader, writes::Writes},
    social::{Command, Reply, View},
};

/// Between attempts.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// What was read from the state, which is read again when more is applied.
#[derive(Default)]
struct Known {
    applied: Option<u64>,
    /// What people have made does not go away.
    holds_something: bool,
    gave_way_to: Option<ClusterId>,
}

/// What the reporter passes on, and asks.
pub struct Handle {
    state: StateReader,
    known: Known,
    to: watch::Sender<Option<ClusterId>>,
    begins_anew: CancellationToken,
}

impl Handle {
    /// Asks `state`; `begins_anew` is cancelled when this master is to become a new node.
    pub fn new(
        state: StateReader,
        begins_anew: CancellationToken,
    ) -> (Self, watch::Receiver<Option<ClusterId>>) {
        let (to, asked) = watch::channel(None);
        (Self { state, known: Known::default(), to, begins_anew }, asked)
    }

    /// Whether nobody has made anything in the cluster, and for which it was given up, after the log
    /// entry with the index `applied`.
    pub fn look(&mut self, applied: u64) -> (bool, Option<ClusterId>) {
        let known = &mut self.known;
        if !known.holds_something && known.applied != Some(applied) {
            let view = self.state.read().and_then(|transaction| View::open(&transaction));
            let read = view.and_then(|view| Ok((view.holds_anything()?, view.gave_way_to())));
            let (holds_something, gave_way_to) =
                read.expect("a state that cannot be read ends this master");
            *known = Known { applied: Some(applied), holds_something, gave_way_to };
        }
        (!known.holds_something, known.gave_way_to)
    }

    /// Gives way to `cluster`, if this one is empty.
    pub fn give_way(&self, cluster: ClusterId) {
        self.to.send_replace(Some(cluster));
    }

    /// Becomes a new node.
    pub fn begin_anew(&self) {
        self.begins_anew.cancel();
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
        () = cancelled.cancelled() => {}
        () = decided => {}
    }
}

async fn propose(to: ClusterId, node: &Node, writes: &Writes) {
    while node.leads() {
        match writes.submit(Command::GiveWay { to }).await {
            Ok(Reply::Refused(refusal)) => {
                tracing::info!(%to, %refusal, "does not give way");
                return;
            }
            Ok(_) => {
                tracing::info!(%to, "this cluster, which is empty, gives way");
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "cannot give way yet");
                sleep(RETRY_AFTER).await;
            }
        }
    }
}
