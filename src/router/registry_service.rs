//! The masters' streams, between the wire and the registry actor.

use std::pin::Pin;

use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::{
    certification::KeptCertification,
    registry::MasterStreamId,
    registry_actor::{MasterStream, RegistryHandle},
};
use crate::{
    control::{
        Report,
        wire::{InvalidMessage, ReportDecoder},
    },
    host::task::Tasks,
    wire::internal::{Directive, MasterReport, registry_service_server::RegistryService},
};

/// Serves the masters' reports.
pub struct RegistryServer {
    registry: RegistryHandle,
    certification: KeptCertification,
    tasks: Tasks,
}

impl RegistryServer {
    /// Passes what it receives to `registry` and `certification`, by a task for each stream.
    pub fn new(registry: RegistryHandle, certification: KeptCertification, tasks: Tasks) -> Self {
        Self { registry, certification, tasks }
    }
}

/// Passes every report on; returns when the stream ends, for whatever reason.
async fn forward_reports(
    registry: RegistryHandle,
    certification: KeptCertification,
    stream: MasterStreamId,
    mut decoder: ReportDecoder,
    mut reports: Streaming<MasterReport>,
) {
    while let Ok(Some(message)) = reports.message().await {
        match decoder.decode(message) {
            Ok(Some(Report::Progress(progress))) => registry.progress(stream, progress).await,
            Ok(Some(Report::Certification(heard))) => certification.hears(&heard),
            Ok(Some(Report::Leaving)) => registry.leaving(stream).await,
            // From a newer program; or a second introduction, which changes nothing.
            Ok(None | Some(Report::Hello(_))) => {}
            Err(error) => {
                tracing::warn!(%error, "a master sent what it should not");
                break;
            }
        }
    }
    registry.lost(stream).await;
}

fn invalid(error: InvalidMessage) -> Status {
    Status::invalid_argument(error.to_string())
}

#[tonic::async_trait]
impl RegistryService for RegistryServer {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<Directive, Status>> + Send>>;

    async fn report(
        &self,
        request: Request<Streaming<MasterReport>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let mut reports = request.into_inner();
        let mut decoder = ReportDecoder::default();
        let first = reports.message().await?.unwrap_or_default();
        let Some(Report::Hello(hello)) = decoder.decode(first).map_err(invalid)? else {
            return Err(Status::invalid_argument("a master's first report is its Hello"));
        };
        let MasterStream { id, directives } = self
            .registry
            .open(hello)
            .await
            .ok_or_else(|| Status::unavailable("the router is stopping"))?;
        let (registry, certification) = (self.registry.clone(), self.certification.clone());
        self.tasks.spawn(forward_reports(registry, certification, id, decoder, reports));
        let directives = ReceiverStream::new(directives);
        let messages = tokio_stream::StreamExt::map(directives, |directive| Ok(directive.into()));
        Ok(Response::new(Box::pin(messages)))
    }
}
