//! The router: knows all masters, chooses the available server, tells clients where it is, and is
//! the cluster's witness.
//!
//! - [`registry`], with [`election`] and [`electorate`]: the router's decisions (pure)
//! - [`rivals`]: what to do about two masters with one identity (pure)
//! - [`visitors`]: whether an empty cluster gives way to an older one (pure)
//! - [`waiting`]: which nodes are missing if there can be no leader, and which lost witness a new
//!   one replaces (pure)
//! - [`hub`]: the one task that owns the registry
//! - [`witness`]: votes, and reports to the registry; restarted when it breaks
//! - [`registry_service`]: the masters' streams
//!
//! No running master or client depends on this: the router's process may be restarted and its disk
//! lost at any time.

#[cfg(test)]
mod cut_off_tests;
pub mod election;
pub mod electorate;
pub mod hub;
#[cfg(test)]
mod partition_tests;
pub mod registry;
pub mod registry_service;
#[cfg(test)]
mod registry_tests;
pub mod rivals;
#[cfg(test)]
mod rivals_tests;
pub mod visitors;
#[cfg(test)]
mod visitors_tests;
pub mod waiting;
pub mod witness;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, interceptor::InterceptedService};
use tonic_health::{ServingStatus, server::HealthReporter};

use self::{
    hub::Hub,
    registry_service::RegistryServer,
    witness::{InDirectory, Supervisor},
};
use crate::{
    classic,
    credentials::Guard,
    directory::{DirectoryServer, Location},
    host::{disk, net},
    reflection,
    replication::{link::MESSAGE_BYTES, peer_service::PeerServer},
    serving::{self, NODE_STREAMS, QUORUM_HEALTH},
    settings::RouterSettings,
    wire::{
        internal::{
            peer_service_server::PeerServiceServer, registry_service_server::RegistryServiceServer,
        },
        v1::directory_service_server::DirectoryServiceServer,
    },
};

/// Runs the router until `stop`.
pub async fn run(settings: RouterSettings, stop: CancellationToken) -> anyhow::Result<()> {
    let clients = net::listen("router_listen", settings.router_listen).await?;
    let peers = net::listen("witness_listen", settings.witness_listen).await?;
    let directory = &settings.data_dir;
    disk::prepare("router_data_dir", directory, "raft.redb")?;
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<DirectoryServiceServer<DirectoryServer<hub::Handle>>>().await;
    let waiting_health = health_reporter.clone();
    let opener = InDirectory {
        directory: directory.clone(),
        secret: settings.secret.clone(),
        timing: settings.consensus,
    };
    let (supervisor, witness) = Supervisor::start(opener, health_reporter).await?;
    let place = hub::Place {
        address: format!(
            "{}:{}",
            settings.advertise_host.as_deref().unwrap_or("localhost"),
            clients.port()
        ),
        witness_port: peers.port(),
    };
    tracing::info!(port = clients.port(), witness_port = peers.port(), "router is up");
    let (directives, obeyed) = mpsc::channel(hub::DIRECTIVES_WAITING);
    let (hub, handle) = Hub::new(witness.clone(), directives, settings.down_after, place);
    tokio::spawn(tell_health(handle.location(), waiting_health));
    let supervised = tokio::spawn(supervisor.run(handle.clone(), obeyed));

    let guard = Guard(settings.secret.clone());
    let directory = DirectoryServer::new(handle.location(), handle.clone());
    let location = handle.location();
    let registry = RegistryServiceServer::new(RegistryServer::new(handle));
    let public = Routes::new(DirectoryServiceServer::new(directory))
        .add_service(InterceptedService::new(registry, guard.clone()))
        .add_service(reflection::service())
        .add_service(health);
    let public =
        classic::add(public, classic::Host::Router, settings.classic, location, stop.clone());
    let peer_service = PeerServiceServer::new(PeerServer::of(witness.clone(), stop.clone()))
        .max_decoding_message_size(MESSAGE_BYTES);
    let internal = Routes::new(InterceptedService::new(peer_service, guard));

    let outcome = tokio::select! {
        () = hub.run() => Err(anyhow::anyhow!("the registry ended by itself")),
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
async fn tell_health(mut location: watch::Receiver<Location>, health: HealthReporter) {
    loop {
        let waits = !location.borrow_and_update().waiting.is_empty();
        let status = if waits { ServingStatus::NotServing } else { ServingStatus::Serving };
        health.set_service_status(QUORUM_HEALTH, status).await;
        if location.changed().await.is_err() {
            return;
        }
    }
}
