//! Masters of another cluster than this router's, while that may have to be abandoned for theirs.
//! Pure.
//!
//! A new master that reports first to a router that lost its disk makes it found a second cluster
//! beside the older one, whose masters come a moment later. Where nobody has made anything in the
//! second one, it is abandoned for the older. Until that is clear, the masters of the older one are
//! neither taken in nor rejected.

use std::collections::{BTreeMap, BTreeSet};

use super::{quorum_loss, registry::MasterStreamId};
use crate::{
    control::{Hello, Progress, VoterConfig},
    domain::{ClusterId, NodeId},
};

/// Those that are connected.
#[derive(Debug, Default)]
pub struct ForeignMasters {
    by_stream: BTreeMap<MasterStreamId, ForeignMaster>,
}

/// A master of another cluster.
#[derive(Debug)]
pub struct ForeignMaster {
    /// As it introduced itself.
    pub hello: Hello,
    /// As it last reported.
    pub progress: Option<Progress>,
}

impl ForeignMasters {
    /// One has introduced itself.
    pub fn insert(&mut self, stream: MasterStreamId, hello: Hello) {
        self.by_stream.insert(stream, ForeignMaster { hello, progress: None });
    }

    /// Takes a report; gives it back where it is no foreign master's.
    pub fn report(&mut self, stream: MasterStreamId, progress: Progress) -> Option<Progress> {
        let Some(foreign_master) = self.by_stream.get_mut(&stream) else { return Some(progress) };
        foreign_master.progress = Some(progress);
        None
    }

    /// A stream has ended.
    pub fn remove(&mut self, stream: MasterStreamId) {
        self.by_stream.remove(&stream);
    }

    /// Everyone who is here.
    pub fn iter(&self) -> impl Iterator<Item = &ForeignMaster> {
        self.by_stream.values()
    }

    /// The streams of everyone who is here.
    pub fn streams(&self) -> impl Iterator<Item = MasterStreamId> {
        self.by_stream.keys().copied()
    }

    /// Takes out those of whom `which` says so.
    pub fn take(
        &mut self,
        which: impl Fn(&ForeignMaster) -> bool,
    ) -> Vec<(MasterStreamId, ForeignMaster)> {
        self.by_stream.extract_if(.., |_, foreign_master| which(foreign_master)).collect()
    }

    /// The cluster that had better go on: people may have made something in it, and enough of its masters
    /// are here to elect a leader, with `witness`, new even if it is not known yet, in the place of
    /// their lost one if need be.
    pub fn preferred_cluster(&self, witness: Option<NodeId>) -> Option<ClusterId> {
        let clusters: BTreeSet<ClusterId> =
            self.iter().filter_map(|foreign_master| foreign_master.hello.cluster).collect();
        clusters.into_iter().find(|cluster| {
            let reports: Vec<(NodeId, &Progress)> = self
                .iter()
                .filter(|foreign_master| foreign_master.hello.cluster == Some(*cluster))
                .filter_map(|foreign_master| {
                    Some((foreign_master.hello.node, foreign_master.progress.as_ref()?))
                })
                .collect();
            reports.iter().any(|(_, progress)| may_have_content(progress))
                && can_elect(&reports, witness)
        })
    }
}

/// A master that has just started may have applied little of its log, until a leader says how far that
/// is committed.
fn may_have_content(progress: &Progress) -> bool {
    !progress.is_empty || progress.applied < progress.last_log.index
}

fn can_elect(reports: &[(NodeId, &Progress)], witness: Option<NodeId>) -> bool {
    let known: Vec<(NodeId, &VoterConfig)> =
        reports.iter().map(|(node, progress)| (*node, &*progress.voter_config)).collect();
    let Some((_, newest)) = known.iter().max_by_key(|(_, voter_config)| voter_config.index) else {
        return false;
    };
    let here: BTreeSet<NodeId> = known.iter().map(|(node, _)| *node).collect();
    let is_known = !newest.voter_sets.is_empty();
    is_known
        && (quorum_loss::describe(newest, &here).is_none()
            || quorum_loss::replaceable_witness(witness, &known).is_some())
}
