//! The data of the first master of a cluster that is made of what is left of another.
//!
//! It gets a copy of a state, to which the entries of a log are applied. As with a backup
//! ([`backup::founding`](crate::replication::backup::founding)), the new log begins behind one entry that nobody
//! needs to read: in it, the new node is the only voter.

use std::{path::Path, sync::Arc};

use openraft::{SnapshotMeta, storage::RaftStateMachine as _};

use super::assessment::Plan;
use crate::{
    domain::{ClusterId, NodeId},
    replication::{
        Entry, LogId, StorageError, StoredMembership,
        backup::founding::{beginning, only},
        inspection::{self, InspectionError},
        log_error::OpenError,
        log_store::LogStore,
        node::LOG_FILE,
        snapshot,
        state_store::{self, StateStore},
    },
    social::{InspectedState, StagedState, StateError},
};

/// Entries that are applied in one step.
const ENTRIES: usize = 256;

/// A new cluster cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// The state that is copied has changed since it was looked at.
    #[error("the state in {0} is no longer as it was when it was looked at")]
    Changed(String),
    /// The log that is read.
    #[error(transparent)]
    OldLog(#[from] InspectionError),
    /// The state that is read, or the one that is made.
    #[error("cannot copy the state: {0}")]
    State(#[from] StateError),
    /// The log cannot be applied.
    #[error("cannot apply the log: {0}")]
    Apply(#[source] Box<StorageError>),
    /// The log that is made.
    #[error(transparent)]
    NewLog(#[from] OpenError),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// So many more rows were copied.
    Rows(u64),
    /// So many more entries were applied.
    Entries(u64),
}

/// Fills `slot`, an empty directory, with the data of the first master, `node`, called `name`, of the new cluster
/// `cluster`: of the state in `state`, if it is not all in the log, and the log in `log`.
pub async fn found(
    plan: &Plan,
    (state, log): (Option<&Path>, &Path),
    slot: &Path,
    (cluster, node, name): (ClusterId, NodeId, &str),
    made: &mut dyn FnMut(Made),
) -> Result<(), FoundingError> {
    let applied = match state {
        Some(state) => copy_state(state, slot, made)?,
        None => None,
    };
    let entries = inspection::entries_after(log, applied)?;
    let at = beginning(plan.end, plan.term, node);
    let membership = StoredMembership::new(Some(at), only(node, name));
    recover_state(slot, entries, &membership, made).await?;
    Ok(LogStore::found(&slot.join(LOG_FILE), node, cluster, &membership)?)
}

/// Copies a state to `slot`; says how far it is applied.
fn copy_state(
    state: &Path,
    slot: &Path,
    made: &mut dyn FnMut(Made),
) -> Result<Option<LogId>, FoundingError> {
    let InspectedState::Opened(opened) = InspectedState::open(state)? else {
        return Err(FoundingError::Changed(state.display().to_string()));
    };
    let (applied, membership, _) = state_store::all_facts(opened.facts())?;
    let mut staged = StagedState::create(slot)?;
    snapshot::copy(&opened.view()?, &mut staged, &mut |rows| made(Made::Rows(rows)))?;
    let snapshot_id = applied.map_or_else(String::new, |applied| applied.to_string());
    let meta = SnapshotMeta { last_log_id: applied, last_membership: membership, snapshot_id };
    state_store::install(slot, &meta, staged)?;
    Ok(applied)
}

/// Applies `entries` to the state of `slot`, and makes it that of the new cluster.
async fn recover_state(
    slot: &Path,
    entries: Vec<Entry>,
    membership: &StoredMembership,
    made: &mut dyn FnMut(Made),
) -> Result<(), FoundingError> {
    let mut state = StateStore::open(slot, Arc::new(|_| {}))?;
    let mut entries = entries.into_iter();
    loop {
        let some: Vec<Entry> = entries.by_ref().take(ENTRIES).collect();
        if some.is_empty() {
            return Ok(state.recover(membership)?);
        }
        let applied = some.len() as u64;
        state.apply(some).await.map_err(|error| FoundingError::Apply(error.into()))?;
        made(Made::Entries(applied));
    }
}
