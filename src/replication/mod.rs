//! The replicated log and everything around it: consensus by openraft over gRPC.
//!
//! In reading order: the types of the consensus (and `consensus_runtime`, which it runs on), what it
//! keeps on disk ([`log_store`], whose `log_writer` writes [`log_segments`] and `log_facts`,
//! [`log_error`], [`durability`], [`state_store`], [`witness_store`]), how it reaches the other
//! nodes ([`peers`], [`link`], [`node_credentials`], [`peer_service`], [`snapshot`]; `reachability`
//! reports when it cannot) and learns their addresses ([`addresses`], [`address_gossip`]), how the
//! rest of the program writes ([`writes`]) and reads ([`reads`]) through it, whose clock counts
//! ([`cluster_clock`]), who votes ([`membership`], [`reconcile`]), which node campaigns without
//! being told to ([`pre_vote`]), whether a leader still has a quorum ([`quorum`],
//! [`check_quorum`]), in which version of the format the cluster writes ([`upgrade`]), and what
//! happens to damaged files ([`startup_check`], [`state_fetch`]; [`inspection`] looks at them while the
//! node is stopped), and how a network is copied to a file, and a new one made of that ([`backup`]). `log_length` says how much log is kept,
//! [`erasure`] when what was deleted leaves the files,
//! and [`observed`] is what a simulation sees.
//!
//! **Architecture invariant:** the social graph is changed only in [`state_store`], by entries of
//! the log.

pub mod address_gossip;
pub mod addresses;
pub mod backup;
pub mod check_quorum;
pub mod cluster_clock;
pub mod compaction;
mod consensus_runtime;
pub mod durability;
pub mod erasure;
pub mod inspection;
pub mod link;
pub mod log_error;
mod log_facts;
mod log_length;
pub mod log_segments;
pub mod log_store;
mod log_writer;
pub mod membership;
#[cfg(test)]
mod membership_tests;
pub mod monitored;
pub mod node;
pub mod node_credentials;
pub mod observed;
pub mod peer_service;
pub mod peers;
pub mod pre_vote;
pub mod quorum;
mod reachability;
pub mod reads;
pub mod reconcile;
pub mod recovery;
pub mod snapshot;
pub mod startup_check;
pub mod state_fetch;
pub mod state_store;
pub mod upgrade;
pub mod voter_config;
pub mod witness_store;
pub mod writes;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What the membership records about a node.
pub use crate::control::NodeInfo;
use crate::{
    domain::{LogPosition, NodeId},
    envelope::{self, Kind, SupportedVersions, Version},
    social::{Reply, Stamped},
};

openraft::declare_raft_types!(
    /// The types of the consensus.
    pub Consensus:
        D = Batch,
        R = Vec<Reply>,
        NodeId = NodeId,
        Node = NodeInfo,
        SnapshotData = snapshot::SnapshotData,
        AsyncRuntime = consensus_runtime::ConsensusRuntime,
);

/// The consensus of one node.
pub type Raft = openraft::Raft<Consensus>;
/// A position in the log: term, leader and index.
pub type LogId = openraft::LogId<NodeId>;
/// Where a log ends whose last entry is this one.
pub(crate) fn position(last: Option<LogId>) -> LogPosition {
    last.map_or(LogPosition::EMPTY, |id| LogPosition::new(id.leader_id.term, id.index))
}

/// An entry of the log.
pub type Entry = openraft::Entry<Consensus>;
/// A membership with the log position at which it was decided.
pub type StoredMembership = openraft::StoredMembership<NodeId, NodeInfo>;
/// The error type of the storage traits.
pub type StorageError = openraft::StorageError<NodeId>;
/// A term, and the node that leads it or wants to.
pub type Vote = openraft::Vote<NodeId>;

/// Commands that are replicated as one entry. They are encoded once: the entry is cloned for every
/// follower and cache, and its commands are decoded only when it is applied.
#[derive(Clone, Serialize, Deserialize)]
pub struct Batch(Bytes);

/// The contents of a [`Batch`].
#[derive(Debug)]
pub enum Content {
    /// Commands to the state.
    Commands(Vec<Stamped>),
    /// The cluster writes in this version from here on.
    Upgrade(Version),
}

impl Batch {
    /// Encodes `commands` in the oldest version that has all of them, so that a program that does
    /// not know one of them can tell.
    pub fn new(commands: &[Stamped]) -> Self {
        let since = commands.iter().map(|stamped| stamped.command.since()).max();
        Self(envelope::seal_in(since.unwrap_or_default(), Kind::Commands, commands).into())
    }

    /// From here on the cluster writes in `version`.
    pub fn upgrade(version: Version) -> Self {
        Self(envelope::seal(Kind::Upgrade, &version).into())
    }

    /// What another node sends as a batch.
    #[cfg(feature = "laboratory")]
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The contents, for a program that supports `supported_versions`.
    pub fn content(
        &self,
        supported_versions: SupportedVersions,
    ) -> Result<Content, envelope::Error> {
        match envelope::peek(&self.0) {
            Some((Kind::Upgrade, _)) => {
                envelope::open_as(supported_versions, Kind::Upgrade, &self.0).map(Content::Upgrade)
            }
            _ => envelope::open_as(supported_versions, Kind::Commands, &self.0)
                .map(Content::Commands),
        }
    }

    /// Its size in bytes, as it is stored and sent.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty; a batch made by [`Batch::new`] never is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Batch({} bytes)", self.0.len())
    }
}

/// Encodes values that cannot be compared, for tests that compare them.
#[cfg(test)]
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data always encodes")
}

/// Converts any error of a store into that of the storage traits. It keeps the error's words; the
/// name of its type would say nothing to those who read them.
pub(crate) fn storage_error(
    subject: openraft::ErrorSubject<NodeId>,
    verb: openraft::ErrorVerb,
    error: &(impl std::error::Error + 'static),
) -> StorageError {
    openraft::StorageIOError::new(subject, verb, openraft::AnyError::from_dyn(error, None)).into()
}
