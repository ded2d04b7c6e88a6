//! What apps ask that act for people, as [`Nearest`] takes it to the available server.

use tokio::time::timeout;

use super::Nearest;
use crate::{
    client::ClientOptions,
    domain::{App, Scopes},
    network::{
        Advice, Apps, Call, Refusal,
        apps::{
            AppCredentials, AppOfToken, AppToken, Grant, GrantCode, Me, NewApp, Redemption,
            RegisteredApp,
        },
    },
};

impl Apps for Nearest {
    async fn register_app(&self, call: &Call, app: &NewApp) -> Result<RegisteredApp, Refusal> {
        nearest!(self.register_app(call, app))
    }

    async fn app(&self, call: &Call, client_id: &str) -> Result<App, Refusal> {
        nearest!(self.app(call, client_id))
    }

    async fn grant(&self, call: &Call, wanted: &Grant) -> Result<GrantCode, Refusal> {
        nearest!(self.grant(call, wanted))
    }

    async fn redeem(&self, call: &Call, redemption: &Redemption) -> Result<AppToken, Refusal> {
        nearest!(self.redeem(call, redemption))
    }

    async fn app_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        scopes: &Scopes,
    ) -> Result<AppToken, Refusal> {
        nearest!(self.app_token(call, credentials, scopes))
    }

    async fn revoke_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        token: &str,
    ) -> Result<(), Refusal> {
        nearest!(self.revoke_token(call, credentials, token))
    }

    async fn me(&self, call: &Call) -> Result<Me, Refusal> {
        nearest!(self.me(call))
    }

    async fn app_of_token(&self, call: &Call) -> Result<AppOfToken, Refusal> {
        nearest!(self.app_of_token(call))
    }
}
