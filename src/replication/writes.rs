//! Writing to the replicated log.
//!
//! Waiting commands are combined into one entry, and only a few entries are in progress at a time:
//! the consensus waits for the disk once per entry, and 512 writers with an entry each would starve
//! its heartbeats.

use std::sync::Arc;

use tokio::sync::{
    Semaphore,
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use super::{Batch, Raft, cluster_clock::Clock, node::Node, upgrade};
use crate::{
    envelope::Version,
    host::task::Tasks,
    metrics,
    planted::{self, PlantedFault},
    social::{Command, CommandRefusal, Reply, Stamped},
};

/// Commands in one entry. Throughput of prototypes peaked at about this number.
const COMMANDS_PER_ENTRY: usize = 256;
/// Entries proposed and not yet applied.
const ENTRIES_UNDER_WAY: usize = 3;

/// Handle for writers; clones share one queue.
#[derive(Clone)]
pub struct Writes {
    queue: mpsc::Sender<PendingWrite>,
    /// In which version of the format the cluster writes; it never decreases.
    version: watch::Receiver<Version>,
}

/// Why a command got no reply. It may have been applied nevertheless: repeat it under the same
/// request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// This node does not lead, or has ceased to.
    #[error("this server is not the available server")]
    NotLeading,
    /// Too much is waiting already.
    #[error("this server is overloaded")]
    Overloaded,
    /// Nothing was done: not all members of the cluster know this command yet.
    #[error("the cluster is being upgraded: ask again when all its nodes run the new version")]
    Upgrading,
}

impl<T> From<TrySendError<T>> for WriteError {
    fn from(refused: TrySendError<T>) -> Self {
        match refused {
            TrySendError::Full(_) => Self::Overloaded,
            // The node has stopped.
            TrySendError::Closed(_) => Self::NotLeading,
        }
    }
}

struct PendingWrite {
    command: Command,
    reply: oneshot::Sender<Result<Reply, WriteError>>,
}

impl Writes {
    /// Starts the task that feeds `node`'s consensus; it ends with the node or the last handle. At
    /// most `pending` commands wait; they are stamped with `now`.
    pub fn start(node: &Node, pending: usize, now: Clock) -> Self {
        let (queue, waiting) = mpsc::channel(pending);
        let tasks = node.tasks();
        tasks.spawn(propose_all(node.raft().clone(), tasks.clone(), waiting, now));
        Self { queue, version: node.version() }
    }

    /// Replicates `command` and returns its reply once it has been applied here, which is after it
    /// became durable on a quorum.
    pub async fn submit(&self, command: Command) -> Result<Reply, WriteError> {
        if !upgrade::may_be_logged(command.since(), *self.version.borrow()) {
            return Err(WriteError::Upgrading);
        }
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(PendingWrite { command, reply })?;
        answer.await.unwrap_or(Err(WriteError::NotLeading))
    }
}

async fn propose_all(
    raft: Raft,
    tasks: Tasks,
    mut waiting: mpsc::Receiver<PendingWrite>,
    now: Clock,
) {
    let under_way = Arc::new(Semaphore::new(ENTRIES_UNDER_WAY));
    let mut gathered = Vec::new();
    loop {
        let place = Arc::clone(&under_way).acquire_owned().await.expect("never closed");
        if waiting.recv_many(&mut gathered, COMMANDS_PER_ENTRY).await == 0 {
            return;
        }
        // A caller that has gone gets no reply, and may be told elsewhere that nothing was done.
        gathered.retain(|waiting: &PendingWrite| !waiting.reply.is_closed());
        if gathered.is_empty() {
            continue;
        }
        metrics::BATCH_SIZE.observe(f64::from(u32::try_from(gathered.len()).unwrap_or(u32::MAX)));
        let at = now();
        let (commands, replies): (Vec<_>, Vec<_>) = gathered
            .drain(..)
            .map(|PendingWrite { command, reply }| (Stamped { at, command }, reply))
            .unzip();
        let proposed = raft.client_write_ff(Batch::new(&commands)).await;
        tasks.spawn(async move {
            let outcome = match proposed {
                Ok(applied) => applied.await.ok().and_then(Result::ok),
                Err(_stopping) => None,
            };
            drop(place);
            // A caller that no longer waits asks again, under the same request id.
            if let Some(applied) = outcome {
                for (reply, answer) in replies.into_iter().zip(applied.data) {
                    let _gone = reply.send(Ok(answer));
                }
            } else {
                let outcome = if planted::is(PlantedFault::UncertainChangeRefused) {
                    Ok(Reply::Refused(CommandRefusal::KeyReused))
                } else {
                    Err(WriteError::NotLeading)
                };
                for reply in replies {
                    let _gone = reply.send(outcome.clone());
                }
            }
        });
    }
}
