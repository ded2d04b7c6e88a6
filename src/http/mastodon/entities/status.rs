//! `Status`, `StatusEdit`, `StatusSource` and `Context`.

use serde::Serialize;

use super::{
    NOTHING, Nothing, account::Account, media::MediaAttachment, moment::Moment,
    personal::FilterResult,
};
use crate::{
    domain::{Hashtag, Language, Mentioned, Post, Revision, Visibility},
    http::{base_url::BaseUrl, mastodon::content},
};

/// The name that the API has for a visibility.
pub const fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Unlisted => "unlisted",
        Visibility::Followers => "private",
        Visibility::Mentioned => "direct",
    }
}

/// The visibility that the API calls so.
pub fn visibility_named(name: &str) -> Option<Visibility> {
    Visibility::ALL.into_iter().find(|visibility| visibility_name(*visibility) == name)
}

/// A post, or a boost of one.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the entity has them")]
pub struct Status {
    id: String,
    uri: String,
    url: String,
    created_at: Moment,
    edited_at: Option<Moment>,
    account: Account,
    content: String,
    visibility: &'static str,
    sensitive: bool,
    spoiler_text: String,
    media_attachments: Vec<MediaAttachment>,
    mentions: Vec<Mention>,
    tags: Vec<StatusTag>,
    emojis: Nothing,
    reblogs_count: u64,
    favourites_count: u64,
    replies_count: u64,
    quotes_count: u64,
    in_reply_to_id: Option<String>,
    in_reply_to_account_id: Option<String>,
    reblog: Option<Box<Self>>,
    poll: Option<()>,
    card: Option<()>,
    quote: Option<()>,
    language: Option<Language>,
    favourited: bool,
    reblogged: bool,
    muted: bool,
    bookmarked: bool,
    pinned: bool,
    filtered: Vec<FilterResult>,
    /// Only of one that was deleted just now, to be written anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Mention {
    id: String,
    username: String,
    url: String,
    acct: String,
}

#[derive(Clone, Debug, Serialize)]
struct StatusTag {
    name: String,
    url: String,
}

impl Status {
    /// A post by `account`; a boost has what was boosted in it.
    pub fn of(
        post: &Post,
        account: Account,
        reblog: Option<Self>,
        filtered: Vec<FilterResult>,
        base: &BaseUrl,
    ) -> Self {
        let url = base.post(post.author.as_str(), post.id.get());
        // Of a boost, apps show what they find in the post that was boosted; and it has the same counts.
        let said = post.boost_of.as_deref().unwrap_or(post);
        let mention = |Mentioned { user, name }: &Mentioned| Mention {
            id: user.0.to_string(),
            username: name.as_str().to_owned(),
            url: base.person(name.as_str()),
            acct: name.as_str().to_owned(),
        };
        let tag = |hashtag: &Hashtag| StatusTag {
            name: hashtag.as_str().to_owned(),
            url: base.hashtag(hashtag.as_str()),
        };
        Self {
            id: post.id.to_string(),
            uri: url.clone(),
            url,
            created_at: Moment(post.posted_at),
            edited_at: post.edited_at.map(Moment),
            account,
            content: content::html(&said.text, &said.mentions, base),
            visibility: visibility_name(said.visibility),
            sensitive: said.sensitive,
            spoiler_text: said.warning.clone().unwrap_or_default(),
            media_attachments: MediaAttachment::of_all(&said.pictures, base),
            mentions: said.mentions.iter().map(mention).collect(),
            tags: said.hashtags.iter().map(tag).collect(),
            emojis: NOTHING,
            reblogs_count: said.counts.boosts,
            favourites_count: said.counts.likes,
            replies_count: said.counts.replies,
            quotes_count: 0,
            in_reply_to_id: post.reply_to.map(|reply| reply.post.to_string()),
            in_reply_to_account_id: post.reply_to.map(|reply| reply.author.0.to_string()),
            reblog: reblog.map(Box::new),
            poll: None,
            card: None,
            quote: None,
            language: said.language.clone(),
            favourited: said.marks.liked,
            reblogged: said.marks.boosted,
            muted: said.marks.muted,
            bookmarked: said.marks.bookmarked,
            pinned: post.marks.pinned,
            filtered,
            text: None,
        }
    }

    /// The same with its text, to be written anew.
    #[must_use]
    pub fn with_text(self, text: String) -> Self {
        Self { text: Some(text), ..self }
    }
}

/// What a post has said once.
#[derive(Clone, Debug, Serialize)]
pub struct StatusEdit {
    content: String,
    spoiler_text: String,
    sensitive: bool,
    created_at: Moment,
    account: Account,
    media_attachments: Vec<MediaAttachment>,
    emojis: Nothing,
}

impl StatusEdit {
    /// One of the things that a post of `account` has said; the people whom it mentions now are linked.
    pub fn of(revision: &Revision, post: &Post, account: Account, base: &BaseUrl) -> Self {
        Self {
            content: content::html(&revision.text, &post.mentions, base),
            spoiler_text: revision.warning.clone().unwrap_or_default(),
            sensitive: revision.sensitive,
            created_at: Moment(revision.at),
            account,
            media_attachments: MediaAttachment::of_all(&revision.pictures, base),
            emojis: NOTHING,
        }
    }
}

/// What a post says, as it was written.
#[derive(Clone, Debug, Serialize)]
pub struct StatusSource {
    id: String,
    text: String,
    spoiler_text: String,
}

impl StatusSource {
    /// Of a post.
    pub fn of(post: &Post) -> Self {
        Self {
            id: post.id.to_string(),
            text: post.text.clone(),
            spoiler_text: post.warning.clone().unwrap_or_default(),
        }
    }
}

/// What a post answers, and what answers it.
#[derive(Clone, Debug, Serialize)]
pub struct Context {
    /// What it answers, the first post first.
    pub ancestors: Vec<Status>,
    /// What answers it, parents first.
    pub descendants: Vec<Status>,
}
