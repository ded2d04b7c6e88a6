//! Whether what can serve does: while some majority of the voters is whole, nobody waits for long.
//!
//! A node is whole if its process runs, nothing is wrong with its disk, and nothing with any of its
//! links. That is less than the promise covers, but certain.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::host::simulated::clock::{self, MILLISECOND};

use crate::{
    cluster::Cluster, invariants::Invariants, nemesis::Nemesis, plan::Place, workload::Workload,
};

/// Within this time everybody is answered, in milliseconds, while a majority of the voters is whole,
/// and the router among them. It is for a client that has to notice by itself, within its time for
/// one attempt, that a server is gone; and a failover after that.
const ANSWERED_WITHIN_MS: u64 = 9_000;
/// The same while the router is not whole.
const WITHOUT_THE_ROUTER_MS: u64 = 14_000;

/// What is known of how long people have waited.
#[derive(Default)]
pub struct Availability {
    /// Since when the same nodes have been whole, and have been a majority.
    since: Option<u64>,
    whole: BTreeSet<Place>,
    longest_ms: u64,
    longest_without_router_ms: u64,
}

impl Availability {
    /// Looks at what is up, and who waits.
    pub fn look(
        &mut self,
        cluster: &mut Cluster,
        nemesis: &Nemesis,
        invariants: &Invariants,
        workload: &Workload,
    ) {
        let now = clock::now();
        let touched = nemesis.touched();
        let is_whole = |place: &Place| !touched.contains(place);
        let up = cluster.hosts.iter().filter(|host| host.is_up()).map(|host| host.place);
        let whole: BTreeSet<Place> = up.filter(is_whole).collect();
        let clients = cluster.hosts.iter().filter(|host| matches!(host.place, Place::Client(_)));
        let clients_are = clients.clone().all(|host| whole.contains(&host.place));
        if whole != self.whole {
            self.since = None;
            self.whole = whole;
        }
        if !clients_are || !invariants.is_majority(&self.whole, cluster) {
            self.since = None;
            return;
        }
        let since = *self.since.get_or_insert(now);
        let Some(asked) = workload.oldest_open() else { return };
        let waited = now.saturating_sub(since.max(asked)) / MILLISECOND;
        let (longest, bound) = if self.whole.contains(&Place::Router) {
            (&mut self.longest_ms, ANSWERED_WITHIN_MS)
        } else {
            (&mut self.longest_without_router_ms, WITHOUT_THE_ROUTER_MS)
        };
        *longest = waited.max(*longest);
        if waited > bound {
            let [now, since, asked] = [now, since, asked].map(|at| at / MILLISECOND);
            let whole = &self.whole;
            cluster.violations.push(format!(
                "at {now} ms a call of {asked} ms is not answered, though a majority is whole since {since} ms: {whole:?}"
            ));
        }
    }

    /// How long people have waited.
    pub fn count(&self, counts: &mut BTreeMap<String, u64>) {
        counts.insert("> longest wait with a whole majority, ms".to_owned(), self.longest_ms);
        let without = "> longest wait with a whole majority without the router, ms";
        counts.insert(without.to_owned(), self.longest_without_router_ms);
    }
}
