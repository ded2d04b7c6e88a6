//! Sessions, as the state knows them.
//!
//! A session of an account that has a password is a row: it is there until it is ended, whoever asks. Of an account
//! without one, nothing is kept: whoever knows the name is in.
//!
//! What somebody lets an app do begins as a grant, a row that is no session yet; the app redeems it, and from then on it
//! is one ([ADR 46](../../docs/adr/0046-apps-without-rows.md)).

use serde::{Deserialize, Serialize};

use crate::domain::{AppId, ClientName, LoginId, RedirectId, Scopes, UnixMillis, UserId, Website};

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
    /// What is granted to an app, if it is one's.
    pub grant: Option<NewGrant>,
}

/// A session that is an app's, once it redeems it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewGrant {
    /// What is granted.
    pub grant: Grant,
    /// Until when it can be redeemed.
    pub until: UnixMillis,
}

/// What somebody lets an app do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Which app.
    pub app: AppId,
    /// Its page.
    pub website: Option<Website>,
    /// What it may do.
    pub scopes: Scopes,
    /// Where somebody was sent back to.
    pub redirect: RedirectId,
    /// Of what the app has to know the origin (RFC 7636).
    pub challenge: Option<[u8; 32]>,
}

/// How far a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantStage {
    /// It is no session yet.
    Pending {
        /// Until when it can be redeemed.
        until: UnixMillis,
    },
    /// It is a session.
    Redeemed {
        /// By this attempt, which may be repeated.
        by: LoginId,
    },
}

/// What makes a session an app's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSession {
    /// What is granted.
    pub grant: Grant,
    /// How far that is.
    pub stage: GrantStage,
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
    /// Who has begun it; of an app, what it is called.
    pub client: ClientName,
    /// What an app may do in it; none if it is no app's.
    pub app: Option<AppSession>,
}

impl SessionRecord {
    /// Whether it has ended by itself.
    pub fn is_over(&self, now: UnixMillis) -> bool {
        let granted_until = match self.app {
            Some(AppSession { stage: GrantStage::Pending { until }, .. }) => Some(until),
            _ => None,
        };
        [self.expires_at, granted_until].into_iter().flatten().any(|ends_at| ends_at <= now)
    }

    /// Whether it is a grant that nobody has redeemed: no session yet.
    pub fn is_pending(&self) -> bool {
        matches!(self.app, Some(AppSession { stage: GrantStage::Pending { .. }, .. }))
    }
}
