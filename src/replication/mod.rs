//! The replicated log and what hangs on it: consensus by openraft over redb and gRPC.
//!
//! In reading order: the types that the consensus is over, what it keeps on disk ([`mark`],
//! [`log_store`], [`durability`], [`state_store`], [`witness`]), how it reaches the other nodes
//! ([`peers`], [`link`], [`passport`], [`peer_service`], [`snapshot`]; `reach` tells when it does
//! not) and learns where they are ([`addresses`], [`introductions`]), how the rest of the program
//! writes ([`writes`]) and reads ([`reads`]) through it, by whose clock ([`clocks`]), who takes part
//! ([`membership`], [`reconcile`]), who stands for election without being told ([`candidacy`]), whether
//! a leader still has a quorum ([`quorum`], [`vigil`]), in which version of the format the cluster writes
//! ([`upgrade`]), and what becomes of damaged files ([`condition`], [`repair`]).
//!
//! **Architecture invariant:** the social graph changes nowhere but in
//! [`state_store`], by entries of the log.

pub mod addresses;
pub mod candidacy;
pub mod clocks;
pub mod condition;
pub mod durability;
pub mod electorate;
pub mod introductions;
pub mod link;
pub mod log_store;
pub mod mark;
pub mod membership;
#[cfg(test)]
mod membership_tests;
pub mod node;
pub mod passport;
pub mod peer_service;
pub mod peers;
pub mod quorum;
mod reach;
pub mod reads;
pub mod reconcile;
pub mod repair;
pub mod snapshot;
pub mod state_store;
pub mod upgrade;
pub mod vigil;
pub mod witness;
pub mod writes;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    domain::NodeId,
    envelope::{self, Kind, Speaks, Version},
    social::{Reply, Stamped},
};

openraft::declare_raft_types!(
    /// What the consensus is over.
    pub Consensus:
        D = Batch,
        R = Vec<Reply>,
        NodeId = NodeId,
        Node = NodeInfo,
        SnapshotData = snapshot::SnapshotData,
);

/// The consensus of one node.
pub type Raft = openraft::Raft<Consensus>;
/// A position in the log: term, leader and index.
pub type LogId = openraft::LogId<NodeId>;
/// An entry of the log.
pub type Entry = openraft::Entry<Consensus>;
/// A membership with the position at which it was decided.
pub type StoredMembership = openraft::StoredMembership<NodeId, NodeInfo>;
/// What the storage traits may fail with.
pub type StorageError = openraft::StorageError<NodeId>;
/// A term and who leads or wants to lead it.
pub type Vote = openraft::Vote<NodeId>;

/// What the membership knows of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The name shown to people.
    pub name: String,
    /// Where other nodes reach it, host:port.
    pub peer_address: String,
    /// Where clients reach it, host:port; empty for the witness.
    pub client_address: String,
    /// The router's witness: votes and keeps the log, holds no state, serves nobody.
    pub witness: bool,
    /// The versions of the format that its program speaks.
    pub speaks: Speaks,
    /// Of two words about one node, the one with the greater edition is newer: it grows with every
    /// start of the node's process, and whenever that process is reached by another address.
    pub edition: u64,
}

impl NodeInfo {
    /// Whether both say the same of a node, whichever is newer.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { edition: other.edition, ..self.clone() } == *other
    }
}

/// Commands that are replicated as one entry, sealed once: the entry is cloned for every follower
/// and cache, its commands are decoded only when it is applied.
#[derive(Clone, Serialize, Deserialize)]
pub struct Batch(Bytes);

/// What a [`Batch`] says.
#[derive(Debug)]
pub enum Content {
    /// Commands to the state.
    Commands(Vec<Stamped>),
    /// The cluster writes in this version from here on.
    Upgrade(Version),
}

impl Batch {
    /// Seals `commands`, in the oldest version that has them all: who does not know one of them is
    /// told so.
    pub fn new(commands: &[Stamped]) -> Self {
        let since = commands.iter().map(|stamped| stamped.command.since()).max();
        Self(envelope::seal_in(since.unwrap_or_default(), Kind::Commands, commands).into())
    }

    /// From here on the cluster writes in `version`.
    pub fn upgrade(version: Version) -> Self {
        Self(envelope::seal(Kind::Upgrade, &version).into())
    }

    /// What is in it, for a program that speaks `speaks`.
    pub fn content(&self, speaks: Speaks) -> Result<Content, envelope::Error> {
        match envelope::peek(&self.0) {
            Some((Kind::Upgrade, _)) => {
                envelope::open_as(speaks, Kind::Upgrade, &self.0).map(Content::Upgrade)
            }
            _ => envelope::open_as(speaks, Kind::Commands, &self.0).map(Content::Commands),
        }
    }

    /// Size in bytes as it is stored and sent.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it; never, for a batch that was made by [`Batch::new`].
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Batch({} bytes)", self.0.len())
    }
}

/// The bytes of what has no equality, for tests that compare.
#[cfg(test)]
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data always encodes")
}

/// Turns whatever a store failed with into what the storage traits want.
pub(crate) fn storage_error(
    subject: openraft::ErrorSubject<NodeId>,
    verb: openraft::ErrorVerb,
    error: &(impl std::error::Error + 'static),
) -> StorageError {
    openraft::StorageIOError::new(subject, verb, openraft::AnyError::new(error)).into()
}
