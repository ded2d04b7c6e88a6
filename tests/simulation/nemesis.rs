//! What goes wrong: faults begin, and end. Which links and disks behave how follows from the faults
//! that are there, so that several may be there at a time.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::host::simulated::{
    self,
    clock::{self, MILLISECOND},
    files::{self, DiskBehaviour},
    network::{self, Link},
};

use crate::{
    cluster::{Cluster, Happening, Host},
    invariants::Invariants,
    plan::{Fault, Place, Plan, Timing},
};

/// So long nothing may have gone wrong before something is done that is safe only in a whole cluster.
const CALM_FOR: u64 = 20_000 * MILLISECOND;
/// A master that has been given an old state has fetched a newer one within this time, if another has
/// one.
const FETCHED_WITHIN: u64 = 30_000 * MILLISECOND;
/// What strikes in the moment of something else comes within this time.
const MOMENT: u64 = 5 * MILLISECOND;
/// How soon it is tried again.
const LOOK_AGAIN: u64 = 500 * MILLISECOND;
/// How often a flapping link changes.
const FLAPS_MS: (u64, u64) = (20, 2_000);
/// Between two masters of a rolling upgrade.
const BETWEEN_UPGRADES: u64 = 15_000 * MILLISECOND;

/// The faults that are there.
pub struct Nemesis {
    plan: Plan,
    /// With the time at which each ends.
    active: BTreeMap<usize, u64>,
    /// Flapping links that are cut now.
    flapped: BTreeMap<usize, bool>,
    /// When something was last wrong.
    disturbed_at: u64,
    /// A fault waits for calm; others come after it.
    waiting: Option<usize>,
    /// Faults whose time has come, but not their moment.
    due: BTreeSet<usize>,
    /// Until when a fault that has ended is still felt, by its number.
    aftermath: BTreeMap<usize, u64>,
    /// Links that do not behave as a good one does, and those of them that carry nothing.
    bad_links: BTreeSet<(Place, Place)>,
    cut_links: BTreeSet<(Place, Place)>,
}

impl Nemesis {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            active: BTreeMap::new(),
            flapped: BTreeMap::new(),
            disturbed_at: 0,
            waiting: None,
            due: BTreeSet::new(),
            aftermath: BTreeMap::new(),
            bad_links: BTreeSet::new(),
            cut_links: BTreeSet::new(),
        }
    }

    /// Since when nothing has been wrong; none while something is.
    pub fn calm_since(&mut self, cluster: &Cluster) -> Option<u64> {
        let is_well = |host: &Host| host.is_up() && !host.stops();
        let all_are_up = cluster.hosts.iter().all(|host| is_well(host) || !host.wanted);
        if !self.active.is_empty() || !all_are_up {
            self.disturbed_at = clock::now();
            return None;
        }
        Some(self.disturbed_at)
    }

    /// Whether nothing is wrong with the link between two places, in either direction.
    pub fn is_good_link(&self, one: Place, other: Place) -> bool {
        !self.bad_links.contains(&(one, other)) && !self.bad_links.contains(&(other, one))
    }

    /// Whether nothing gets from one place to the other, or nothing gets back.
    pub fn is_cut_link(&self, one: Place, other: Place) -> bool {
        self.cut_links.contains(&(one, other)) || self.cut_links.contains(&(other, one))
    }

    /// Whether nothing is wrong with the disk and the clock of a place.
    pub fn is_good_machine(&self, place: Place) -> bool {
        let now = clock::now();
        let aftermath = self.aftermath.iter().filter(|(_, until)| **until > now);
        let numbers = self.active.keys().chain(aftermath.map(|(number, _)| number));
        let mut felt = numbers.filter_map(|number| self.plan.faults.get(*number));
        !felt.any(|planned| match &planned.fault {
            Fault::SlowDisk { place: at, .. }
            | Fault::FailingDisk(at)
            | Fault::FullDisk(at)
            | Fault::ClockDrift { place: at, .. }
            | Fault::StateRestored(at) => *at == place,
            _ => false,
        })
    }

    fn is_calm(&mut self, cluster: &Cluster) -> bool {
        self.calm_since(cluster).is_some_and(|since| clock::now() - since >= CALM_FOR)
    }

    /// Does what is due.
    pub fn happens(&mut self, cluster: &mut Cluster, invariants: &Invariants, what: Happening) {
        match what {
            Happening::Begin(number) => self.is_time(cluster, invariants, number),
            Happening::Change => self.is_moment(cluster, Timing::InAChange),
            Happening::End(number) => self.end(cluster, number),
            Happening::Step(number, step) => self.step(cluster, number, step),
            Happening::Start(_) | Happening::PowerOn(_) => {
                unreachable!("the cluster does that itself")
            }
        }
        self.apply(cluster);
    }

    /// A fault begins, or waits for its moment.
    fn is_time(&mut self, cluster: &mut Cluster, invariants: &Invariants, number: usize) {
        let Some(planned) = self.plan.faults.get_mut(number) else { return };
        if let Timing::InAChange | Timing::InARelief = planned.timing {
            self.due.insert(number);
            return;
        }
        let leader = invariants.leader(cluster).unwrap_or(Place::Slot(0));
        planned.fault = planned.fault.clone().aimed_at(leader);
        self.begin(cluster, invariants, number);
    }

    /// The moment for those that have waited for it.
    fn is_moment(&mut self, cluster: &mut Cluster, timing: Timing) {
        for number in self.due.clone() {
            let Some(planned) = self.plan.faults.get_mut(number) else { continue };
            if planned.timing == timing {
                planned.timing = Timing::Any;
                self.due.remove(&number);
                let at = clock::now() + simulated::between(0, MOMENT);
                cluster.schedule(at, Happening::Begin(number));
            }
        }
    }

    fn begin(&mut self, cluster: &mut Cluster, invariants: &Invariants, number: usize) {
        if self.waiting.is_some_and(|waiting| waiting != number) {
            return cluster.schedule(clock::now() + LOOK_AGAIN, Happening::Begin(number));
        }
        let planned = self.plan.faults[number].clone();
        if keeps_away(&planned.fault) && cluster.hosts.iter().any(Host::leaves_for_good) {
            return cluster.schedule(clock::now() + LOOK_AGAIN, Happening::Begin(number));
        }
        if needs_calm(&planned.fault) && !self.is_calm(cluster) {
            self.waiting = Some(number);
            return cluster.schedule(clock::now() + LOOK_AGAIN, Happening::Begin(number));
        }
        self.waiting = None;
        let now = clock::now();
        self.disturbed_at = now;
        if !is_possible(cluster, invariants, &planned.fault)
            || !strike(cluster, number, &planned.fault, planned.lasts_ms)
        {
            return cluster.count(format!("{} (not possible)", planned.fault.kind()));
        }
        cluster.count(planned.fault.kind());
        let ends = now + planned.lasts_ms * MILLISECOND;
        self.active.insert(number, ends);
        cluster.schedule(ends, Happening::End(number));
    }

    fn end(&mut self, cluster: &mut Cluster, number: usize) {
        if self.active.remove(&number).is_none() {
            return;
        }
        self.flapped.remove(&number);
        self.disturbed_at = clock::now();
        self.is_moment(cluster, Timing::InARelief);
        let fault = &self.plan.faults[number].fault;
        let felt_for = match fault {
            Fault::SlowDisk { most_ms, .. } => most_ms * MILLISECOND,
            Fault::StateRestored(_) => FETCHED_WITHIN,
            _ => 0,
        };
        self.aftermath.insert(number, clock::now() + felt_for);
        for place in fault.places() {
            let Some(host) = cluster.at(place) else { continue };
            let machine = cluster.hosts[host].machine;
            match fault {
                Fault::Pause(_) => cluster.hosts[host].paused = false,
                Fault::ClockSet { forward_ms, .. } => clock::set(machine, -forward_ms),
                Fault::ClockDrift { .. } => clock::drift(machine, 0),
                _ => {}
            }
        }
    }

    fn step(&mut self, cluster: &mut Cluster, number: usize, step: u32) {
        let now = clock::now();
        // Everything may have been healed meanwhile.
        let Some(planned) = self.plan.faults.get(number) else { return };
        let host = step as usize;
        let next = match planned.fault {
            Fault::Flap { .. } if self.active.contains_key(&number) => {
                self.flapped.insert(number, step.is_multiple_of(2));
                simulated::between(FLAPS_MS.0, FLAPS_MS.1) * MILLISECOND
            }
            Fault::Upgrade if host < cluster.hosts.len() => {
                if !matches!(cluster.hosts[host].place, Place::Client(_)) {
                    cluster.hosts[host].is_upgraded = true;
                    cluster.ask_to_stop(host);
                }
                BETWEEN_UPGRADES
            }
            _ => return,
        };
        cluster.schedule(now + next, Happening::Step(number, step + 1));
    }

    /// Everything that is wrong ends.
    pub fn heal(&mut self, cluster: &mut Cluster) {
        for number in self.active.keys().copied().collect::<Vec<_>>() {
            self.end(cluster, number);
        }
        self.plan.faults.clear();
        self.apply(cluster);
        for host in 0..cluster.hosts.len() {
            cluster.hosts[host].paused = false;
            cluster.power_on(host);
            cluster.start_now(host);
        }
    }

    /// Makes links and disks behave as the faults that are there say.
    fn apply(&mut self, cluster: &Cluster) {
        let [mut bad_links, mut cut_links] = [const { BTreeSet::new() }; 2];
        let active = || self.active.keys().map(|number| (number, &self.plan.faults[*number].fault));
        for one in &cluster.hosts {
            for other in &cluster.hosts {
                let mut link = Link::default();
                for (number, fault) in active() {
                    let is_flapped = self.flapped.get(number).copied().unwrap_or(false);
                    change_link(&mut link, fault, is_flapped, one.place, other.place);
                }
                if link != Link::default() || self.resets(one.place, other.place) {
                    bad_links.insert((one.place, other.place));
                }
                if link.cut {
                    cut_links.insert((one.place, other.place));
                }
                network::set_link(one.machine, other.machine, |current| *current = link);
            }
            files::set_behaviour(one.machine, |disk| {
                *disk = DiskBehaviour { stops_after: disk.stops_after, ..DiskBehaviour::default() };
                for (_, fault) in active() {
                    change_disk(disk, fault, one.place);
                }
            });
        }
        (self.bad_links, self.cut_links) = (bad_links, cut_links);
    }

    /// Whether the connections between two places were reset a moment ago.
    fn resets(&self, from: Place, to: Place) -> bool {
        self.active.keys().any(|number| match self.plan.faults[*number].fault {
            Fault::Reset { one, other } => [one, other] == [from, to],
            _ => false,
        })
    }
}

/// Whether the others can do without those that a fault takes away for good: whether a majority keeps
/// its disks, and a master stays.
fn is_possible(cluster: &Cluster, invariants: &Invariants, fault: &Fault) -> bool {
    let wanted = |place: &Place| cluster.at(*place).is_some_and(|at| cluster.hosts[at].wanted);
    let gone = match fault {
        Fault::LostDisk(places) if invariants.all_have_joined(cluster, places) => places,
        Fault::LostDisk(_) => return false,
        Fault::ScaleUp => return invariants.all_have_joined(cluster, &[]),
        // Another has the newest state, even if one dies meanwhile.
        Fault::StateRestored(_) => return cluster.wanted_slots() > 2,
        Fault::ScaleDown { stopped, .. } => {
            return fault.places().iter().all(wanted) && stopped.len() < cluster.wanted_slots();
        }
        _ => return true,
    };
    let stay: BTreeSet<Place> = cluster
        .hosts
        .iter()
        .filter(|host| host.wanted && !gone.contains(&host.place))
        .map(|host| host.place)
        .collect();
    gone.iter().all(wanted) && invariants.is_majority(&stay, cluster)
}

/// Lets a fault begin; false if it cannot. Links and most of what disks do follow from the faults that
/// are there.
fn strike(cluster: &mut Cluster, number: usize, fault: &Fault, lasts_ms: u64) -> bool {
    let power_on = clock::now() + lasts_ms * MILLISECOND;
    let hosts: Vec<usize> = fault.places().into_iter().filter_map(|p| cluster.at(p)).collect();
    let first = hosts.first().copied();
    match fault {
        Fault::Kill(_) => hosts.into_iter().for_each(|host| cluster.kill(host)),
        Fault::PowerLoss(_) => {
            for host in hosts {
                cluster.power_off(host);
                cluster.schedule(power_on, Happening::PowerOn(host));
            }
        }
        Fault::PowerLossInWrite { operations, .. } => {
            let Some(host) = first else { return false };
            let stops_after = Some(*operations);
            files::set_behaviour(cluster.hosts[host].machine, |disk| {
                disk.stops_after = stops_after;
            });
        }
        Fault::Pause(_) => hosts.into_iter().for_each(|host| cluster.hosts[host].paused = true),
        Fault::Flap { .. } | Fault::Upgrade => {
            cluster.schedule(clock::now(), Happening::Step(number, 0));
        }
        Fault::Reset { .. } => {
            let [one, other] = hosts[..] else { return false };
            network::reset_connections(cluster.hosts[one].machine, cluster.hosts[other].machine);
        }
        Fault::ClockSet { forward_ms, .. } => {
            for host in hosts {
                clock::set(cluster.hosts[host].machine, *forward_ms);
            }
        }
        Fault::ClockDrift { gains, .. } => {
            let Some(host) = first else { return false };
            clock::drift(cluster.hosts[host].machine, *gains);
        }
        Fault::LostDisk(_) => {
            for host in hosts {
                cluster.power_off(host);
                cluster.lose_disk(host);
                cluster.schedule(power_on, Happening::PowerOn(host));
            }
        }
        Fault::StateCopied(_) => {
            for host in hosts {
                cluster.copy_state(host);
            }
        }
        Fault::StateRestored(_) => {
            let Some(host) = first else { return false };
            cluster.power_off(host);
            cluster.schedule(power_on, Happening::PowerOn(host));
            return cluster.restore_state(host);
        }
        Fault::ScaleUp => cluster.add(Place::Slot(cluster.slots())),
        Fault::ScaleDown { killed, .. } => {
            for host in hosts {
                if *killed == Some(cluster.hosts[host].place) {
                    cluster.kill(host);
                } else {
                    cluster.hosts[host].wanted = false;
                    cluster.ask_to_stop(host);
                }
            }
        }
        Fault::Cut { .. }
        | Fault::Delay { .. }
        | Fault::Loss { .. }
        | Fault::SlowDisk { .. }
        | Fault::FailingDisk(_)
        | Fault::FullDisk(_) => {}
    }
    true
}

/// Whether more than a majority could be lost if something else were wrong too.
fn needs_calm(fault: &Fault) -> bool {
    matches!(fault, Fault::LostDisk(_) | Fault::ScaleDown { .. } | Fault::StateRestored(_))
}

/// Whether it keeps nodes away for so long that a master that leaves meanwhile gives up waiting: it stops
/// though the others still need it, and says so. An operator would start it again.
fn keeps_away(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::PowerLoss(_) | Fault::Cut { .. } | Fault::FailingDisk(_) | Fault::FullDisk(_)
    )
}

fn change_link(link: &mut Link, fault: &Fault, is_flapped: bool, from: Place, to: Place) {
    match fault {
        Fault::Cut { from: one, to: other, one_way } => {
            let there = one.contains(&from) && other.contains(&to);
            let back = other.contains(&from) && one.contains(&to);
            link.cut |= there || (back && !one_way);
        }
        Fault::Flap { one, other }
            if is_flapped && ([from, to] == [*one, *other] || [from, to] == [*other, *one]) =>
        {
            link.cut = true;
        }
        Fault::Delay { place, most_ms } if [from, to].contains(place) => {
            link.delay = (link.delay.0, link.delay.1.max(most_ms * 1_000));
        }
        Fault::Loss { place, per_mille } if [from, to].contains(place) => {
            link.loses = link.loses.max(*per_mille);
        }
        _ => {}
    }
}

fn change_disk(disk: &mut DiskBehaviour, fault: &Fault, place: Place) {
    match fault {
        Fault::SlowDisk { place: at, most_ms } if *at == place => {
            disk.takes = (disk.takes.0, disk.takes.1.max(most_ms * 1_000));
        }
        Fault::FailingDisk(at) if *at == place => disk.fails = true,
        Fault::FullDisk(at) if *at == place => disk.full = true,
        _ => {}
    }
}
