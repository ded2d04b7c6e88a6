//! What people may ask of the network: one trait, whatever protocol brings the call and whichever
//! node it reaches. Pure.
//!
//! - [`administration`]: joining, reports, and what is asked by those who run the network
//! - [`apps`]: apps that act for people, with what these let them do
//! - [`call`]: the context of a call: who makes it, from where, and until when
//! - [`origin`]: where that is, as far as limits tell callers apart
//! - [`messages`]: what calls take and return
//! - [`pictures`]: pictures on posts, and of people
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

pub mod administration;
pub mod apps;
pub mod call;
pub mod messages;
pub mod origin;
pub mod pictures;
pub mod posts;
pub mod refusal;

use std::pin::Pin;

use futures::Stream;

pub use self::{
    apps::Apps,
    call::{Call, CallId, Connection, Deadline, SessionToken},
    messages::{
        Begins, Changed, Cursor, FeedChange, FollowOutcome, Found, HashtagUse, ListKind, LoggedIn,
        Login, MOST_PEOPLE, NamePage, NamePosition, NewPost, NotificationPage, PasswordChange,
        PersonRef, PersonView, PersonalAnswer, PersonalQuestion, PostPage, PostWords, Published,
        SearchKind, SessionInfo, StreamKind, Thread, TimelineEvent, TimelineKind,
    },
    origin::Origin,
    pictures::Pictures,
    posts::Posts,
    refusal::{Advice, Refusal, RefusalKind},
};
use crate::domain::{
    EndedSessions, Mark, NotificationChange, Person, PersonalChange, PersonalId, Post, PostId,
    Profile, RelationChange, Relationship, RequestKey, Revision, UserId, UserName,
};

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
        begins: &Begins,
    ) -> impl Future<Output = Result<LoggedIn, Refusal>> + Send;

    /// Changes, sets or removes the caller's password, which ends all other sessions of the account: all of them if
    /// it had no password.
    fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PasswordChange,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Deletes the caller's account, if `password` is its own.
    fn delete_account(
        &self,
        call: &Call,
        key: &RequestKey,
        password: &str,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// The sessions of the caller's account, the newest first. Of an account without a password none is kept.
    fn sessions(
        &self,
        call: &Call,
    ) -> impl Future<Output = Result<Vec<SessionInfo>, Refusal>> + Send;

    /// Ends sessions of the caller's account, and their live timelines.
    fn end_sessions(
        &self,
        call: &Call,
        key: &RequestKey,
        which: EndedSessions,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Follows a user: their posts from now on appear in the caller's timeline. Whoever has a
    /// locked profile is asked first.
    fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> impl Future<Output = Result<FollowOutcome, Refusal>> + Send;

    /// Stops following a user, or asking to: their posts disappear from the caller's timeline.
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
        post: &NewPost,
    ) -> impl Future<Output = Result<Published, Refusal>> + Send;

    /// Replaces what a post of the caller says.
    fn edit(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        says: &PostWords,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Deletes a post of the caller: its text is gone for everybody.
    fn delete(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Boosts a post for those who follow the caller; returns the boost. One that is there already is the answer.
    fn boost(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
    ) -> impl Future<Output = Result<Published, Refusal>> + Send;

    /// Takes the caller's boost of a post back, if there is one.
    fn unboost(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Sets a mark of the caller on a post, or removes it; whether it was so before or not.
    fn mark(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        mark: Mark,
        set: bool,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Changes what somebody is to the caller.
    fn relate(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
        change: &RelationChange,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Replaces the caller's profile.
    fn set_profile(
        &self,
        call: &Call,
        key: &RequestKey,
        profile: &Profile,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Changes the caller's notifications.
    fn change_notifications(
        &self,
        call: &Call,
        key: &RequestKey,
        change: NotificationChange,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Changes what the caller keeps for themselves; returns the last number that was given for it.
    fn change_personal(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PersonalChange,
    ) -> impl Future<Output = Result<Option<PersonalId>, Refusal>> + Send;

    /// Some of what the caller keeps for themselves.
    fn personal(
        &self,
        call: &Call,
        question: &PersonalQuestion,
    ) -> impl Future<Output = Result<PersonalAnswer, Refusal>> + Send;

    /// One page of users: the first, or the one at `position`. It may have fewer than are wanted, and still not be
    /// the last.
    fn list(
        &self,
        call: &Call,
        kind: &ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> impl Future<Output = Result<NamePage, Refusal>> + Send;

    /// One page of a timeline.
    fn timeline(
        &self,
        call: &Call,
        kind: &TimelineKind,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> impl Future<Output = Result<PostPage, Refusal>> + Send;

    /// A post.
    fn post(&self, call: &Call, post: PostId)
    -> impl Future<Output = Result<Post, Refusal>> + Send;

    /// What a post answers, and what answers it.
    fn thread(
        &self,
        call: &Call,
        post: PostId,
    ) -> impl Future<Output = Result<Thread, Refusal>> + Send;

    /// What a post has said, from its beginning until now.
    fn history(
        &self,
        call: &Call,
        post: PostId,
    ) -> impl Future<Output = Result<Vec<Revision>, Refusal>> + Send;

    /// One page of the caller's notifications.
    fn notifications(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> impl Future<Output = Result<NotificationPage, Refusal>> + Send;

    /// A person, and what the caller is to them.
    fn person(
        &self,
        call: &Call,
        name: &UserName,
    ) -> impl Future<Output = Result<PersonView, Refusal>> + Send;

    /// People, in the order in which they were asked for, at most [`MOST_PEOPLE`]: none where there is nobody, or nobody
    /// whom the caller sees.
    fn people(
        &self,
        call: &Call,
        whom: &[PersonRef],
    ) -> impl Future<Output = Result<Vec<Option<Person>>, Refusal>> + Send;

    /// What the caller is to people, in the order in which they were asked for, at most [`MOST_PEOPLE`]. Whom the caller
    /// does not see is left out.
    fn relationships(
        &self,
        call: &Call,
        whom: &[UserId],
    ) -> impl Future<Output = Result<Vec<(UserId, Relationship)>, Refusal>> + Send;

    /// People, hashtags or posts; of posts, those before `before`.
    fn search(
        &self,
        call: &Call,
        kind: SearchKind,
        text: &str,
        before: Option<PostId>,
        limit: Option<u32>,
    ) -> impl Future<Output = Result<Found, Refusal>> + Send;

    /// A timeline as it grows: what happens after `after`, or from now on.
    fn subscribe(
        &self,
        call: &Call,
        kind: &StreamKind,
        after: Option<PostId>,
    ) -> impl Future<Output = Result<Timeline, Refusal>> + Send;
}
