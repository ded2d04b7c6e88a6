//! An app that acts for the client's user.

use crate::{
    client::{Client, ClientError, session::LoginCredentials},
    domain::LoginId,
    host::random,
    network::{
        Apps, Login,
        apps::{AppToken, Grant, NewApp, Redemption},
    },
};

impl<N: Apps> Client<N> {
    /// Registers an app, lets it do for the client's user whatever it has registered for, and redeems what it gets
    /// for that. An account without a password cannot let any app in.
    pub async fn let_app_in(&self, app: &NewApp) -> Result<AppToken, ClientError> {
        let network = &self.core.network;
        let call = self.core.new_call(None, self.core.deadline());
        let LoginCredentials { name, password } =
            self.core.session.credentials()?.into_iter().next().ok_or(ClientError::NotLoggedIn)?;
        let registered = network.register_app(&call, app).await?;
        let redirect_uri = app.redirect_uris.first().cloned().unwrap_or_default();
        let granted = Grant {
            client_id: registered.client_id.clone(),
            redirect_uri: redirect_uri.clone(),
            scopes: app.scopes.clone(),
            challenge: None,
            login: Login { name, password, must_exist: true },
            attempt: LoginId(random::wide_id()),
        };
        let redemption = Redemption {
            code: network.grant(&call, &granted).await?,
            client_id: registered.client_id,
            client_secret: Some(registered.client_secret),
            redirect_uri,
            verifier: None,
            attempt: LoginId(random::wide_id()),
        };
        Ok(network.redeem(&call, &redemption).await?)
    }
}
