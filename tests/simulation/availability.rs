//! Whether what can serve does: nobody waits for long who can reach a majority of the voters that is
//! whole, as long as nobody else could lead.
//!
//! That is less than the promise covers, but certain: a leader that a client cannot reach, and the
//! others can, is none that anybody may replace.

use std::collections::BTreeMap;

use tinysns::host::simulated::clock::{self, MILLISECOND};

use crate::{
    cluster::Cluster, evidence::Evidence, invariants::Invariants, plan::Place, workload::Workload,
};

/// Within this time everybody is answered who reaches such a majority, and the router, in
/// milliseconds: four times what it takes to notice that a leader is down (`down_after`), and some
/// for clients, which take that long in a slow cluster too.
const FOUR_TIMES_DOWN_AFTER_MS: u64 = 4 * 500;
/// Or as long as a node waits for a stream to another that it has begun to open (`replication/link`): if the
/// other end died in that moment, what the node has asked for is lost, and it tries again only then.
const OPENING_A_LINK_MS: u64 = 3_000;
const FOR_CLIENTS_MS: u64 = 2_000;
/// How much longer it may take without the router.
const WITHOUT_THE_ROUTER_MS: u64 = 5_000;

/// What is known of how long people have waited.
#[derive(Default)]
pub struct Availability {
    longest_ms: u64,
    longest_without_router_ms: u64,
    slower: u64,
}

impl Availability {
    /// Looks at who waits.
    pub fn look(
        &mut self,
        cluster: &mut Cluster,
        evidence: &Evidence,
        invariants: &Invariants,
        workload: &Workload,
    ) {
        let now = clock::now();
        self.slower = cluster.slower;
        let nodes = OPENING_A_LINK_MS.max(cluster.slower * FOUR_TIMES_DOWN_AFTER_MS);
        let bound = nodes + FOR_CLIENTS_MS;
        for (client, asked) in workload.oldest_open() {
            let since = asked.max(evidence.unchanged_since()).max(invariants.membership_since());
            let waited = (now - since) / MILLISECOND;
            if waited <= self.longest_ms.min(self.longest_without_router_ms) {
                continue;
            }
            let client = Place::Client(client);
            let with_router = [client, Place::Router];
            let (first, longest, bound) = if evidence.well_since(&with_router) <= since {
                (&with_router[..], &mut self.longest_ms, bound)
            } else {
                let longest = &mut self.longest_without_router_ms;
                (&with_router[..1], longest, bound + WITHOUT_THE_ROUTER_MS)
            };
            if waited <= *longest || evidence.well_since(first) > since {
                continue;
            }
            let whole = invariants.majority_with(first, cluster, evidence, since);
            let Some(whole) = whole else { continue };
            *longest = waited;
            if waited > bound {
                let [now, since, asked] = [now, since, asked].map(|at| at / MILLISECOND);
                cluster.violations.push(format!(
                    "at {now} ms a call of {asked} ms is not answered, though a majority is whole since {since} ms: {whole:?}"
                ));
                return;
            }
        }
    }

    /// How long people have waited.
    pub fn count(&self, counts: &mut BTreeMap<String, u64>) {
        for (with, longest) in [("the", self.longest_ms), ("no", self.longest_without_router_ms)] {
            let name = format!(
                "> longest wait with a whole majority and {with} router, ms (nodes {} x as slow)",
                self.slower
            );
            counts.insert(name, longest);
        }
    }
}
