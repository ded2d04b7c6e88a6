//! What masters and the witness report.

use tokio::time::Instant;

use super::{Effect, MasterStreamId, Registry, WitnessRecord, abandonment::reject_other_cluster};
use crate::{
    control::Progress,
    domain::{NodeId, UnixMillis},
    planted::{self, PlantedFault},
};

impl Registry {
    pub(super) fn on_progress(
        &mut self,
        stream: MasterStreamId,
        progress: Progress,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(progress) = self.abandonment.report(stream, progress) else { return };
        let (own, reported) = (self.cluster, progress.cluster);
        self.resolve_duplicates(stream, now, effects);
        let Some(master) = self.master_by_stream(stream) else { return };
        master.last_report = now;
        master.silent = false;
        if progress.clock != UnixMillis::EPOCH {
            master.ahead_ms = progress.clock.saturating_ms_since(wall);
        }
        master.reported = true;
        let (node, probe, votes) = (master.hello.node, progress.probe, progress.voter);
        match (own, reported) {
            (Some(own), _) if progress.abandoned_for.is_some_and(|better| better != own) => {
                let better = progress.abandoned_for.expect("asked just now");
                tracing::warn!(%better, "the cluster, which is empty, was abandoned for an older one");
                self.change_cluster(better, now, wall, effects);
                return;
            }
            (Some(own), Some(other)) if own != other => {
                // It bootstrapped one after its stream had broken, when another master had been
                // told to.
                effects.push(reject_other_cluster(stream, &master.hello.name, own, other));
                self.masters.remove(&node);
                return;
            }
            _ => {
                if progress.voter_config.index >= self.voter_config.index {
                    self.voter_config.clone_from(&progress.voter_config);
                }
                // Looked up again, because the borrow has ended.
                if let Some(master) = self.master_by_stream(stream) {
                    // The available server has to know who has room.
                    let is_news = master.progress.room.condition != progress.room.condition;
                    master.progress = progress;
                    effects.extend(is_news.then_some(Effect::Publish));
                }
            }
        }
        self.observed_voters.observe(&self.masters[&node].progress);
        if votes {
            self.election.answered(node, probe);
        }
        if self.masters[&node].progress.leading {
            let is_empty = self.masters[&node].progress.is_empty;
            self.abandonment.note_is_empty(is_empty && !planted::is(PlantedFault::SecondFounding));
        }
        self.note_version(node, effects);
        if let (None, Some(cluster)) = (own, reported)
            && (self.bootstrapping == Some(stream) || !planted::is(PlantedFault::SecondFounding))
        {
            self.adopt_cluster(cluster, effects);
        }
    }

    pub(super) fn on_witness_progress(
        &mut self,
        node: NodeId,
        progress: Progress,
        effects: &mut Vec<Effect>,
    ) {
        if self.abandonment.is_old_witness(node, effects) {
            return;
        }
        self.election.answered(node, progress.probe);
        self.observed_voters.observe(&progress);
        if progress.leading && progress.applied == progress.last_log.index {
            self.election.handed_over();
        }
        if let (None, Some(cluster)) = (progress.cluster, self.cluster) {
            // It was broken when the cluster became known, or it is new.
            effects.push(Effect::AdoptCluster(cluster));
        }
        let known = self.witness.as_ref();
        if known.is_none_or(|known| known.node != node || known.broken.is_some()) {
            effects.push(Effect::Publish);
        }
        self.witness = Some(WitnessRecord { node, progress, broken: None });
    }
}
