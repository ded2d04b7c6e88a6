//! The witness: reports to the registry and follows its orders as a master does, and is restarted
//! when it breaks.
//!
//! It is not supervised by a slave, because the router's process must keep running: clients ask it
//! for the available server even while its disk is full. Until the disk accepts a log again there
//! is no witness, and everyone who asks is told so.

use std::{io, path::PathBuf, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use openraft::ServerState;
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::hub::Handle;
use crate::{
    replication::{
        condition,
        log_store::LogStore,
        node::{LOG_FILE, Node, Probed, Progress, StartError},
    },
    serving::WITNESS_HEALTH,
    settings::{ConsensusSettings, Secret},
    wire::internal::{Directive, Inherit, directive},
};

/// First and longest wait between attempts to open the log again.
const REOPEN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How a witness is started.
pub trait Open: Send + Sync + 'static {
    /// Starts one with the log that the last one left.
    fn open(&self) -> impl Future<Output = Result<Node, StartError>> + Send;

    /// Removes the log, so that the next witness is a new node.
    fn begin_anew(&self) -> Result<(), StartError>;

    /// Turns the log, which is new and not in use, into that of the lost witness.
    fn inherit(&self, lost: &Inherit) -> Result<(), StartError>;
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

    fn begin_anew(&self) -> Result<(), StartError> {
        let failed = |error: io::Error| StartError::log(&self.directory, error.into());
        condition::begin_anew(&self.directory).map_err(failed)
    }

    fn inherit(&self, lost: &Inherit) -> Result<(), StartError> {
        let path = self.directory.join(LOG_FILE);
        Ok(LogStore::inherit(&path, lost.node_id, lost.term)?)
    }
}

/// Keeps a witness running.
pub struct Supervisor<O> {
    opener: O,
    current: watch::Sender<Option<Node>>,
    health: HealthReporter,
}

impl<O: Open> Supervisor<O> {
    /// Starts the first one. The receiver has the current one, or none while it is broken.
    pub async fn start(
        opener: O,
        health: HealthReporter,
    ) -> Result<(Self, watch::Receiver<Option<Node>>), StartError> {
        let node = opener.open().await?;
        let (current, watched) = watch::channel(Some(node));
        health.set_service_status(WITNESS_HEALTH, ServingStatus::Serving).await;
        Ok((Self { opener, current, health }, watched))
    }

    /// Reports to `hub`, and restarts the witness whenever it breaks, until the router stops.
    pub async fn run(self, hub: Handle, mut directives: mpsc::Receiver<Directive>) {
        loop {
            let node = self.current.borrow().clone();
            let Some(node) = node else { return };
            let change = tokio::select! {
                biased;
                reason = node.broken() => {
                    tracing::error!(reason, "the witness is broken; the router continues without it");
                    self.health.set_service_status(WITNESS_HEALTH, ServingStatus::NotServing).await;
                    hub.witness_broken(reason).await;
                    Change::None
                }
                ended = report(&node, &hub, &mut directives) => match ended {
                    Ended::Stopping => return,
                    Ended::Changes(change) => change,
                },
            };
            self.current.send_replace(None);
            node.stop().await;
            drop(node);
            let node = self.reopen(change).await;
            // Orders to the one that broke are discarded.
            while directives.try_recv().is_ok() {}
            tracing::info!(node = node.id(), "the witness is back");
            self.current.send_replace(Some(node));
            self.health.set_service_status(WITNESS_HEALTH, ServingStatus::Serving).await;
        }
    }

    async fn reopen(&self, mut change: Change) -> Node {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(REOPEN.0)
            .with_max_delay(REOPEN.1)
            .without_max_times()
            .build();
        loop {
            // The first attempt waits too: the previous log is still being closed.
            sleep(waits.next().unwrap_or(REOPEN.1)).await;
            let changed = match &change {
                Change::None => Ok(()),
                Change::Inherits(lost) => self.opener.inherit(lost),
                Change::BeginsAnew => self.opener.begin_anew(),
            };
            if let Err(error) = changed {
                tracing::debug!(%error, "the witness cannot change its log yet");
                continue;
            }
            change = Change::None;
            match self.opener.open().await {
                Ok(node) => return node,
                Err(error) => tracing::debug!(%error, "the witness cannot be started yet"),
            }
        }
    }
}

/// Why a witness no longer reports.
pub(super) enum Ended {
    /// The router is stopping.
    Stopping,
    /// It continues with another log.
    Changes(Change),
}

/// What happens to a witness's log before it is opened again.
pub(super) enum Change {
    None,
    /// It becomes that of a lost witness.
    Inherits(Inherit),
    /// It becomes a new one, as the cluster was given up.
    BeginsAnew,
}

/// Reports and follows orders.
pub(super) async fn report(
    node: &Node,
    hub: &Handle,
    directives: &mut mpsc::Receiver<Directive>,
) -> Ended {
    let mut server = node.raft().server_metrics();
    let mut data = node.raft().data_metrics();
    let mut probe = Probed::default();
    loop {
        let progress = node.progress(probe.number).await;
        hub.witness(node.id(), Progress { electable: probe.electable, ..progress }).await;
        let leads = server.borrow_and_update().state == ServerState::Leader;
        let goes_on = tokio::select! {
            changed = server.changed() => changed.is_ok(),
            // While it leads, the registry waits until its entries are where they are needed.
            changed = data.changed(), if leads => changed.is_ok(),
            directive = directives.recv() => match directive {
                Some(Directive { directive }) => {
                    match directive {
                        Some(directive::Directive::Probe(asked)) => {
                            let pre_vote = Duration::from_millis(asked.pre_vote_ms.into());
                            probe = node.probed(asked.number, pre_vote).await;
                        }
                        Some(directive::Directive::Stand(_)) => {
                            tracing::info!("the witness stands for election");
                            node.stand().await;
                        }
                        Some(directive::Directive::Inherit(lost)) => {
                            return Ended::Changes(Change::Inherits(lost));
                        }
                        Some(directive::Directive::BeginAnew(meant))
                            if meant.node_id == node.id() =>
                        {
                            return Ended::Changes(Change::BeginsAnew);
                        }
                        _ => {}
                    }
                    true
                }
                None => return Ended::Stopping,
            },
        };
        if !goes_on {
            // It is broken, as its supervisor will soon notice.
            return std::future::pending().await;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::time::{interval, timeout};
    use tonic::Request;
    use tonic_health::{
        pb::{HealthCheckRequest, health_server::Health as _},
        server::HealthService,
    };

    use super::*;
    use crate::{
        directory::ClusterView as _,
        replication::addresses::Source,
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
    const REPORT_EVERY: Duration = Duration::from_millis(100);

    pub(in crate::router) fn hello(master: &Member) -> Hello {
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
            gave_way_to: None,
        }
    }

    /// Reports and follows orders for a master.
    pub(in crate::router) async fn report_for(
        node: Node,
        hub: Handle,
        Session { id, mut directives }: Session,
    ) {
        let mut server = node.raft().server_metrics();
        let mut cut_off = node.peers().cut_off();
        let mut ticks = interval(REPORT_EVERY);
        let mut probe = Probed::default();
        loop {
            let progress = node.progress(probe.number).await;
            hub.progress(id, Progress { electable: probe.electable, ..progress }).await;
            server.borrow_and_update();
            tokio::select! {
                changed = server.changed() => if changed.is_err() {
                    return hub.lost(id).await;
                },
                _ = cut_off.changed() => {}
                _ = ticks.tick() => {}
                directive = directives.recv() => match directive.and_then(|said| said.directive) {
                    Some(directive::Directive::Probe(asked)) => {
                        let pre_vote = Duration::from_millis(asked.pre_vote_ms.into());
                        probe = node.probed(asked.number, pre_vote).await;
                    }
                    Some(directive::Directive::Stand(_)) => node.stand().await,
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    /// A hub with `current` as its witness.
    pub(in crate::router) fn hub(
        current: &watch::Receiver<Option<Node>>,
        down_after: Duration,
    ) -> (Handle, mpsc::Receiver<Directive>) {
        let (directives, obeyed) = mpsc::channel(8);
        let place = Place { address: "nowhere:2".to_owned(), witness_port: 0 };
        let (hub, handle) = Hub::new(current.clone(), directives, down_after, place);
        tokio::spawn(hub.run());
        (handle, obeyed)
    }

    pub(in crate::router) async fn available(hub: &Handle, name: &str) {
        let mut location = hub.location();
        let serves = location
            .wait_for(|now| now.available.as_ref().is_some_and(|server| server.name == name));
        timeout(DEADLINE, serves).await.expect("in time").expect("the hub runs");
    }

    #[tokio::test]
    async fn a_master_serves_what_only_the_witness_had() {
        let (master, witness) = only_the_witness_knows().await;
        let (handle, mut obeyed) = hub(&watch::channel(Some(witness.node.clone())).1, PATIENT);
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

        fn begin_anew(&self) -> Result<(), StartError> {
            FullDisk::begin_anew(self).map_err(|error| StartError::Consensus(error.to_string()))
        }

        fn inherit(&self, lost: &Inherit) -> Result<(), StartError> {
            FullDisk::inherit(self, lost.node_id, lost.term)
                .map_err(|error| StartError::Consensus(error.to_string()))
        }
    }

    #[tokio::test]
    async fn a_witness_whose_disk_was_full_is_back_by_itself_and_breaks_the_tie_of_the_last_two() {
        let disk = FullDisk::new();
        let (health, _service) = tonic_health::server::health_reporter();
        let (supervisor, mut current) =
            Supervisor::start(disk.clone(), health.clone()).await.expect("started");
        let (handle, obeyed) = hub(&current, PATIENT);
        tokio::spawn(supervisor.run(handle.clone(), obeyed));
        let witness = Member::supervised_witness(current.clone()).await;
        let first = Member::master("server-1").await;
        let id = witness.id();
        let (masters, witness) = cluster_with(first, 2, witness).await;
        // Only the supervisor may hold on to a witness that breaks.
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
        assert_eq!(node.id(), id, "with everything that it had voted for");
        let written = masters[0].node.raft().metrics().borrow().last_log_index;
        let level = node.raft().wait(Some(DEADLINE));
        level.log_index_at_least(written, "level").await.expect("in time");
        masters[0].kill().await;
        available(&handle, "server-2").await;
        masters[1].reads().confirm().await.expect("it leads");
        assert!(serves().await);
    }

    #[tokio::test]
    async fn masters_that_lost_the_witness_and_one_of_three_elect_a_leader_with_a_new_witness() {
        let lost = Member::witness().await;
        let id = lost.id();
        let first = Member::master("server-1").await;
        let (masters, lost) = cluster_with(first, 3, lost).await;
        masters[0].writes().submit(account("ann")).await.expect("written");
        masters[1].level_with(&masters[0]).await;
        masters[2].level_with(&masters[0]).await;
        // The router's disk is lost together with that of the first master.
        lost.kill().await;
        masters[0].kill().await;

        let (health, _service) = tonic_health::server::health_reporter();
        let (supervisor, current) =
            Supervisor::start(FullDisk::new(), health).await.expect("started");
        let (handle, obeyed) = hub(&current, PATIENT);
        let witness = Member::supervised_witness(current.clone()).await;
        let info = witness.info.clone();
        drop(witness);
        tokio::spawn(supervisor.run(handle.clone(), obeyed));
        for master in &masters[1..] {
            for other in &masters[1..] {
                master.node.peers().learn(other.id(), other.info.clone(), Source::Router);
            }
            master.node.peers().learn(id, info.clone(), Source::Router);
            let session = handle.open(hello(master)).await.expect("the hub runs");
            tokio::spawn(report_for(master.node.clone(), handle.clone(), session));
        }

        let mut location = handle.location();
        let serves = location.wait_for(|now| now.available.is_some());
        let serves = timeout(DEADLINE, serves).await.expect("in time").expect("the hub runs");
        let leader = serves.available.as_ref().map(|server| server.name.clone());
        drop(serves);
        let leader = masters[1..].iter().find(|master| Some(&master.info.name) == leader.as_ref());
        let leader = leader.expect("one of the two");
        leader.reads().confirm().await.expect("it leads");
        let found = view(leader.state()).account_by_name(&name("ann")).expect("readable");
        assert!(found.is_some(), "what was acknowledged is there");
        let node = current.borrow().clone().expect("it works");
        assert_eq!(node.id(), id, "in the place of the lost one");
    }
}
