//! Who is logged in. Remembers name and password, to log in again when a session has ended.
//!
//! While the password is being changed, two may be correct: the old one and the requested one. Both
//! are remembered until it is known which one is.

use parking_lot::{Mutex, MutexGuard};

use super::ClientError;
use crate::{
    domain::UserName,
    network::{LoggedIn, SessionToken},
};

/// The session of one client, if it has one.
#[derive(Default)]
pub struct ClientSession {
    held: Mutex<Option<Held>>,
    /// Held while logging in again, so that many calls that find the session ended do so only once.
    pub renewal: tokio::sync::Mutex<()>,
    /// Held while the password is being changed.
    pub change: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    credentials: LoginCredentials,
    /// Spelled as when the account was created.
    name: UserName,
    token: SessionToken,
    /// A requested new password, while it is not known whether the change was made.
    asked_for: Option<String>,
}

/// What a login takes.
#[derive(Clone)]
pub struct LoginCredentials {
    pub name: UserName,
    /// Empty for an account without one.
    pub password: String,
}

impl ClientSession {
    /// Begins a session that was granted to `credentials`.
    pub fn begin(&self, credentials: LoginCredentials, granted: &LoggedIn) {
        let mut held = self.held();
        let asked_for = held.take().filter(|held| held.credentials.name == credentials.name);
        let asked_for = asked_for.and_then(|held| held.asked_for);
        // If the requested password has opened the account, the change was made. If the old one
        // has, the change may still be made.
        let asked_for = asked_for.filter(|password| *password != credentials.password);
        let LoggedIn { session, name, .. } = granted.clone();
        *held = Some(Held { credentials, name, token: session, asked_for });
    }

    /// What a call presents to prove who makes it.
    pub fn token(&self) -> Result<SessionToken, ClientError> {
        self.held().as_ref().map(|held| held.token.clone()).ok_or(ClientError::NotLoggedIn)
    }

    /// All passwords that may be correct, the likeliest first.
    pub fn credentials(&self) -> Result<Vec<LoginCredentials>, ClientError> {
        let held = self.held();
        let held = held.as_ref().ok_or(ClientError::NotLoggedIn)?;
        let asked_for = held.asked_for.clone();
        let asked_for =
            asked_for.map(|password| LoginCredentials { password, ..held.credentials.clone() });
        Ok([held.credentials.clone()].into_iter().chain(asked_for).collect())
    }

    /// Whether the account had a password at the last login.
    pub fn has_password(&self) -> bool {
        self.held().as_ref().is_some_and(|held| !held.credentials.password.is_empty())
    }

    /// Whether it is unknown if a requested change of password was made.
    pub fn is_in_doubt(&self) -> bool {
        self.held().as_ref().is_some_and(|held| held.asked_for.is_some())
    }

    /// From now on, the password may be `password`.
    pub fn ask_for(&self, password: &str) {
        if let Some(held) = self.held().as_mut() {
            let is_another = held.credentials.password != password;
            held.asked_for = is_another.then(|| password.to_owned());
        }
    }

    /// The requested change will not be made any more.
    pub fn forget_what_was_asked_for(&self) {
        if let Some(held) = self.held().as_mut() {
            held.asked_for = None;
        }
    }

    /// The requested change was made.
    pub fn changed_to(&self, password: &str) {
        if let Some(held) = self.held().as_mut() {
            held.asked_for = None;
            password.clone_into(&mut held.credentials.password);
        }
    }

    pub fn name(&self) -> Option<UserName> {
        self.held().as_ref().map(|held| held.name.clone())
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock()
    }
}
