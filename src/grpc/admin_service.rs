//! The calls of `tinysns.v1.AdminService`, as an adapter on [`Administration`].

use tonic::{Request, Response, Status};

use super::{messages::administration as messages, metadata::CallReader};
use crate::{
    domain::LoginId,
    host::random,
    network::administration::Administration,
    wire::v1::{
        AboutReply, AboutRequest, AdministerReply, AdministerRequest, InspectReply, InspectRequest,
        ReportReply, ReportRequest, SignUpReply, SignUpRequest,
        admin_service_server::{AdminService, AdminServiceServer},
    },
};

/// Serves a network to those who join it, report somebody, or run it.
pub struct AdminServer<N> {
    network: N,
    calls: CallReader,
}

/// Serves `network` to calls as `calls` reads them, of at most `most` bytes.
pub fn service<N: Administration>(
    network: N,
    calls: CallReader,
    most: usize,
) -> AdminServiceServer<AdminServer<N>> {
    AdminServiceServer::new(AdminServer { network, calls }).max_decoding_message_size(most)
}

#[tonic::async_trait]
impl<N: Administration> AdminService for AdminServer<N> {
    async fn about(&self, request: Request<AboutRequest>) -> Result<Response<AboutReply>, Status> {
        let about = self.network.about(&self.calls.read(&request)).await?;
        Ok(Response::new(messages::about_to_wire(about)))
    }

    async fn sign_up(
        &self,
        request: Request<SignUpRequest>,
    ) -> Result<Response<SignUpReply>, Status> {
        let call = self.calls.read(&request);
        let drawn = LoginId(random::wide_id());
        let (wanted, begins) = messages::sign_up_from_wire(request.into_inner(), drawn)?;
        let signed_up = self.network.sign_up(&call, &wanted, &begins).await?;
        Ok(Response::new(messages::signed_up_to_wire(signed_up)))
    }

    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportReply>, Status> {
        let call = self.calls.read(&request);
        let (key, report) = messages::report_from_wire(request.into_inner())?;
        let number = self.network.report(&call, &key, &report).await?;
        Ok(Response::new(ReportReply { number }))
    }

    async fn administer(
        &self,
        request: Request<AdministerRequest>,
    ) -> Result<Response<AdministerReply>, Status> {
        let call = self.calls.read(&request);
        let (key, request) = messages::request_from_wire(request.into_inner())?;
        let done = self.network.administer(&call, &key, &request).await?;
        Ok(Response::new(messages::done_to_wire(done)))
    }

    async fn inspect(
        &self,
        request: Request<InspectRequest>,
    ) -> Result<Response<InspectReply>, Status> {
        let call = self.calls.read(&request);
        let question = messages::question_from_wire(request.into_inner())?;
        let answer = self.network.inspect(&call, &question).await?;
        Ok(Response::new(messages::answer_to_wire(answer)))
    }
}
