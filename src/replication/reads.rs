//! Linearizable reads: before the state is read, a quorum confirms that this node still leads.
//!
//! One confirmation serves everyone who asked before it began; anyone who asks later waits for the
//! next.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{Raft, node::Node, writes::WriteError};
use crate::planted::{self, PlantedFault};

/// A quorum that does not answer within this time does not exist.
const CONFIRM_WITHIN: Duration = Duration::from_secs(2);
/// Readers that may wait for one confirmation.
const READERS_WAITING: usize = 4_096;

/// Handle for readers; clones share it.
#[derive(Clone)]
pub struct Reads {
    queue: mpsc::Sender<oneshot::Sender<bool>>,
}

impl Reads {
    /// Starts the task that asks `node`'s consensus; it ends with the node or the last handle.
    pub fn start(node: &Node) -> Self {
        let (queue, waiting) = mpsc::channel(READERS_WAITING);
        node.tasks().spawn(confirm_all(node.raft().clone(), waiting));
        Self { queue }
    }

    /// Returns once everything that had been acknowledged anywhere when this was called can be read
    /// here.
    pub async fn confirm(&self) -> Result<(), WriteError> {
        if planted::is(PlantedFault::ReadWithoutAQuorum)
            || planted::is(PlantedFault::AnyMasterServesReads)
        {
            return Ok(());
        }
        let (confirmed, answer) = oneshot::channel();
        self.queue.try_send(confirmed)?;
        if answer.await.unwrap_or(false) { Ok(()) } else { Err(WriteError::NotLeading) }
    }
}

async fn confirm_all(raft: Raft, mut waiting: mpsc::Receiver<oneshot::Sender<bool>>) {
    let mut readers = Vec::new();
    while waiting.recv_many(&mut readers, READERS_WAITING).await > 0 {
        let confirmed =
            timeout(CONFIRM_WITHIN, raft.ensure_linearizable()).await.is_ok_and(|r| r.is_ok());
        for reader in readers.drain(..) {
            let _gone = reader.send(confirmed);
        }
    }
}
