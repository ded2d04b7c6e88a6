//! Posts and profiles as JSON. Pure. The names are stable, and described in `docs/your-data.md`.

use serde::Serialize;

use crate::domain::{
    Hashtag, Language, Person, Picture, PictureDescription, Post, ProfileLink, Revision, UnixMillis,
};

/// The folder of an export in which pictures are.
pub const PICTURES: &str = "pictures";

/// A profile.
#[derive(Serialize)]
pub struct ProfileFacts<'a> {
    account: String,
    created_at_ms: i64,
    display_name: &'a str,
    bio: &'a str,
    links: Vec<LinkFacts<'a>>,
    bot: bool,
    discoverable: bool,
    locked: bool,
    posts: u64,
    followers: u64,
    following: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
}

#[derive(Serialize)]
struct LinkFacts<'a> {
    label: &'a str,
    value: &'a str,
}

impl<'a> ProfileFacts<'a> {
    /// Of somebody with this address.
    pub fn of(person: &'a Person, account: String) -> Self {
        let (profile, counts) = (&person.profile, person.counts);
        let link = |ProfileLink { label, value }: &'a ProfileLink| LinkFacts { label, value };
        Self {
            account,
            created_at_ms: person.created_at.get(),
            display_name: &profile.display_name,
            bio: &profile.bio,
            links: profile.links.iter().map(link).collect(),
            bot: profile.bot,
            discoverable: profile.discoverable,
            locked: profile.locked,
            posts: counts.posts,
            followers: counts.followers,
            following: counts.following,
            avatar: person.avatar.as_ref().map(picture_file),
            header: person.header.as_ref().map(picture_file),
        }
    }
}

/// The file of an export in which a picture is.
pub fn picture_file(picture: &Picture) -> String {
    format!("{PICTURES}/{}.{}", picture.id, picture.original.format.extension())
}

#[derive(Serialize)]
struct PictureFacts<'a> {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

impl<'a> PictureFacts<'a> {
    fn of(picture: &'a Picture) -> Self {
        let description = picture.description.as_ref().map(PictureDescription::as_str);
        Self { file: picture_file(picture), description }
    }
}

/// A post, or a boost.
#[derive(Serialize)]
pub struct PostFacts<'a> {
    id: u64,
    author: &'a str,
    posted_at_ms: i64,
    visibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    boost_of: Option<Box<Self>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sensitive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<PictureFacts<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashtags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<RevisionFacts<'a>>,
    replies: u64,
    boosts: u64,
    likes: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

#[derive(Serialize)]
struct RevisionFacts<'a> {
    at_ms: i64,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sensitive: bool,
}

impl<'a> PostFacts<'a> {
    /// Of a post, and of all that it has said, from its beginning until now.
    pub fn of(post: &'a Post, history: &'a [Revision]) -> Self {
        let earlier = history.split_last().map_or(history, |(_now, earlier)| earlier);
        Self {
            id: post.id.get(),
            author: post.author.as_str(),
            posted_at_ms: post.posted_at.get(),
            visibility: post.visibility.name(),
            boost_of: post.boost_of.as_deref().map(|boosted| Box::new(Self::boosted(boosted))),
            text: post.boost_of.is_none().then_some(&post.text),
            warning: post.warning.as_deref(),
            sensitive: post.sensitive,
            language: post.language.as_ref().map(Language::as_str),
            reply_to: post.reply_to.map(|answered| answered.post.get()),
            pictures: post.pictures.iter().map(PictureFacts::of).collect(),
            mentions: post.mentions.iter().map(|mentioned| mentioned.name.as_str()).collect(),
            hashtags: post.hashtags.iter().map(Hashtag::as_str).collect(),
            edited_at_ms: post.edited_at.map(UnixMillis::get),
            earlier: earlier.iter().map(RevisionFacts::of).collect(),
            replies: post.counts.replies,
            boosts: post.counts.boosts,
            likes: post.counts.likes,
            pinned: post.marks.pinned,
        }
    }
}

impl<'a> PostFacts<'a> {
    /// Of a post of somebody else: its pictures are not among the files.
    fn boosted(post: &'a Post) -> Self {
        Self { pictures: Vec::new(), ..Self::of(post, &[]) }
    }
}

impl<'a> RevisionFacts<'a> {
    fn of(revision: &'a Revision) -> Self {
        Self {
            at_ms: revision.at.get(),
            text: &revision.text,
            warning: revision.warning.as_deref(),
            sensitive: revision.sensitive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PostId, UserId, UserName};

    #[test]
    fn a_post_is_written_with_what_it_said_before_and_a_boost_with_what_it_boosts() {
        let (ann, at) = (UserName::new("ann").expect("valid"), UnixMillis::new(9));
        let post = Post::plain(PostId::new(3), UserId(1), ann, at, "now");
        let said = |at, text: &str| Revision {
            at: UnixMillis::new(at),
            text: text.to_owned(),
            warning: None,
            sensitive: false,
            pictures: Vec::new(),
        };
        let history = [said(9, "before"), said(10, "now")];
        let written = serde_json::to_string(&PostFacts::of(&post, &history)).expect("JSON");
        assert_eq!(
            written,
            r#"{"id":3,"author":"ann","posted_at_ms":9,"visibility":"public","text":"now","earlier":[{"at_ms":9,"text":"before"}],"replies":0,"boosts":0,"likes":0}"#
        );
        let boost = Post { boost_of: Some(Box::new(post.clone())), id: PostId::new(4), ..post };
        let written = serde_json::to_string(&PostFacts::of(&boost, &[])).expect("JSON");
        assert!(written.starts_with(
            r#"{"id":4,"author":"ann","posted_at_ms":9,"visibility":"public","boost_of":{"id":3,"#
        ));
        assert_eq!(written.matches("\"text\"").count(), 1, "{written}");
    }
}
