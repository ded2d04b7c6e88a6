//! Requests and replies of the calls: the wire types, parsed.

use crate::{
    domain::{PostId, UnixMillis},
    wire::v1,
};

/// A post as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Grows with every post of the network; also the cursor of this post.
    pub id: PostId,
    /// Who wrote it, as the server sent it: must be sanitised before it is shown on a screen.
    pub author: String,
    /// When the available server accepted it.
    pub posted_at: UnixMillis,
    /// Its text, as the server sent it, like `author`.
    pub text: String,
}

impl From<v1::Post> for Post {
    fn from(post: v1::Post) -> Self {
        let v1::Post { id, author, posted_at_ms, text } = post;
        Self { id, author, posted_at: UnixMillis::new(posted_at_ms), text }
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
pub struct Page {
    /// In the order of the [`Cursor`].
    pub posts: Vec<Post>,
    /// The network's newest post when the page was read: subscribe after this to miss nothing.
    pub as_of: PostId,
    /// True if there is more in the direction of reading.
    pub more: bool,
}

impl From<v1::PostPage> for Page {
    fn from(page: v1::PostPage) -> Self {
        let v1::PostPage { posts, as_of, more } = page;
        Self { posts: posts.into_iter().map(Post::from).collect(), as_of, more }
    }
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

impl From<ListKind> for v1::ListKind {
    fn from(kind: ListKind) -> Self {
        match kind {
            ListKind::Users => Self::Users,
            ListKind::Following => Self::Following,
            ListKind::Followers => Self::Followers,
        }
    }
}

/// One page of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePage {
    /// Sorted by name.
    pub names: Vec<String>,
    /// Asks for the next page; absent on the last one.
    pub next: Option<String>,
}

/// The answer to a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The name, spelled as when the account was created.
    pub username: String,
    /// True if this login created the account.
    pub created: bool,
    /// When the session ends. The client then logs in again by itself.
    pub expires_at: UnixMillis,
}
