//! The witness: reports to the registry and follows its orders as a master does, and is restarted
//! when it breaks.
//!
//! It is not supervised by a slave, because the router's process must keep running: clients ask it
//! for the available server even while its disk is full. Until the disk accepts a log again there
//! is no witness, and everyone who asks is told so.

use std::{io, path::PathBuf, time::Duration};

use openraft::ServerState;
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::registry_actor::RegistryHandle;
use crate::{
    backoff::Backoff,
    control::{Progress, VoterDirective, WitnessDirective, directive::LostWitness},
    host::random,
    node_auth::NodeAuth,
    planted::{self, PlantedFault},
    replication::{
        erasure,
        log_store::LogStore,
        node::{LOG_FILE, Node, ProbeAnswer, StartError},
        startup_check,
    },
    serving::WITNESS_HEALTH,
    settings::ConsensusSettings,
};

/// First and longest wait between attempts to open the log again.
const REOPEN: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// How a witness is started.
pub trait OpenWitness: Send + Sync + 'static {
    /// Starts one with the log that the last one left.
    fn open(&self) -> impl Future<Output = Result<Node, StartError>> + Send;

    /// Puts the log aside, so that the next witness is a new node.
    fn reset_node(&self) -> Result<(), StartError>;

    /// Turns the log, which is new and not in use, into that of the lost witness.
    fn take_over(&self, lost: LostWitness) -> Result<(), StartError>;
}

/// Opens the witness of a router's data directory.
pub struct WitnessDirectory {
    /// The router's data directory.
    pub directory: PathBuf,
    /// What it proves to the other nodes.
    pub auth: NodeAuth,
    /// The cluster's.
    pub timing: ConsensusSettings,
    /// Within this time, what was deleted is in no file.
    pub erase_within: Duration,
}

impl OpenWitness for WitnessDirectory {
    async fn open(&self) -> Result<Node, StartError> {
        let failed = |error: io::Error| StartError::log(&self.directory, error.into());
        startup_check::finish_putting_aside(&self.directory).map_err(failed)?;
        if planted::is(PlantedFault::WitnessIdentityOutlivesItsLog) {
            startup_check::keep_identity(&self.directory.join(LOG_FILE), WITNESS_HEALTH)?;
        }
        let node = Node::start_witness(&self.directory, &self.auth, self.timing).await?;
        node.tasks().spawn(erasure::run(node.clone(), self.erase_within));
        Ok(node)
    }

    fn reset_node(&self) -> Result<(), StartError> {
        let failed = |error: io::Error| StartError::log(&self.directory, error.into());
        startup_check::put_node_aside(&self.directory).map_err(failed)
    }

    fn take_over(&self, lost: LostWitness) -> Result<(), StartError> {
        let path = self.directory.join(LOG_FILE);
        Ok(LogStore::take_over_identity(&path, lost.node, lost.term)?)
    }
}

/// Keeps a witness running.
pub struct WitnessSupervisor<O> {
    opener: O,
    current: watch::Sender<Option<Node>>,
    health: HealthReporter,
}

impl<O: OpenWitness> WitnessSupervisor<O> {
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

    /// Reports to `registry`, and restarts the witness whenever it breaks, until the router stops.
    pub async fn run(
        self,
        registry: RegistryHandle,
        mut directives: mpsc::Receiver<WitnessDirective>,
    ) {
        loop {
            let node = self.current.borrow().clone();
            let Some(node) = node else { return };
            let change = tokio::select! {
                biased;
                reason = node.broken() => {
                    tracing::error!(reason, "the witness is broken; the router continues without it");
                    self.health.set_service_status(WITNESS_HEALTH, ServingStatus::NotServing).await;
                    registry.witness_broken(reason).await;
                    if planted::is(PlantedFault::BrokenWitnessStaysBroken) {
                        return std::future::pending().await;
                    }
                    WitnessChange::None
                }
                ended = report(&node, &registry, &mut directives) => match ended {
                    WitnessExit::Stopping => return,
                    WitnessExit::Changes(change) => change,
                },
            };
            self.current.send_replace(None);
            node.stop().await;
            drop(node);
            let taken_over = match change {
                WitnessChange::TakeOver(lost) => Some(lost.node),
                WitnessChange::None | WitnessChange::Reset => None,
            };
            let node = self.reopen(change).await;
            debug_assert!(
                taken_over.is_none_or(|lost| lost == node.id()),
                "who takes a place has its id"
            );
            // Orders to the one that broke are discarded.
            while directives.try_recv().is_ok() {}
            tracing::info!(node = node.id().get(), "the witness is back");
            self.current.send_replace(Some(node));
            self.health.set_service_status(WITNESS_HEALTH, ServingStatus::Serving).await;
        }
    }

    async fn reopen(&self, mut change: WitnessChange) -> Node {
        let mut attempts = 0;
        loop {
            attempts += 1;
            // The first attempt waits too: the previous log is still being closed.
            sleep(REOPEN.pause(attempts, random::id())).await;
            let changed = match &change {
                WitnessChange::None => Ok(()),
                WitnessChange::TakeOver(lost) => self.opener.take_over(*lost),
                WitnessChange::Reset => self.opener.reset_node(),
            };
            if let Err(error) = changed {
                tracing::debug!(%error, "the witness cannot change its log yet");
                continue;
            }
            change = WitnessChange::None;
            match self.opener.open().await {
                Ok(node) => return node,
                Err(error) => tracing::debug!(%error, "the witness cannot be started yet"),
            }
        }
    }
}

/// Why a witness no longer reports.
pub(super) enum WitnessExit {
    /// The router is stopping.
    Stopping,
    /// It continues with another log.
    Changes(WitnessChange),
}

/// What happens to a witness's log before it is opened again.
pub(super) enum WitnessChange {
    None,
    /// It becomes that of a lost witness.
    TakeOver(LostWitness),
    /// It becomes a new one, as the cluster was abandoned.
    Reset,
}

/// Reports and follows orders.
pub(super) async fn report(
    node: &Node,
    registry: &RegistryHandle,
    directives: &mut mpsc::Receiver<WitnessDirective>,
) -> WitnessExit {
    let mut server = node.raft().server_metrics();
    let mut data = node.raft().data_metrics();
    let mut probe = ProbeAnswer::default();
    loop {
        let progress = node.progress(probe.number).await;
        registry
            .witness_progress(node.id(), Progress { electable: probe.electable, ..progress })
            .await;
        let leads = server.borrow_and_update().state == ServerState::Leader;
        let goes_on = tokio::select! {
            changed = server.changed() => changed.is_ok(),
            // While it leads, the registry waits until its entries are where they are needed.
            changed = data.changed(), if leads => changed.is_ok(),
            directive = directives.recv() => match directive {
                Some(WitnessDirective::Voter(VoterDirective::Probe(asked))) => {
                    probe = node.answer_probe(asked).await;
                    true
                }
                Some(WitnessDirective::Voter(VoterDirective::Campaign { after_term })) => {
                    tracing::info!("the witness campaigns");
                    node.campaign(after_term).await;
                    true
                }
                Some(WitnessDirective::ReplaceWitness(lost)) => {
                    return WitnessExit::Changes(WitnessChange::TakeOver(lost));
                }
                // Another id is that of the witness that was here before.
                Some(WitnessDirective::Voter(VoterDirective::ResetNode(meant))) => {
                    if meant == node.id() {
                        return WitnessExit::Changes(WitnessChange::Reset);
                    }
                    true
                }
                None => return WitnessExit::Stopping,
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
        control::{Directive, Hello},
        domain::UnixMillis,
        replication::addresses::AddressSource,
        replication::tests::{
            cluster::{
                CLUSTER, DEADLINE, Member, cluster_with, only_the_witness_knows,
                start_witness_with_log,
            },
            entries::{account, name, view},
            full_disk::FullDisk,
        },
        router::{
            presentation::View,
            registry::Silence,
            registry_actor::{MasterStream, RegistryActor, RouterAddress},
        },
    };

    const PATIENT: Duration = Duration::from_mins(1);
    const REPORT_EVERY: Duration = Duration::from_millis(100);

    pub(in crate::router) fn hello(master: &Member) -> Hello {
        Hello {
            metrics_address: String::new(),
            node: master.id(),
            name: master.info.name.clone(),
            cluster: Some(CLUSTER),
            client_address: "nowhere:1".to_owned(),
            peer_address: master.info.peer_address.clone(),
            pid: 1,
            reboots: 0,
            host: String::new(),
            supported_versions: master.info.supported_versions,
            address_version: master.info.address_version,
            process: 1,
            started: UnixMillis::EPOCH,
            abandoned_for: None,
        }
    }

    /// Reports and follows orders for a master.
    pub(in crate::router) async fn report_for(
        node: Node,
        registry: RegistryHandle,
        MasterStream { id, mut directives }: MasterStream,
    ) {
        let mut server = node.raft().server_metrics();
        let mut cut_off = node.peers().cut_off();
        let mut ticks = interval(REPORT_EVERY);
        let mut probe = ProbeAnswer::default();
        loop {
            let progress = node.progress(probe.number).await;
            registry.progress(id, Progress { electable: probe.electable, ..progress }).await;
            server.borrow_and_update();
            tokio::select! {
                changed = server.changed() => if changed.is_err() {
                    return registry.lost(id).await;
                },
                _ = cut_off.changed() => {}
                _ = ticks.tick() => {}
                directive = directives.recv() => match directive {
                    Some(Directive::Voter(VoterDirective::Probe(asked))) => {
                        probe = node.answer_probe(asked).await;
                    }
                    Some(Directive::Voter(VoterDirective::Campaign { after_term })) => {
                        node.campaign(after_term).await;
                    }
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    /// A registry actor with `current` as its witness.
    pub(in crate::router) fn registry(
        current: &watch::Receiver<Option<Node>>,
        down_after: Duration,
    ) -> (RegistryHandle, mpsc::Receiver<WitnessDirective>) {
        let (directives, directives_for_it) = mpsc::channel(8);
        let silence = Silence::of(down_after, down_after / 5);
        let place = RouterAddress { address: "nowhere:2".to_owned(), witness_port: 0 };
        let (registry, handle) = RegistryActor::new(current.clone(), directives, silence, place);
        tokio::spawn(registry.run());
        (handle, directives_for_it)
    }

    pub(in crate::router) async fn available(registry: &RegistryHandle, name: &str) {
        let mut location = registry.location();
        let serves = location
            .wait_for(|now| now.available.as_ref().is_some_and(|server| server.name == name));
        timeout(DEADLINE, serves).await.expect("in time").expect("the registry runs");
    }

    #[tokio::test]
    async fn a_master_serves_what_only_the_witness_had() {
        let (master, witness) = only_the_witness_knows().await;
        let (handle, mut directives_for_it) =
            registry(&watch::channel(Some(witness.node.clone())).1, PATIENT);
        let (node, reports_to) = (witness.node.clone(), handle.clone());
        tokio::spawn(async move { report(&node, &reports_to, &mut directives_for_it).await });
        let stream = handle.open(hello(&master)).await.expect("the registry runs");
        tokio::spawn(report_for(master.node.clone(), handle.clone(), stream));

        available(&handle, "server-2").await;
        master.reads().confirm().await.expect("it leads");
        let found = view(master.state()).account_by_name(&name("ann")).expect("readable");
        assert!(found.is_some(), "what was acknowledged is there");
    }

    impl OpenWitness for FullDisk {
        async fn open(&self) -> Result<Node, StartError> {
            let log =
                FullDisk::open(self).map_err(|error| StartError::Consensus(error.to_string()));
            start_witness_with_log(log?).await
        }

        fn reset_node(&self) -> Result<(), StartError> {
            FullDisk::reset_node(self).map_err(|error| StartError::Consensus(error.to_string()))
        }

        fn take_over(&self, lost: LostWitness) -> Result<(), StartError> {
            FullDisk::take_over_identity(self, lost.node, lost.term)
                .map_err(|error| StartError::Consensus(error.to_string()))
        }
    }

    #[tokio::test]
    async fn a_witness_whose_disk_was_full_is_back_by_itself_and_breaks_the_tie_of_the_last_two() {
        let disk = FullDisk::new();
        let (health, _service) = tonic_health::server::health_reporter();
        let (supervisor, mut current) =
            WitnessSupervisor::start(disk.clone(), health.clone()).await.expect("started");
        let (handle, directives_for_it) = registry(&current, PATIENT);
        tokio::spawn(supervisor.run(handle.clone(), directives_for_it));
        let witness = Member::supervised_witness(current.clone()).await;
        let first = Member::master("server-1").await;
        let id = witness.id();
        let (masters, witness) = cluster_with(first, 2, witness).await;
        // Only the supervisor may hold on to a witness that breaks.
        drop(witness);
        for master in &masters {
            let stream = handle.open(hello(master)).await.expect("the registry runs");
            tokio::spawn(report_for(master.node.clone(), handle.clone(), stream));
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
            while handle
                .status(View::Operator)
                .await
                .expect("the registry runs")
                .problems
                .is_empty()
            {
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
            WitnessSupervisor::start(FullDisk::new(), health).await.expect("started");
        let (handle, directives_for_it) = registry(&current, PATIENT);
        let witness = Member::supervised_witness(current.clone()).await;
        let info = witness.info.clone();
        drop(witness);
        tokio::spawn(supervisor.run(handle.clone(), directives_for_it));
        for master in &masters[1..] {
            for other in &masters[1..] {
                master.node.peers().learn(other.id(), other.info.clone(), AddressSource::Router);
            }
            master.node.peers().learn(id, info.clone(), AddressSource::Router);
            let stream = handle.open(hello(master)).await.expect("the registry runs");
            tokio::spawn(report_for(master.node.clone(), handle.clone(), stream));
        }

        let mut location = handle.location();
        let serves = location.wait_for(|now| now.available.is_some());
        let serves = timeout(DEADLINE, serves).await.expect("in time").expect("the registry runs");
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
