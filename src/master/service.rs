//! One node of a master, built from its parts and run: [`Listeners::bind`], [`Master::build`],
//! [`Master::run`]. What it serves is in [`here`]; this only joins the parts.

use std::{
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, interceptor::InterceptedService};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    abandonment::{self, AbandonmentHandle},
    address, bootstrap, certification, chores, cluster_id_file,
    delivery::{Delivery, StreamLimits},
    here::{self, Here},
    leave, location,
    monitored::MonitoredMaster,
    nearest::Nearest,
    openness::Openness,
    passwords::Passwords,
    picture_processor::PictureProcessor,
    rate_limits::RateLimits,
    reporter::{Reporter, ReporterHandle},
    room::{RoomHandle, RoomMeter},
    sessions::Sessions,
    state_recovery,
};
use crate::{
    classic,
    client::Relayed,
    control::ReceivedRoster,
    directory::{AskTheRouter, DirectoryServer, Location},
    domain::ClusterId,
    envelope::SupportedVersions,
    grpc::{
        admin_service, app_service,
        metadata::CallReader,
        picture_service,
        relay_on_request::RelayOnRequest,
        social_service::{self, SocialServer},
    },
    host::{
        database_fault::DatabaseFault,
        net::{self, ListenError, Listener},
        task::Tasks,
    },
    http,
    node_auth::{NodeAuth, NodeInterceptor},
    planted::{self, PlantedFault},
    reflection,
    replication::{
        NodeInfo, address_gossip, erasure,
        link::MESSAGE_BYTES,
        log_error::OpenError,
        log_store::LogStore,
        node::{LOG_FILE, Node, StartError},
        peer_service::PeerServer,
        pre_vote,
        reads::Reads,
        reconcile, startup_check,
        state_store::{Applied, Observer},
        upgrade,
        writes::Writes,
    },
    serving::{self, Acceptance, CLIENT_MESSAGE_BYTES, ClientListeners, Encryption, Served, Web},
    settings::{CallerLimits, ClientCertificate, MasterSettings},
    slot::{self, SlotInfo},
    social::{MemoryBudget, State, StateError, StateReader},
    wire::{
        internal::peer_service_server::PeerServiceServer,
        v1::{
            directory_service_server::DirectoryServiceServer,
            social_service_server::SocialServiceServer,
        },
    },
};

/// Where a master is reached, bound and not served yet.
pub struct Listeners {
    /// For clients.
    pub clients: ClientListeners,
    /// For the other nodes.
    pub peers: Listener,
}

impl Listeners {
    /// Binds what the settings say.
    pub async fn bind(settings: &MasterSettings) -> Result<Self, ListenError> {
        Ok(Self {
            clients: ClientListeners::bind(
                net::listen("client_listen", settings.client_listen).await?,
                &settings.clients,
                ["https_listen", "http_listen"],
            )
            .await?,
            peers: net::listen("peer_listen", settings.peer_listen).await?,
        })
    }
}

/// A master whose node runs, and which serves nobody yet.
pub struct Master {
    node: Node,
    state: StateReader,
    /// Where the node's files are.
    directory: PathBuf,
    listeners: Listeners,
    encryption: Encryption,
    acceptance: Acceptance,
    /// What clients may ask for, and what nodes may.
    routes: (Routes, Routes),
    /// What those may ask for who speak HTTP.
    web: Web,
    streams_per_connection: u32,
    callers: CallerLimits,
    calls: CallReader,
    drain_timeout: Duration,
    health: HealthReporter,
    delivery: Delivery,
    report: ReporterHandle,
    roster: watch::Receiver<ReceivedRoster>,
    /// Cancelled when another cluster has taken the place of the node's.
    node_reset: CancellationToken,
    /// Cancelled when clients are no longer served.
    clients_stop: CancellationToken,
    /// These end only with the master, if nothing is wrong.
    lasting: Vec<(&'static str, JoinHandle<()>)>,
    tasks: Tasks,
}

/// Why a master has ended.
pub enum NodeEnd {
    /// It was asked to stop, and has handed over and drained.
    Stopped,
    /// Another cluster has taken the place of its own: a new node starts in its place.
    ClusterGone {
        /// Which it was; none if this node had not joined it, and only other slots say so.
        cluster: Option<ClusterId>,
        /// Nobody had made anything in it.
        is_empty: bool,
    },
    /// Its state is damaged, and is to be replaced.
    StateDamaged,
}

/// What the parts of a master share.
struct Parts<'a> {
    settings: &'a MasterSettings,
    encryption: &'a Encryption,
    acceptance: Acceptance,
    slot: &'a SlotInfo,
    node: Node,
    state: StateReader,
    writes: Writes,
    delivery: Delivery,
    room: RoomHandle,
    tasks: Tasks,
}

impl Master {
    /// A master in `slot` on these listeners; none if `stop` came first, as it may take long until
    /// the router is found, or a lost state.
    pub async fn build(
        settings: &MasterSettings,
        encryption: &Encryption,
        slot: &SlotInfo,
        listeners: Listeners,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        // If it cannot be read now, it would later be treated as absent.
        cluster_id_file::load(slot)?;
        let Some(host) = address::advertised(settings, stop).await else { return Ok(None) };
        let info = own_node_info(settings, slot, &host, &listeners);
        startup_check::refuse_lost_log(&slot.directory)?;
        let path = slot.directory.join(LOG_FILE);
        if planted::is(PlantedFault::IdentityOutlivesTheDisk) {
            startup_check::keep_identity(&path, &info.name)?;
        }
        let mut log = open_log(&path).await.map_err(StartError::from)?;
        state_closed(&slot.directory).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            fit = state_recovery::run(settings, &encryption.nodes, slot, &mut log, &info) => fit?,
        }
        Self::start(settings, encryption, slot, listeners, info, log).await.map(Some)
    }

    /// The same once everything is found.
    async fn start(
        settings: &MasterSettings,
        encryption: &Encryption,
        slot: &SlotInfo,
        listeners: Listeners,
        mut info: NodeInfo,
        log: LogStore,
    ) -> anyhow::Result<Self> {
        let streams = StreamLimits {
            in_all: settings.limits.subscriptions,
            of_account: settings.limits.subscriptions_per_account,
        };
        let delivery = Delivery::new(settings.limits.stream_queue, streams);
        let observer = delivery_observer(delivery.clone());
        let (node, state) = Node::start_master_with_log(
            log,
            &slot.directory,
            MemoryBudget::mib(settings.state_memory_mib),
            &encryption.nodes,
            settings.consensus,
            observer,
        )
        .await?;
        info.address_version = node.first_address_version();
        node.peers().set_own_address(info.clone());
        tracing::info!(
            name = %info.name, node = node.id().get(), address = %info.client_address, pid = process::id(),
            reboots = slot.reboots, "master is up"
        );
        let writes = Writes::start(&node, settings.limits.pending_writes, node.clock());
        let (tasks, acceptance) = (Tasks::default(), Acceptance::default());
        let (roster_sender, roster) = watch::channel(ReceivedRoster::default());
        let (meter, room) = RoomMeter::new(slot.directory.clone(), settings.disk, roster.clone());
        tasks.spawn(meter.run(tasks.ending()));
        let parts = Parts {
            settings,
            encryption,
            acceptance: acceptance.clone(),
            slot,
            node,
            state,
            writes,
            delivery,
            room,
            tasks,
        };
        let node_reset = CancellationToken::new();
        let (report, lasting) = parts.spawn(info, roster_sender, &roster, node_reset.clone());
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<SocialServiceServer<SocialServer<Here>>>().await;
        let clients_stop = parts.tasks.ending().child_token();
        let (public, web) = parts.public(&clients_stop, Routes::new(health_service));
        let routes = (public, parts.internal());
        let Parts { node, state, delivery, tasks, .. } = parts;
        Ok(Self {
            node,
            state,
            directory: slot.directory.clone(),
            listeners,
            encryption: encryption.clone(),
            acceptance,
            routes,
            web,
            streams_per_connection: settings.limits.streams_per_connection,
            callers: settings.callers,
            calls: CallReader::new(encryption.nodes.clone())
                .believing(settings.front.trusted_proxies.clone()),
            drain_timeout: settings.drain_timeout,
            health,
            delivery,
            report,
            roster,
            node_reset,
            clients_stop,
            lasting,
            tasks,
        })
    }

    /// This master for monitoring, which is told when it is about to `stop`.
    pub fn monitored(&self, stop: &CancellationToken) -> MonitoredMaster {
        MonitoredMaster {
            node: self.node.clone(),
            delivery: self.delivery.clone(),
            directory: self.directory.clone(),
            router: self.report.contact(),
            stop: stop.clone(),
        }
    }

    /// Serves until `stop`, and then until it has handed over and drained, or until the node cannot
    /// go on as it is. Then nothing of it runs any more; only a failure leaves that to the end
    /// of the process.
    pub async fn run(self, stop: &CancellationToken) -> anyhow::Result<NodeEnd> {
        let Self { node, listeners, tasks, clients_stop, .. } = self;
        let Listeners { clients, peers } = listeners;
        let (public, internal) = self.routes;
        let (streams, ended) = (self.streams_per_connection, tasks.ending());
        let encryption = self.encryption;
        let internal = Served::to_nodes(internal, &encryption.nodes);
        let public = Served::to_clients(public, streams, self.callers, self.calls.origins())
            .with_web(self.web)
            .protected(&encryption)
            .telling(self.acceptance);
        tasks.spawn(encryption.keep_current());
        let peers_done = tasks.spawn_orderly(serving::serve(peers, internal, ended.clone()));
        let clients_done = tasks.spawn_orderly(clients.serve(public, clients_stop.clone()));
        let outcome = tokio::select! {
            // One failure causes others: report the first, not its consequences.
            biased;
            () = stop.cancelled() => {
                self.health.set_service_status("", ServingStatus::NotServing).await;
                leave(&node, &self.report, self.roster, self.drain_timeout).await;
                NodeEnd::Stopped
            }
            () = self.node_reset.cancelled() => {
                let is_empty = is_empty(&node, &self.state)?;
                NodeEnd::ClusterGone { cluster: node.cluster(), is_empty }
            }
            () = until_damaged(&self.state, &node) => NodeEnd::StateDamaged,
            reason = node.broken() => anyhow::bail!("the consensus stopped: {reason}"),
            served = peers_done => stopped(served, &ended)?,
            served = clients_done => stopped(served, &clients_stop)?,
            task = first_task_to_end(self.lasting) => anyhow::bail!("{task} ended by itself"),
        };
        clients_stop.cancel();
        self.delivery.close_all();
        tasks.end().await;
        node.stop().await;
        tracing::info!("drained");
        Ok(outcome)
    }
}

impl Parts<'_> {
    /// Starts the tasks; those that should last are returned.
    fn spawn(
        &self,
        info: NodeInfo,
        roster: watch::Sender<ReceivedRoster>,
        roster_seen: &watch::Receiver<ReceivedRoster>,
        node_reset: CancellationToken,
    ) -> (ReporterHandle, Vec<(&'static str, JoinHandle<()>)>) {
        let Self { node, state, writes, tasks, .. } = self;
        let ended = tasks.ending();
        let (abandonment, abandon_cluster) = AbandonmentHandle::new(state.clone(), node_reset);
        let (reporter, report) = Reporter::new(
            (self.settings, self.encryption, self.acceptance.clone()),
            self.slot,
            node.clone(),
            info,
            roster,
            (abandonment, self.room.clone(), Openness::new(state.clone(), self.settings)),
            ended.clone(),
        );
        let reconciling = reconcile::run(node.clone(), roster_seen.clone(), ended.clone());
        let demotion = self.delivery.clone().close_on_demotion(node.clone(), ended.clone());
        let tidying = self.delivery.clone().tidy(ended.clone());
        let lasting = vec![
            ("the reporter", tasks.spawn_orderly(reporter.run())),
            ("reconciling", tasks.spawn_orderly(reconciling)),
            (
                "the address gossip",
                tasks.spawn_orderly(address_gossip::run(node.clone(), ended.clone())),
            ),
            ("the pre-votes", tasks.spawn_orderly(pre_vote::run(node.clone(), ended.clone()))),
            ("the watch for the loss of leadership", tasks.spawn_orderly(demotion)),
            ("what removes closed timelines", tasks.spawn_orderly(tidying)),
            (
                "the watch of the format",
                tasks.spawn_orderly(upgrade::run(node.clone(), ended.clone())),
            ),
        ];
        let (state, writes) = (state.clone(), writes.clone());
        if let Some(ClientCertificate::OfDomain(domain)) = &self.settings.clients.certificate {
            tasks.spawn(certification::follow(state.clone(), self.encryption.clone()));
            let (node, state, writes) = (node.clone(), state.clone(), writes.clone());
            tasks.spawn(certification::order(node, state, writes, domain.clone()));
        }
        tasks.spawn(erasure::run(node.clone(), self.settings.erase_within));
        tasks.spawn(chores::go_on(node.clone(), state.clone(), writes.clone()));
        tasks.spawn(bootstrap::run(node.clone(), state, writes.clone(), ended.clone()));
        tasks.spawn(abandonment::run(abandon_cluster, node.clone(), writes, ended));
        (report, lasting)
    }

    /// What everyone may ask for, besides `routes`, and over HTTP.
    fn public(&self, stop: &CancellationToken, routes: Routes) -> (Routes, Web) {
        let location = location::start(&self.node);
        let here = Here::new(here::Parts {
            node: self.node.clone(),
            state: self.state.clone(),
            writes: self.writes.clone(),
            reads: Reads::start(&self.node),
            delivery: self.delivery.clone(),
            sessions: Sessions::new(self.state.clone(), self.settings.limits.session_lifetime),
            passwords: Passwords::start(self.settings.limits.limits_rates),
            pictures: PictureProcessor::default(),
            room: self.room.clone(),
            rate_limits: Mutex::new(RateLimits::new(self.settings.limits.limits_rates)),
            limits: self.settings.limits.clone(),
        });
        add_public(routes, here, self.settings, &self.encryption.nodes, location, stop.clone())
    }

    /// What other nodes may ask for.
    fn internal(&self) -> Routes {
        let peer_service = PeerServer::new(self.node.clone(), self.tasks.ending());
        let peer_service =
            PeerServiceServer::new(peer_service).max_decoding_message_size(MESSAGE_BYTES);
        let guard = NodeInterceptor(self.encryption.nodes.clone());
        Routes::new(InterceptedService::new(peer_service, guard))
    }
}

fn add_public(
    routes: Routes,
    here: Here,
    settings: &MasterSettings,
    auth: &NodeAuth,
    location: watch::Receiver<Location>,
    stop: CancellationToken,
) -> (Routes, Web) {
    let front = settings.front.clone();
    let calls = CallReader::new(auth.clone()).believing(front.trusted_proxies);
    let nearest = Nearest::new(here.clone(), Relayed::by_node(location.clone(), auth));
    let admin = RelayOnRequest {
        here: admin_service::service(here.clone(), calls.clone(), CLIENT_MESSAGE_BYTES),
        relayed: admin_service::service(nearest.clone(), calls.clone(), CLIENT_MESSAGE_BYTES),
    };
    let apps = RelayOnRequest {
        here: app_service::service(here.clone(), calls.clone(), CLIENT_MESSAGE_BYTES),
        relayed: app_service::service(nearest.clone(), calls.clone(), CLIENT_MESSAGE_BYTES),
    };
    let pictures = RelayOnRequest {
        here: picture_service::service(here.clone(), calls.clone()),
        relayed: picture_service::service(nearest.clone(), calls.clone()),
    };
    let social = RelayOnRequest {
        here: social_service::service(here, calls.clone(), CLIENT_MESSAGE_BYTES),
        relayed: social_service::service(nearest.clone(), calls.clone(), CLIENT_MESSAGE_BYTES),
    };
    let directory = DirectoryServer::new(location.clone(), AskTheRouter);
    let routes = routes
        .add_service(social)
        .add_service(admin)
        .add_service(apps)
        .add_service(pictures)
        .add_service(DirectoryServiceServer::new(directory))
        .add_service(reflection::service());
    let (host, mode) = (classic::Host::Master, settings.classic);
    let public_url = front.public_url.map(Into::into);
    let api = http::Api {
        network: Arc::new(nearest.clone()),
        calls: calls.clone(),
        public_url,
        stop: stop.clone(),
        shared: http::SharedEntities::default(),
        uploads: http::Uploads::default(),
    };
    let web = http::served(api);
    (classic::add(routes, host, mode, nearest, calls, location, stop), web)
}

/// Whether nobody has made anything in the cluster of `node`, as far as its whole log says. A master that has just
/// started may have applied little of it.
fn is_empty(node: &Node, state: &StateReader) -> Result<bool, StateError> {
    let now = node.raft().metrics().borrow().clone();
    let is_applied = now.last_applied.map(|last| last.index) >= now.last_log_index;
    Ok(is_applied && !state.view()?.has_content()?)
}

/// How often it is looked whether something was closed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Opens the log, which the node before this one in the same process may be about to close.
async fn open_log(path: &Path) -> Result<LogStore, OpenError> {
    const CLOSED_WITHIN: Duration = Duration::from_secs(2);
    let deadline = Instant::now() + CLOSED_WITHIN;
    loop {
        match LogStore::open(path) {
            Err(error) if error.fault == DatabaseFault::InUse && Instant::now() < deadline => {
                sleep(LOOK_EVERY).await;
            }
            opened => return opened,
        }
    }
}

/// Returns when the node before this one in the same process has closed the state of `slot`: it may be
/// about to flush it. Gives up after a while; opening it then says what is wrong.
async fn state_closed(slot: &Path) {
    const FLUSHED_WITHIN: Duration = Duration::from_secs(30);
    let deadline = Instant::now() + FLUSHED_WITHIN;
    while State::is_in_use(slot).unwrap_or(false) && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
}

/// Returns when this master has to replace its state. One that cannot goes on with what it can read.
async fn until_damaged(state: &StateReader, node: &Node) {
    state.damage().found().await;
    if !node.can_replace_its_state() {
        tracing::error!("no other master has the state: what is damaged of it cannot be read");
        std::future::pending::<()>().await;
    }
}

/// A listener has ended: well, where it was asked to.
fn stopped(served: Result<(), JoinError>, asked: &CancellationToken) -> anyhow::Result<NodeEnd> {
    served.context("serving")?;
    serving::outcome(asked)?;
    Ok(NodeEnd::Stopped)
}

/// What others are told about this master, which is reached at `host`.
fn own_node_info(
    settings: &MasterSettings,
    slot: &SlotInfo,
    host: &str,
    Listeners { clients, peers, .. }: &Listeners,
) -> NodeInfo {
    NodeInfo {
        name: settings.name.clone().unwrap_or_else(|| slot::server_name(slot.number)),
        peer_address: format!("{host}:{}", peers.port()),
        client_address: format!("{host}:{}", clients.port()),
        witness: false,
        supported_versions: SupportedVersions::of_this_program(),
        address_version: 0,
    }
}

/// Passes what is applied to the live timelines.
fn delivery_observer(delivery: Delivery) -> Observer {
    Arc::new(move |applied: Applied<'_>| match applied {
        Applied::Events(events, state) => delivery.dispatch(events, state),
        Applied::Replaced => delivery.close_all(),
    })
}

/// The name of the first of `tasks` to end. They should last as long as the master does.
async fn first_task_to_end(tasks: Vec<(&'static str, JoinHandle<()>)>) -> &'static str {
    let named = tasks.into_iter().map(|(name, task)| task.map(move |_ended| name).boxed());
    futures::future::select_all(named).await.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lasting_task_that_ends_is_named() {
        let lasting = tokio::spawn(std::future::pending());
        let tasks = vec![("one", lasting), ("another", tokio::spawn(async {}))];
        assert_eq!(first_task_to_end(tasks).await, "another");
    }
}
