//! Joining, reports, and the calls of those who run the network.

use super::Client;
use crate::{
    client::{ClientError, Relayed, options::ClientOptions, session::LoginCredentials},
    domain::{OpaqueKey, RequestKey},
    host::random,
    network::{
        Call,
        administration::{
            About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Administration, NewReport,
            SignUp, SignedUp,
        },
    },
    node_auth::NodeAuth,
};

impl<N: Administration> Client<N> {
    /// What the network is.
    pub async fn about(&self) -> Result<About, ClientError> {
        let call = self.core.new_call(None, self.core.deadline());
        Ok(self.core.network.about(&call).await?)
    }

    /// Makes an account with a password, and logs in with it, unless a moderator has to approve it first.
    pub async fn sign_up(&self, wanted: &SignUp) -> Result<SignedUp, ClientError> {
        let call = self.core.new_call(None, self.core.deadline());
        let signed_up = self.core.network.sign_up(&call, wanted, &self.core.begins()).await?;
        if let SignedUp::LoggedIn(logged_in) = &signed_up {
            let SignUp { name, password, .. } = wanted.clone();
            self.core.session.begin(LoginCredentials { name, password }, logged_in);
        }
        Ok(signed_up)
    }

    /// Tells those who run the network of somebody; returns the report's number.
    pub async fn report(&self, report: &NewReport) -> Result<u64, ClientError> {
        let network = &self.core.network;
        self.core.change(|call, key| async move { network.report(&call, &key, report).await }).await
    }

    /// Does something to run the network, in the caller's session.
    pub async fn administer(&self, request: &AdminRequest) -> Result<AdminDone, ClientError> {
        let network = &self.core.network;
        self.core
            .change(|call, key| async move { network.administer(&call, &key, request).await })
            .await
    }

    /// Reads what the network is run with, in the caller's session.
    pub async fn inspect(&self, question: &AdminQuestion) -> Result<AdminAnswer, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.inspect(&call, question).await }).await
    }
}

/// An operator of the network: somebody who has the cluster's secret, and needs no account.
pub struct Operator {
    client: Client,
}

impl Operator {
    /// Of the cluster behind a router. Must be called inside a runtime.
    pub fn connect(options: ClientOptions, secret: &NodeAuth) -> Result<Self, ClientError> {
        let call_timeout = options.call_timeout;
        let network = Relayed::of_operator(options, secret)?;
        Ok(Self { client: Client::of(network, call_timeout) })
    }

    /// The same as somebody who is not logged in, by whom it is known what can be reached.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Does something to run the network.
    pub async fn administer(&self, request: &AdminRequest) -> Result<AdminDone, ClientError> {
        let key = OpaqueKey::new(random::bytes::<16>()).expect("sixteen bytes");
        let key = RequestKey::Opaque(key);
        Ok(self.client.core.network.administer(&self.call(), &key, request).await?)
    }

    /// Reads what the network is run with.
    pub async fn inspect(&self, question: &AdminQuestion) -> Result<AdminAnswer, ClientError> {
        Ok(self.client.core.network.inspect(&self.call(), question).await?)
    }

    /// What the network is.
    pub async fn about(&self) -> Result<About, ClientError> {
        Ok(self.client.core.network.about(&self.call()).await?)
    }

    fn call(&self) -> Call {
        let core = &self.client.core;
        Call { by_operator: true, ..core.new_call(None, core.deadline()) }
    }
}
