//! The calls of `tinysns.v1.AppService`, as an adapter on [`Apps`].

use tonic::{Request, Response, Status};

use super::{messages::apps as messages, metadata::CallReader};
use crate::{
    domain::LoginId,
    host::random,
    network::Apps,
    wire::v1::{
        AppOfTokenReply, AppOfTokenRequest, AppTokenReply, AppTokenRequest, GetAppReply,
        GetAppRequest, GrantReply, GrantRequest, MeReply, MeRequest, RedeemRequest,
        RegisterAppReply, RegisterAppRequest, RevokeTokenReply, RevokeTokenRequest,
        app_service_server::{AppService, AppServiceServer},
    },
};

/// Serves a network to apps.
pub struct AppServer<N> {
    network: N,
    calls: CallReader,
}

/// Serves `network` to calls as `calls` reads them, of at most `most` bytes.
pub fn service<N: Apps>(
    network: N,
    calls: CallReader,
    most: usize,
) -> AppServiceServer<AppServer<N>> {
    AppServiceServer::new(AppServer { network, calls }).max_decoding_message_size(most)
}

#[tonic::async_trait]
impl<N: Apps> AppService for AppServer<N> {
    async fn register_app(
        &self,
        request: Request<RegisterAppRequest>,
    ) -> Result<Response<RegisterAppReply>, Status> {
        let call = self.calls.read(&request);
        let app = messages::new_app_from_wire(request.into_inner())?;
        let registered = self.network.register_app(&call, &app).await?;
        Ok(Response::new(messages::registered_to_wire(registered)))
    }

    async fn get_app(
        &self,
        request: Request<GetAppRequest>,
    ) -> Result<Response<GetAppReply>, Status> {
        let call = self.calls.read(&request);
        let app = self.network.app(&call, &request.into_inner().client_id).await?;
        Ok(Response::new(GetAppReply { app: Some(messages::app_to_wire(app)) }))
    }

    async fn grant(&self, request: Request<GrantRequest>) -> Result<Response<GrantReply>, Status> {
        let call = self.calls.read(&request);
        let drawn = LoginId(random::wide_id());
        let grant = messages::grant_from_wire(request.into_inner(), drawn)?;
        let code = self.network.grant(&call, &grant).await?;
        Ok(Response::new(messages::code_to_wire(&code)))
    }

    async fn redeem(
        &self,
        request: Request<RedeemRequest>,
    ) -> Result<Response<AppTokenReply>, Status> {
        let call = self.calls.read(&request);
        let drawn = LoginId(random::wide_id());
        let redemption = messages::redemption_from_wire(request.into_inner(), drawn)?;
        let token = self.network.redeem(&call, &redemption).await?;
        Ok(Response::new(messages::token_to_wire(token)))
    }

    async fn app_token(
        &self,
        request: Request<AppTokenRequest>,
    ) -> Result<Response<AppTokenReply>, Status> {
        let call = self.calls.read(&request);
        let (credentials, scopes) = messages::app_token_from_wire(request.into_inner())?;
        let token = self.network.app_token(&call, &credentials, &scopes).await?;
        Ok(Response::new(messages::token_to_wire(token)))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenReply>, Status> {
        let call = self.calls.read(&request);
        let (credentials, token) = messages::revocation_from_wire(request.into_inner());
        self.network.revoke_token(&call, &credentials, &token).await?;
        Ok(Response::new(RevokeTokenReply {}))
    }

    async fn me(&self, request: Request<MeRequest>) -> Result<Response<MeReply>, Status> {
        let me = self.network.me(&self.calls.read(&request)).await?;
        Ok(Response::new(messages::me_to_wire(me)))
    }

    async fn app_of_token(
        &self,
        request: Request<AppOfTokenRequest>,
    ) -> Result<Response<AppOfTokenReply>, Status> {
        let app = self.network.app_of_token(&self.calls.read(&request)).await?;
        Ok(Response::new(messages::app_of_token_to_wire(app)))
    }
}
