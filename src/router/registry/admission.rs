//! Who is taken into the cluster: masters that introduce themselves, a second process of a node, and
//! the first master of all, which bootstraps it.

use std::time::Duration;

use tokio::time::Instant;

use super::{Effect, Master, MasterStreamId, Registry, State};
use crate::{
    control::{Hello, Progress},
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::Version,
    planted::{self, PlantedFault},
    router::duplicates::DuplicateResolution,
};

/// How long new masters are given to be joined by others that already belong to a cluster, before
/// the router bootstraps a new one.
const SETTLE: Duration = Duration::from_secs(1);

impl Registry {
    pub(super) fn on_hello(
        &mut self,
        stream: MasterStreamId,
        hello: Hello,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        match (self.cluster, hello.cluster) {
            (Some(own), Some(other)) if own != other => {
                self.abandonment.receive(stream, hello, own, other, effects);
                return;
            }
            (None, Some(cluster)) if !planted::is(PlantedFault::SecondFounding) => {
                self.adopt_cluster(hello.abandoned_for.unwrap_or(cluster), effects);
            }
            _ => {}
        }
        if let Some(reason) = self.version.and_then(|version| too_old(&hello, version)) {
            effects.push(Effect::Reject(stream, reason));
            return;
        }
        match self.masters.get(&hello.node) {
            Some(master) if master.lives() && master.hello.process != hello.process => {
                self.duplicates.add(stream, hello, now);
            }
            _ => self.register(stream, hello, now, wall, effects),
        }
    }

    /// Another process of a known node replaces the previous one, if that is lost.
    pub(super) fn register_replacements(
        &mut self,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let masters = &self.masters;
        let is_lost = |node| !masters.get(&node).is_some_and(Master::lives);
        for (stream, hello) in self.duplicates.take_replacements(is_lost) {
            self.register(stream, hello, now, wall, effects);
        }
    }

    fn register(
        &mut self,
        stream: MasterStreamId,
        hello: Hello,
        now: Instant,
        wall: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        tracing::info!(master = %hello.name, address = %hello.client_address, "reports");
        self.masters.retain(|node, master| {
            *node == hello.node || master.lives() || master.hello.name != hello.name
        });
        if let Some(Master { stream: Some(replaced), .. }) = self.masters.get(&hello.node) {
            effects.push(Effect::Close(*replaced));
        }
        self.abandonment.admitted(&hello.name);
        self.newcomer_at = now;
        self.election.retry_soon(now);
        let master = Master {
            progress: Progress::default(),
            since: wall,
            state: State::CatchingUp,
            ahead_ms: 0,
            stream: Some(stream),
            reported: false,
            last_report: now,
            silent: false,
            leaving: false,
            hello,
        };
        self.masters.insert(master.hello.node, master);
        effects.push(Effect::Publish);
    }

    /// `stream` has reported: either it has a duplicate that waits, or it is itself the later one.
    pub(super) fn resolve_duplicates(
        &mut self,
        stream: MasterStreamId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(master) = self.masters.values_mut().find(|m| m.stream == Some(stream)) else {
            return;
        };
        match self.duplicates.resolve(&master.hello, now, self.silence.reports() / 2) {
            None => {}
            Some(DuplicateResolution::RejectSecond(duplicate, reason)) => {
                effects.push(Effect::Reject(duplicate, reason));
            }
            Some(DuplicateResolution::RejectFirst(reason)) => {
                effects.push(Effect::Reject(stream, reason));
                // Leaves its place to the other.
                master.stream = None;
                master.progress.leading = false;
            }
        }
    }

    /// Learns from a leader in which version of the format the cluster writes, and turns away
    /// masters that came before this was known and do not speak it.
    pub(super) fn note_version(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        let leader = self.masters.get(&node).filter(|master| master.progress.leading);
        let Some(version) = leader.map(|leader| leader.progress.version) else { return };
        if self.version.is_some_and(|known| known >= version) {
            return;
        }
        self.version = Some(version);
        self.masters.retain(|_, master| {
            let reason = too_old(&master.hello, version);
            let (Some(reason), Some(stream)) = (reason, master.stream) else { return true };
            effects.push(Effect::Reject(stream, reason));
            false
        });
    }

    pub(super) fn adopt_cluster(&mut self, cluster: ClusterId, effects: &mut Vec<Effect>) {
        self.cluster = Some(cluster);
        self.bootstrapping = None;
        effects.push(Effect::AdoptCluster(cluster));
    }

    /// Bootstraps a cluster if there is none and no node knows of one.
    pub(super) fn bootstrap(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.cluster.is_some() || self.bootstrapping.is_some() || now - self.newcomer_at < SETTLE
        {
            return;
        }
        let is_new =
            |m: &&Master| m.hello.cluster.is_none() || !planted::is(PlantedFault::SecondFounding);
        let living = self.masters.values().filter(|m| m.lives());
        let first = living.filter(is_new).min_by_key(|m| &m.hello.name);
        if let Some(stream) = first.and_then(|master| master.stream) {
            self.bootstrapping = Some(stream);
            effects.push(Effect::Bootstrap(stream, self.new_cluster));
            self.new_cluster = self.new_cluster.next();
        }
    }
}

/// Why a master cannot be a member of a cluster that writes in `version`.
fn too_old(hello: &Hello, version: Version) -> Option<String> {
    hello.supported_versions.refusal(&hello.name, version)
}
