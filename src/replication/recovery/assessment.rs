//! What is left of a cluster, what may be lost, and which copies a new one is made of. Pure.
//!
//! Whatever was acknowledged is in the logs of a quorum. So if every quorum has a member among those that are left,
//! one of them has it; and the newest log of all that are left has it, too: whoever led in its last term had been
//! elected with everything that was acknowledged before (Ongaro and Ousterhout, *In Search of an Understandable
//! Consensus Algorithm*, section 5.4).

use std::collections::BTreeSet;

use crate::{
    control::{Names, VoterConfig, VoterName},
    domain::{ClusterId, NodeId},
    replication::{
        LogId, StoredMembership,
        inspection::{Inspection, NodeKind},
        quorum::majority,
        voter_config,
    },
};

/// What is left of one node.
#[derive(Clone, Debug)]
pub struct Copy {
    /// What its directory is called.
    pub name: String,
    /// Whose data it is.
    pub kind: NodeKind,
    /// The node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// The newest term that it knows.
    pub term: u64,
    /// The last entry that is no longer in its log.
    pub purged: Option<LogId>,
    /// The last entry of its log.
    pub end: Option<LogId>,
    /// How far its log is applied to its state; none if it has no state.
    pub applied: Option<LogId>,
    /// The newest membership that it knows.
    pub members: Option<StoredMembership>,
}

/// Why a node's data cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is damaged.
    Damaged,
    /// It has never been of any cluster.
    OfNoCluster,
}

impl Copy {
    /// What is left of the node whose directory is called `name`.
    pub fn of(name: &str, inspection: &Inspection) -> Result<Self, Unusable> {
        let Inspection { kind, term, purged, end, applied, ref members, .. } = *inspection;
        if !inspection.findings.is_empty() {
            return Err(Unusable::Damaged);
        }
        let (node, cluster) =
            inspection.node.zip(inspection.cluster).ok_or(Unusable::OfNoCluster)?;
        Ok(Self {
            name: name.to_owned(),
            kind,
            node,
            cluster,
            term,
            purged,
            // A state that was fetched may be ahead of its log.
            end: if kind == NodeKind::Master { end.max(applied) } else { end },
            applied: applied.filter(|_| kind == NodeKind::Master),
            members: members.clone(),
        })
    }

    /// The newest membership in its log.
    fn voter_config(&self) -> Option<VoterConfig> {
        let members = self.members.as_ref().filter(|members| *members.log_id() <= self.end)?;
        Some(voter_config::of(members))
    }
}

/// What a new cluster is made of, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The old cluster.
    pub cluster: ClusterId,
    /// Whose state is taken: a place in the list of copies; none if all of it is in the log.
    pub state_of: Option<usize>,
    /// Whose log is taken after that, and its last entry.
    pub log_of: usize,
    /// The last entry that the new cluster has.
    pub end: LogId,
    /// The newest term that is known.
    pub term: u64,
    /// How many voters each voter set has, how many of them are here, and how many are needed.
    pub voter_sets: Vec<VoterCount>,
    /// The voters that are not here.
    pub missing: Vec<VoterName>,
    /// What may be lost.
    pub loss: Loss,
}

/// Of one set of voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoterCount {
    /// How many are here.
    pub here: usize,
    /// How many there are.
    pub all: usize,
}

impl VoterCount {
    /// How many are needed to elect a leader.
    pub fn needed(self) -> usize {
        majority(self.all)
    }

    fn is_quorum(self) -> bool {
        self.here >= self.needed()
    }

    /// Whether one of those that are here is in every quorum.
    fn meets_every_quorum(self) -> bool {
        self.here > self.all - self.needed()
    }
}

/// What was acknowledged, and may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    Nothing,
    /// What came after this entry, if anything did.
    After(LogId),
}

/// Nothing can be made of the copies, or nothing has to be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoPlan {
    /// They are of several clusters.
    #[error("{first} belongs to cluster {}, {second} to cluster {}: name the data of one cluster", .clusters.0, .clusters.1)]
    SeveralClusters {
        /// A directory.
        first: String,
        /// Another one.
        second: String,
        /// The clusters of the two.
        clusters: (ClusterId, ClusterId),
    },
    /// The same node was named twice.
    #[error("{first} and {second} are of the same node: name one of them, the newer one")]
    SameNode {
        /// A directory.
        first: String,
        /// Another one.
        second: String,
    },
    /// Nobody knows who votes.
    #[error(
        "none of this data says who votes: there is nothing in it that a cluster could be made of"
    )]
    NoMembers,
    /// They can go on by themselves.
    #[error(
        "{here} of {} voters are here, and {} are needed: nothing has to be recovered; start {nodes} with the data that \
         they have",
        .count.all, .count.needed(), here = .count.here
    )]
    Quorum {
        /// Of the voter set that has fewest.
        count: VoterCount,
        /// Who is to be started.
        nodes: Names<String>,
    },
    /// They can go on with a new witness.
    #[error(
        "only the router's witness is missing of those that are needed: nothing has to be recovered. Start {0}, and a \
         router with an empty directory (router_data_dir), whose witness takes the place of the lost one"
    )]
    WitnessOnly(Names<String>),
    /// No state can be brought to the end of any log.
    #[error(
        "there is no master's state among them, and no log with its beginning: restore a backup, or look for another \
         master's disk"
    )]
    NoState,
}

/// Decides what a new cluster is made of. The nodes `up` are running, and nothing is taken of them.
pub fn assess(copies: &[Copy], up: &BTreeSet<NodeId>) -> Result<Plan, NoPlan> {
    let cluster = the_only_cluster(copies)?;
    let known = copies.iter().filter_map(Copy::voter_config);
    let voters = known.max_by_key(|known| known.index).ok_or(NoPlan::NoMembers)?;
    let here: BTreeSet<NodeId> =
        copies.iter().map(|copy| copy.node).chain(up.iter().copied()).collect();
    let count = |set: &BTreeSet<NodeId>| VoterCount {
        here: set.intersection(&here).count(),
        all: set.len(),
    };
    let voter_sets: Vec<VoterCount> = voters.voter_sets.iter().map(count).collect();
    let is_here = |voter: &VoterName| here.contains(&voter.node);
    let mut names = voters.names.clone();
    names.sort_by(|one, other| (one.witness, &one.name).cmp(&(other.witness, &other.name)));
    let (present, missing): (Vec<VoterName>, Vec<VoterName>) = names.into_iter().partition(is_here);
    let present = Names(present.into_iter().map(|voter| in_words(&voter)).collect());
    if let Some(count) = voter_sets.iter().min_by_key(|count| count.here)
        && voter_sets.iter().all(|count| count.is_quorum())
    {
        return Err(NoPlan::Quorum { count: *count, nodes: present });
    }
    if only_the_witness_is_missing(&voters, &missing) {
        return Err(NoPlan::WitnessOnly(present));
    }
    let (state_of, log_of, end) = choose(copies).ok_or(NoPlan::NoState)?;
    let newest = copies.iter().filter_map(|copy| copy.end).max();
    let has_copy = |voter: &&NodeId| copies.iter().any(|copy| copy.node == **voter);
    let is_complete = voters.voter_sets.iter().any(|set| {
        let here = set.iter().filter(has_copy).count();
        VoterCount { here, all: set.len() }.meets_every_quorum()
    });
    let loss = if is_complete && newest == Some(end) { Loss::Nothing } else { Loss::After(end) };
    let term = copies.iter().map(|copy| copy.term).max().unwrap_or_default();
    Ok(Plan { cluster, state_of, log_of, end, term, voter_sets, missing, loss })
}

/// What a voter is called.
pub fn in_words(voter: &VoterName) -> String {
    if voter.witness { "the router's witness".to_owned() } else { voter.name.clone() }
}

fn the_only_cluster(copies: &[Copy]) -> Result<ClusterId, NoPlan> {
    let first = copies.first().ok_or(NoPlan::NoState)?;
    for (at, second) in copies.iter().enumerate() {
        if second.cluster != first.cluster {
            return Err(NoPlan::SeveralClusters {
                first: first.name.clone(),
                second: second.name.clone(),
                clusters: (first.cluster, second.cluster),
            });
        }
        if let Some(same) = copies[..at].iter().find(|copy| copy.node == second.node) {
            let (first, second) = (same.name.clone(), second.name.clone());
            return Err(NoPlan::SameNode { first, second });
        }
    }
    Ok(first.cluster)
}

/// Whether a new witness may take the place of the only voter that is missing for a quorum
/// ([ADR 16](../../../docs/adr/0016-what-breaks-is-started-anew.md)).
fn only_the_witness_is_missing(voters: &VoterConfig, missing: &[VoterName]) -> bool {
    let [set] = voters.voter_sets.as_slice() else { return false };
    let lost_masters = missing.iter().filter(|voter| !voter.witness).count();
    let lost_witness = missing.iter().any(|voter| voter.witness);
    let masters = set.len() - 1;
    lost_witness && set.len().is_multiple_of(2) && masters - lost_masters >= majority(masters)
}

/// The state that is applied furthest, and the newest log that goes on from there. Where there is no state, a log
/// goes on from nothing that has its beginning.
fn choose(copies: &[Copy]) -> Option<(Option<usize>, usize, LogId)> {
    let states = copies.iter().enumerate().filter_map(|(at, copy)| Some((at, copy.applied?)));
    let (state_of, applied) = states.max_by_key(|(_, applied)| *applied).unzip();
    let logs = copies.iter().enumerate().filter_map(|(at, copy)| Some((at, copy, copy.end?)));
    let goes_on = logs.filter(|(_, copy, end)| copy.purged <= applied && Some(*end) >= applied);
    let (log_of, _, end) = goes_on.max_by_key(|(_, _, end)| *end)?;
    Some((state_of, log_of, end))
}
