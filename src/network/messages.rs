//! What calls take and return.

use std::{fmt, sync::Arc};

use super::{Posts, SessionToken};
use crate::domain::{
    ClientName, Hashtag, Language, LoginId, Markers, Notification, PeopleList, Person, PersonalId,
    PictureId, Post, PostId, Preferences, Relationship, UnixMillis, UserId, UserName, Visibility,
    WordFilter,
};

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

/// A session that is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begins {
    /// A login that is repeated begins it once.
    pub login: LoginId,
    /// Who begins it.
    pub client: ClientName,
}

/// A session of the caller's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its number, by which it can be ended.
    pub number: u64,
    /// Who has begun it, as it says itself.
    pub client: ClientName,
    /// When it was begun.
    pub begun_at: UnixMillis,
    /// When it ends by itself, if it does.
    pub expires_at: Option<UnixMillis>,
    /// Whether it is the one in which this was asked.
    pub is_this: bool,
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

/// A post that the caller wants to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPost {
    /// What it says.
    pub says: PostWords,
    /// The post that it answers.
    pub reply_to: Option<PostId>,
    /// For whom it is.
    pub visibility: Visibility,
}

impl NewPost {
    /// A public post that answers none.
    pub fn of(text: impl Into<String>) -> Self {
        Self { says: PostWords::of(text), ..Self::default() }
    }

    /// A post that answers none, as its author prefers.
    pub fn preferring(text: impl Into<String>, preferences: &Preferences) -> Self {
        let Preferences { visibility, sensitive, language, .. } = preferences.clone();
        let says = PostWords { sensitive, language, ..PostWords::of(text) };
        Self { says, reply_to: None, visibility }
    }
}

/// What a post says, as its author has written it. An edit replaces all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostWords {
    /// Its text.
    pub text: String,
    /// Shown instead of the text at first.
    pub warning: Option<String>,
    /// Whether what belongs to it is hidden at first.
    pub sensitive: bool,
    /// In which language it is.
    pub language: Option<Language>,
    /// What it shows.
    pub pictures: Vec<PictureId>,
}

impl PostWords {
    /// A text, and nothing else.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl From<&Post> for PostWords {
    /// What a post says now.
    fn from(post: &Post) -> Self {
        let Post { text, warning, sensitive, language, pictures, .. } = post.clone();
        let pictures = pictures.iter().map(|picture| picture.id).collect();
        Self { text, warning, sensitive, language, pictures }
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

/// What comes of wanting to follow somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowOutcome {
    /// The caller follows.
    Follows,
    /// They are asked first.
    Requested,
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

/// Which posts to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimelineKind {
    /// What those have posted whom the caller follows, since then.
    #[default]
    Followed,
    /// What the caller and those whom they follow have posted and boosted, and what has hashtags that they follow.
    Home,
    /// What everybody has posted for everybody.
    Local,
    /// What everybody has posted for everybody with a hashtag.
    Hashtag(Hashtag),
    /// What a person has posted.
    Of {
        /// Who.
        author: UserName,
        /// Whether answers to others are among it.
        replies: bool,
        /// Whether boosts are among it.
        boosts: bool,
    },
    /// The posts of a person that show pictures.
    PicturesOf(UserName),
    /// What a person has pinned, the newest pin first.
    Pinned(UserName),
    /// What the caller likes, the newest like first.
    Liked,
    /// What the caller has bookmarked, the newest bookmark first.
    Bookmarked,
    /// What the people in a list of the caller have posted and boosted.
    List(PersonalId),
    /// What is for those mentioned, if the caller wrote it or is mentioned in it.
    Direct,
}

/// One page of posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPage {
    /// In the order of the [`Cursor`].
    pub posts: Vec<Post>,
    /// The position of the network's feed when the page was read: subscribe after this to miss nothing.
    pub as_of: PostId,
    /// True if there is more in the direction of reading.
    pub more: bool,
    /// Where the page ends, and the next one begins: not always at a post that is in it. What is liked, bookmarked or
    /// pinned has places of its own.
    pub last: Option<PostId>,
}

/// A post with what it answers and what answers it, as far as the caller may see that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// What it answers, the first post of the conversation first.
    pub ancestors: Vec<Post>,
    /// What answers it, each post after the one that it answers, otherwise the oldest first.
    pub descendants: Vec<Post>,
}

/// One page of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationPage {
    /// In the order of the [`Cursor`].
    pub notifications: Vec<Notification>,
    /// The position of the network's feed when the page was read.
    pub as_of: PostId,
    /// True if there is more in the direction of reading.
    pub more: bool,
    /// All up to this one have been read.
    pub read_up_to: PostId,
}

/// A person as the caller sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonView {
    /// Who it is.
    pub person: Person,
    /// What the caller is to them.
    pub relationship: Relationship,
}

/// So many people are asked for at a time, at most.
pub const MOST_PEOPLE: usize = 80;

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonRef {
    /// Whoever has this number.
    Id(UserId),
    /// Whoever has this name.
    Name(UserName),
}

/// What to search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchKind {
    /// People whose name, or the beginning of a word of their display name, begins like this.
    People,
    /// Hashtags that begin like this.
    Hashtags,
    /// Posts in which all these words are.
    Posts,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// People.
    People(Vec<Person>),
    /// Hashtags.
    Hashtags(Vec<HashtagUse>),
    /// Posts, the newest first.
    Posts(PostPage),
}

/// A hashtag, as the caller finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashtagUse {
    /// Which.
    pub hashtag: Hashtag,
    /// How many posts for everybody have it.
    pub posts: u64,
    /// Whether the caller follows it.
    pub is_followed: bool,
}

/// Which of the things that the caller keeps to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonalQuestion {
    /// All lists.
    Lists,
    /// Who is in a list.
    Members(PersonalId),
    /// The lists in which somebody is.
    ListsWith(UserName),
    /// The hashtags that the caller follows.
    Hashtags,
    /// One hashtag, followed or not.
    Hashtag(Hashtag),
    /// How far the caller has read.
    Markers,
    /// What the caller prefers.
    Preferences,
    /// All filters.
    Filters,
}

/// What the caller keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonalAnswer {
    /// Lists, in the order in which they were made.
    Lists(Vec<PeopleList>),
    /// People in a list, sorted by name.
    Members(Vec<UserName>),
    /// Hashtags, sorted.
    Hashtags(Vec<HashtagUse>),
    /// How far the caller has read.
    Markers(Markers),
    /// What the caller prefers.
    Preferences(Preferences),
    /// Filters, in the order in which they were made.
    Filters(Vec<WordFilter>),
}

/// Whom to list. Of what is not the caller's own, people are left out who are hidden from the caller, or with whom
/// one has blocked the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Everyone who has an account.
    Users,
    /// Those whom the caller follows.
    Following,
    /// Those who follow the caller.
    Followers,
    /// Those whom the caller has blocked.
    Blocked,
    /// Those whom the caller has muted.
    Muted,
    /// Those who ask to follow the caller.
    Requests,
    /// Those whom somebody follows; nobody, if they have blocked the caller.
    FollowingOf(UserName),
    /// Those who follow somebody; nobody, if they have blocked the caller.
    FollowersOf(UserName),
    /// Those who like a post that the caller may see, in the order of their numbers.
    LikedBy(PostId),
    /// Those who have boosted a post that the caller may see, in the order of their numbers.
    BoostedBy(PostId),
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
    /// Sorted by name, unless the [`ListKind`] says otherwise.
    pub names: Vec<UserName>,
    /// Asks for the next page; absent on the last one.
    pub next: Option<NamePosition>,
}

/// Which live timeline to receive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StreamKind {
    /// Like [`TimelineKind::Followed`], and only what is new.
    #[default]
    Followed,
    /// Like [`TimelineKind::Home`], with edits, deletions and the caller's notifications.
    Home,
    /// Like [`TimelineKind::Local`], with edits and deletions.
    Local,
    /// Like [`TimelineKind::Hashtag`], with edits and deletions.
    Hashtag(Hashtag),
    /// Like [`TimelineKind::List`], with edits and deletions.
    List(PersonalId),
    /// Like [`TimelineKind::Direct`], with edits and deletions.
    Direct,
}

/// An event of a live timeline. All have a position, in one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineEvent {
    /// Posts, newer than all before.
    Posts(Posts),
    /// Something other than a new post.
    Change(FeedChange),
    /// Everything up to here has been delivered: resume after it.
    Position(PostId),
    /// The cursor was so old that edits and deletions up to this position are no longer known: whatever is shown
    /// of before is to be read again. No post and no notification is missing: they follow. So this is no position
    /// after which to resume.
    ReadAgain(PostId),
}

/// Something other than a new post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedChange {
    /// When, in the feed.
    pub position: PostId,
    /// What has changed.
    pub what: Changed,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A post says something else; the post as it is now.
    Edited(Arc<Post>),
    /// A post, or a boost, is gone.
    Deleted(PostId),
    /// The caller has a notification.
    Notified(Arc<Notification>),
}

impl TimelineEvent {
    /// Up to where everything has been delivered with this event, if it says so.
    pub fn position(&self) -> Option<PostId> {
        match self {
            Self::Posts(posts) => Some(posts.position()),
            Self::Change(change) => Some(change.position),
            Self::Position(position) => Some(*position),
            Self::ReadAgain(_) => None,
        }
    }
}
