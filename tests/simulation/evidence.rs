//! Since when nothing has been wrong with each machine and each link: what the invariants judge by
//! whether the nodes had a reason for what they did.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::host::simulated::clock::{self, MILLISECOND};

use crate::{cluster::Cluster, nemesis::Nemesis, plan::Place};

/// For so long nothing may have been wrong for a node to be missed without a reason.
const NO_REASON_FOR: u64 = 5_000 * MILLISECOND;

/// The same for this cluster, in nanoseconds: longer in a slow one.
pub fn no_reason_for(cluster: &Cluster) -> u64 {
    cluster.slower * NO_REASON_FOR
}

/// When something was last wrong, in the world's time, and whom with.
#[derive(Default)]
pub struct Evidence {
    /// With a machine: its process did not run, or stood still, or stopped; or its disk or its clock
    /// was bad.
    machines: BTreeMap<Place, u64>,
    /// With the link between two.
    links: BTreeMap<(Place, Place), u64>,
    /// When a process last ran.
    ran: BTreeMap<Place, u64>,
    /// What is wrong now.
    wrong: Wrong,
    /// Links that carry nothing now, in one direction at least.
    cut: BTreeSet<(Place, Place)>,
    /// Since when the same has been wrong.
    unchanged_since: u64,
}

type Wrong = (BTreeSet<Place>, BTreeSet<(Place, Place)>);

impl Evidence {
    /// Looks at what is wrong.
    pub fn look(&mut self, cluster: &Cluster, nemesis: &Nemesis) {
        let now = clock::now();
        let mut wrong = Wrong::default();
        self.cut.clear();
        for host in &cluster.hosts {
            if host.is_up() {
                self.ran.insert(host.place, now);
            }
            if !host.is_up() || host.stops() || !nemesis.is_good_machine(host.place) {
                wrong.0.insert(host.place);
            }
            let others = cluster.hosts.iter().map(|other| other.place);
            let others = others.filter(|other| host.place < *other);
            let bad = others.filter(|other| !nemesis.is_good_link(host.place, *other));
            for other in bad {
                wrong.1.insert((host.place, other));
                if nemesis.is_cut_link(host.place, other) {
                    self.cut.insert((host.place, other));
                }
            }
        }
        self.machines.extend(wrong.0.iter().map(|place| (*place, now)));
        self.links.extend(wrong.1.iter().map(|link| (*link, now)));
        if wrong != self.wrong {
            self.unchanged_since = now;
            self.wrong = wrong;
        }
    }

    /// Since when the same things have been wrong.
    pub fn unchanged_since(&self) -> u64 {
        self.unchanged_since
    }

    /// When the process of this place last ran.
    pub fn ran_at(&self, place: Place) -> u64 {
        self.ran.get(&place).copied().unwrap_or_default()
    }

    /// Since when nothing has been wrong with one of these, nor with a link between them.
    pub fn well_since(&self, places: &[Place]) -> u64 {
        let machines = places.iter().map(|place| self.machine_well_since(*place));
        let pairs = places.iter().enumerate().flat_map(|(number, one)| {
            places[number + 1..].iter().map(|other| self.link_well_since(*one, *other))
        });
        machines.chain(pairs).max().unwrap_or_default()
    }

    /// Since when nothing has been wrong with a machine by itself.
    fn machine_well_since(&self, place: Place) -> u64 {
        self.machines.get(&place).copied().unwrap_or_default()
    }

    /// Since when nothing has been wrong with a link.
    pub fn link_well_since(&self, one: Place, other: Place) -> u64 {
        let link = (one.min(other), one.max(other));
        self.links.get(&link).copied().unwrap_or_default()
    }

    /// Whether nothing gets from one place to the other, or nothing gets back, now.
    pub fn is_cut_link(&self, one: Place, other: Place) -> bool {
        self.cut.contains(&(one.min(other), one.max(other)))
    }

    /// Those of `others` that have been well since then, each with the others and with `first`: not
    /// always as many as there are, but certain.
    pub fn well_with(&self, first: &[Place], others: &[Place], since: u64) -> Vec<Place> {
        let mut together = first.to_vec();
        for other in others {
            let is_well = self.machine_well_since(*other) <= since
                && together.iter().all(|place| self.link_well_since(*place, *other) <= since);
            if is_well && !together.contains(other) {
                together.push(*other);
            }
        }
        together
    }
}
