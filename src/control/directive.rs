//! What the router tells a master, and what it tells its own witness.

use std::{sync::Arc, time::Duration};

use super::Roster;
use crate::domain::{ClusterId, NodeId};

/// To a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Every node that the router knows.
    Roster(Arc<Roster>),
    /// Bootstrap this cluster, with this master as its first member.
    Bootstrap(ClusterId),
    /// What any voter may be told.
    Voter(VoterDirective),
    /// This master cannot join, for a reason for people.
    Reject(String),
    /// It may be taken in after all, and keeps its stream; why it waits, for people.
    Defer(String),
    /// Abandon the cluster, which is empty, for this one.
    AbandonCluster(ClusterId),
}

/// To any node that votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoterDirective {
    /// Report at once: an election depends on it.
    Probe(ProbeRequest),
    /// Campaign: the last leader is known to be gone or about to stop.
    Campaign {
        /// In a later term than this, in which somebody else may still stand.
        after_term: u64,
    },
    /// Another cluster has taken the place of this node's: become a new node. Whoever has become one already,
    /// under another id, is not meant any more.
    ResetNode(NodeId),
}

/// To the router's own witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessDirective {
    /// What any voter may be told.
    Voter(VoterDirective),
    /// Take the place of the witness that was lost with the router's disk.
    ReplaceWitness(LostWitness),
}

/// A witness that was lost with the router's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostWitness {
    /// Its id.
    pub node: NodeId,
    /// It may have voted in this term and earlier ones.
    pub term: u64,
}

/// A question to all possible candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeRequest {
    /// Repeated in the answer; counts from 1.
    pub number: u64,
    /// How long a pre-vote may take; zero for none.
    pub pre_vote: Duration,
}
