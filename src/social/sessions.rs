//! Sessions, as the state knows them.
//!
//! A session of an account that has a password is a row: it is there until it is ended, whoever asks. Of an account
//! without one, nothing is kept: whoever knows the name is in.

use serde::{Deserialize, Serialize};

use crate::domain::{ClientName, LoginId, UnixMillis, UserId};

/// So many sessions of an account there are at most: the oldest ends when another begins.
pub const MOST_SESSIONS: usize = 100;

/// In which session a change is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionRef {
    /// Of an account without a password. It lasts until there is another: the
    /// [`Account::password_version`](super::Account::password_version) with which it was begun.
    Unlisted(u32),
    /// One that is kept.
    Listed(SessionKey),
}

/// Names a session of an account for good: a number that was lost with the last seconds of a cluster may be given
/// again, but at another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// Counted from 1 for each account.
    pub number: u64,
    /// When it was begun.
    pub begun_at: UnixMillis,
}

/// A session that somebody begins who has proved that the account is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSession {
    /// Whose.
    pub user: UserId,
    /// The [`Account::password_version`](super::Account::password_version) of the password that proved it: if there
    /// is another by then, it has proved nothing.
    pub password_version: u32,
    /// A repetition has the same.
    pub login: LoginId,
    /// Who begins it.
    pub client: ClientName,
    /// When it ends by itself, if it does.
    pub expires_at: Option<UnixMillis>,
}

/// What is stored about a session; whose it is, and its number, are in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// When it was begun.
    pub begun_at: UnixMillis,
    /// When it ends by itself, if it does.
    pub expires_at: Option<UnixMillis>,
    /// By which login.
    pub login: LoginId,
    /// Who has begun it.
    pub client: ClientName,
}

impl SessionRecord {
    /// Whether it has ended by itself.
    pub fn is_over(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}
