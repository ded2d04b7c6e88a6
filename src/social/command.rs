//! What may be asked of the state, what it answers, and what it made happen.
//!
//! Commands travel through the log and replies lie in the state, both in postcard encoding: fields
//! and variants may be added at the end, never moved. Secrets are left out of `Debug`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{Post, PostId, PostText, RequestId, UnixMillis, UserId, UserName};

/// A command as it is replicated: the available server stamps it with its time first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// When the available server took the command. The state's own time never runs backwards,
    /// whatever this says.
    pub at: UnixMillis,
    /// What to do.
    pub command: Command,
}

/// A change that is asked for.
///
/// Those that name a request are done once, however often they arrive.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Gives the cluster its key for session tokens. The first one wins, later ones change nothing.
    FoundCluster {
        /// Random bytes, drawn by whoever proposes them.
        signing_key: [u8; 32],
    },
    /// Makes an account, unless one of that name exists. Harmless to repeat.
    CreateAccount {
        /// As its owner wrote it.
        name: UserName,
        /// Hashed before it is proposed; none for an account without a password.
        password_hash: Option<String>,
    },
    /// Changes a password, which ends the sessions begun with the old one.
    SetPassword {
        /// Whose.
        user: UserId,
        /// Tells a retry from a new request.
        request: RequestId,
        /// None takes the password away.
        password_hash: Option<String>,
    },
    /// Follows a user.
    Follow {
        /// Who follows.
        user: UserId,
        /// Tells a retry from a new request.
        request: RequestId,
        /// Whom.
        target: UserName,
    },
    /// Stops following a user.
    Unfollow {
        /// Who follows.
        user: UserId,
        /// Tells a retry from a new request.
        request: RequestId,
        /// Whom.
        target: UserName,
    },
    /// Publishes a post.
    Publish {
        /// Its author.
        user: UserId,
        /// Tells a retry from a new request.
        request: RequestId,
        /// What it says.
        text: PostText,
    },
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FoundCluster { .. } => formatter.write_str("FoundCluster"),
            Self::CreateAccount { name, .. } => write!(formatter, "CreateAccount({name})"),
            Self::SetPassword { user, request, .. } => {
                write!(formatter, "SetPassword({user:?}, {request:?})")
            }
            Self::Follow { user, request, target } => {
                write!(formatter, "Follow({user:?}, {request:?}, {target})")
            }
            Self::Unfollow { user, request, target } => {
                write!(formatter, "Unfollow({user:?}, {request:?}, {target})")
            }
            Self::Publish { user, request, text } => {
                write!(formatter, "Publish({user:?}, {request:?}, {:?})", text.as_str())
            }
        }
    }
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done, and there is nothing more to say.
    Done,
    /// The account of the name that was asked for, new or not.
    Account(Account),
    /// The post has its place.
    Published {
        /// Its number.
        post: PostId,
        /// Its time, which never runs backwards along the numbers.
        posted_at: UnixMillis,
    },
    /// Nothing was changed.
    Refused(Refusal),
}

/// An account as the state holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub user: UserId,
    /// The name as its owner wrote it.
    pub name: UserName,
    /// True in the reply to the very command that created it; false wherever else it is read.
    pub created: bool,
    /// None where it has no password.
    pub password_hash: Option<String>,
    /// How often the password was changed. Session tokens carry it: those with another are void.
    pub credentials: u32,
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, name, created, password_hash, credentials } = self;
        formatter
            .debug_struct("Account")
            .field("user", user)
            .field("name", name)
            .field("created", created)
            .field("has_password", &password_hash.is_some())
            .field("credentials", credentials)
            .finish()
    }
}

/// Why nothing was changed, in words for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// The target does not exist.
    #[error("there is no user of that name")]
    NoSuchUser,
    /// The edge is there already.
    #[error("you already follow that user")]
    AlreadyFollowing,
    /// There is no edge to take away.
    #[error("you do not follow that user")]
    NotFollowing,
    /// The target is the caller.
    #[error("you cannot follow or unfollow yourself")]
    Oneself,
    /// Too far behind the client's newest request to know whether it was done.
    #[error(
        "this request is more than {} behind the newest of its client; whether it was done is no longer known",
        RequestId::WINDOW
    )]
    StaleRequest,
    /// The caller does not exist.
    #[error("this account does not exist; log in again")]
    NoSuchAccount,
}

/// What a command made happen. A refused or repeated one makes nothing happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is a new post.
    Published(Post),
    /// A timeline has gained a source.
    Followed {
        /// Whose timeline.
        follower: UserId,
        /// Whose posts.
        followee: UserId,
        /// Only posts with a greater number belong to it.
        since: PostId,
    },
    /// A timeline has lost a source.
    Unfollowed {
        /// Whose timeline.
        follower: UserId,
        /// Whose posts.
        followee: UserId,
    },
}
