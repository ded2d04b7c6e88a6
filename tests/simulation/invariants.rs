//! What must hold after every step, as the nodes themselves saw it.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::NodeId,
    host::simulated::{Machine, clock},
    replication::{
        LogId, StoredMembership,
        observed::{self, Observation, Observed},
    },
};

use crate::{cluster::Cluster, plan::Place};

/// What the router's witness is called.
pub const WITNESS: &str = "router";
/// Whoever was missed has been found again within this time, in nanoseconds.
const MISSED_WITHIN: u64 = 30_000_000_000;

/// So few masters vote together with one that is down and expected back, so that what is acknowledged
/// is on two disks (ADR 13). Nobody can tell that it was stopped for good, or has lost its disk.
const FEW: usize = 2;

/// What is known of the one log.
#[derive(Default)]
pub struct Invariants {
    /// By index: what was committed there.
    committed: BTreeMap<u64, (LogId, [u8; 32])>,
    /// By term: who led.
    leaders: BTreeMap<u64, NodeId>,
    /// By index: what the log up to there makes of a state.
    states: BTreeMap<u64, [u8; 32]>,
    /// How far each machine's state has come.
    applied: BTreeMap<Machine, Option<LogId>>,
    /// The newest membership.
    membership: Option<StoredMembership>,
    /// How many memberships there were, and how many of them were joint.
    memberships: u64,
    joint: u64,
    /// States that were replaced as a whole.
    replaced: u64,
    demotions: u64,
    /// Nodes whose disks were lost: whoever has their names now is another.
    lost: BTreeSet<NodeId>,
}

impl Invariants {
    /// Looks at what the nodes have seen since the last time.
    pub fn look(&mut self, cluster: &mut Cluster, calm_since: Option<u64>) {
        for name in cluster.lost.drain(..) {
            let members = self.membership.iter().flat_map(|known| known.membership().nodes());
            let ids = members.filter(|(_, info)| info.name == name).map(|(id, _)| *id);
            self.lost.extend(ids);
        }
        for Observed { machine, what } in observed::take() {
            let wrong = match what {
                Observation::Opened(applied) => {
                    self.applied.insert(machine, applied);
                    None
                }
                Observation::Replaced(applied) => {
                    self.replaced += 1;
                    self.applied.insert(machine, applied);
                    None
                }
                Observation::Applied { position, digest, membership } => {
                    let wrong = self.applies(machine, position, digest);
                    wrong.or_else(|| self.has_members(membership?, cluster, calm_since))
                }
                Observation::State { index, digest } => {
                    let differs = *self.states.entry(index).or_insert(digest) != digest;
                    differs.then(|| {
                        let name = machine.name();
                        format!(
                            "the state of {name} at index {index} differs from another master's"
                        )
                    })
                }
            };
            cluster.violations.extend(wrong);
        }
    }

    /// When nothing has been wrong for long, all masters that are to run vote, nobody else does but
    /// the witness, and no change of the membership is unfinished.
    pub fn must_be_whole(&self, cluster: &mut Cluster) {
        let Some(membership) = &self.membership else {
            return cluster.violations.push("no membership was ever committed".to_owned());
        };
        let members = membership.membership();
        if members.get_joint_config().len() > 1 {
            cluster.violations.push("a change of the membership is unfinished".to_owned());
        }
        let voters: BTreeSet<String> = members
            .voter_ids()
            .filter_map(|id| members.get_node(&id).map(|info| info.name.clone()))
            .collect();
        let expected = cluster.expected_voters();
        let missing: Vec<_> = expected.difference(&voters).collect();
        let is_stranger = |name: &&String| *name != WITNESS;
        let mut strangers: Vec<_> = voters.difference(&expected).filter(is_stranger).collect();
        if expected.len() <= FEW {
            strangers.clear();
        }
        if !missing.is_empty() || !strangers.is_empty() {
            let wrong = format!("in the end {missing:?} do not vote, and {strangers:?} do");
            cluster.violations.push(wrong);
        }
        if members.voter_ids().count() > voters.len() && expected.len() > FEW {
            cluster.violations.push("in the end two voters have one name".to_owned());
        }
    }

    /// Whether these places are a majority of the voters, and a master is among them; while the
    /// membership changes, of the voters before and after.
    pub fn is_majority(&self, places: &BTreeSet<Place>, cluster: &Cluster) -> bool {
        let Some(membership) = &self.membership else { return false };
        let members = membership.membership();
        let is_in = |id: &&NodeId| {
            if self.lost.contains(id) {
                return false;
            }
            let place = members.get_node(id).and_then(|info| cluster.place_of(&info.name));
            place.is_some_and(|place| places.contains(&place))
        };
        let has_master = places.iter().any(|place| matches!(place, Place::Slot(_)));
        let is_quorum =
            |voters: &BTreeSet<NodeId>| voters.iter().filter(is_in).count() * 2 > voters.len();
        has_master && members.get_joint_config().iter().all(is_quorum)
    }

    /// What was seen, by its name.
    pub fn count(&self, counts: &mut BTreeMap<String, u64>) {
        for (name, count) in [
            ("= committed entries", self.committed.len() as u64),
            ("= terms with a leader", self.leaders.len() as u64),
            ("= memberships", self.memberships),
            ("= joint memberships", self.joint),
            ("= votes taken away", self.demotions),
            ("= states replaced by a snapshot", self.replaced),
            ("= states compared", self.states.len() as u64),
        ] {
            counts.insert(name.to_owned(), count);
        }
    }

    fn applies(&mut self, machine: Machine, position: LogId, digest: [u8; 32]) -> Option<String> {
        let name = machine.name();
        let before = self.applied.insert(machine, Some(position)).flatten();
        if before.is_some_and(|before| position.index != before.index + 1) {
            return Some(format!("{name} applies {position} after {before:?}"));
        }
        let committed = *self.committed.entry(position.index).or_insert((position, digest));
        if committed != (position, digest) {
            return Some(format!(
                "{name} applies {position}, where {} was committed{}",
                committed.0,
                if committed.0 == position { ", with other contents" } else { "" }
            ));
        }
        let leader = position.leader_id;
        let known = *self.leaders.entry(leader.term).or_insert(leader.node_id);
        if known != leader.node_id {
            return Some(format!(
                "term {} has two leaders: {known} and {}",
                leader.term, leader.node_id
            ));
        }
        None
    }

    fn has_members(
        &mut self,
        new: StoredMembership,
        cluster: &Cluster,
        calm_since: Option<u64>,
    ) -> Option<String> {
        if self.membership.as_ref().is_some_and(|known| known.log_id() >= new.log_id()) {
            return None;
        }
        self.memberships += 1;
        self.joint += u64::from(new.membership().get_joint_config().len() > 1);
        let targets = |members: &StoredMembership| -> BTreeSet<NodeId> {
            members.membership().get_joint_config().last().cloned().unwrap_or_default()
        };
        let wanted = targets(&new);
        let before = self.membership.replace(new)?;
        let gone = &targets(&before) - &wanted;
        self.demotions += gone.len() as u64;
        let is_calm = calm_since.is_some_and(|since| clock::now() - since > MISSED_WITHIN);
        let named = |id: &NodeId| Some(before.membership().get_node(id)?.name.clone());
        let expected = cluster.expected_voters();
        let unjust =
            gone.iter().filter_map(named).find(|name| is_calm && expected.contains(name))?;
        Some(format!("{unjust} lost its vote, though nothing has been wrong for long"))
    }
}
