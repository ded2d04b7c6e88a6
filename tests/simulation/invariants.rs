//! What must hold after every step, as the nodes themselves saw it.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::NodeId,
    host::simulated::{
        Machine,
        clock::{self, MILLISECOND},
    },
    replication::{
        LogId, StoredMembership,
        observed::{self, Observation, Observed},
    },
};

use crate::{
    cluster::Cluster,
    evidence::{Evidence, no_reason_for},
    following::Following,
    plan::Place,
    votes::{FEW, VoteChange, is_witness, place_of},
};

/// What the router's witness is called.
pub const WITNESS: &str = "router";
const SECOND: u64 = 1_000 * MILLISECOND;
/// Whoever was missed has been found again within this time, in nanoseconds; later in a slow cluster.
const MISSED_WITHIN: u64 = 30 * SECOND;
/// A change of the membership that has begun is finished within this time, if it can be.
const CHANGED_WITHIN: u64 = 10 * SECOND;

/// By its term and its node, which is the order of leaders.
type LeaderId = (u64, NodeId);

/// What is known of the one log.
#[derive(Default)]
pub struct Invariants {
    /// By index: what was committed there.
    committed: BTreeMap<u64, (LogId, [u8; 32])>,
    /// Who made the newest entry, and how many leaders there were.
    leader: Option<LeaderId>,
    tenures: u64,
    /// By index: what the log up to there makes of a state.
    states: BTreeMap<u64, [u8; 32]>,
    /// How far each machine's state has come.
    applied: BTreeMap<Machine, Option<LogId>>,
    /// Machines that have founded another cluster, because they and the router had lost their disks
    /// and nobody else had been heard yet. It is abandoned for the first one (ADR 16).
    elsewhere: BTreeSet<Machine>,
    /// The newest membership, and since when it has been the newest.
    membership: Option<StoredMembership>,
    changed_at: u64,
    /// How many memberships there were, and how many of them were joint.
    memberships: u64,
    joint: u64,
    /// States that were replaced as a whole.
    replaced: u64,
    demotions: u64,
    /// Nodes whose disks were lost: whoever has their names now is another.
    lost: BTreeSet<NodeId>,
    following: Following,
    /// When each became a member.
    added_at: BTreeMap<NodeId, u64>,
}

impl Invariants {
    /// Looks at what the nodes have seen since the last time.
    pub fn look(&mut self, cluster: &mut Cluster, evidence: &Evidence, calm_since: Option<u64>) {
        for name in cluster.lost.drain(..) {
            let members = self.membership.iter().flat_map(|known| known.membership().nodes());
            let ids = members.filter(|(_, info)| info.name == name).map(|(id, _)| *id);
            self.lost.extend(ids);
        }
        for Observed { machine, what } in observed::take() {
            let wrong = match what {
                Observation::Opened(applied) => {
                    self.elsewhere.remove(&machine);
                    self.applied.insert(machine, applied);
                    None
                }
                _ if self.elsewhere.contains(&machine) => None,
                Observation::Replaced(applied) => {
                    self.replaced += 1;
                    self.applied.insert(machine, applied);
                    None
                }
                Observation::Witnessed(position) => {
                    self.applied.insert(machine, position);
                    None
                }
                Observation::Applied { position, digest, .. } if self.founds(position, digest) => {
                    self.elsewhere.insert(machine);
                    None
                }
                Observation::Applied { position, digest, membership } => {
                    let wrong = self.applies(machine, position, digest);
                    let wrong = wrong.or_else(|| self.is_led(position, cluster, evidence));
                    wrong.or_else(|| self.has_members(&membership?, cluster, evidence, calm_since))
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
        let wrong = self.is_unfinished(cluster, evidence);
        let wrong = wrong.or_else(|| self.is_missed(cluster, evidence));
        cluster.violations.extend(wrong.or_else(|| self.is_behind(cluster, evidence)));
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
        // One that was stopped for good, and of which a restarted router knows nothing, may keep its vote
        // beside an even number of others until it is forgotten (ADR 13).
        let makes_it_odd = strangers.len() == 1 && !voters.len().is_multiple_of(2);
        if expected.len() <= FEW || makes_it_odd {
            strangers.clear();
        }
        if !missing.is_empty() || !strangers.is_empty() {
            let wrong = format!("in the end {missing:?} do not vote, and {strangers:?} do");
            cluster.violations.push(wrong);
        }
        // One that lost its disk may keep its vote beside an even number of others (ADR 13).
        let count = members.voter_ids().count();
        let most = if count.is_multiple_of(2) { voters.len() } else { voters.len() + 1 };
        if count > most && expected.len() > FEW {
            cluster.violations.push("in the end two voters have one name".to_owned());
        }
        // A router has one, and gives up the one that it lost with its disk.
        let witnesses = members.nodes().filter(|(_, info)| info.witness).count();
        if witnesses > 1 {
            cluster.violations.push(format!("in the end there are {witnesses} witnesses"));
        }
    }

    /// Since when the membership has been as it is.
    pub fn membership_since(&self) -> u64 {
        self.changed_at
    }

    /// Whether these places are a majority of the voters, and a master is among them; while the
    /// membership changes, of the voters before and after.
    pub fn is_majority(&self, places: &BTreeSet<Place>, cluster: &Cluster) -> bool {
        let Some(membership) = &self.membership else { return false };
        let is_in = |id: &&NodeId| {
            self.place(membership, **id, cluster).is_some_and(|place| places.contains(&place))
        };
        let has_master = places.iter().any(|place| matches!(place, Place::Slot(_)));
        let is_quorum =
            |voters: &BTreeSet<NodeId>| voters.iter().filter(is_in).count() * 2 > voters.len();
        has_master && membership.membership().get_joint_config().iter().all(is_quorum)
    }

    /// These places with a majority of the voters that have been well since then, each with all
    /// others, if there is one and nobody else can lead: whoever is not among them does not run, or
    /// does not reach a majority.
    pub fn majority_with(
        &self,
        first: &[Place],
        cluster: &Cluster,
        evidence: &Evidence,
        since: u64,
    ) -> Option<Vec<Place>> {
        let voters = self.voters(cluster);
        let whole = evidence.well_with(first, &voters, since);
        let is_idle = |place: &Place| {
            let runs = cluster.at(*place).is_some_and(|at| cluster.hosts[at].is_up());
            let reached = voters.iter().filter(|voter| !evidence.is_cut_link(*place, **voter));
            !runs || !self.is_majority(&reached.copied().collect(), cluster)
        };
        let mut others = voters.iter().filter(|place| !whole.contains(place));
        let is_majority = self.is_majority(&whole.iter().copied().collect(), cluster);
        (is_majority && others.all(is_idle)).then_some(whole)
    }

    /// The masters that a whole cluster can do without at once: as many as leave a majority, and a
    /// master; the leader first.
    pub fn as_many_as_may_fail(&self, cluster: &Cluster) -> Vec<usize> {
        let leader = self.leader(cluster);
        let voters = self.voters(cluster);
        let is_slot = |place: &Place| matches!(place, Place::Slot(_));
        let mut masters: Vec<Place> = voters.iter().copied().filter(is_slot).collect();
        masters.sort_by_key(|place| Some(*place) != leader);
        let most = (voters.len().saturating_sub(1) / 2).min(masters.len().saturating_sub(1));
        masters.truncate(most);
        masters.into_iter().filter_map(|place| cluster.at(place)).collect()
    }

    /// Where the leader is who made the newest entry.
    pub fn leader(&self, cluster: &Cluster) -> Option<Place> {
        self.place(self.membership.as_ref()?, self.leader?.1, cluster)
    }

    /// Whether every node that is wanted belongs to the cluster, but for these. Where an empty router hears of an empty master
    /// alone, they found another cluster; and once people use that, it is not abandoned for the first one (ADR 16).
    pub fn all_have_joined(&self, cluster: &Cluster, but: &[Place]) -> bool {
        let Some(membership) = &self.membership else { return false };
        let joined: BTreeSet<Place> =
            membership.nodes().filter_map(|(id, _)| self.place(membership, *id, cluster)).collect();
        let is_node = |place: Place| !matches!(place, Place::Client(_));
        let mut wanted = cluster.hosts.iter().filter(|host| host.wanted && is_node(host.place));
        wanted.all(|host| but.contains(&host.place) || joined.contains(&host.place))
    }

    /// Where everybody is who votes.
    fn voters(&self, cluster: &Cluster) -> Vec<Place> {
        let Some(membership) = &self.membership else { return Vec::new() };
        let ids = membership.membership().voter_ids();
        ids.filter_map(|id| self.place(membership, id, cluster)).collect()
    }

    /// Where a member is, unless it was lost with its disk.
    fn place(&self, membership: &StoredMembership, id: NodeId, cluster: &Cluster) -> Option<Place> {
        place_of(membership, id, &self.lost, cluster)
    }

    /// What was seen, by its name.
    pub fn count(&self, counts: &mut BTreeMap<String, u64>) {
        for (name, count) in [
            ("= committed entries", self.committed.len() as u64),
            ("= terms with a leader", self.tenures),
            ("= memberships", self.memberships),
            ("= joint memberships", self.joint),
            ("= votes taken away", self.demotions),
            ("= states replaced by a snapshot", self.replaced),
            ("= states compared", self.states.len() as u64),
        ] {
            counts.insert(name.to_owned(), count);
        }
    }

    /// Whether this is the first entry of another cluster.
    fn founds(&self, position: LogId, digest: [u8; 32]) -> bool {
        let first = self.committed.get(&0);
        position.index == 0 && first.is_some_and(|(_, of_first)| *of_first != digest)
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
        None
    }

    /// Leaders follow each other in their order, and nobody takes the place of one whom nothing is
    /// wrong with.
    fn is_led(
        &mut self,
        position: LogId,
        cluster: &Cluster,
        evidence: &Evidence,
    ) -> Option<String> {
        let new = (position.leader_id.term, position.leader_id.node_id);
        if position.index < self.committed.last_key_value().map_or(0, |(index, _)| *index)
            || self.leader == Some(new)
        {
            return None;
        }
        self.tenures += 1;
        let before = self.leader.replace(new)?;
        if new < before {
            return Some(format!("the leader {new:?} comes after {before:?}"));
        }
        let since = clock::now().checked_sub(no_reason_for(cluster))?;
        let place = self.place(self.membership.as_ref()?, before.1, cluster)?;
        let was_well = matches!(place, Place::Slot(_))
            && self.changed_at <= since
            && evidence.link_well_since(place, Place::Router) <= since
            && self.is_well_with(&[place], cluster, evidence, since);
        was_well.then(|| {
            format!("{new:?} leads instead of {place:?}, though nothing was wrong with it")
        })
    }

    /// Whether a majority has been well since then together with these.
    fn is_well_with(
        &self,
        first: &[Place],
        cluster: &Cluster,
        evidence: &Evidence,
        since: u64,
    ) -> bool {
        let well = evidence.well_with(first, &self.voters(cluster), since);
        evidence.well_since(first) <= since
            && self.is_majority(&well.into_iter().collect(), cluster)
    }

    fn has_members(
        &mut self,
        new: &StoredMembership,
        cluster: &Cluster,
        evidence: &Evidence,
        calm_since: Option<u64>,
    ) -> Option<String> {
        if self.membership.as_ref().is_some_and(|known| known.log_id() >= new.log_id()) {
            return None;
        }
        let now = clock::now();
        self.memberships += 1;
        self.joint += u64::from(new.membership().get_joint_config().len() > 1);
        self.changed_at = now;
        let before = self.membership.replace(new.clone())?;
        let is_calm = calm_since.is_some_and(|since| now - since > missed_within(cluster));
        let (before, lost) = (&before, &self.lost);
        let change = VoteChange { before, new, cluster, evidence, lost, is_calm };
        self.demotions += change.taken().len() as u64;
        let ids = |members: &StoredMembership| -> BTreeSet<NodeId> {
            members.membership().nodes().map(|(id, _)| *id).collect()
        };
        let (were, are) = (ids(before), ids(new));
        self.added_at.extend(are.difference(&were).map(|id| (*id, now)));
        let removed = change.removes_a_newcomer(&were - &are, &self.added_at);
        removed.or_else(|| change.wrong(|machine| has_come_to(&self.applied, machine)))
    }

    /// A change of the membership that has begun is finished soon, if it can be.
    fn is_unfinished(&self, cluster: &Cluster, evidence: &Evidence) -> Option<String> {
        let membership = self.membership.as_ref()?;
        let since = clock::now().checked_sub(CHANGED_WITHIN + no_reason_for(cluster))?;
        let is_joint = membership.membership().get_joint_config().len() > 1;
        if !is_joint || self.changed_at > since || evidence.unchanged_since() > since {
            return None;
        }
        let whole = self.majority_with(&[Place::Router], cluster, evidence, since)?;
        Some(format!("a change of the membership is not finished, though {whole:?} are well"))
    }

    /// A member that its leader has reached for long votes.
    fn is_missed(&self, cluster: &Cluster, evidence: &Evidence) -> Option<String> {
        let since = clock::now().checked_sub(missed_within(cluster))?;
        let membership = self.membership.as_ref().filter(|_| self.changed_at < since)?;
        let leader = self.place(membership, self.leader?.1, cluster)?;
        if !self.is_well_with(&[leader], cluster, evidence, since) {
            return None;
        }
        let expected = cluster.expected_voters();
        let voters: BTreeSet<NodeId> = membership.membership().voter_ids().collect();
        let mut members = membership.membership().nodes();
        members.find_map(|(id, info)| {
            let place = self.place(membership, *id, cluster)?;
            let is_missed = !voters.contains(id)
                && expected.contains(&info.name)
                && evidence.well_since(&[place, leader]) <= since;
            is_missed.then(|| format!("{} does not vote, though nothing is wrong", info.name))
        })
    }

    /// A voter that its leader has reached for long has what was committed before. The router's witness
    /// is whichever it has now: one that was lost with its disk must not keep the place of another.
    fn is_behind(&mut self, cluster: &Cluster, evidence: &Evidence) -> Option<String> {
        let now = clock::now();
        let membership = self.membership.clone()?;
        let committed = *self.committed.last_key_value()?.0;
        let leader = self.place(&membership, self.leader?.1, cluster)?;
        let since = now.checked_sub(missed_within(cluster))?;
        let is_led_well =
            self.changed_at <= since && self.is_well_with(&[leader], cluster, evidence, since);
        membership.membership().voter_ids().find_map(|id| {
            let place = if is_witness(&membership, id) {
                Some(Place::Router)
            } else {
                self.place(&membership, id, cluster)
            };
            let host = &cluster.hosts[cluster.at(place?)?];
            let has_come_to = has_come_to(&self.applied, host.machine);
            let behind_since =
                self.following.behind_since(host.machine, has_come_to, committed, now);
            let well_since = evidence.well_since(&[host.place, leader]);
            (is_led_well && well_since <= since && behind_since <= since).then(|| {
                format!(
                    "{} has come to {has_come_to} only since {} ms, though nothing is wrong with it",
                    host.machine.name(),
                    behind_since / MILLISECOND
                )
            })
        })
    }
}

/// The index up to which a machine has applied the log.
fn has_come_to(applied: &BTreeMap<Machine, Option<LogId>>, machine: Machine) -> u64 {
    applied.get(&machine).copied().flatten().map_or(0, |applied| applied.index)
}

/// Whoever was missed has been found again within this time.
fn missed_within(cluster: &Cluster) -> u64 {
    MISSED_WITHIN.max(2 * no_reason_for(cluster))
}
