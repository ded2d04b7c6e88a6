//! What must hold after every step, as the nodes themselves saw it.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::NodeId,
    host::simulated::Machine,
    replication::{
        LogId, StoredMembership,
        observed::{self, Observation, Observed},
    },
};

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
    pub membership: Option<StoredMembership>,
    /// How many memberships there were, and how many of them were joint.
    pub memberships: u64,
    pub joint: u64,
    /// States that were replaced as a whole.
    pub replaced: u64,
}

/// A voter lost its vote.
pub struct Demotion {
    /// Its name.
    pub name: String,
}

impl Invariants {
    /// How many entries were committed.
    pub fn entries(&self) -> usize {
        self.committed.len()
    }

    /// How many terms brought a leader.
    pub fn terms(&self) -> usize {
        self.leaders.len()
    }

    /// Looks at what the nodes have seen since the last time. Returns what is wrong, and who was
    /// demoted.
    pub fn look(&mut self) -> (Vec<String>, Vec<Demotion>) {
        let (mut wrong, mut demoted) = (Vec::new(), Vec::new());
        for Observed { machine, what } in observed::take() {
            match what {
                Observation::Opened(applied) => _ = self.applied.insert(machine, applied),
                Observation::Replaced(applied) => {
                    self.replaced += 1;
                    self.applied.insert(machine, applied);
                }
                Observation::Applied { position, digest, membership } => {
                    wrong.extend(self.applies(machine, position, digest));
                    if let Some(membership) = membership {
                        demoted.extend(self.has_members(membership));
                    }
                }
                Observation::State { index, digest } => {
                    if *self.states.entry(index).or_insert(digest) != digest {
                        wrong.push(format!(
                            "the state of {} at index {index} differs from another master's",
                            machine.name()
                        ));
                    }
                }
            }
        }
        (wrong, demoted)
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
            return Some(format!("term {} has two leaders: {known} and {}", leader.term, leader.node_id));
        }
        None
    }

    fn has_members(&mut self, new: StoredMembership) -> Vec<Demotion> {
        if self.membership.as_ref().is_some_and(|known| known.log_id() >= new.log_id()) {
            return Vec::new();
        }
        self.memberships += 1;
        self.joint += u64::from(new.membership().get_joint_config().len() > 1);
        let before = self.membership.replace(new.clone());
        let targets = |members: &StoredMembership| -> BTreeSet<NodeId> {
            members.membership().get_joint_config().last().cloned().unwrap_or_default()
        };
        let Some(before) = before else { return Vec::new() };
        let gone = &targets(&before) - &targets(&new);
        let name = |id: &NodeId| {
            before.membership().get_node(id).map(|info| Demotion { name: info.name.clone() })
        };
        gone.iter().filter_map(name).collect()
    }
}
