//! Apps that act for people.

use super::Relayed;
use crate::{
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

impl Apps for Relayed {
    async fn register_app(&self, call: &Call, app: &NewApp) -> Result<RegisteredApp, Refusal> {
        let request = messages::new_app_to_wire(app.clone());
        messages::registered_from_wire(
            ask_over!(AppServiceClient, self, call, request, register_app).await?.reply,
        )
    }

    async fn app(&self, call: &Call, client_id: &str) -> Result<App, Refusal> {
        let request = GetAppRequest { client_id: client_id.to_owned() };
        messages::app_from_wire(
            ask_over!(AppServiceClient, self, call, request, get_app).await?.reply.app,
        )
    }

    async fn grant(&self, call: &Call, wanted: &Grant) -> Result<GrantCode, Refusal> {
        let request = messages::grant_to_wire(wanted.clone());
        Ok(messages::code_from_wire(
            ask_over!(AppServiceClient, self, call, request, grant).await?.reply,
        ))
    }

    async fn redeem(&self, call: &Call, redemption: &Redemption) -> Result<AppToken, Refusal> {
        let request = messages::redemption_to_wire(redemption.clone());
        messages::token_from_wire(
            ask_over!(AppServiceClient, self, call, request, redeem).await?.reply,
        )
    }

    async fn app_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        scopes: &Scopes,
    ) -> Result<AppToken, Refusal> {
        let request = messages::app_token_to_wire(credentials.clone(), scopes.clone());
        messages::token_from_wire(
            ask_over!(AppServiceClient, self, call, request, app_token).await?.reply,
        )
    }

    async fn revoke_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        token: &str,
    ) -> Result<(), Refusal> {
        let request = messages::revocation_to_wire(credentials.clone(), token);
        ask_over!(AppServiceClient, self, call, request, revoke_token).await?;
        Ok(())
    }

    async fn me(&self, call: &Call) -> Result<Me, Refusal> {
        messages::me_from_wire(
            ask_over!(AppServiceClient, self, call, MeRequest {}, me).await?.reply,
        )
    }

    async fn app_of_token(&self, call: &Call) -> Result<AppOfToken, Refusal> {
        let answered =
            ask_over!(AppServiceClient, self, call, AppOfTokenRequest {}, app_of_token).await?;
        messages::app_of_token_from_wire(answered.reply)
    }
}
