//! Session tokens: who a caller is, signed with a key that lives in the replicated state, so that a
//! token is good on every master.
//!
//! A token is `base64url(user, credentials, expiry) . base64url(HMAC-SHA-256)`; it is checked
//! against the account, so that a changed password ends its sessions.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    domain::{UnixMillis, UserId},
    replication::state_store::StateReader,
    social::{Account, View},
};

/// Makes and checks tokens.
pub struct Sessions {
    state: StateReader,
    lifetime: Duration,
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is none, or it is not one of ours.
    #[error("log in first: this call carries no valid session token")]
    Invalid,
    /// It was good once.
    #[error("the session has expired: log in again")]
    Expired,
    /// The cluster has no key yet, or this master has not received it.
    #[error("this server has no session key yet")]
    NoKey,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] redb::Error),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    user: UserId,
    credentials: u32,
    expires_at: UnixMillis,
}

impl Sessions {
    /// Tokens that are good for `lifetime`.
    pub fn new(state: StateReader, lifetime: Duration) -> Self {
        Self { state, lifetime }
    }

    /// A new token for `account`, and when it ends.
    pub fn begin(
        &self,
        account: &Account,
        now: UnixMillis,
    ) -> Result<(String, UnixMillis), SessionError> {
        let lifetime = UnixMillis::try_from(self.lifetime.as_millis()).unwrap_or(UnixMillis::MAX);
        let expires_at = now.saturating_add(lifetime);
        let claims = Claims { user: account.user, credentials: account.credentials, expires_at };
        let claims = postcard::to_stdvec(&claims).expect("plain data always encodes");
        let view = View::open(&self.state.read()?)?;
        let seal = seal(&view, &claims)?.finalize().into_bytes();
        let token = format!("{}.{}", URL_SAFE_NO_PAD.encode(&claims), URL_SAFE_NO_PAD.encode(seal));
        Ok((token, expires_at))
    }

    /// The account that `token` speaks for.
    pub fn check(&self, token: &str, now: UnixMillis) -> Result<Account, SessionError> {
        let (claims, signature) = token.split_once('.').ok_or(SessionError::Invalid)?;
        let [claims, signature] = [claims, signature].map(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let (claims, signature) = claims.zip(signature).ok_or(SessionError::Invalid)?;
        let view = View::open(&self.state.read()?)?;
        // Compares in constant time.
        seal(&view, &claims)?.verify_slice(&signature).map_err(|_| SessionError::Invalid)?;
        let claims: Claims = postcard::from_bytes(&claims).map_err(|_| SessionError::Invalid)?;
        if claims.expires_at <= now {
            return Err(SessionError::Expired);
        }
        let account = view.account(claims.user)?.ok_or(SessionError::Invalid)?;
        if account.credentials == claims.credentials {
            Ok(account)
        } else {
            Err(SessionError::Expired)
        }
    }
}

fn seal(view: &View, claims: &[u8]) -> Result<Hmac<Sha256>, SessionError> {
    let key = view.signing_key().ok_or(SessionError::NoKey)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(claims);
    Ok(mac)
}
