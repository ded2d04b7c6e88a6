//! The data of the first master of a new cluster, made of a backup.
//!
//! The log of the new cluster begins behind one entry that nobody needs to read: its state is that of the backup,
//! and it has one voter, which elects itself. Others join it as they join any cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

use openraft::{CommittedLeaderId, Membership, SnapshotMeta};

use super::file::{BackupReader, ReadError};
use crate::{
    domain::{ClusterId, NodeId},
    envelope::SupportedVersions,
    replication::{
        LogId, NodeInfo, StoredMembership,
        log_error::OpenError,
        log_store::LogStore,
        node::LOG_FILE,
        snapshot::{self, ReceiveError},
        state_store,
    },
    social::{Content, StagedState, StateError},
    wire::internal::SnapshotChunk,
};

/// Whether people stay logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionsAfter {
    /// Everybody logs in again.
    Ended,
    /// Who was logged in when the backup was made, still is.
    Kept,
}

/// A new cluster cannot be made of a backup.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// The file is no whole backup.
    #[error(transparent)]
    Backup(#[from] ReadError),
    /// What it holds is not.
    #[error("what it holds is no whole state: {0}")]
    Contents(#[from] ReceiveError),
    /// The state of the new master.
    #[error("cannot write the state: {0}")]
    State(#[from] StateError),
    /// Its log.
    #[error(transparent)]
    Log(#[from] OpenError),
}

/// Fills `slot`, an empty directory, with the data of the first master, `node`, called `name`, of the new
/// cluster `cluster`. Of `backup`, the header was read, which says how far it was `applied`. `read` is told how many
/// bytes were read since the last time.
pub fn found<R: Read>(
    mut backup: BackupReader<R>,
    applied: LogId,
    slot: &Path,
    (cluster, node, name): (ClusterId, NodeId, &str),
    sessions: SessionsAfter,
    read: &mut dyn FnMut(u64),
) -> Result<Content, FoundingError> {
    let mut staged = StagedState::create(slot)?;
    let mut failed = None;
    let mut before = backup.at();
    let mut chunks = std::iter::from_fn(|| match backup.block() {
        Ok(Some(payload)) => {
            read(backup.at() - before);
            before = backup.at();
            Some(SnapshotChunk { payload: payload.into() })
        }
        Ok(None) => None,
        Err(error) => {
            failed = Some(error);
            None
        }
    });
    let filled = snapshot::fill(&mut staged, &mut chunks);
    // What comes after the last row says whether all was as it was written.
    while chunks.next().is_some() {}
    if let Some(error) = failed {
        return Err(error.into());
    }
    filled?;
    let content = staged.begin_anew(sessions == SessionsAfter::Kept)?;
    let at = beginning(applied, applied.leader_id.term, node);
    let membership = StoredMembership::new(Some(at), only(node, name));
    LogStore::found(&slot.join(LOG_FILE), node, cluster, &membership)?;
    let meta = SnapshotMeta {
        last_log_id: Some(at),
        last_membership: membership,
        snapshot_id: at.to_string(),
    };
    state_store::install(slot, &meta, staged)?;
    Ok(content)
}

/// The entry that the log of a new cluster begins behind, whose first leader is `node`. What it is made of ends at
/// `end`, and knows of terms up to `term`. Clients compare terms, and the old cluster may have seen later ones.
pub(in crate::replication) fn beginning(end: LogId, term: u64, node: NodeId) -> LogId {
    /// Those that nothing is known of.
    const LATER_TERMS: u64 = 1_000;
    LogId::new(
        CommittedLeaderId::new(term.max(end.leader_id.term) + LATER_TERMS, node),
        end.index + 1,
    )
}

/// One voter. Where it is reached, it says when it starts.
pub(in crate::replication) fn only(node: NodeId, name: &str) -> Membership<NodeId, NodeInfo> {
    let supported_versions = SupportedVersions::of_this_program();
    let info = NodeInfo { name: name.to_owned(), supported_versions, ..NodeInfo::default() };
    Membership::new(vec![BTreeSet::from([node])], BTreeMap::from([(node, info)]))
}
