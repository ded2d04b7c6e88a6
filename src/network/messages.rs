//! What calls take and return.

use std::fmt;

use super::{Posts, SessionToken};
use crate::domain::{self, PostId, UnixMillis, UserName};

/// Who wants to begin a session.
#[derive(Clone)]
pub struct Login {
    /// The account's name, in upper or lower case.
    pub name: UserName,
    /// Empty for an account without a password.
    pub password: String,
    /// Whether to refuse if there is no such account, instead of creating it.
    pub must_exist: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Login({}, must_exist: {})", self.name, self.must_exist)
    }
}

/// The answer to a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The session, valid on every master.
    pub session: SessionToken,
    /// The name, spelled as when the account was created.
    pub name: UserName,
    /// True if this login created the account.
    pub created: bool,
    /// When the session ends at the latest.
    pub expires_at: UnixMillis,
}

/// A change of password; empty means none.
#[derive(Clone)]
pub struct PasswordChange {
    /// Proves that the owner asks for it.
    pub current: String,
    /// The password from then on.
    pub new: String,
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordChange")
    }
}

/// A post as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Grows with every post of the network; also the cursor of this post.
    pub id: PostId,
    /// Who wrote it.
    pub author: UserName,
    /// When the available server accepted it.
    pub posted_at: UnixMillis,
    /// Its text, which must be sanitised before it is shown on a screen.
    pub text: String,
}

impl From<domain::Post> for Post {
    fn from(post: domain::Post) -> Self {
        let domain::Post { id, author: _, author_name, posted_at, text } = post;
        Self { id, author: author_name, posted_at, text }
    }
}

/// A post made by the caller, durable on a quorum of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its number.
    pub id: PostId,
    /// When the available server accepted it.
    pub posted_at: UnixMillis,
}

/// Where a page of posts begins, and in which direction it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cursor {
    /// The newest posts, newest first.
    #[default]
    Newest,
    /// Posts older than this one, newest first.
    Before(PostId),
    /// Posts newer than this one, oldest first.
    After(PostId),
}

/// One page of posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPage {
    /// In the order of the [`Cursor`].
    pub posts: Vec<Post>,
    /// The network's newest post when the page was read: subscribe after this to miss nothing.
    pub as_of: PostId,
    /// True if there is more in the direction of reading.
    pub more: bool,
}

/// Whom to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Everyone who has an account.
    Users,
    /// Those whom the caller follows.
    Following,
    /// Those who follow the caller.
    Followers,
}

/// Where a page of names begins. Opaque: only the server that made it reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePosition(String);

impl NamePosition {
    /// Takes a position as it was given to a caller.
    pub fn new(position: impl Into<String>) -> Self {
        Self(position.into())
    }

    /// In the form in which callers get it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One page of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePage {
    /// Sorted by name.
    pub names: Vec<UserName>,
    /// Asks for the next page; absent on the last one.
    pub next: Option<NamePosition>,
}

/// An event of a live timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineEvent {
    /// Posts, newer than all before.
    Posts(Posts),
    /// Everything up to here has been delivered: resume after it.
    Position(PostId),
}

impl TimelineEvent {
    /// Up to where everything has been delivered with this event.
    pub fn position(&self) -> PostId {
        match self {
            Self::Posts(posts) => posts.position(),
            Self::Position(position) => *position,
        }
    }
}
