//! `tinysns compact`: has all masters remove from their disks what is not needed any more, one after the other,
//! while they go on serving.
//!
//! How one does that is the affair of [`replication::compaction`](crate::replication::compaction).

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::{
    client::{ClusterStatus, MasterState, MasterStatus},
    domain::{ClusterId, NodeId},
    host::{net, stdio},
    node_auth::NodeAuth,
    operator, progress,
    replication::{link::Client, node_credentials::NodeCredentials},
    settings::CompactSettings,
    wire::internal::{CompactReply, CompactRequest},
};

/// How long one master may take: more than a state takes that fits on a disk of today.
const WITHIN: Duration = Duration::from_hours(6);
const MIB: u64 = 1 << 20;

/// Compacts, and says what came of it.
pub async fn run(settings: CompactSettings) -> anyhow::Result<ExitCode> {
    let operator = NodeAuth::new(settings.secret.clone(), &settings.nodes)?;
    let status = operator::look(&settings.client, &operator).await?;
    let cluster = status.cluster().context("there is no cluster yet: nothing was ever posted")?;
    let mut failed = false;
    for master in in_order(&status) {
        let Some(node) = master.node else { continue };
        let asked = ask(&operator, cluster, node, &master.peer_address);
        let compacted = tokio::select! {
            biased;
            compacted = asked => compacted,
            () = tell(&master.name) => unreachable!("it tells until the other has ended"),
        };
        match compacted {
            Ok(CompactReply { before, after }) => {
                let (before, after) = (before.div_ceil(MIB), after.div_ceil(MIB));
                stdio::print(&format!("{}: {after} MiB, was {before} MiB\n", master.name))?;
            }
            Err(status) => {
                failed = true;
                stdio::print_error(&format!("{}: {}", master.name, status.message()));
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Those that are up, the available server last.
fn in_order(status: &ClusterStatus) -> Vec<&MasterStatus> {
    let up = status.masters.iter().filter(|master| master.state != MasterState::Down);
    let mut up: Vec<_> = up.collect();
    up.sort_by_key(|master| master.state == MasterState::Available);
    up
}

async fn ask(
    operator: &NodeAuth,
    cluster: ClusterId,
    node: NodeId,
    address: &str,
) -> Result<CompactReply, Status> {
    let credentials = NodeCredentials::new(operator);
    credentials.join(cluster);
    let invalid = |error| Status::unavailable(format!("{error}"));
    let channel = net::node_channel(address, credentials.security()).map_err(invalid)?;
    let request = credentials.request(node, CompactRequest {});
    let mut client = Client::new(channel);
    let answer = timeout(WITHIN, client.compact(request)).await;
    let late = |_elapsed| Status::deadline_exceeded("it has not answered");
    Ok(answer.map_err(late)??.into_inner())
}

/// Says that it goes on, as long as it is not stopped.
async fn tell(name: &str) {
    loop {
        sleep(progress::EVERY).await;
        stdio::print_error(&format!("{name}: being compacted"));
    }
}
