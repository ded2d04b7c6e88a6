//! What monitoring is told about this router and the cluster.

use std::path::PathBuf;

use futures::{FutureExt as _, future::BoxFuture};
use tokio::{sync::watch, time::Instant};

use super::{presentation::View, registry_actor::RegistryHandle};
use crate::{
    directory::Available,
    metrics::{self, whole},
    monitoring::{Check, Finding, Monitored, Target},
    replication::{monitored, node::Node},
    wire::v1::MasterState,
};

/// A router that runs.
pub struct MonitoredRouter {
    /// What it knows of the cluster.
    pub registry: RegistryHandle,
    /// Its witness; none while it is broken.
    pub witness: watch::Receiver<Option<Node>>,
    /// Where the witness's log is.
    pub directory: PathBuf,
    /// Where this router answers monitoring, as others reach it.
    pub address: String,
}

impl MonitoredRouter {
    fn witness(&self) -> Option<Node> {
        self.witness.borrow().clone()
    }
}

impl Monitored for MonitoredRouter {
    fn measure(&self) -> BoxFuture<'_, ()> {
        async {
            if let Some(witness) = self.witness() {
                monitored::measure(&witness, &self.directory).await;
            }
            let Ok(cluster) = self.registry.status(View::Public).await else { return };
            metrics::AVAILABLE.set(i64::from(!cluster.available.is_empty()));
            metrics::PROBLEMS.set(whole(cluster.problems.len()));
            metrics::MASTER_REBOOTS.reset();
            for (state, name) in STATES {
                let in_it = cluster.masters.iter().filter(|master| master.state() == state);
                metrics::MASTERS.with_label_values(&[name]).set(whole(in_it.count()));
            }
            for master in cluster.masters {
                let reboots = metrics::MASTER_REBOOTS.with_label_values(&[&master.name]);
                reboots.set(whole(master.reboots));
            }
        }
        .boxed()
    }

    /// A router is ready without an available server: masters need it to become that.
    fn checks(&self) -> Vec<Check> {
        let witness = match self.witness() {
            Some(_) => Finding::Good("works".to_owned()),
            None => Finding::Bad("is broken: the log says why".to_owned()),
        };
        let location = self.registry.location();
        let location = location.borrow();
        let available = match &location.available {
            Some(server) => Finding::Good(format!("{} in term {}", server.name, location.term)),
            None if location.waiting.is_empty() => Finding::Notable("none".to_owned()),
            None => Finding::Notable(location.waiting.clone()),
        };
        vec![
            Check { what: "witness", finding: witness },
            Check { what: "available server", finding: available },
        ]
    }

    fn targets(&self) -> BoxFuture<'_, Option<Vec<Target>>> {
        async {
            let cluster = self.registry.status(View::Operator).await.ok()?;
            let router = ("router", "router".to_owned(), self.address.clone());
            let masters = cluster.masters.into_iter();
            let masters = masters.map(|master| ("master", master.name, master.metrics_address));
            let nodes = std::iter::once(router).chain(masters);
            let nodes = nodes.filter(|(.., address)| !address.is_empty());
            Some(nodes.map(|(role, node, address)| Target { address, role, node }).collect())
        }
        .boxed()
    }
}

/// The states of masters, as metrics name them.
const STATES: [(MasterState, &str); 4] = [
    (MasterState::Available, "available"),
    (MasterState::Standby, "standby"),
    (MasterState::CatchingUp, "catching_up"),
    (MasterState::Down, "down"),
];

/// Measures how long there was no available server between two.
#[derive(Default)]
pub struct Failovers {
    last: Option<String>,
    /// Since when it has not been available.
    gone: Option<Instant>,
}

impl Failovers {
    /// Which server is available now.
    pub fn note(&mut self, available: Option<&Available>, now: Instant) {
        match (available, &self.last) {
            (None, None) => {}
            (None, Some(_)) => _ = self.gone.get_or_insert(now),
            (Some(server), last) => {
                let gone = self.gone.take();
                if last.as_ref().is_some_and(|last| *last != server.name) {
                    let seconds = gone.map_or(0.0, |since| (now - since).as_secs_f64());
                    metrics::FAILOVER_DURATION.observe(seconds);
                    metrics::LAST_FAILOVER.set(seconds);
                }
                self.last = Some(server.name.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_failover_lasts_until_another_server_is_available() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let server = |name: &str| Some(Available { name: name.to_owned(), address: String::new() });
        let mut failovers = Failovers::default();
        for (ms, available, count, last) in [
            (0, None, 0, 0.0),
            (10, server("one"), 0, 0.0),
            (20, None, 0, 0.0),
            (30, server("one"), 0, 0.0),
            (40, None, 0, 0.0),
            (50, None, 0, 0.0),
            (90, server("two"), 1, 0.05),
            (95, server("one"), 2, 0.0),
        ] {
            failovers.note(available.as_ref(), at(ms));
            assert_eq!(metrics::FAILOVER_DURATION.get_sample_count(), count, "at {ms} ms");
            assert!((metrics::LAST_FAILOVER.get() - last).abs() < 1e-9, "at {ms} ms");
        }
    }
}
