//! The state machine of the router's witness: it keeps no state except how far the log is
//! committed, and the membership at that point.
//!
//! Both are saved beside the log before it is purged; entries after that are counted again when the
//! witness restarts.

use openraft::{
    EntryPayload, ErrorSubject, ErrorVerb, RaftSnapshotBuilder, Snapshot, SnapshotMeta,
    storage::RaftStateMachine,
};

use super::{
    Consensus, Entry, LogId, NodeInfo, StorageError, StoredMembership, log_error::LogError,
    log_store::LogStore, observed, snapshot::SnapshotData, storage_error,
};
use crate::{
    domain::NodeId,
    planted::{self, PlantedFault},
    social::Reply,
};

/// Counts committed entries.
#[derive(Clone)]
pub struct WitnessStore {
    log: LogStore,
    applied: Option<LogId>,
    membership: StoredMembership,
}

impl WitnessStore {
    /// Continues from the checkpoint beside `log`.
    pub fn open(log: LogStore) -> Result<Self, LogError> {
        let (applied, membership) = log.checkpoint()?.unwrap_or_default();
        Ok(Self { log, applied, membership })
    }

    async fn save(&self) -> Result<(), StorageError> {
        self.log
            .save_checkpoint(&(self.applied, self.membership.clone()))
            .await
            .map_err(|error| storage_error(ErrorSubject::StateMachine, ErrorVerb::Write, &error))
    }

    fn snapshot(&self) -> Snapshot<Consensus> {
        Snapshot {
            meta: SnapshotMeta {
                last_log_id: self.applied,
                last_membership: self.membership.clone(),
                snapshot_id: "witness".to_owned(),
            },
            snapshot: Box::new(SnapshotData::Empty),
        }
    }
}

impl RaftStateMachine<Consensus> for WitnessStore {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Vec<Reply>>, StorageError>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let mut replies = Vec::new();
        for entry in entries {
            self.applied = Some(entry.log_id);
            if let EntryPayload::Membership(members) = entry.payload {
                self.membership = StoredMembership::new(self.applied, members);
            }
            replies.push(Vec::new());
        }
        observed::witnessed(self.applied);
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotData>, StorageError> {
        unreachable!("snapshots arrive whole, by PeerService.InstallSnapshot")
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<NodeId, NodeInfo>,
        _snapshot: Box<SnapshotData>,
    ) -> Result<(), StorageError> {
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        observed::witnessed(self.applied);
        self.save().await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Consensus>>, StorageError> {
        Ok(self.applied.map(|_| self.snapshot()))
    }
}

impl RaftSnapshotBuilder<Consensus> for WitnessStore {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Consensus>, StorageError> {
        if !planted::is(PlantedFault::WitnessPurgesWithoutItsCheckpoint) {
            self.save().await?;
        }
        Ok(self.snapshot())
    }
}
