//! The router: knows all masters, chooses the available server, tells clients where it is, and is
//! the cluster's witness.
//!
//! - [`registry`], with [`election`] and [`observed_voters`]: the router's decisions (pure)
//! - [`presentation`]: what these come to, for clients, nodes and people (pure)
//! - [`duplicates`]: what to do about two masters with one identity (pure)
//! - [`foreign_masters`]: whether an empty cluster is abandoned for an older one (pure)
//! - [`quorum_loss`]: which nodes are missing if there can be no leader, and which lost witness a
//!   new one replaces (pure)
//! - [`registry_actor`]: the one task that owns the registry
//! - [`witness_supervisor`]: votes, and reports to the registry; restarted when it breaks
//! - [`registry_service`]: the masters' streams
//!
//! No running master or client depends on this: the router's process may be restarted and its disk
//! lost at any time.

#[cfg(test)]
mod cut_off_tests;
pub mod duplicates;
#[cfg(test)]
mod duplicates_tests;
pub mod election;
pub mod foreign_masters;
#[cfg(test)]
mod foreign_masters_tests;
#[cfg(test)]
mod invariants_tests;
pub mod observed_voters;
#[cfg(test)]
mod partition_tests;
pub mod presentation;
#[cfg(test)]
mod presentation_tests;
pub mod quorum_loss;
pub mod registry;
pub mod registry_actor;
pub mod registry_service;
#[cfg(test)]
mod registry_tests;
pub mod witness_supervisor;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, interceptor::InterceptedService};
use tonic_health::{ServingStatus, server::HealthReporter};

use self::{
    registry_actor::RegistryActor,
    registry_service::RegistryServer,
    witness_supervisor::{WitnessDirectory, WitnessSupervisor},
};
use crate::{
    classic,
    client::Relayed,
    directory::{DirectoryServer, Location},
    grpc::{metadata::CallReader, social_service::SocialServer},
    host::{disk, net},
    node_auth::SecretInterceptor,
    reflection,
    replication::{link::MESSAGE_BYTES, peer_service::PeerServer},
    serving::{self, CLIENT_MESSAGE_BYTES, NODE_STREAMS, QUORUM_HEALTH},
    settings::RouterSettings,
    wire::{
        internal::{
            peer_service_server::PeerServiceServer, registry_service_server::RegistryServiceServer,
        },
        v1::{
            directory_service_server::DirectoryServiceServer,
            social_service_server::SocialServiceServer,
        },
    },
};

/// Runs the router until `stop`.
pub async fn run(settings: RouterSettings, stop: CancellationToken) -> anyhow::Result<()> {
    let clients = net::listen("router_listen", settings.router_listen).await?;
    let peers = net::listen("witness_listen", settings.witness_listen).await?;
    let directory = &settings.data_dir;
    disk::prepare("router_data_dir", directory, "raft.redb")?;
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter
        .set_serving::<DirectoryServiceServer<DirectoryServer<registry_actor::RegistryHandle>>>()
        .await;
    let quorum_health = health_reporter.clone();
    let opener = WitnessDirectory {
        directory: directory.clone(),
        secret: settings.secret.clone(),
        timing: settings.consensus,
    };
    let (supervisor, witness) = WitnessSupervisor::start(opener, health_reporter).await?;
    let router_address = registry_actor::RouterAddress {
        address: format!(
            "{}:{}",
            settings.advertise_host.as_deref().unwrap_or("localhost"),
            clients.port()
        ),
        witness_port: peers.port(),
    };
    tracing::info!(port = clients.port(), witness_port = peers.port(), "router is up");
    let (directives, witness_directives) = mpsc::channel(registry_actor::DIRECTIVES_WAITING);
    let (actor, handle) =
        RegistryActor::new(witness.clone(), directives, settings.down_after, router_address);
    tokio::spawn(report_quorum_health(handle.location(), quorum_health));
    let supervised = tokio::spawn(supervisor.run(handle.clone(), witness_directives));

    let guard = SecretInterceptor(settings.secret.clone());
    let directory = DirectoryServer::new(handle.location(), handle.clone());
    let location = handle.location();
    let registry = RegistryServiceServer::new(RegistryServer::new(handle));
    let public = Routes::new(DirectoryServiceServer::new(directory))
        .add_service(InterceptedService::new(registry, guard.clone()))
        .add_service(reflection::service())
        .add_service(health);
    let calls = CallReader::new(settings.secret.clone());
    let relayed = Relayed::by_node(location.clone(), &settings.secret);
    let social = SocialServer::new(relayed.clone(), calls.clone());
    let social = SocialServiceServer::new(social).max_decoding_message_size(CLIENT_MESSAGE_BYTES);
    let public = classic::add(
        public.add_service(social),
        classic::Host::Router,
        settings.classic,
        relayed,
        calls,
        location,
        stop.clone(),
    );
    let peer_service = PeerServiceServer::new(PeerServer::of(witness.clone(), stop.clone()))
        .max_decoding_message_size(MESSAGE_BYTES);
    let internal = Routes::new(InterceptedService::new(peer_service, guard));

    let outcome = tokio::select! {
        () = actor.run() => Err(anyhow::anyhow!("the registry ended by itself")),
        _ = supervised => Err(anyhow::anyhow!("the witness's supervisor ended by itself")),
        served = serving::serve(clients, public, NODE_STREAMS, stop.clone()) => {
            serving::outcome(served, &stop)
        }
        served = serving::serve(peers, internal, NODE_STREAMS, stop.clone()) => {
            serving::outcome(served, &stop)
        }
    };
    let node = witness.borrow().clone();
    if let Some(node) = node {
        node.stop().await;
    }
    outcome
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
