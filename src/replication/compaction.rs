//! Removes from this node's disk all that is not needed any more, while it goes on serving: rows that were
//! overwritten, and entries of the log that are in the state.
//!
//! Both happen by themselves as it accumulates; this does all of it at once.

use std::{io, path::Path, time::Duration};

use openraft::RaftMetrics;

use super::{
    log_length, log_store,
    node::{LOG_FILE, Node},
};
use crate::{
    host::{
        disk::{self, DiskSpace},
        thread,
    },
    social::{State, StateError},
};

/// For the checkpoint before which the log may be purged.
const CHECKPOINT_WITHIN: Duration = Duration::from_mins(1);

/// What a node kept on disk before and after, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

/// Nothing was removed, or not all that could be.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// It is a witness.
    #[error("this node has no state to compact")]
    NoState,
    /// Merging files makes new ones before the old ones are removed.
    #[error(
        "it needs as much room on its disk as its state takes, {needed} MiB, and has {free} MiB: make room first",
        needed = .needed >> 20, free = .free >> 20
    )]
    NoRoom {
        /// In bytes.
        needed: u64,
        /// In bytes.
        free: u64,
    },
    /// The files cannot be looked at.
    #[error("cannot look at the disk: {0}")]
    Disk(#[from] io::Error),
    /// The state cannot be written.
    #[error("cannot compact the state: {0}")]
    State(#[from] StateError),
    /// The node ends.
    #[error("this node is about to stop")]
    Stopping,
}

/// What the data in `slot` takes on disk, in bytes.
pub fn length(slot: &Path) -> io::Result<u64> {
    let log = log_store::length(&slot.join(LOG_FILE))?.unwrap_or(0);
    Ok(log + State::length(slot)?.unwrap_or(0))
}

/// Compacts the data of a master.
pub async fn run(node: &Node) -> Result<Compacted, CompactionError> {
    let state = node.state().ok_or(CompactionError::NoState)?;
    let slot = state.slot().to_owned();
    let before = thread::run(move || compact_state(&state)).await.map_err(io::Error::from)??;
    forget_what_nobody_needs(node).await?;
    let after = thread::run(move || length(&slot)).await.map_err(io::Error::from)??;
    Ok(Compacted { before, after })
}

/// Compacts the state; gives what all took on disk before.
pub(super) fn compact_state(state: &State) -> Result<u64, CompactionError> {
    let slot = state.slot();
    let before = length(slot)?;
    let needed = State::length(slot)?.unwrap_or(0);
    if let Some(DiskSpace { free, .. }) = disk::space(slot)?.filter(|disk| disk.free < needed) {
        return Err(CompactionError::NoRoom { needed, free });
    }
    state.compact()?;
    Ok(before)
}

/// Purges what is in the state, but for what a voter may lack that is a little behind.
async fn forget_what_nobody_needs(node: &Node) -> Result<(), CompactionError> {
    let applied = node.raft().metrics().borrow().last_applied;
    let Some(applied) = applied else { return Ok(()) };
    checkpoint(node, applied.index).await?;
    purge(node, applied.index.saturating_sub(log_length::lagging_beyond())).await
}

/// Purges the log up to an entry that is in the state.
pub(super) async fn purge_log(node: &Node, upto: u64) -> Result<(), CompactionError> {
    checkpoint(node, upto).await?;
    purge(node, upto).await
}

/// Waits until the state is on disk as far as this entry.
async fn checkpoint(node: &Node, index: u64) -> Result<(), CompactionError> {
    let raft = node.raft();
    let stopping = |_| CompactionError::Stopping;
    let reaches = |now: &RaftMetrics<_, _>| now.snapshot.is_some_and(|at| at.index >= index);
    if reaches(&raft.metrics().borrow()) {
        return Ok(());
    }
    raft.trigger().snapshot().await.map_err(stopping)?;
    let wait = raft.wait(Some(CHECKPOINT_WITHIN));
    let is_there = wait.metrics(reaches, "a checkpoint before which the log may be purged");
    is_there.await.map_err(|_| CompactionError::Stopping)?;
    Ok(())
}

async fn purge(node: &Node, upto: u64) -> Result<(), CompactionError> {
    let purged = node.raft().trigger().purge_log(upto).await;
    purged.map_err(|_| CompactionError::Stopping)
}
