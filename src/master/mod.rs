//! A master: a full server with its own copy of the state. One of them is the available server.
//!
//! - [`address`]: the host by which others reach this master
//! - [`reporter`]: what this master reports to the router, and what it is told
//! - [`router_stream`]: a stream to the router
//! - [`location`]: where the available server is, as this master sees it
//! - [`cluster_id_file`]: the cluster of the other slots in the data directory
//! - [`here`]: what may be asked of the network, carried out by this master; [`nearest`]: the same, or
//!   else relayed; [`sessions`] and [`passwords`] say who is calling
//! - [`delivery`]: live timelines
//! - [`state_recovery`]: fetches a lost state from the others before anything else starts
//! - [`bootstrap`]: what the first leader writes before anyone can log in
//! - [`abandonment`]: an empty cluster is abandoned for an older one

pub mod abandonment;
pub mod address;
pub mod bootstrap;
pub mod cluster_id_file;
pub mod delivery;
pub mod here;
pub mod location;
pub mod nearest;
pub mod passwords;
pub mod reporter;
pub mod router_stream;
pub mod sessions;
pub mod state_recovery;

use std::{process, sync::Arc, time::Duration};

use anyhow::Context as _;
use futures::FutureExt as _;
use openraft::metrics::RaftServerMetrics;
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::{Routes, interceptor::InterceptedService};
use tonic_health::ServingStatus;

use self::{
    delivery::Delivery,
    here::{Here, Parts},
    nearest::Nearest,
    passwords::Passwords,
    reporter::Reporter,
    sessions::Sessions,
};
use crate::{
    classic,
    client::Relayed,
    control::{ReceivedRoster, departure},
    directory::{AskTheRouter, DirectoryServer, Location},
    domain::{ClusterId, NodeId},
    envelope::SupportedVersions,
    grpc::{metadata::CallReader, social_service::SocialServer},
    host::net,
    node_auth::SecretInterceptor,
    reflection,
    replication::{
        NodeInfo, address_gossip,
        link::MESSAGE_BYTES,
        log_store::LogStore,
        node::{LOG_FILE, Node, StartError},
        peer_service::PeerServer,
        pre_vote,
        reads::Reads,
        reconcile, startup_check,
        state_store::{Applied, Observer},
        upgrade, voter_config,
        writes::Writes,
    },
    serving::{self, CLIENT_MESSAGE_BYTES, NODE_STREAMS},
    settings::MasterSettings,
    slot::SlotInfo,
    wire::{
        internal::peer_service_server::PeerServiceServer,
        v1::{
            directory_service_server::DirectoryServiceServer,
            social_service_server::SocialServiceServer,
        },
    },
};

/// Why a master has ended.
enum NodeEnd {
    /// It was asked to stop, and has handed over and drained.
    Stopped,
    /// Its cluster was abandoned: a new node starts in its place.
    ClusterAbandoned(ClusterId),
}

/// Runs a master in `slot` until `stop`, and then until it has handed over and drained.
pub async fn run(
    settings: MasterSettings,
    slot: SlotInfo,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    while let NodeEnd::ClusterAbandoned(cluster) = run_node(&settings, &slot, &stop).await? {
        tracing::warn!(%cluster, "this cluster was abandoned: starting as a new node");
        cluster_id_file::forget(&slot, cluster).context("forgetting the cluster")?;
        startup_check::reset_node(&slot.directory).context("removing the old node")?;
    }
    Ok(())
}

/// Runs one node, until the master stops or the node's cluster is abandoned.
async fn run_node(
    settings: &MasterSettings,
    slot: &SlotInfo,
    stop: &CancellationToken,
) -> anyhow::Result<NodeEnd> {
    let clients = net::listen("client_listen", settings.client_listen).await?;
    let peers = net::listen("peer_listen", settings.peer_listen).await?;
    // If it cannot be read now, it would later be treated as absent.
    cluster_id_file::load(slot)?;
    let Some(host) = address::advertised(settings, stop).await else { return Ok(NodeEnd::Stopped) };
    let mut info = own_node_info(settings, slot, &host, (clients.port(), peers.port()));

    let delivery = Delivery::new(settings.limits.stream_queue, settings.limits.subscriptions);
    let observer = delivery_observer(delivery.clone());
    let mut log = LogStore::open(&slot.directory.join(LOG_FILE)).map_err(StartError::from)?;
    tokio::select! {
        () = stop.cancelled() => return Ok(NodeEnd::Stopped),
        fit = state_recovery::run(settings, slot, &mut log, &info) => fit?,
    }
    let directory = &slot.directory;
    let (node, state) =
        Node::start_master_with_log(log, directory, &settings.secret, settings.consensus, observer)
            .await?;
    info.address_version = node.first_address_version();
    node.peers().set_own_address(info.clone());
    tracing::info!(
        name = %info.name, node = node.id().get(), address = %info.client_address, pid = process::id(),
        reboots = slot.reboots, "master is up"
    );

    let writes = Writes::start(&node, settings.limits.pending_writes, node.clock());
    let reads = Reads::start(node.raft().clone());
    let (roster, roster_seen) = watch::channel(ReceivedRoster::default());
    let location = location::start(&node);
    let roster_left = roster_seen.clone();
    let tasks = TaskTracker::new();
    let ended = CancellationToken::new();
    let node_reset = CancellationToken::new();
    let (abandonment, abandon_cluster) =
        abandonment::AbandonmentHandle::new(state.clone(), node_reset.clone());
    let (reporter, report) =
        Reporter::new(settings, slot, node.clone(), info, roster, abandonment, ended.clone());
    let demotion = delivery.clone().close_on_demotion(node.clone(), ended.clone());
    let lasting = vec![
        ("the reporter", tasks.spawn(reporter.run())),
        ("reconciling", tasks.spawn(reconcile::run(node.clone(), roster_seen, ended.clone()))),
        ("the address gossip", tasks.spawn(address_gossip::run(node.clone(), ended.clone()))),
        ("the pre-votes", tasks.spawn(pre_vote::run(node.clone(), ended.clone()))),
        ("the watch for the loss of leadership", tasks.spawn(demotion)),
        ("the watch of the format", tasks.spawn(upgrade::run(node.clone(), ended.clone()))),
    ];
    tasks.spawn(bootstrap::run(node.clone(), state.clone(), writes.clone(), ended.clone()));
    tasks.spawn(abandonment::run(abandon_cluster, node.clone(), writes.clone(), ended.clone()));

    let here = Here::new(Parts {
        node: node.clone(),
        state: state.clone(),
        writes,
        reads,
        delivery: delivery.clone(),
        sessions: Sessions::new(state, settings.limits.session_lifetime),
        passwords: Passwords::default(),
        limits: settings.limits.clone(),
    });
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<SocialServiceServer<SocialServer<Here>>>().await;
    let clients_stop = ended.child_token();
    let public = public(here, settings, location, clients_stop.clone()).add_service(health);
    let peer_service = PeerServiceServer::new(PeerServer::new(node.clone(), ended.clone()))
        .max_decoding_message_size(MESSAGE_BYTES);
    let internal = Routes::new(InterceptedService::new(
        peer_service,
        SecretInterceptor(settings.secret.clone()),
    ));

    let streams = settings.limits.streams_per_connection;
    let peers_done = tasks.spawn(serving::serve(peers, internal, NODE_STREAMS, ended.clone()));
    let clients_done = tasks.spawn(serving::serve(clients, public, streams, clients_stop.clone()));
    let outcome = tokio::select! {
        // One failure causes others: report the first, not its consequences.
        biased;
        () = stop.cancelled() => {
            health_reporter.set_service_status("", ServingStatus::NotServing).await;
            leave(&node, &report, roster_left, settings.drain_timeout).await;
            NodeEnd::Stopped
        }
        () = node_reset.cancelled() => {
            NodeEnd::ClusterAbandoned(node.cluster().context("a cluster that is abandoned is known")?)
        }
        reason = node.broken() => anyhow::bail!("the consensus stopped: {reason}"),
        served = peers_done => stopped(served, &ended)?,
        served = clients_done => stopped(served, &clients_stop)?,
        task = first_task_to_end(lasting) => anyhow::bail!("{task} ended by itself"),
    };
    clients_stop.cancel();
    delivery.close_all();
    ended.cancel();
    tasks.close();
    tasks.wait().await;
    node.stop().await;
    tracing::info!("drained");
    Ok(outcome)
}

/// What everyone may ask for.
fn public(
    here: Here,
    settings: &MasterSettings,
    location: watch::Receiver<Location>,
    stop: CancellationToken,
) -> Routes {
    let calls = CallReader::new(settings.secret.clone());
    let nearest = Nearest::new(here.clone(), Relayed::by_node(location.clone(), &settings.secret));
    let social = SocialServiceServer::new(SocialServer::new(here, calls.clone()))
        .max_decoding_message_size(CLIENT_MESSAGE_BYTES);
    let directory = DirectoryServer::new(location.clone(), AskTheRouter);
    let routes = Routes::new(social)
        .add_service(DirectoryServiceServer::new(directory))
        .add_service(reflection::service());
    let (host, mode) = (classic::Host::Master, settings.classic);
    classic::add(routes, host, mode, nearest, calls, location, stop)
}

/// A listener has ended: well, where it was asked to.
fn stopped(
    served: Result<Result<(), tonic::transport::Error>, JoinError>,
    asked: &CancellationToken,
) -> anyhow::Result<NodeEnd> {
    serving::outcome(served.context("serving")?, asked)?;
    Ok(NodeEnd::Stopped)
}

/// What others are told about this master, which listens on these ports for clients and for nodes.
fn own_node_info(
    settings: &MasterSettings,
    slot: &SlotInfo,
    host: &str,
    (clients, peers): (u16, u16),
) -> NodeInfo {
    NodeInfo {
        name: settings.name.clone().unwrap_or_else(|| format!("server-{}", slot.number)),
        peer_address: format!("{host}:{peers}"),
        client_address: format!("{host}:{clients}"),
        witness: false,
        supported_versions: SupportedVersions::BUILD,
        address_version: 0,
    }
}

/// Passes what is applied to the live timelines.
fn delivery_observer(delivery: Delivery) -> Observer {
    Arc::new(move |applied: Applied<'_>| match applied {
        Applied::Events(events) => delivery.dispatch(events),
        Applied::Replaced => delivery.close_all(),
    })
}

/// Leaves the cluster, while still serving: hands leadership over, so that clients see no gap, and
/// waits until the cluster no longer needs this master's vote, so that several masters may stop
/// together and the others still have a quorum.
async fn leave(
    node: &Node,
    report: &reporter::ReporterHandle,
    mut roster: watch::Receiver<ReceivedRoster>,
    limit: Duration,
) {
    /// The part of the time limit that is kept for closing connections.
    const RESERVE: Duration = Duration::from_secs(2);
    /// The router passes on what it is told within milliseconds, unless it is away.
    const HEARD_WITHIN: Duration = Duration::from_millis(500);
    let own = node.id();
    let mut metrics = node.raft().server_metrics();
    if departure::is_single(own, &voter_config::of(&metrics.borrow().membership_config)) {
        return;
    }
    tracing::info!(leads = node.leads(), "leaving");
    report.leaving();
    let left = async {
        // Even if its vote is not needed: otherwise the others would expect it back, as if it had
        // died.
        let heard = async {
            roster.wait_for(|now| departure::is_announced(own, &now.members)).await.is_ok()
        };
        let _router_is_away = timeout(HEARD_WITHIN, heard).await.is_err();
        let mut needed = metrics.clone();
        tokio::select! {
            left = needed.wait_for(|now| {
                let voter_config = voter_config::of(&now.membership_config);
                departure::is_dispensable(own, now.current_leader, &voter_config)
            }) => if left.is_ok() {
                tracing::info!("left");
            },
            () = until_nobody_stays(own, &mut roster, &mut metrics) => {
                tracing::info!("no other master stays up");
            }
        }
    };
    if timeout(limit.saturating_sub(RESERVE), left).await.is_err() {
        tracing::warn!("the cluster still needs this master's vote");
    }
}

/// Returns if nobody will take over, because all are stopping together. A master that waits for its
/// reboot will take over later: if this one leads, it first makes sure that the other has a vote.
async fn until_nobody_stays(
    own: NodeId,
    roster: &mut watch::Receiver<ReceivedRoster>,
    metrics: &mut watch::Receiver<RaftServerMetrics<NodeId, NodeInfo>>,
) {
    /// A leader checks ten times a second; a master that has been away for long gets no vote any
    /// more.
    const COUNTED_ON_WITHIN: Duration = Duration::from_secs(1);
    let stopping = roster
        .wait_for(|now| now.received.is_some() && !departure::others_stay(own, &now.members))
        .await;
    let expected = stopping.map(|now| departure::expected_back(own, &now.members));
    let Ok(expected) = expected else { return };
    let leads = metrics.borrow().current_leader == Some(own);
    if !leads || expected.is_empty() {
        return;
    }
    let counted_on = metrics.wait_for(|now| {
        departure::are_counted_on(&expected, &voter_config::of(&now.membership_config))
    });
    let _in_vain = timeout(COUNTED_ON_WITHIN, counted_on).await;
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
