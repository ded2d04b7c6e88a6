//! A master: a full server with its own copy of the state. One of them is the available server.
//!
//! - [`service`]: a master built from its parts, and run
//! - [`address`]: the host by which others reach this master
//! - [`reporter`]: what this master reports to the router, and what it is told
//! - [`router_stream`]: a stream to the router
//! - [`monitored`]: what monitoring is told about this master
//! - [`location`]: where the available server is, as this master sees it
//! - [`cluster_id_file`]: the cluster of the other slots in the data directory
//! - [`here`]: what may be asked of the network, carried out by this master; [`nearest`]: the same, or
//!   else relayed; [`sessions`] and [`passwords`] say who is calling
//! - [`app_tokens`]: what apps are given, signed and not stored
//! - [`rates`]: how often somebody may do something; [`remembered`]: of how many it is remembered;
//!   [`rate_limits`]: how often what may be done by an account and from an origin
//! - [`picture_processor`]: makes of pictures that are uploaded what is kept of them
//! - [`room`]: how much room there is on disk
//! - [`delivery`]: live timelines; [`reader_queue`]: what waits for the reader of one
//! - [`openness`]: whether whoever reaches this master can take any name
//! - [`state_recovery`]: fetches a lost state from the others before anything else starts
//! - [`bootstrap`]: what the first leader writes before anyone can log in
//! - [`certification`]: the network's certificate, ordered and shown
//! - [`chores`]: work that takes many entries of the log
//! - [`abandonment`]: an empty cluster is abandoned for an older one

pub mod abandonment;
pub mod address;
pub mod app_tokens;
pub mod bootstrap;
pub mod certification;
pub mod chores;
pub mod cluster_id_file;
pub mod delivery;
pub mod here;
pub mod location;
pub mod monitored;
pub mod nearest;
pub mod openness;
pub mod passwords;
pub mod picture_processor;
pub mod rate_limits;
pub mod rates;
pub mod reader_queue;
pub mod remembered;
pub mod reporter;
pub mod room;
pub mod router_stream;
pub mod service;
pub mod sessions;
pub mod state_recovery;

#[cfg(test)]
mod stream_tests;

use std::time::Duration;

use anyhow::Context as _;
use openraft::metrics::RaftServerMetrics;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use self::service::{Listeners, Master, NodeEnd};
use crate::{
    control::{ReceivedRoster, departure},
    domain::NodeId,
    monitoring::Monitor,
    replication::{NodeInfo, node::Node, startup_check, voter_config},
    serving::Encryption,
    settings::MasterSettings,
    slot::SlotInfo,
};

/// Runs a master in `slot` until `stop`, and then until it has handed over and drained.
pub async fn run(
    mut settings: MasterSettings,
    slot: SlotInfo,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let monitor = Monitor::start("metrics_listen", settings.metrics_listen).await?;
    settings.metrics_listen = monitor.address();
    let encryption = Encryption::of_master(&settings)?;
    let ended = run_nodes(&settings, &encryption, &slot, &monitor, &stop).await;
    monitor.end().await;
    ended
}

/// Runs one node after the other, until the master stops.
async fn run_nodes(
    settings: &MasterSettings,
    encryption: &Encryption,
    slot: &SlotInfo,
    monitor: &Monitor,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    loop {
        startup_check::finish_putting_aside(&slot.directory)
            .context("putting the old node aside")?;
        let ended = run_node(settings, encryption, slot, monitor, stop).await;
        monitor.speaks_for_nobody();
        match ended? {
            NodeEnd::Stopped => return Ok(()),
            NodeEnd::ClusterGone { cluster, is_empty } => {
                let cluster =
                    cluster.map_or_else(|| cluster_id_file::load(slot), |it| Ok(Some(it)))?;
                tracing::warn!(
                    ?cluster,
                    "another cluster has taken its place: starting as a new node"
                );
                if let Some(cluster) = cluster {
                    cluster_id_file::forget(slot, cluster).context("forgetting the cluster")?;
                }
                if is_empty {
                    startup_check::reset_node(&slot.directory).context("removing the old node")?;
                } else {
                    startup_check::put_node_aside(&slot.directory)
                        .context("putting the old node aside")?;
                }
            }
            NodeEnd::StateDamaged => {
                tracing::warn!("the state is damaged: starting anew to replace it");
                startup_check::put_aside(&slot.directory).context("putting the state aside")?;
            }
        }
    }
}

/// Runs one node, until the master stops or another has to take its place.
async fn run_node(
    settings: &MasterSettings,
    encryption: &Encryption,
    slot: &SlotInfo,
    monitor: &Monitor,
    stop: &CancellationToken,
) -> anyhow::Result<NodeEnd> {
    let listeners = Listeners::bind(settings).await?;
    let built = Master::build(settings, encryption, slot, listeners, stop).await?;
    let Some(master) = built else { return Ok(NodeEnd::Stopped) };
    monitor.speaks_for(master.monitored(stop));
    master.run(stop).await
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
            biased;
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
/// reboot will take over later: it is given a vote before the last of the others goes. The leader
/// does that, and any of them may have to: an election may have been directed at one before the
/// router heard that it leaves too.
async fn until_nobody_stays(
    own: NodeId,
    roster: &mut watch::Receiver<ReceivedRoster>,
    metrics: &mut watch::Receiver<RaftServerMetrics<NodeId, NodeInfo>>,
) {
    /// A leader, which may have to be elected first, has to notice who is lost, and then checks ten
    /// times a second. A master that has been away for long gets no vote any more.
    const COUNTED_ON_WITHIN: Duration = Duration::from_secs(5);
    let stopping = roster
        .wait_for(|now| now.received.is_some() && !departure::others_stay(own, &now.members))
        .await;
    let expected = stopping.map(|now| departure::expected_back(own, &now.members));
    let Ok(expected) = expected else { return };
    if expected.is_empty() {
        return;
    }
    let counted_on = metrics.wait_for(|now| {
        departure::are_counted_on(&expected, &voter_config::of(&now.membership_config))
    });
    let _in_vain = timeout(COUNTED_ON_WITHIN, counted_on).await;
}
