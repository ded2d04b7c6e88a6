//! Posts and pages of them.

use std::fmt::Display;

use super::{
    pictures::{pictures_from_wire, pictures_to_wire},
    some_text, unreadable,
};
use crate::{
    domain::{
        Hashtag, Language, Marks, Mentioned, Post, PostCounts, PostId, ReplyTo, UnixMillis, UserId,
        UserName, Visibility,
    },
    network::{PostPage, Refusal},
    wire::v1,
};

/// For whom a post is.
pub(super) fn visibility_to_wire(visibility: Visibility) -> v1::Visibility {
    match visibility {
        Visibility::Public => v1::Visibility::Public,
        Visibility::Unlisted => v1::Visibility::Unlisted,
        Visibility::Followers => v1::Visibility::Followers,
        Visibility::Mentioned => v1::Visibility::Mentioned,
    }
}

/// For whom a post is; whoever has sent it learns why it is not understood.
pub(super) fn visibility_from_wire(wire: i32) -> Result<Visibility, impl Display> {
    match v1::Visibility::try_from(wire) {
        Ok(v1::Visibility::Public) => Ok(Visibility::Public),
        Ok(v1::Visibility::Unlisted) => Ok(Visibility::Unlisted),
        Ok(v1::Visibility::Followers) => Ok(Visibility::Followers),
        Ok(v1::Visibility::Mentioned) => Ok(Visibility::Mentioned),
        Err(_) => Err("visibility must be PUBLIC, UNLISTED, FOLLOWERS or MENTIONED"),
    }
}

/// In which language a post is; none if the tag is empty.
pub(super) fn language_from_wire(tag: String) -> Result<Option<Language>, impl Display> {
    some_text(tag).map(Language::new).transpose()
}

/// In which language a post is.
pub(super) fn language_to_wire(language: Option<Language>) -> String {
    language.map(String::from).unwrap_or_default()
}

/// A post.
pub fn post_to_wire(post: Post) -> v1::Post {
    let mentioned =
        |Mentioned { user, name }| v1::Mentioned { user_id: user.0, username: name.into() };
    let Post { mentions, hashtags, pictures, counts, boost_of, .. } = post;
    v1::Post {
        id: post.id.get(),
        author: post.author.into(),
        posted_at_ms: post.posted_at.get(),
        text: post.text,
        author_id: post.author_id.0,
        warning: post.warning.unwrap_or_default(),
        sensitive: post.sensitive,
        language: language_to_wire(post.language),
        visibility: visibility_to_wire(post.visibility).into(),
        reply_to: post.reply_to.map(reply_to_to_wire),
        mentions: mentions.into_iter().map(mentioned).collect(),
        hashtags: hashtags.into_iter().map(String::from).collect(),
        edited_at_ms: post.edited_at.map(UnixMillis::get),
        counts: counts_to_wire(counts),
        marks: marks_to_wire(post.marks),
        boost_of: boost_of.map(|boosted| Box::new(post_to_wire(*boosted))),
        pictures: pictures_to_wire(pictures),
    }
}

fn reply_to_to_wire(ReplyTo { post, author }: ReplyTo) -> v1::ReplyTo {
    v1::ReplyTo { id: post.get(), author_id: author.0 }
}

/// Absent if they are all 0, as they are in most live posts.
fn counts_to_wire(counts: PostCounts) -> Option<v1::PostCounts> {
    let PostCounts { replies, boosts, likes } = counts;
    (counts != PostCounts::default()).then_some(v1::PostCounts { replies, boosts, likes })
}

/// Absent if there are none.
fn marks_to_wire(marks: Marks) -> Option<v1::Marks> {
    let Marks { liked, boosted, bookmarked, pinned, muted } = marks;
    (marks != Marks::default()).then_some(v1::Marks { liked, boosted, bookmarked, pinned, muted })
}

/// A post.
pub fn post_from_wire(mut wire: v1::Post) -> Result<Post, Refusal> {
    let boost_of = match wire.boost_of.take() {
        Some(boosted) if boosted.boost_of.is_some() => {
            return Err(unreadable("a boost of a boost"));
        }
        Some(boosted) => Some(Box::new(plain_post_from_wire(*boosted)?)),
        None => None,
    };
    Ok(Post { boost_of, ..plain_post_from_wire(wire)? })
}

/// A post that is no boost.
fn plain_post_from_wire(wire: v1::Post) -> Result<Post, Refusal> {
    let mentioned = |v1::Mentioned { user_id, username }| {
        let name = UserName::new(username).map_err(unreadable)?;
        Ok::<_, Refusal>(Mentioned { user: UserId(user_id), name })
    };
    let hashtag = |tag: String| Hashtag::new(&tag).map_err(unreadable);
    let v1::PostCounts { replies, boosts, likes } = wire.counts.unwrap_or_default();
    let v1::Marks { liked, boosted, bookmarked, pinned, muted } = wire.marks.unwrap_or_default();
    Ok(Post {
        id: PostId::new(wire.id),
        author_id: UserId(wire.author_id),
        author: UserName::new(wire.author).map_err(unreadable)?,
        posted_at: UnixMillis::new(wire.posted_at_ms),
        text: wire.text,
        warning: some_text(wire.warning),
        sensitive: wire.sensitive,
        language: language_from_wire(wire.language).map_err(unreadable)?,
        visibility: visibility_from_wire(wire.visibility).map_err(unreadable)?,
        reply_to: wire.reply_to.map(|v1::ReplyTo { id, author_id }| ReplyTo {
            post: PostId::new(id),
            author: UserId(author_id),
        }),
        mentions: wire.mentions.into_iter().map(mentioned).collect::<Result<_, _>>()?,
        hashtags: wire.hashtags.into_iter().map(hashtag).collect::<Result<_, _>>()?,
        pictures: pictures_from_wire(wire.pictures)?,
        edited_at: wire.edited_at_ms.map(UnixMillis::new),
        counts: PostCounts { replies, boosts, likes },
        marks: Marks { liked, boosted, bookmarked, pinned, muted },
        boost_of: None,
    })
}

/// Posts.
pub(super) fn all_to_wire(posts: Vec<Post>) -> Vec<v1::Post> {
    posts.into_iter().map(post_to_wire).collect()
}

/// Posts.
pub(super) fn all_from_wire(wire: Vec<v1::Post>) -> Result<Vec<Post>, Refusal> {
    wire.into_iter().map(post_from_wire).collect()
}

/// A page of posts.
pub fn post_page_to_wire(PostPage { posts, as_of, more, last }: PostPage) -> v1::PostPage {
    let last = last.map_or(0, PostId::get);
    v1::PostPage { posts: all_to_wire(posts), as_of: as_of.get(), more, last }
}

/// A page of posts.
pub fn post_page_from_wire(wire: v1::PostPage) -> Result<PostPage, Refusal> {
    let v1::PostPage { posts, as_of, more, last } = wire;
    let last = (last > 0).then(|| PostId::new(last));
    Ok(PostPage { posts: all_from_wire(posts)?, as_of: PostId::new(as_of), more, last })
}
