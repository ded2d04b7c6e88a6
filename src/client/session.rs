//! Who is logged in. Remembers name and password, to log in again when a session has ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tonic::metadata::{Ascii, MetadataValue};

use super::ClientError;

/// What a call carries to show who asks.
pub type Bearer = MetadataValue<Ascii>;

/// The session of one client, if it has one.
#[derive(Default)]
pub struct Session {
    held: Mutex<Option<Held>>,
    /// Held while logging in again, so that many calls that find the session ended do it once.
    pub renewal: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    credentials: Credentials,
    username: String,
    bearer: Bearer,
}

/// What a login takes.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    /// Empty for an account without one.
    pub password: String,
}

impl Session {
    /// Begins a session with a token that was granted to `credentials`.
    pub fn begin(
        &self,
        credentials: Credentials,
        username: String,
        token: &str,
    ) -> Result<(), ClientError> {
        let bearer = format!("Bearer {token}").parse().map_err(|_| ClientError::Refused {
            code: tonic::Code::Internal,
            message: "the server has sent a session token that cannot be used".to_owned(),
        })?;
        *self.held() = Some(Held { credentials, username, bearer });
        Ok(())
    }

    pub fn bearer(&self) -> Result<Bearer, ClientError> {
        self.held().as_ref().map(|held| held.bearer.clone()).ok_or(ClientError::NotLoggedIn)
    }

    pub fn credentials(&self) -> Result<Credentials, ClientError> {
        self.held().as_ref().map(|held| held.credentials.clone()).ok_or(ClientError::NotLoggedIn)
    }

    pub fn username(&self) -> Option<String> {
        self.held().as_ref().map(|held| held.username.clone())
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
