//! The masters' streams, between the wire and the registry actor.

use std::{pin::Pin, sync::Arc};

use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::{
    registry::{self, MasterStreamId},
    registry_actor::{MasterStream, RegistryHandle},
};
use crate::{
    domain::{NodeId, UnixMillis},
    envelope::{SupportedVersions, Version},
    replication::{node, voter_config::VoterConfig},
    wire::internal::{
        Directive, Hello, MasterReport, Progress, master_report::Report,
        registry_service_server::RegistryService,
    },
};

/// Serves the masters' reports.
pub struct RegistryServer {
    registry: RegistryHandle,
}

impl RegistryServer {
    /// Passes what it receives to `registry`.
    pub fn new(registry: RegistryHandle) -> Self {
        Self { registry }
    }
}

fn parse_hello(wire: Hello) -> Result<registry::Hello, Status> {
    let supported_versions =
        SupportedVersions::from_wire(wire.oldest_format, wire.newest_format)
            .ok_or_else(|| Status::invalid_argument("those are not versions of the format"))?;
    Ok(registry::Hello {
        node: NodeId::new(wire.node_id),
        name: wire.name,
        cluster: wire.cluster_id.parse().ok(),
        client_address: wire.client_address,
        peer_address: wire.peer_address,
        pid: wire.pid,
        reboots: wire.reboots,
        host: wire.host,
        supported_versions,
        address_version: wire.address_version,
        process: wire.process,
        started: UnixMillis::new(wire.started_ms),
        abandoned_for: wire.abandoned_for.parse().ok(),
    })
}

/// A report; the voter configuration is what came last on its stream.
fn parse_progress(wire: Progress, voter_config: &mut Arc<VoterConfig>) -> node::Progress {
    if let Some(news) = wire.voter_config {
        *voter_config = Arc::new(news.into());
    }
    node::Progress {
        term: wire.term,
        last_log: (wire.last_log_term, wire.last_log_index),
        applied: wire.applied_index,
        leading: wire.leading,
        cut_off: wire.cut_off,
        known_leader: NodeId::from_wire(wire.known_leader),
        electable: wire.electable,
        voter: wire.voter,
        voters: wire.voters.into_iter().map(NodeId::new).collect(),
        cluster: wire.cluster_id.parse().ok(),
        probe: wire.probe,
        voter_config: Arc::clone(voter_config),
        clock: UnixMillis::new(wire.clock_ms),
        version: u8::try_from(wire.format).map_or(Version::FIRST, Version::new),
        is_empty: wire.is_empty,
        abandoned_for: wire.abandoned_for.parse().ok(),
    }
}

/// Passes every report on; returns when the stream ends, for whatever reason.
async fn forward_reports(
    registry: RegistryHandle,
    stream: MasterStreamId,
    mut reports: Streaming<MasterReport>,
) {
    let mut voter_config = Arc::default();
    while let Ok(Some(MasterReport { report })) = reports.message().await {
        match report {
            Some(Report::Progress(wire)) => {
                registry.progress(stream, parse_progress(wire, &mut voter_config)).await;
            }
            Some(Report::Leaving(_)) => registry.leaving(stream).await,
            Some(Report::Hello(_)) | None => {}
        }
    }
    registry.lost(stream).await;
}

#[tonic::async_trait]
impl RegistryService for RegistryServer {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<Directive, Status>> + Send>>;

    async fn report(
        &self,
        request: Request<Streaming<MasterReport>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let mut reports = request.into_inner();
        let first = reports.message().await?.and_then(|report| report.report);
        let Some(Report::Hello(wire)) = first else {
            return Err(Status::invalid_argument("a master's first report is its Hello"));
        };
        let MasterStream { id, directives } = self
            .registry
            .open(parse_hello(wire)?)
            .await
            .ok_or_else(|| Status::unavailable("the router is stopping"))?;
        tokio::spawn(forward_reports(self.registry.clone(), id, reports));
        let directives = tokio_stream::StreamExt::map(ReceiverStream::new(directives), Ok);
        Ok(Response::new(Box::pin(directives)))
    }
}
