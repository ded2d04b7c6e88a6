//! Apps that act for people.

use tonic::{Request, transport::Channel};

use super::Relayed;
use crate::{
    client::choice::Attempts,
    domain::{App, Scopes},
    grpc::messages::apps as messages,
    network::{
        Apps, Call, Refusal,
        apps::{
            AppCredentials, AppOfToken, AppToken, Grant, GrantCode, Me, NewApp, Redemption,
            RegisteredApp,
        },
    },
    wire::v1::{AppOfTokenRequest, GetAppRequest, MeRequest, app_service_client::AppServiceClient},
};

/// Makes a call of the service for apps.
macro_rules! ask_apps {
    ($self:ident, $call:ident, $request:expr, $method:ident) => {
        $self.ask_over(
            Attempts::default(),
            $call,
            $request,
            |channel: Channel, request: Request<_>| async move {
                AppServiceClient::new(channel).$method(request).await
            },
        )
    };
}

impl Apps for Relayed {
    async fn register_app(&self, call: &Call, app: &NewApp) -> Result<RegisteredApp, Refusal> {
        let request = messages::new_app_to_wire(app.clone());
        messages::registered_from_wire(ask_apps!(self, call, request, register_app).await?.reply)
    }

    async fn app(&self, call: &Call, client_id: &str) -> Result<App, Refusal> {
        let request = GetAppRequest { client_id: client_id.to_owned() };
        messages::app_from_wire(ask_apps!(self, call, request, get_app).await?.reply.app)
    }

    async fn grant(&self, call: &Call, wanted: &Grant) -> Result<GrantCode, Refusal> {
        let request = messages::grant_to_wire(wanted.clone());
        Ok(messages::code_from_wire(ask_apps!(self, call, request, grant).await?.reply))
    }

    async fn redeem(&self, call: &Call, redemption: &Redemption) -> Result<AppToken, Refusal> {
        let request = messages::redemption_to_wire(redemption.clone());
        messages::token_from_wire(ask_apps!(self, call, request, redeem).await?.reply)
    }

    async fn app_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        scopes: &Scopes,
    ) -> Result<AppToken, Refusal> {
        let request = messages::app_token_to_wire(credentials.clone(), scopes.clone());
        messages::token_from_wire(ask_apps!(self, call, request, app_token).await?.reply)
    }

    async fn revoke_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        token: &str,
    ) -> Result<(), Refusal> {
        let request = messages::revocation_to_wire(credentials.clone(), token);
        ask_apps!(self, call, request, revoke_token).await?;
        Ok(())
    }

    async fn me(&self, call: &Call) -> Result<Me, Refusal> {
        messages::me_from_wire(ask_apps!(self, call, MeRequest {}, me).await?.reply)
    }

    async fn app_of_token(&self, call: &Call) -> Result<AppOfToken, Refusal> {
        let answered = ask_apps!(self, call, AppOfTokenRequest {}, app_of_token).await?;
        messages::app_of_token_from_wire(answered.reply)
    }
}
