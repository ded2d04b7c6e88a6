//! What people may ask of the network: one trait, whatever protocol brings the call and whichever
//! node it reaches. Pure.
//!
//! - [`call`]: the context of a call: who makes it, from where, and until when
//! - [`origin`]: where that is, as far as limits tell callers apart
//! - [`messages`]: what calls take and return
//! - [`posts`]: posts that the readers of live timelines share
//! - [`refusal`]: why a call was not carried out, in words, and what its caller should do
//!
//! | implementation | where | what it does |
//! | --- | --- | --- |
//! | `master::here::Here` | every master | carries the call out, if this master is the available server |
//! | `client::Relayed` | clients, the router, every master | takes the call to the available server, through failovers |
//! | `master::nearest::Nearest` | every master | the first of these, or else the second |
//!
//! The protocols ([`grpc`](crate::grpc), [`classic`](crate::classic)) are adapters: they parse, make
//! a call, and present the outcome. They know no rules.
//!
//! **Architecture invariant:** nothing here knows a protocol, and no adapter knows how a call is
//! carried out.

pub mod call;
pub mod messages;
pub mod origin;
pub mod posts;
pub mod refusal;

use std::pin::Pin;

use futures::Stream;

pub use self::{
    call::{Call, CallId, Connection, Deadline, SessionToken},
    messages::{
        Cursor, ListKind, LoggedIn, Login, NamePage, NamePosition, PasswordChange, Post, PostPage,
        Published, TimelineEvent,
    },
    origin::Origin,
    posts::Posts,
    refusal::{Advice, Refusal, RefusalKind},
};
use crate::domain::{PostId, RequestKey, UserName};

/// A live timeline: events in order, or the refusal that ends it. What that takes, such as finding the next
/// available server, is done while somebody asks for the next event. Dropping it ends it.
pub type Timeline = Pin<Box<dyn Stream<Item = Result<TimelineEvent, Refusal>> + Send>>;

/// The network, as the people in it see it.
///
/// A change is carried out once for each key, however often it is asked for. Dropping a call's
/// future abandons it: a change may or may not have been made. How many names or posts a page has
/// is limited by the server; without a limit of the caller's, the server chooses.
pub trait Network: Clone + Send + Sync + 'static {
    /// Begins a session; the first login of a name creates the account, unless it must exist.
    fn log_in(
        &self,
        call: &Call,
        login: &Login,
    ) -> impl Future<Output = Result<LoggedIn, Refusal>> + Send;

    /// Changes, sets or removes the caller's password, which ends all sessions of the account.
    fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PasswordChange,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Follows a user: their posts from now on appear in the caller's timeline.
    fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Stops following a user: their posts disappear from the caller's timeline.
    fn unfollow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Publishes a post, which is durable on a quorum of the cluster when this returns.
    fn publish(
        &self,
        call: &Call,
        key: &RequestKey,
        text: &str,
    ) -> impl Future<Output = Result<Published, Refusal>> + Send;

    /// One page of users, sorted by name: the first, or the one at `position`.
    fn list(
        &self,
        call: &Call,
        kind: ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> impl Future<Output = Result<NamePage, Refusal>> + Send;

    /// One page of the caller's timeline.
    fn timeline(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> impl Future<Output = Result<PostPage, Refusal>> + Send;

    /// One page of a user's posts.
    fn posts(
        &self,
        call: &Call,
        author: &UserName,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> impl Future<Output = Result<PostPage, Refusal>> + Send;

    /// The caller's timeline as it grows: the posts after `after`, or those made from now on.
    fn subscribe(
        &self,
        call: &Call,
        after: Option<PostId>,
    ) -> impl Future<Output = Result<Timeline, Refusal>> + Send;
}
