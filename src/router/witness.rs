//! The witness: reports to the registry as a master does, obeys as one, and is started anew when it
//! breaks.
//!
//! Nothing supervises it but this, for the router's process must go on: clients ask it for the way
//! while its disk is full. Until the disk takes a log again there is no witness, and everyone who
//! asks is told so.

use std::{path::PathBuf, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use openraft::ServerState;
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::hub::Handle;
use crate::{
    replication::node::{Node, StartError},
    serving::WITNESS_HEALTH,
    settings::{ConsensusSettings, Secret},
    wire::internal::{Directive, directive},
};

/// First and longest wait between attempts to open the log again.
const REOPEN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How a witness is started.
pub trait Open: Send + Sync + 'static {
    /// Starts one over the log that the last one kept.
    fn open(&self) -> impl Future<Output = Result<Node, StartError>> + Send;
}

/// Opens the witness of a router's data directory.
pub struct InDirectory {
    /// The router's data directory.
    pub directory: PathBuf,
    /// The cluster's.
    pub secret: Secret,
    /// The cluster's.
    pub timing: ConsensusSettings,
}

impl Open for InDirectory {
    async fn open(&self) -> Result<Node, StartError> {
        Node::start_witness(&self.directory, &self.secret, self.timing).await
    }
}

/// Keeps a witness running.
pub struct Supervisor<O> {
    opener: O,
    current: watch::Sender<Option<Node>>,
    health: HealthReporter,
}

impl<O: Open> Supervisor<O> {
    /// Starts the first one. The receiver has the present one, or none while it is broken.
    pub async fn start(
        opener: O,
        health: HealthReporter,
    ) -> Result<(Self, watch::Receiver<Option<Node>>), StartError> {
        let node = opener.open().await?;
        let (current, watched) = watch::channel(Some(node));
        health.set_service_status(WITNESS_HEALTH, ServingStatus::Serving).await;
        Ok((Self { opener, current, health }, watched))
    }

    /// Reports to `hub`, and starts a witness anew whenever one breaks, until the router stops.
    pub async fn run(self, hub: Handle, mut directives: mpsc::Receiver<Directive>) {
        loop {
            let node = self.current.borrow().clone();
            let Some(node) = node else { return };
            let reason = tokio::select! {
                biased;
                reason = node.broken() => reason,
                () = report(&node, &hub, &mut directives) => return,
            };
            tracing::error!(reason, "the witness is broken; the router goes on without it");
            self.current.send_replace(None);
            self.health.set_service_status(WITNESS_HEALTH, ServingStatus::NotServing).await;
            hub.witness_broken(reason).await;
            node.stop().await;
            drop(node);
            let node = self.reopen().await;
            // Orders to the one that broke.
            while directives.try_recv().is_ok() {}
            tracing::info!(node = node.id(), "the witness is back");
            self.current.send_replace(Some(node));
            self.health.set_service_status(WITNESS_HEALTH, ServingStatus::Serving).await;
        }
    }

    async fn reopen(&self) -> Node {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(REOPEN.0)
            .with_max_delay(REOPEN.1)
            .without_max_times()
            .build();
        loop {
            // The first attempt waits too: the last holders of the old log are letting go of it.
            sleep(waits.next().unwrap_or(REOPEN.1)).await;
            match self.opener.open().await {
                Ok(node) => return node,
                Err(error) => tracing::debug!(%error, "the witness cannot be started yet"),
            }
        }
    }
}

/// Reports and obeys; returns when the router stops.
async fn report(node: &Node, hub: &Handle, directives: &mut mpsc::Receiver<Directive>) {
    let mut server = node.raft().server_metrics();
    let mut data = node.raft().data_metrics();
    let mut probe = 0;
    loop {
        hub.witness(node.id(), node.progress(probe).await).await;
        let leads = server.borrow_and_update().state == ServerState::Leader;
        let goes_on = tokio::select! {
            changed = server.changed() => changed.is_ok(),
            // While it leads, the registry waits for its entries to be where they are needed.
            changed = data.changed(), if leads => changed.is_ok(),
            directive = directives.recv() => match directive {
                Some(Directive { directive }) => {
                    match directive {
                        Some(directive::Directive::Probe(asked)) => probe = asked.number,
                        Some(directive::Directive::Stand(_)) => {
                            tracing::info!("the witness stands for election");
                            node.stand().await;
                        }
                        _ => {}
                    }
                    true
                }
                None => return,
            },
        };
        if !goes_on {
            // It is broken, as its supervisor is about to hear.
            return std::future::pending().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;
    use tonic::Request;
    use tonic_health::{
        pb::{HealthCheckRequest, health_server::Health as _},
        server::HealthService,
    };

    use super::*;
    use crate::{
        directory::ClusterView as _,
        replication::tests::{
            cluster::{
                CLUSTER, DEADLINE, Member, cluster_with, only_the_witness_knows, start_witness_over,
            },
            entries::{account, name, view},
            full_disk::FullDisk,
        },
        router::{
            hub::{Hub, Place, Session},
            registry::Hello,
        },
    };

    const PATIENT: Duration = Duration::from_mins(1);

    fn hello(master: &Member) -> Hello {
        Hello {
            node: master.id(),
            name: master.info.name.clone(),
            cluster: Some(CLUSTER),
            client_address: "nowhere:1".to_owned(),
            peer_address: master.info.peer_address.clone(),
            pid: 1,
            reboots: 0,
            host: String::new(),
            speaks: master.info.speaks,
            edition: master.info.edition,
            process: 1,
            started: 0,
        }
    }

    /// Reports and obeys for a master.
    async fn report_for(node: Node, hub: Handle, Session { id, mut directives }: Session) {
        let mut server = node.raft().server_metrics();
        let mut probe = 0;
        loop {
            hub.progress(id, node.progress(probe).await).await;
            server.borrow_and_update();
            tokio::select! {
                changed = server.changed() => if changed.is_err() {
                    return hub.lost(id).await;
                },
                directive = directives.recv() => match directive.and_then(|said| said.directive) {
                    Some(directive::Directive::Probe(asked)) => probe = asked.number,
                    Some(directive::Directive::Stand(_)) => node.stand().await,
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    /// A hub beside the witness `current`.
    fn hub(current: &watch::Receiver<Option<Node>>) -> (Handle, mpsc::Receiver<Directive>) {
        let (directives, obeyed) = mpsc::channel(8);
        let place = Place { address: "nowhere:2".to_owned(), witness_port: 0 };
        let (hub, handle) = Hub::new(current.clone(), directives, PATIENT, place);
        tokio::spawn(hub.run());
        (handle, obeyed)
    }

    async fn available(hub: &Handle, name: &str) {
        let mut location = hub.location();
        let serves = location
            .wait_for(|now| now.available.as_ref().is_some_and(|server| server.name == name));
        timeout(DEADLINE, serves).await.expect("in time").expect("the hub runs");
    }

    #[tokio::test]
    async fn a_master_serves_what_only_the_witness_had() {
        let (master, witness) = only_the_witness_knows().await;
        let (handle, mut obeyed) = hub(&watch::channel(Some(witness.node.clone())).1);
        let (node, reports_to) = (witness.node.clone(), handle.clone());
        tokio::spawn(async move { report(&node, &reports_to, &mut obeyed).await });
        let session = handle.open(hello(&master)).await.expect("the hub runs");
        tokio::spawn(report_for(master.node.clone(), handle.clone(), session));

        available(&handle, "server-2").await;
        master.reads().confirm().await.expect("it leads");
        let found = view(master.state()).account_by_name(&name("ann")).expect("readable");
        assert!(found.is_some(), "what was acknowledged is there");
    }

    impl Open for FullDisk {
        async fn open(&self) -> Result<Node, StartError> {
            let log =
                FullDisk::open(self).map_err(|error| StartError::Consensus(error.to_string()));
            start_witness_over(log?).await
        }
    }

    #[tokio::test]
    async fn a_witness_whose_disk_was_full_is_back_by_itself_and_breaks_the_tie_of_the_last_two() {
        let disk = FullDisk::new();
        let (health, _service) = tonic_health::server::health_reporter();
        let (supervisor, mut current) =
            Supervisor::start(disk.clone(), health.clone()).await.expect("started");
        let (handle, obeyed) = hub(&current);
        tokio::spawn(supervisor.run(handle.clone(), obeyed));
        let witness = Member::supervised_witness(current.clone()).await;
        let first = Member::master("server-1").await;
        let id = witness.id();
        let (masters, witness) = cluster_with(first, 2, witness).await;
        // Nothing but the supervisor holds on to a witness that breaks.
        drop(witness);
        for master in &masters {
            let session = handle.open(hello(master)).await.expect("the hub runs");
            tokio::spawn(report_for(master.node.clone(), handle.clone(), session));
        }
        available(&handle, "server-1").await;

        let health = HealthService::from_health_reporter(health);
        let serves = async || {
            let request = HealthCheckRequest { service: WITNESS_HEALTH.to_owned() };
            let answer = health.check(Request::new(request)).await.expect("it is known");
            answer.into_inner().status == ServingStatus::Serving as i32
        };
        assert!(serves().await);
        disk.fill(true);
        masters[0].writes().submit(account("ann")).await.expect("the masters are a majority");
        let broke = current.wait_for(Option::is_none);
        drop(timeout(DEADLINE, broke).await.expect("in time").expect("supervised"));
        let told = async {
            while handle.status().await.expect("the hub runs").problems.is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, told).await.expect("the status tells in time");
        assert!(!serves().await);
        available(&handle, "server-1").await;

        disk.fill(false);
        let back = current.wait_for(Option::is_some);
        let node = timeout(DEADLINE, back).await.expect("in time").expect("supervised").clone();
        let node = node.expect("it is there");
        assert_eq!(node.id(), id, "with all that it had voted for");
        let written = masters[0].node.raft().metrics().borrow().last_log_index;
        let level = node.raft().wait(Some(DEADLINE));
        level.log_index_at_least(written, "level").await.expect("in time");
        masters[0].kill().await;
        available(&handle, "server-2").await;
        masters[1].reads().confirm().await.expect("it leads");
        assert!(serves().await);
    }
}
