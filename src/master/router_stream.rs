//! One stream to the router, where reports and directives become messages and come from them.
//!
//! When to report, and what to do about a directive, is up to the caller; so is a time limit.

use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Status, Streaming, metadata::AsciiMetadataValue, transport::Channel};

use crate::{
    control::{
        Directive, Hello, Report,
        wire::{InvalidMessage, ReportEncoder},
    },
    node_auth::SECRET_KEY,
    wire::internal::{self, registry_service_client::RegistryServiceClient},
};

/// Reports that may wait for the router; if there are more, it hangs.
const REPORTS_WAITING: usize = 64;

/// No directive could be received.
#[derive(Debug, thiserror::Error)]
pub enum DirectiveError {
    /// The stream has broken.
    #[error("{}", .0.message())]
    Broken(#[from] Status),
    /// The router does not speak as it should.
    #[error("the router sent what it should not: {0}")]
    Invalid(#[from] InvalidMessage),
}

impl From<DirectiveError> for Status {
    fn from(error: DirectiveError) -> Self {
        match error {
            DirectiveError::Broken(status) => status,
            DirectiveError::Invalid(_) => Self::data_loss(error.to_string()),
        }
    }
}

/// A stream that the router has accepted.
pub struct RouterStream {
    reports: mpsc::Sender<Report>,
    directives: Streaming<internal::Directive>,
}

impl RouterStream {
    /// Introduces this master to the router.
    pub async fn open(
        router: Channel,
        secret: AsciiMetadataValue,
        hello: Hello,
    ) -> Result<Self, Status> {
        let (reports, outgoing) = mpsc::channel(REPORTS_WAITING);
        let _room = reports.try_send(Report::Hello(hello));
        let mut encoder = ReportEncoder::default();
        let messages = ReceiverStream::new(outgoing).map(move |report| encoder.encode(report));
        let mut request = Request::new(messages);
        request.metadata_mut().insert(SECRET_KEY, secret);
        let mut client = RegistryServiceClient::new(router);
        let directives = client.report(request).await?.into_inner();
        Ok(Self { reports, directives })
    }

    /// Sends a report; false if the router does not take reports any more.
    pub fn report(&self, report: Report) -> bool {
        self.reports.try_send(report).is_ok()
    }

    /// Waits for the next directive that this program knows; none if the router has ended the
    /// stream. Nothing is lost if this is cancelled.
    pub async fn directive(&mut self) -> Result<Option<Directive>, DirectiveError> {
        loop {
            let Some(message) = self.directives.message().await? else { return Ok(None) };
            if let Some(directive) = Directive::from_wire(message)? {
                return Ok(Some(directive));
            }
        }
    }
}
