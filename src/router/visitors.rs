//! Masters of another cluster than this router's, while that may have to give way to theirs. Pure.
//!
//! A new master that reports first to a router that lost its disk makes it found a second cluster
//! beside the older one, whose masters come a moment later. Where nobody has made anything in the
//! second one, it is given up for the older. Until that is clear, the masters of the older one are
//! neither taken in nor turned away.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    registry::{Hello, SessionId},
    waiting,
};
use crate::{
    domain::{ClusterId, NodeId},
    replication::{electorate::Electorate, node::Progress},
};

/// Those who visit.
#[derive(Debug, Default)]
pub struct Visitors {
    by_session: BTreeMap<SessionId, Visitor>,
}

/// A master of another cluster.
#[derive(Debug)]
pub struct Visitor {
    /// As it introduced itself.
    pub hello: Hello,
    /// As it last reported.
    pub progress: Option<Progress>,
}

impl Visitors {
    /// One has introduced itself.
    pub fn insert(&mut self, session: SessionId, hello: Hello) {
        self.by_session.insert(session, Visitor { hello, progress: None });
    }

    /// Takes a report; gives it back where it is no visitor's.
    pub fn report(&mut self, session: SessionId, progress: Progress) -> Option<Progress> {
        let Some(visitor) = self.by_session.get_mut(&session) else { return Some(progress) };
        visitor.progress = Some(progress);
        None
    }

    /// A stream has ended.
    pub fn lost(&mut self, session: SessionId) {
        self.by_session.remove(&session);
    }

    /// Everyone who is here.
    pub fn iter(&self) -> impl Iterator<Item = &Visitor> {
        self.by_session.values()
    }

    /// Takes out those of whom `which` says so.
    pub fn take(&mut self, which: impl Fn(&Visitor) -> bool) -> Vec<(SessionId, Visitor)> {
        self.by_session.extract_if(.., |_, visitor| which(visitor)).collect()
    }

    /// The cluster that had better go on: people may have made something in it, and enough of its masters
    /// are here to elect a leader, with `witness` in the place of their lost one if need be.
    pub fn better(&self, witness: NodeId) -> Option<ClusterId> {
        let clusters: BTreeSet<ClusterId> =
            self.iter().filter_map(|visitor| visitor.hello.cluster).collect();
        clusters.into_iter().find(|cluster| {
            let reports: Vec<(NodeId, &Progress)> = self
                .iter()
                .filter(|visitor| visitor.hello.cluster == Some(*cluster))
                .filter_map(|visitor| Some((visitor.hello.node, visitor.progress.as_ref()?)))
                .collect();
            reports.iter().any(|(_, progress)| may_hold_something(progress))
                && can_elect(&reports, witness)
        })
    }
}

/// A master that has just started may have applied little of its log, until a leader says how far that
/// is committed.
fn may_hold_something(progress: &Progress) -> bool {
    !progress.is_empty || progress.applied < progress.last_log.1
}

fn can_elect(reports: &[(NodeId, &Progress)], witness: NodeId) -> bool {
    let known: Vec<(NodeId, &Electorate)> =
        reports.iter().map(|(node, progress)| (*node, &*progress.electorate)).collect();
    let Some((_, newest)) = known.iter().max_by_key(|(_, electorate)| electorate.index) else {
        return false;
    };
    let here: BTreeSet<NodeId> = known.iter().map(|(node, _)| *node).collect();
    let is_known = !newest.parts.is_empty();
    is_known
        && (waiting::waiting_for(newest, &here).is_none()
            || waiting::inherits(witness, &known).is_some())
}
