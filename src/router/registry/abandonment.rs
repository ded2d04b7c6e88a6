//! Masters of other clusters, and the abandonment of this one for an older one whose masters have
//! come: of the two, the one in which somebody may have made something goes on
//! ([ADR 16](../../../docs/adr/0016-what-breaks-is-started-anew.md)). A cluster that was made of what was left of another
//! takes its place ([ADR 39](../../../docs/adr/0039-a-recovered-cluster-succeeds-the-old-one.md)).
//!
//! **Invariant.** A master is told to become a new node only after the witness is one: a router that
//! restarts must not return to the cluster that was abandoned. And whoever is told so is no member.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{Effect, Master, MasterStreamId, Registry};
use crate::{
    control::{Hello, Progress},
    domain::{ClusterId, NodeId, UnixMillis},
    router::{
        election::Voter,
        foreign_masters::{ForeignMaster, ForeignMasters},
    },
};

/// Masters of other clusters that are remembered, to be listed in the status.
const OTHER_CLUSTERS: usize = 8;

/// What is known of other clusters than this router's.
#[derive(Debug, Default)]
pub(super) struct Abandonment {
    foreign_masters: ForeignMasters,
    /// Whether nobody has made anything in this router's cluster, by its leader's word.
    is_empty: Option<bool>,
    /// For which cluster the leader was told to abandon its own, and on which stream.
    order: Option<(MasterStreamId, ClusterId)>,
    /// The one that was abandoned for this router's.
    abandoned: Option<AbandonedCluster>,
    /// The last masters of other clusters that were rejected.
    rejected: BTreeMap<String, ClusterId>,
}

/// The cluster that was abandoned for the present one.
#[derive(Debug)]
struct AbandonedCluster {
    cluster: ClusterId,
    /// The witness was its; none where it was broken and had never reported, or is a new one.
    witness: Option<NodeId>,
    /// Its masters that have not been told yet to become new nodes.
    masters: Vec<(MasterStreamId, NodeId)>,
}

impl Abandonment {
    /// A master of another cluster has come: it may not be clear yet which of the clusters goes on.
    pub(super) fn receive(
        &mut self,
        stream: MasterStreamId,
        hello: Hello,
        own: ClusterId,
        other: ClusterId,
        effects: &mut Vec<Effect>,
    ) {
        debug_assert_ne!(own, other, "a foreign master's cluster is another");
        let was_abandoned = self.abandoned.as_ref().is_some_and(|before| before.cluster == other);
        if was_abandoned || hello.abandoned_for == Some(own) || own.succeeds(other) {
            self.reset_node(stream, hello.node, effects);
        } else if self.is_empty == Some(false) && !other.succeeds(own) {
            self.reject(stream, hello.name, own, other, effects);
        } else {
            effects.push(Effect::Defer(stream, may_be_taken_in(&hello, own)));
            self.foreign_masters.insert(stream, hello);
        }
    }

    fn reject(
        &mut self,
        stream: MasterStreamId,
        name: String,
        own: ClusterId,
        other: ClusterId,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(reject_other_cluster(stream, &name, own, other));
        self.rejected.insert(name, other);
        if self.rejected.len() > OTHER_CLUSTERS {
            self.rejected.pop_first();
        }
    }

    /// Tells a master whose cluster was abandoned to become a new node, but not before the witness
    /// has.
    fn reset_node(&mut self, stream: MasterStreamId, node: NodeId, effects: &mut Vec<Effect>) {
        match &mut self.abandoned {
            Some(AbandonedCluster { witness: Some(_), masters, .. }) => {
                masters.push((stream, node));
            }
            _ => effects.push(Effect::ResetNode(Voter::Master(stream), node)),
        }
    }

    /// Takes a report; gives it back where it is no foreign master's.
    pub(super) fn report(
        &mut self,
        stream: MasterStreamId,
        progress: Progress,
    ) -> Option<Progress> {
        self.foreign_masters.report(stream, progress)
    }

    /// Whether the leader says that nobody has made anything in this cluster.
    pub(super) fn note_is_empty(&mut self, is_empty: bool) {
        self.is_empty = Some(is_empty);
    }

    /// A stream has ended.
    pub(super) fn lost(&mut self, stream: MasterStreamId) {
        self.foreign_masters.remove(stream);
        if let Some(abandoned) = &mut self.abandoned {
            abandoned.masters.retain(|(told, _)| *told != stream);
        }
    }

    /// A master of this name was taken into this cluster.
    pub(super) fn admitted(&mut self, name: &str) {
        self.rejected.remove(name);
    }

    /// Whether the witness `node`, which reports, is still that of the abandoned cluster: it was
    /// broken when it was told, and is told again. Once it is a new one, the masters are told.
    pub(super) fn is_old_witness(&mut self, node: NodeId, effects: &mut Vec<Effect>) -> bool {
        let Some(abandoned) = &mut self.abandoned else { return false };
        if abandoned.witness == Some(node) {
            effects.push(Effect::ResetNode(Voter::Witness, node));
            return true;
        }
        abandoned.witness = None;
        let told = std::mem::take(&mut abandoned.masters).into_iter();
        effects.extend(told.map(|(stream, node)| Effect::ResetNode(Voter::Master(stream), node)));
        false
    }

    /// Has the cluster given up for an older one if nobody has made anything in it; otherwise turns
    /// the masters of the older one away.
    pub(super) fn decide(
        &mut self,
        own: Option<ClusterId>,
        leader: Option<MasterStreamId>,
        witness: Option<NodeId>,
        effects: &mut Vec<Effect>,
    ) {
        let (Some(own), Some(is_empty)) = (own, self.is_empty) else { return };
        if !is_empty {
            self.reject_foreign(own, |cluster| !cluster.succeeds(own), effects);
            return;
        }
        let better = self.foreign_masters.preferred_cluster(witness);
        let (Some(leader), Some(better)) = (leader, better) else { return };
        if self.order != Some((leader, better)) {
            self.order = Some((leader, better));
            effects.push(Effect::AbandonCluster(leader, better));
        }
    }

    /// Rejects the masters of those clusters of which `which` says so.
    fn reject_foreign(
        &mut self,
        own: ClusterId,
        which: impl Fn(ClusterId) -> bool,
        effects: &mut Vec<Effect>,
    ) {
        let is_meant = |foreign: &ForeignMaster| foreign.hello.cluster.is_some_and(&which);
        for (stream, ForeignMaster { hello, .. }) in self.foreign_masters.take(is_meant) {
            let other = hello.cluster.expect("a foreign master has a cluster");
            self.reject(stream, hello.name, own, other, effects);
        }
    }

    /// A cluster that was made of what was left of `own`, and whose masters are here.
    fn successor_of(&self, own: ClusterId) -> Option<ClusterId> {
        let clusters = self.foreign_masters.iter().filter_map(|foreign| foreign.hello.cluster);
        clusters
            .filter(|cluster| cluster.succeeds(own))
            .reduce(|one, other| if other.succeeds(one) { other } else { one })
    }

    /// Masters of other clusters that were rejected, by name.
    pub(super) fn rejected(&self) -> impl Iterator<Item = (&String, &ClusterId)> {
        self.rejected.iter()
    }

    /// Masters of other clusters that wait.
    pub(super) fn foreign_masters(&self) -> impl Iterator<Item = &ForeignMaster> {
        self.foreign_masters.iter()
    }

    /// The streams of those that wait, to be taken in or to become new nodes.
    pub(super) fn streams(&self) -> impl Iterator<Item = MasterStreamId> {
        let told = self.abandoned.iter().flat_map(|abandoned| &abandoned.masters);
        self.foreign_masters.streams().chain(told.map(|(stream, _)| *stream))
    }
}

impl Registry {
    /// Gives way to a cluster that was made of what was left of this one, unless this one can go on after all
    /// ([ADR 39](../../../docs/adr/0039-a-recovered-cluster-succeeds-the-old-one.md)).
    pub(super) fn give_way(&mut self, now: Instant, wall: UnixMillis, effects: &mut Vec<Effect>) {
        let Some(own) = self.cluster else { return };
        let Some(successor) = self.abandonment.successor_of(own) else { return };
        let is_lost = self.quorum_loss().is_some() || !self.masters.values().any(Master::lives);
        if self.available.is_some() {
            self.abandonment.reject_foreign(own, |cluster| cluster.succeeds(own), effects);
        } else if is_lost {
            tracing::warn!(cluster = %own, %successor, "what was left of the cluster was made a new one");
            self.change_cluster(successor, now, wall, effects);
        }
    }

    /// The cluster was abandoned for `better`: all of its nodes become new ones, and the masters of
    /// `better` are admitted.
    pub(super) fn change_cluster(
        &mut self,
        better: ClusterId,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.cluster else { return };
        let fresh = Self::new(Some(better), self.new_cluster, self.silence, now);
        let before = std::mem::replace(self, fresh);
        let witness = before.witness.map(|witness| witness.node);
        let masters = before.masters.into_iter();
        let told = |(node, master): (NodeId, Master)| Some((master.stream?, node));
        let masters = masters.filter_map(told).collect();
        let mut foreign_masters = before.abandonment.foreign_masters;
        let taken_in =
            foreign_masters.take(|foreign_master| foreign_master.hello.cluster == Some(better));
        self.abandonment.abandoned = Some(AbandonedCluster { cluster, witness, masters });
        self.abandonment.foreign_masters = foreign_masters;
        if let Some(witness) = witness {
            effects.push(Effect::ResetNode(Voter::Witness, witness));
        }
        effects.push(Effect::Publish);
        for (stream, ForeignMaster { hello, progress }) in taken_in {
            self.on_hello(stream, hello, now, wall, effects);
            if let Some(progress) = progress {
                self.on_progress(stream, progress, now, wall, effects);
            }
        }
    }
}

pub(super) fn reject_other_cluster(
    stream: MasterStreamId,
    name: &str,
    own: ClusterId,
    other: ClusterId,
) -> Effect {
    Effect::Reject(stream, other_cluster(name, own, other))
}

/// The message about a master of another cluster that may go on instead of this one.
pub fn may_be_taken_in(Hello { name, cluster, .. }: &Hello, own: ClusterId) -> String {
    let other = cluster.map_or_else(String::new, |cluster| cluster.to_string());
    if cluster.is_some_and(|cluster| cluster.succeeds(own)) {
        return format!(
            "{name} belongs to cluster {other}, which was made of what was left of this router's cluster {own}, and is taken in as soon as it is clear that {own} has no quorum"
        );
    }
    format!(
        "{name} belongs to cluster {other}, but this router to cluster {own}, which is abandoned if it is empty and enough masters of {other} are here to elect a leader: start its other masters too"
    )
}

/// The message about a master of another cluster. It may be the original cluster of this network:
/// the younger one was bootstrapped if a new master was the first to report to a router without its
/// disk.
pub fn other_cluster(name: &str, own: ClusterId, other: ClusterId) -> String {
    if other.succeeds(own) {
        return format!(
            "{name} belongs to cluster {other}, which was made of what was left of this router's cluster {own}, but {own} serves after all: stop {name} and remove its data; or, if {other} is to go on instead, stop all other masters first"
        );
    }
    format!(
        "{name} belongs to cluster {other}, but this router to cluster {own}: give each cluster a router and data directories of its own; or, if {own} was bootstrapped by mistake after the router had lost its disk, stop everything, remove the router's data directory and the slots of the masters of {own}, and start the other masters first"
    )
}
