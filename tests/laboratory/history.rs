//! What clients did and saw, in the order of one clock, as a simulation or a run of real processes
//! records it and as the checkers read it.
//!
//! A history is written as lines of text that are the same, byte for byte, whenever the same things
//! happen: two runs of one seed are compared by them.

use std::{collections::BTreeSet, fmt};

use tinysns::{
    client::ClientError,
    domain::{Post, PostId, UnixMillis},
    network::{
        Cursor, FollowOutcome, ListKind, LoggedIn, NamePage, PostPage, Published, RefusalKind,
    },
};

/// An operation of a history, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationNumber(pub usize);

/// A subscription of a history, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionNumber(pub usize);

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its place among all events of the history, which is what the checkers compare.
    pub order: usize,
    /// Nanoseconds on the clock of the world.
    pub at: u64,
}

/// What a client asks for: every command of the client library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Logs in, and so creates the account if there is none, unless it must exist.
    LogIn { password: Option<String>, must_exist: bool },
    /// Changes the password, which ends all sessions of the account.
    SetPassword { current: Option<String>, new: Option<String> },
    /// Follows a user.
    Follow { target: String },
    /// Ceases to follow a user.
    Unfollow { target: String },
    /// Publishes a post. A history says more if no two texts of one author are the same.
    Publish { text: String },
    /// One page of names: those after a name, in the order of names. (A page is asked for by a
    /// position that the server gave out with the page before: here, it is that page's last name.)
    List { kind: ListKind, after: Option<String>, limit: Option<u32> },
    /// One page of the caller's timeline.
    Timeline { cursor: Cursor, limit: Option<u32> },
    /// One page of a user's posts.
    Posts { author: String, cursor: Cursor, limit: Option<u32> },
}

/// What a call returns when it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, with nothing more to say.
    Done,
    /// A session has begun.
    LoggedIn { name: String, created: bool },
    /// A post was published.
    Published { id: PostId, posted_at: UnixMillis },
    /// A page of names.
    Names { names: Vec<String>, more: bool },
    /// A page of posts.
    Page(PostPage),
}

impl From<LoggedIn> for Reply {
    fn from(LoggedIn { name, created, .. }: LoggedIn) -> Self {
        Self::LoggedIn { name: name.into(), created }
    }
}

impl From<Published> for Reply {
    fn from(Published { id, posted_at }: Published) -> Self {
        Self::Published { id, posted_at }
    }
}

impl From<NamePage> for Reply {
    fn from(NamePage { names, next }: NamePage) -> Self {
        Self::Names { names: names.into_iter().map(String::from).collect(), more: next.is_some() }
    }
}

impl From<PostPage> for Reply {
    fn from(page: PostPage) -> Self {
        Self::Page(page)
    }
}

impl From<FollowOutcome> for Reply {
    /// Nobody here has a locked profile.
    fn from(_: FollowOutcome) -> Self {
        Self::Done
    }
}

impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::Done
    }
}

/// What a call came to, as its caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Done(Reply),
    /// It was refused. [`Recorded::effect`] says whether it may have been carried out nevertheless.
    Refused(RefusalKind),
    /// Nobody has answered: it was carried out, or will be, or never.
    Unknown,
}

impl Outcome {
    /// What a call of the client library came to.
    pub fn of<R: Into<Reply>>(result: Result<R, ClientError>) -> Self {
        match result {
            Ok(reply) => Self::Done(reply.into()),
            Err(ClientError::Refused(refusal)) => Self::Refused(refusal.kind),
            Err(_unanswered) => Self::Unknown,
        }
    }
}

/// Whether a change was made, as far as its caller can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was, before the call returned.
    Made,
    /// It was not, and never will be.
    NotMade,
    /// Perhaps: before the call returned, later, or never.
    Perhaps,
}

/// An operation, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub client: usize,
    /// In whose name it was asked for.
    pub user: String,
    pub operation: Operation,
    pub invoked: Moment,
    /// None if its caller has never been answered, and does not wait any more.
    pub returned: Option<(Moment, Outcome)>,
}

impl Recorded {
    /// What the caller was told; [`Outcome::Unknown`] if nothing.
    pub fn outcome(&self) -> &Outcome {
        self.returned.as_ref().map_or(&Outcome::Unknown, |(_, outcome)| outcome)
    }

    /// The event by which the caller was told what the call came to; none if that is unknown.
    pub fn known_at(&self) -> Option<usize> {
        match &self.returned {
            Some((moment, Outcome::Done(_) | Outcome::Refused(_))) => Some(moment.order),
            Some((_, Outcome::Unknown)) | None => None,
        }
    }

    /// Whether a change was made. (Whether an account was created is known by its login.)
    ///
    /// A refusal by the rules says that it was not. Any other says only why the last attempt was
    /// not carried out. An earlier one may have been, and its answer lost: if then the session ends,
    /// or the password is changed by somebody else, the repetition is refused.
    pub fn effect(&self) -> Effect {
        match self.outcome() {
            Outcome::Done(_) => Effect::Made,
            Outcome::Refused(
                RefusalKind::Invalid
                | RefusalKind::NotFound
                | RefusalKind::AlreadyExists
                | RefusalKind::NotPossible,
            ) => Effect::NotMade,
            Outcome::Refused(_) | Outcome::Unknown => Effect::Perhaps,
        }
    }
}

/// How a subscription ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// When everything was healed and nobody published any more, its reader waited until it had
    /// everything: nothing may be missing.
    Settled,
    /// Its reader has left. What comes after the last post that it received may be missing.
    Left,
    /// The network has ended it.
    Refused(RefusalKind),
}

/// What one reader received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub client: usize,
    pub user: String,
    /// The cursor after which it was asked for; none for what is published from then on.
    pub after: Option<PostId>,
    pub asked: Moment,
    /// From then on, no later post may be missed. None if it was never opened.
    pub opened: Option<Moment>,
    pub received: Vec<(Moment, Post)>,
    /// None if its reader was still there at the end.
    pub ended: Option<(Moment, End)>,
}

/// The whole state, read when everything was healed and nobody changed anything any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinalState {
    /// As their owners wrote them.
    pub accounts: BTreeSet<String>,
    /// Follower and followee.
    pub follows: BTreeSet<(String, String)>,
    /// In the order of their ids.
    pub posts: Vec<Post>,
}

/// Everything that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Recorded>,
    subscriptions: Vec<Subscription>,
    final_state: Option<FinalState>,
    lines: Vec<String>,
    now: u64,
}

impl History {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client asks for something, in the name of `user`. `at` is in nanoseconds, and never less
    /// than before.
    pub fn invoked(
        &mut self,
        client: usize,
        at: u64,
        user: &str,
        operation: Operation,
    ) -> OperationNumber {
        let number = OperationNumber(self.operations.len());
        let invoked = self
            .happens(at, format_args!("client {client} asks {}, as {user}: {operation}", number.0));
        let user = user.to_owned();
        self.operations.push(Recorded { client, user, operation, invoked, returned: None });
        number
    }

    /// A client is told what became of it, or gives up.
    pub fn returned(&mut self, number: OperationNumber, at: u64, outcome: Outcome) {
        let client = self.operations[number.0].client;
        let moment = self.happens(at, format_args!("client {client} gets {}: {outcome}", number.0));
        let returned = &mut self.operations[number.0].returned;
        assert!(returned.is_none(), "operation {} has returned before", number.0);
        *returned = Some((moment, outcome));
    }

    /// A client asks for its timeline as it grows.
    pub fn subscribing(
        &mut self,
        client: usize,
        at: u64,
        user: &str,
        after: Option<PostId>,
    ) -> SubscriptionNumber {
        let number = SubscriptionNumber(self.subscriptions.len());
        let from = after.map_or_else(|| "now on".to_owned(), |after| format!("after {after}"));
        let what = format_args!("client {client} subscribes {}, as {user}: {from}", number.0);
        let asked = self.happens(at, what);
        let user = user.to_owned();
        let received = Vec::new();
        self.subscriptions.push(Subscription {
            client,
            user,
            after,
            asked,
            opened: None,
            received,
            ended: None,
        });
        number
    }

    /// The subscription is open.
    pub fn subscribed(&mut self, number: SubscriptionNumber, at: u64) {
        let moment = self.happens(at, format_args!("subscription {} is open", number.0));
        self.subscriptions[number.0].opened = Some(moment);
    }

    /// A post arrives.
    pub fn received(&mut self, number: SubscriptionNumber, at: u64, post: Post) {
        let what = format_args!("subscription {} gets {}", number.0, Shown(&post));
        let moment = self.happens(at, what);
        self.subscriptions[number.0].received.push((moment, post));
    }

    /// A subscription ends.
    pub fn unsubscribed(&mut self, number: SubscriptionNumber, at: u64, end: End) {
        let what = format_args!("subscription {} ends: {end:?}", number.0);
        let moment = self.happens(at, what);
        self.subscriptions[number.0].ended = Some((moment, end));
    }

    /// The whole state is read at the end.
    pub fn finished(&mut self, at: u64, state: FinalState) {
        let FinalState { accounts, follows, posts } = &state;
        for account in accounts {
            self.happens(at, format_args!("in the end there is the account {account}"));
        }
        for (follower, followee) in follows {
            self.happens(at, format_args!("in the end {follower} follows {followee}"));
        }
        for post in posts {
            self.happens(at, format_args!("in the end there is {}", Shown(post)));
        }
        self.final_state = Some(state);
    }

    /// All operations, by number.
    pub fn operations(&self) -> &[Recorded] {
        &self.operations
    }

    /// All subscriptions, by number.
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// The state at the end, if it was read.
    pub fn final_state(&self) -> Option<&FinalState> {
        self.final_state.as_ref()
    }

    /// What would be known if other things had been told, at the same moments: for tests of checkers.
    /// The lines stay as they are.
    #[must_use]
    pub fn altered(
        mut self,
        alter: impl FnOnce(&mut [Recorded], &mut [Subscription], &mut Option<FinalState>),
    ) -> Self {
        alter(&mut self.operations, &mut self.subscriptions, &mut self.final_state);
        self
    }

    /// What happened, a line each. To compare two runs, or to be read.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// All posts of which anybody has been told, each with the event by which it was known at the
    /// latest; those of the final state last.
    pub fn posts_seen(&self) -> impl Iterator<Item = (usize, &Post)> {
        let of_pages = self.pages().flat_map(|(recorded, page)| {
            let at = recorded.known_at().expect("a page was returned");
            page.posts.iter().map(move |post| (at, post))
        });
        let received = self.subscriptions.iter().flat_map(|subscription| &subscription.received);
        let received = received.map(|(moment, post)| (moment.order, post));
        let in_the_end = self.final_state.iter().flat_map(|state| &state.posts);
        let end = self.lines.len();
        of_pages.chain(received).chain(in_the_end.map(move |post| (end, post)))
    }

    /// All pages of posts that were returned.
    pub fn pages(&self) -> impl Iterator<Item = (&Recorded, &PostPage)> {
        self.operations.iter().filter_map(|recorded| match recorded.outcome() {
            Outcome::Done(Reply::Page(page)) => Some((recorded, page)),
            _ => None,
        })
    }

    fn happens(&mut self, at: u64, what: fmt::Arguments<'_>) -> Moment {
        assert!(at >= self.now, "the clock of a history never goes back");
        self.now = at;
        let order = self.lines.len();
        self.lines.push(format!("{at} {what}"));
        Moment { order, at }
    }
}

impl fmt::Display for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

/// A post as a line shows it.
struct Shown<'a>(&'a Post);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Post { id, author, posted_at, text, .. } = self.0;
        write!(formatter, "post {id} by {author} of {posted_at}: {text:?}")
    }
}

/// What is or is not there.
fn optional<T: fmt::Debug>(value: Option<&T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}"))
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogIn { password, must_exist } => {
                let password = optional(password.as_ref());
                let what = if *must_exist { "log in to an account" } else { "log in" };
                write!(formatter, "{what}, password {password}")
            }
            Self::SetPassword { current, new } => {
                let [current, new] = [current, new].map(|password| optional(password.as_ref()));
                write!(formatter, "set the password from {current} to {new}")
            }
            Self::Follow { target } => write!(formatter, "follow {target}"),
            Self::Unfollow { target } => write!(formatter, "unfollow {target}"),
            Self::Publish { text } => write!(formatter, "publish {text:?}"),
            Self::List { kind, after, limit } => {
                let (after, limit) = (optional(after.as_ref()), optional(limit.as_ref()));
                write!(formatter, "list {kind:?} after {after}, at most {limit}")
            }
            Self::Timeline { cursor, limit } => {
                write!(formatter, "timeline {cursor:?}, at most {}", optional(limit.as_ref()))
            }
            Self::Posts { author, cursor, limit } => {
                let limit = optional(limit.as_ref());
                write!(formatter, "posts of {author} {cursor:?}, at most {limit}")
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(Reply::Done) => write!(formatter, "done"),
            Self::Done(Reply::LoggedIn { name, created }) => {
                let how = if *created { "a new account" } else { "an account" };
                write!(formatter, "logged in to {how}, {name}")
            }
            Self::Done(Reply::Published { id, posted_at }) => {
                write!(formatter, "published {id} of {posted_at}")
            }
            Self::Done(Reply::Names { names, more }) => {
                let more = if *more { ", and more" } else { "" };
                write!(formatter, "[{}]{more}", names.join(" "))
            }
            Self::Done(Reply::Page(PostPage { posts, as_of, more, .. })) => {
                let posts: Vec<_> = posts.iter().map(|post| Shown(post).to_string()).collect();
                let more = if *more { ", and more" } else { "" };
                write!(formatter, "[{}]{more}, as of {as_of}", posts.join("; "))
            }
            Self::Refused(kind) => write!(formatter, "refused: {kind:?}"),
            Self::Unknown => write!(formatter, "no answer"),
        }
    }
}
