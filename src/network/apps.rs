//! Apps that act for people, with what these let them do (OAuth 2.0, without its pages).
//!
//! An app registers, somebody grants it something, it redeems the code of that for a token, and calls with that as
//! our own clients do with the token of a session. What it may do is asked wherever the rules are.

use std::fmt;

use super::{Call, Login, Network, Refusal, SessionToken};
use crate::domain::{App, ClientName, LoginId, Person, Preferences, Role, Scopes, UnixMillis};

/// What apps ask that act for people.
///
/// Nothing here has a request key. Grants and redemptions carry an attempt, by which a repetition is known; the others
/// are harmless to repeat.
pub trait Apps: Network {
    /// Registers an app. Each registration has a client id of its own.
    fn register_app(
        &self,
        call: &Call,
        app: &NewApp,
    ) -> impl Future<Output = Result<RegisteredApp, Refusal>> + Send;

    /// The app with a client id.
    fn app(
        &self,
        call: &Call,
        client_id: &str,
    ) -> impl Future<Output = Result<App, Refusal>> + Send;

    /// Lets an app act for somebody who proves to be it, once it redeems the code, within ten minutes.
    fn grant(
        &self,
        call: &Call,
        wanted: &Grant,
    ) -> impl Future<Output = Result<GrantCode, Refusal>> + Send;

    /// Redeems a code. The same attempt gets the same answer; in another, what the code granted is taken back.
    fn redeem(
        &self,
        call: &Call,
        redemption: &Redemption,
    ) -> impl Future<Output = Result<AppToken, Refusal>> + Send;

    /// A token with which an app acts for nobody.
    fn app_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        scopes: &Scopes,
    ) -> impl Future<Output = Result<AppToken, Refusal>> + Send;

    /// Ends what a token of the app grants, and its live timelines.
    fn revoke_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        token: &str,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Who calls, with what an app shows of that first.
    fn me(&self, call: &Call) -> impl Future<Output = Result<Me, Refusal>> + Send;

    /// Which app's the call's token is, whether it acts for somebody or not.
    fn app_of_token(&self, call: &Call)
    -> impl Future<Output = Result<AppOfToken, Refusal>> + Send;
}

/// An app that wants to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApp {
    /// How it is called.
    pub name: String,
    /// Its page.
    pub website: Option<String>,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// The most that it will ask people for.
    pub scopes: Scopes,
}

/// An app that has registered.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisteredApp {
    /// Names it from now on. It is the registration, and so rather long.
    pub client_id: String,
    /// Proves that it is the app.
    pub client_secret: String,
    /// What is known of it.
    pub app: App,
}

/// What somebody lets an app do.
#[derive(Clone)]
pub struct Grant {
    /// Which app.
    pub client_id: String,
    /// Where they are sent back to: one of the app's.
    pub redirect_uri: String,
    /// What it may do: no more than it has registered.
    pub scopes: Scopes,
    /// Of what the app has to know the origin when it redeems the code: SHA-256 of the verifier.
    pub challenge: Option<[u8; 32]>,
    /// Who lets it. The account must exist, whatever this says.
    pub login: Login,
    /// A repetition has the same.
    pub attempt: LoginId,
}

/// What an app gets for a grant, and redeems once.
#[derive(Clone, PartialEq, Eq)]
pub struct GrantCode(String);

impl GrantCode {
    /// Takes a code as it is presented.
    pub fn new(code: impl Into<String>) -> Self {
        Self(code.into())
    }

    /// In the form in which it is presented.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A code that an app redeems.
#[derive(Clone)]
pub struct Redemption {
    /// Which app.
    pub client_id: String,
    /// Its secret. It may be left out by one that has the verifier of a challenge.
    pub client_secret: Option<String>,
    /// The code.
    pub code: GrantCode,
    /// Where somebody was sent back to with it.
    pub redirect_uri: String,
    /// Of what the challenge of the grant was made, if it had one.
    pub verifier: Option<String>,
    /// A repetition has the same.
    pub attempt: LoginId,
}

/// What proves that an app is what it says.
#[derive(Clone)]
pub struct AppCredentials {
    /// Which app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// A token of an app. It lasts until it is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppToken {
    /// As later calls present it.
    pub token: SessionToken,
    /// What it lets the app do.
    pub scopes: Scopes,
    /// When it was granted.
    pub created_at: UnixMillis,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// As everybody sees them.
    pub person: Person,
    /// What they may do.
    pub role: Role,
    /// What they prefer.
    pub preferences: Preferences,
    /// How many ask to follow them, counted up to [`Me::MOST_REQUESTS`].
    pub follow_requests: u64,
    /// With which app they call; none for a client of our own.
    pub app: Option<AppLabel>,
    /// What it may do.
    pub scopes: Scopes,
}

impl Me {
    /// No more requests are counted.
    pub const MOST_REQUESTS: usize = 100;
}

/// An app, as it is shown beside what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppLabel {
    /// How it is called.
    pub name: ClientName,
    /// Its page.
    pub website: Option<String>,
}

/// Which app's a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppOfToken {
    /// How it is called; of a client of our own, what that calls itself.
    pub name: ClientName,
    /// Its page.
    pub website: Option<String>,
    /// What the token lets it do.
    pub scopes: Scopes,
}

impl fmt::Debug for RegisteredApp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RegisteredApp({:?})", self.app)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { login, scopes, redirect_uri, .. } = self;
        write!(formatter, "Grant({login:?}, {scopes:?}, {redirect_uri:?})")
    }
}

impl fmt::Debug for GrantCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GrantCode")
    }
}

impl fmt::Debug for Redemption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redemption")
    }
}

impl fmt::Debug for AppCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AppCredentials")
    }
}
