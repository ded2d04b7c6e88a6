//! The masters' streams, between the wire and the hub.

use std::{pin::Pin, sync::Arc};

use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::{
    hub::{Handle, Session},
    registry::{self, SessionId},
};
use crate::{
    envelope::{Speaks, Version},
    replication::{electorate::Electorate, node},
    wire::internal::{
        Directive, Hello, MasterReport, Progress, master_report::Report,
        registry_service_server::RegistryService,
    },
};

/// Serves the masters' reports.
pub struct RegistryServer {
    hub: Handle,
}

impl RegistryServer {
    /// Passes what it receives to `hub`.
    pub fn new(hub: Handle) -> Self {
        Self { hub }
    }
}

fn hello(wire: Hello) -> Result<registry::Hello, Status> {
    let speaks = Speaks::received(wire.oldest_format, wire.newest_format)
        .ok_or_else(|| Status::invalid_argument("those are not versions of the format"))?;
    Ok(registry::Hello {
        node: wire.node_id,
        name: wire.name,
        cluster: wire.cluster_id.parse().ok(),
        client_address: wire.client_address,
        peer_address: wire.peer_address,
        pid: wire.pid,
        reboots: wire.reboots,
        host: wire.host,
        speaks,
        edition: wire.edition,
        process: wire.process,
        started: wire.started_ms,
        gave_way_to: wire.gave_way_to.parse().ok(),
    })
}

/// A report; the electorate is what came last on its stream.
fn progress(wire: Progress, electorate: &mut Arc<Electorate>) -> node::Progress {
    if let Some(news) = wire.electorate {
        *electorate = Arc::new(news.into());
    }
    node::Progress {
        term: wire.term,
        last_log: (wire.last_log_term, wire.last_log_index),
        applied: wire.applied_index,
        leading: wire.leading,
        cut_off: wire.cut_off,
        hears: Some(wire.hears).filter(|leader| *leader != 0),
        electable: wire.electable,
        voter: wire.voter,
        voters: wire.voters,
        cluster: wire.cluster_id.parse().ok(),
        probe: wire.probe,
        electorate: Arc::clone(electorate),
        clock: wire.clock_ms,
        version: u8::try_from(wire.format).map_or(Version::FIRST, Version::new),
        is_empty: wire.is_empty,
        gave_way_to: wire.gave_way_to.parse().ok(),
    }
}

/// Passes every report on; returns when the stream ends, for whatever reason.
async fn follow(hub: Handle, session: SessionId, mut reports: Streaming<MasterReport>) {
    let mut electorate = Arc::default();
    while let Ok(Some(MasterReport { report })) = reports.message().await {
        match report {
            Some(Report::Progress(wire)) => {
                hub.progress(session, progress(wire, &mut electorate)).await;
            }
            Some(Report::Leaving(_)) => hub.leaving(session).await,
            Some(Report::Hello(_)) | None => {}
        }
    }
    hub.lost(session).await;
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
        let Session { id, directives } = self
            .hub
            .open(hello(wire)?)
            .await
            .ok_or_else(|| Status::unavailable("the router is stopping"))?;
        tokio::spawn(follow(self.hub.clone(), id, reports));
        let directives = tokio_stream::StreamExt::map(ReceiverStream::new(directives), Ok);
        Ok(Response::new(Box::pin(directives)))
    }
}
