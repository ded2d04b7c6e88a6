//! Whether a change of who votes had a reason, and what it leaves.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::NodeId,
    host::simulated::{
        Machine,
        clock::{self, MILLISECOND},
    },
    replication::StoredMembership,
};

use crate::{
    cluster::{Cluster, Host},
    evidence::{self, Evidence},
    plan::Place,
};

/// A master that was here a while ago is expected back for longer than this.
const EXPECTED_FOR: u64 = 50_000 * MILLISECOND;
/// The state of whoever gets a vote lacks no more entries than these. (Where the log is shortened, there
/// are 100 between two checkpoints, from which a restarted master begins, though it has the whole log.)
const LACKS: u64 = 200;

/// So few masters vote together with one that is down and expected back, so that what is acknowledged
/// is on two disks (ADR 13). Nobody can tell that it was stopped for good, or has lost its disk.
pub const FEW: usize = 2;

/// A change that was committed, and what it is judged by.
pub struct VoteChange<'a> {
    pub before: &'a StoredMembership,
    pub new: &'a StoredMembership,
    pub cluster: &'a Cluster,
    pub evidence: &'a Evidence,
    /// Nodes whose disks were lost: whoever has their names now is another.
    pub lost: &'a BTreeSet<NodeId>,
    /// Nothing at all has been wrong for long.
    pub is_calm: bool,
}

impl VoteChange<'_> {
    /// Who loses a vote, when the change is finished.
    pub fn taken(&self) -> BTreeSet<NodeId> {
        &target(self.before) - &target(self.new)
    }

    /// What is wrong with it, given how far the state of a machine has come.
    pub fn wrong(&self, applied: impl Fn(Machine) -> u64) -> Option<String> {
        self.takes_too_many()
            .or_else(|| self.takes_without_a_reason())
            .or_else(|| self.gives_too_early(applied))
    }

    /// Nobody is removed again with whom, and between whom and the leader, nothing has been wrong since it
    /// was added.
    pub fn removes_a_newcomer(
        &self,
        removed: BTreeSet<NodeId>,
        added_at: &BTreeMap<NodeId, u64>,
    ) -> Option<String> {
        let expected = self.cluster.expected_voters();
        let leader = self.place(self.new, (*self.new.log_id())?.leader_id.node_id)?;
        removed.into_iter().find_map(|id| {
            let place = self.place(self.before, id)?;
            let name = &self.before.membership().get_node(&id)?.name;
            let was_well = self.evidence.well_since(&[place, leader]) <= *added_at.get(&id)?;
            (was_well && expected.contains(name)).then(|| {
                format!("{name} was added and removed again, though nothing was wrong with it")
            })
        })
    }

    /// No change takes half of the votes or more. The witness does not vote beside a single master.
    fn takes_too_many(&self) -> Option<String> {
        let wanted = target(self.new);
        let counts = |id: &&NodeId| wanted.len() > 1 || !is_witness(self.before, **id);
        let sets = self.before.membership().get_joint_config().iter();
        let mut taken = sets.map(|set| (set.difference(&wanted).filter(counts).count(), set.len()));
        let (taken, of) = taken.find(|(taken, of)| *taken > 0 && taken * 2 >= *of)?;
        Some(format!("{taken} of {of} voters lose their votes at once"))
    }

    /// Nobody loses a vote who is to run, and with whom, or between whom and the leader, nothing was
    /// wrong; nor the second of two masters while it is expected back.
    fn takes_without_a_reason(&self) -> Option<String> {
        let now = clock::now();
        let expected = self.cluster.expected_voters();
        let leader = self.place(self.new, (*self.new.log_id())?.leader_id.node_id)?;
        let leaves_one = masters(self.before) == 2 && masters(self.new) == 1;
        self.taken().into_iter().find_map(|id| {
            let place = self.place(self.before, id)?;
            let name = &self.before.membership().get_node(&id)?.name;
            if !expected.contains(name) {
                return None;
            }
            let well_since = self.evidence.well_since(&[place, leader]);
            if self.is_calm || now - well_since > evidence::no_reason_for(self.cluster) {
                let well_since = well_since / MILLISECOND;
                return Some(format!(
                    "{name} lost its vote, though nothing has been wrong since {well_since} ms"
                ));
            }
            let is_expected_back = now - self.evidence.ran_at(place) < EXPECTED_FOR;
            (leaves_one && is_expected_back)
                .then(|| format!("{name} lost its vote, though it is expected back"))
        })
    }

    /// Whoever gets a vote has caught up; except as the second of two masters, which may have to return
    /// or to catch up first.
    fn gives_too_early(&self, applied: impl Fn(Machine) -> u64) -> Option<String> {
        let position = (*self.new.log_id())?;
        let wanted = target(self.new);
        let given = &wanted - &self.before.membership().voter_ids().collect();
        let host = |id| {
            let at = self.cluster.at(self.place(self.new, id)?)?;
            (!is_witness(self.new, id)).then(|| &self.cluster.hosts[at])
        };
        let stays = |host: &Host| host.is_up() && !host.stops();
        given.into_iter().find_map(|id| {
            let others = wanted.iter().filter(|other| **other != id);
            let staying = others.filter_map(|other| host(*other)).filter(|host| stays(host));
            let has_come_to = applied(host(id)?.machine);
            (staying.count() >= FEW && has_come_to + LACKS < position.index).then(|| {
                format!("{id} got a vote at {position}, though it had come to {has_come_to} only")
            })
        })
    }

    fn place(&self, members: &StoredMembership, id: NodeId) -> Option<Place> {
        place_of(members, id, self.lost, self.cluster)
    }
}

/// Where a member is, unless it was lost with its disk.
pub fn place_of(
    members: &StoredMembership,
    id: NodeId,
    lost: &BTreeSet<NodeId>,
    cluster: &Cluster,
) -> Option<Place> {
    let info = members.membership().get_node(&id).filter(|_| !lost.contains(&id))?;
    cluster.place_of(&info.name)
}

/// Whether a member is a router's witness.
pub fn is_witness(members: &StoredMembership, id: NodeId) -> bool {
    members.membership().get_node(&id).is_some_and(|info| info.witness)
}

/// Who votes when a change is finished.
fn target(members: &StoredMembership) -> BTreeSet<NodeId> {
    members.membership().get_joint_config().last().cloned().unwrap_or_default()
}

/// How many masters do.
fn masters(members: &StoredMembership) -> usize {
    target(members).iter().filter(|id| !is_witness(members, **id)).count()
}
