//! The router, built from its parts and run: [`Listeners::bind`], [`Router::build`],
//! [`Router::run`].

use std::{path::PathBuf, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, interceptor::InterceptedService};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    callers_view::CallersView,
    certification::KeptCertification,
    monitored::MonitoredRouter,
    registry::Silence,
    registry_actor::{self, RegistryActor, RegistryHandle},
    registry_service::RegistryServer,
    witness_supervisor::{WitnessDirectory, WitnessSupervisor},
};
use crate::{
    classic,
    client::Relayed,
    directory::{DirectoryServer, Location},
    grpc::{admin_service, app_service, metadata::CallReader, picture_service, social_service},
    host::{
        disk,
        net::{self, ListenError, Listener},
        task::Tasks,
    },
    http,
    node_auth::{NodeAuth, NodeInterceptor},
    reflection,
    replication::{link::MESSAGE_BYTES, node::Node, peer_service::PeerServer},
    serving::{
        self, CLIENT_MESSAGE_BYTES, ClientListeners, Encryption, NODE_STREAMS, QUORUM_HEALTH,
        Served, Web,
    },
    settings::{CallerLimits, RouterSettings},
    wire::{
        internal::{
            peer_service_server::PeerServiceServer, registry_service_server::RegistryServiceServer,
        },
        v1::directory_service_server::DirectoryServiceServer,
    },
};

/// Where the router is reached, bound and not served yet.
pub struct Listeners {
    /// For clients and masters.
    pub clients: ClientListeners,
    /// For the other nodes, as the witness.
    pub peers: Listener,
}

impl Listeners {
    /// Binds what the settings say.
    pub async fn bind(settings: &RouterSettings) -> Result<Self, ListenError> {
        Ok(Self {
            clients: ClientListeners::bind(
                net::listen("router_listen", settings.router_listen).await?,
                &settings.clients,
                ["router_https_listen", "router_http_listen"],
            )
            .await?,
            peers: net::listen("witness_listen", settings.witness_listen).await?,
        })
    }
}

/// A router whose witness runs, and which serves nobody yet.
pub struct Router {
    listeners: Listeners,
    encryption: Encryption,
    /// What clients and masters may ask for, and what nodes may ask the witness for.
    routes: (Routes, Routes),
    /// What those may ask for who speak HTTP.
    web: Web,
    callers: CallerLimits,
    calls: CallReader,
    handle: RegistryHandle,
    /// Where the witness's log is.
    directory: PathBuf,
    metrics_address: String,
    /// None while the witness is broken.
    witness: watch::Receiver<Option<Node>>,
    registry: JoinHandle<Option<()>>,
    supervisor: JoinHandle<Option<()>>,
    /// Cancelled when nobody is served any more.
    serving_stops: CancellationToken,
    tasks: Tasks,
}

impl Router {
    /// A router on these listeners.
    pub async fn build(
        settings: &RouterSettings,
        encryption: Encryption,
        listeners: Listeners,
    ) -> anyhow::Result<Self> {
        disk::prepare("router_data_dir", &settings.data_dir, "raft.redb")?;
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<DirectoryServiceServer<DirectoryServer<CallersView>>>().await;
        let auth = &encryption.nodes;
        let opener = WitnessDirectory {
            directory: settings.data_dir.clone(),
            auth: auth.clone(),
            timing: settings.consensus,
            erase_within: settings.erase_within,
        };
        let (supervisor, witness) = WitnessSupervisor::start(opener, health.clone()).await?;
        let (port, witness_port) = (listeners.clients.port(), listeners.peers.port());
        let host = settings.advertise_host.as_deref().unwrap_or("localhost");
        let address =
            registry_actor::RouterAddress { address: format!("{host}:{port}"), witness_port };
        tracing::info!(port, witness_port, "router is up");
        let (directives, witness_directives) = mpsc::channel(registry_actor::DIRECTIVES_WAITING);
        let silence = Silence::of(settings.down_after, settings.consensus.heartbeat);
        let (actor, handle) = RegistryActor::new(witness.clone(), directives, silence, address);
        let tasks = Tasks::default();
        let serving_stops = tasks.ending().child_token();
        tasks.spawn(report_quorum_health(handle.location(), health));
        let supervisor = tasks.spawn(supervisor.run(handle.clone(), witness_directives));
        let registry = tasks.spawn(actor.run());
        let certification = KeptCertification::open(&settings.data_dir, encryption.clone());
        let registry_server = RegistryServer::new(handle.clone(), certification, tasks.clone());
        let (public, web) = public(settings, auth, handle.clone(), registry_server, &serving_stops);
        let routes = (public.add_service(health_service), internal(auth, &witness, &serving_stops));
        let proxies = settings.front.trusted_proxies.clone();
        let calls = CallReader::new(auth.clone()).believing(proxies);
        let callers = settings.callers;
        Ok(Self {
            listeners,
            encryption,
            routes,
            web,
            callers,
            calls,
            handle,
            directory: settings.data_dir.clone(),
            metrics_address: metrics_address(settings),
            witness,
            registry,
            supervisor,
            serving_stops,
            tasks,
        })
    }

    /// This router for monitoring.
    pub fn monitored(&self) -> MonitoredRouter {
        MonitoredRouter {
            registry: self.handle.clone(),
            witness: self.witness.clone(),
            directory: self.directory.clone(),
            address: self.metrics_address.clone(),
        }
    }

    /// Serves until `stop`; then nothing of it runs any more.
    pub async fn run(self, stop: &CancellationToken) -> anyhow::Result<()> {
        let Listeners { clients, peers } = self.listeners;
        let (public, internal) = self.routes;
        let public = Served::to_clients(public, NODE_STREAMS, self.callers, self.calls.origins())
            .with_web(self.web)
            .protected(&self.encryption);
        let internal = Served::to_nodes(internal, &self.encryption.nodes);
        self.tasks.spawn(self.encryption.keep_current());
        let serves = self.serving_stops;
        let (stop, stops) = (stop.clone(), serves.clone());
        self.tasks.spawn(async move {
            stop.cancelled().await;
            stops.cancel();
        });
        let outcome = tokio::select! {
            // One failure causes others: report the first, not its consequences.
            biased;
            _ = self.registry => Err(anyhow::anyhow!("the registry ended by itself")),
            _ = self.supervisor => Err(anyhow::anyhow!("the witness's supervisor ended by itself")),
            () = clients.serve(public, serves.clone()) => serving::outcome(&serves),
            () = serving::serve(peers, internal, serves.clone()) => serving::outcome(&serves),
        };
        self.tasks.end().await;
        let node = self.witness.borrow().clone();
        if let Some(node) = node {
            node.stop().await;
        }
        outcome
    }
}

/// Where this router answers monitoring, as others reach it.
fn metrics_address(settings: &RouterSettings) -> String {
    let host = settings.advertise_host.clone().unwrap_or_else(net::host_name);
    net::reached_at(settings.metrics_listen, &host)
}

/// What clients and masters may ask for.
fn public(
    settings: &RouterSettings,
    auth: &NodeAuth,
    handle: RegistryHandle,
    registry: RegistryServer,
    stop: &CancellationToken,
) -> (Routes, Web) {
    let guard = NodeInterceptor(auth.clone());
    let location = handle.location();
    let front = settings.front.clone();
    let calls = CallReader::new(auth.clone()).believing(front.trusted_proxies);
    let view = CallersView::new(handle, calls.clone());
    let directory = DirectoryServer::new(location.clone(), view);
    let registry = RegistryServiceServer::new(registry);
    let relayed = Relayed::by_node(location.clone(), auth);
    let social = social_service::service(relayed.clone(), calls.clone(), CLIENT_MESSAGE_BYTES);
    let admin = admin_service::service(relayed.clone(), calls.clone(), CLIENT_MESSAGE_BYTES);
    let apps = app_service::service(relayed.clone(), calls.clone(), CLIENT_MESSAGE_BYTES);
    let pictures = picture_service::service(relayed.clone(), calls.clone());
    let routes = Routes::new(DirectoryServiceServer::new(directory))
        .add_service(InterceptedService::new(registry, guard))
        .add_service(reflection::service())
        .add_service(social)
        .add_service(admin)
        .add_service(apps)
        .add_service(pictures);
    let public_url = front.public_url.map(Into::into);
    let api = http::Api {
        network: Arc::new(relayed.clone()),
        calls: calls.clone(),
        public_url,
        stop: stop.clone(),
        shared: http::SharedEntities::default(),
        uploads: http::Uploads::default(),
    };
    let web = http::served(api);
    let (host, mode) = (classic::Host::Router, settings.classic);
    (classic::add(routes, host, mode, relayed, calls, location, stop.clone()), web)
}

/// What nodes may ask the witness for.
fn internal(
    auth: &NodeAuth,
    witness: &watch::Receiver<Option<Node>>,
    stop: &CancellationToken,
) -> Routes {
    let peer_service = PeerServiceServer::new(PeerServer::of(witness.clone(), stop.clone()))
        .max_decoding_message_size(MESSAGE_BYTES);
    let guard = NodeInterceptor(auth.clone());
    Routes::new(InterceptedService::new(peer_service, guard))
}

/// Reports through the health service whether enough of the cluster's voters are up.
async fn report_quorum_health(mut location: watch::Receiver<Location>, health: HealthReporter) {
    loop {
        let waits = !location.borrow_and_update().waiting.is_empty();
        let status = if waits { ServingStatus::NotServing } else { ServingStatus::Serving };
        health.set_service_status(QUORUM_HEALTH, status).await;
        if location.changed().await.is_err() {
            return;
        }
    }
}
