//! Posts, people and notifications in the JSON for scripts. Pure. The names are stable. What is usual, such
//! as that a post is public, is left out.

use std::num::NonZeroU64;

use serde::Serialize;

use crate::{
    client::{Announcement, PersonView, Post, SessionInfo},
    domain::{
        Language, Notification, NotificationKind, Person, Picture, PictureDescription, UnixMillis,
        Visibility,
    },
    network::HashtagUse,
};

/// A session.
#[derive(Serialize)]
pub struct SessionFacts<'a> {
    number: u64,
    client: &'a str,
    begun_at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    this: bool,
}

impl<'a> SessionFacts<'a> {
    pub fn of(session: &'a SessionInfo) -> Self {
        Self {
            number: session.number,
            client: session.client.as_str(),
            begun_at_ms: session.begun_at.get(),
            expires_at_ms: session.expires_at.map(UnixMillis::get),
            this: session.is_this,
        }
    }
}

/// A post.
#[derive(Serialize)]
pub struct PostFacts<'a> {
    id: u64,
    author: &'a str,
    posted_at_ms: i64,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sensitive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<PictureFacts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replies: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boosts: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    likes: Option<NonZeroU64>,
    /// What the user has done with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    you: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boost_of: Option<Box<Self>>,
}

impl<'a> PostFacts<'a> {
    pub fn of(post: &'a Post) -> Self {
        let marks = post.marks;
        let you = [
            (marks.liked, "liked"),
            (marks.boosted, "boosted"),
            (marks.bookmarked, "bookmarked"),
            (marks.pinned, "pinned"),
            (marks.muted, "muted"),
        ];
        Self {
            id: post.id.get(),
            author: post.author.as_str(),
            posted_at_ms: post.posted_at.get(),
            text: &post.text,
            warning: post.warning.as_deref(),
            sensitive: post.sensitive,
            language: post.language.as_ref().map(Language::as_str),
            pictures: post.pictures.iter().map(PictureFacts::of).collect(),
            visibility: (post.visibility != Visibility::Public).then(|| post.visibility.name()),
            reply_to: post.reply_to.map(|reply| reply.post.get()),
            edited_at_ms: post.edited_at.map(UnixMillis::get),
            replies: NonZeroU64::new(post.counts.replies),
            boosts: NonZeroU64::new(post.counts.boosts),
            likes: NonZeroU64::new(post.counts.likes),
            you: you.into_iter().filter_map(|(is_set, mark)| is_set.then_some(mark)).collect(),
            boost_of: post.boost_of.as_deref().map(|boosted| Box::new(Self::of(boosted))),
        }
    }
}

/// A picture: at `/pictures/<address>/original.<extension>` of every node.
#[derive(Serialize)]
struct PictureFacts<'a> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

impl<'a> PictureFacts<'a> {
    fn of(picture: &'a Picture) -> Self {
        let (address, format) = (picture.address, picture.original.format);
        Self {
            path: format!("/pictures/{address}/original.{}", format.extension()),
            description: picture.description.as_ref().map(PictureDescription::as_str),
        }
    }
}

/// A person.
#[derive(Serialize)]
pub struct PersonFacts<'a> {
    name: &'a str,
    display_name: &'a str,
    bio: &'a str,
    links: Vec<LinkFacts<'a>>,
    bot: bool,
    locked: bool,
    created_at_ms: i64,
    posts: u64,
    followers: u64,
    following: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_post_at_ms: Option<i64>,
}

#[derive(Serialize)]
struct LinkFacts<'a> {
    label: &'a str,
    value: &'a str,
}

impl<'a> PersonFacts<'a> {
    pub fn of(person: &'a Person) -> Self {
        let Person { name, created_at, profile, counts, .. } = person;
        let links = profile.links.iter();
        let links = links.map(|link| LinkFacts { label: &link.label, value: &link.value });
        Self {
            name: name.as_str(),
            display_name: &profile.display_name,
            bio: &profile.bio,
            links: links.collect(),
            bot: profile.bot,
            locked: profile.locked,
            created_at_ms: created_at.get(),
            posts: counts.posts,
            followers: counts.followers,
            following: counts.following,
            last_post_at_ms: counts.last_post_at.map(UnixMillis::get),
        }
    }
}

/// What the user is to somebody, and they to the user.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Serialize)]
pub struct RelationshipFacts<'a> {
    following: bool,
    requested: bool,
    followed_by: bool,
    requested_by: bool,
    blocking: bool,
    muting: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    muting_until_ms: Option<i64>,
    note: &'a str,
}

impl<'a> RelationshipFacts<'a> {
    pub fn of(view: &'a PersonView) -> Self {
        let it = &view.relationship;
        Self {
            following: it.following,
            requested: it.requested,
            followed_by: it.followed_by,
            requested_by: it.requested_by,
            blocking: it.blocking,
            muting: it.muting,
            muting_until_ms: it.muting_until.map(UnixMillis::get),
            note: &it.note,
        }
    }
}

/// How many posts have a hashtag.
#[derive(Serialize)]
pub struct HashtagFacts<'a> {
    hashtag: &'a str,
    posts: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    followed: bool,
}

impl<'a> HashtagFacts<'a> {
    pub fn of(HashtagUse { hashtag, posts, is_followed }: &'a HashtagUse) -> Self {
        Self { hashtag: hashtag.as_str(), posts: *posts, followed: *is_followed }
    }
}

/// What everybody is told.
#[derive(Serialize)]
pub struct AnnouncementFacts<'a> {
    id: u64,
    at_ms: i64,
    text: &'a str,
}

impl<'a> AnnouncementFacts<'a> {
    pub fn of(Announcement { number, at, text }: &'a Announcement) -> Self {
        Self { id: *number, at_ms: at.get(), text }
    }
}

/// One thing that has happened.
#[derive(Serialize)]
pub struct NotificationFacts<'a> {
    id: u64,
    kind: &'static str,
    at_ms: i64,
    actor: &'a str,
    /// Whether the user has not read it before.
    new: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<PostFacts<'a>>,
}

impl<'a> NotificationFacts<'a> {
    pub fn of(notification: &'a Notification, new: bool) -> Self {
        let Notification { id, kind, at, actor, post, .. } = notification;
        let kind = match kind {
            NotificationKind::Followed => "followed",
            NotificationKind::FollowRequested => "follow_requested",
            NotificationKind::Mentioned => "mentioned",
            NotificationKind::Boosted => "boosted",
            NotificationKind::Liked => "liked",
            NotificationKind::Edited => "edited",
        };
        let post = post.as_ref().map(PostFacts::of);
        Self { id: id.get(), kind, at_ms: at.get(), actor: actor.as_str(), new, post }
    }
}
