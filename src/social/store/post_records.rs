//! What is stored about posts, and about what people do with them.

use serde::{Deserialize, Serialize};

use super::{
    StateError,
    keys::{self, Table},
    moment::Moment,
    records::{Record, decode, number},
    tree::Bytes,
};
use crate::{
    domain::{
        Hashtag, Mark, Marks, PictureId, PostCounts, PostId, ReplyTo, SearchTerm, UnixMillis,
        UserId, Visibility,
    },
    envelope::Kind,
    social::PostFacts,
};

/// What is stored about a post, read in place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostRecord<'a> {
    pub at: UnixMillis,
    #[serde(borrow)]
    pub body: Body<'a>,
}

impl Record for PostRecord<'_> {
    const KIND: Kind = Kind::Post;
}

/// What there is of a post.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Body<'a> {
    /// What it says.
    #[serde(borrow)]
    Words(Words<'a>),
    /// It is a boost.
    Boost(BoostedPost),
    /// It was deleted: only its place in the conversation is left.
    Gone { reply_to: Option<ReplyTo>, conversation: PostId },
}

/// What a post says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Words<'a> {
    pub text: &'a str,
    pub warning: Option<&'a str>,
    pub sensitive: bool,
    pub language: Option<&'a str>,
    pub visibility: Visibility,
    pub reply_to: Option<ReplyTo>,
    /// The first post of the conversation; itself, if it answers none.
    pub conversation: PostId,
    pub mentioned: Vec<UserId>,
    pub hashtags: Vec<Hashtag>,
    pub terms: Vec<SearchTerm>,
    pub edited_at: Option<UnixMillis>,
    /// How often it was edited.
    pub edits: u64,
    /// What it shows.
    pub pictures: Vec<PictureId>,
}

/// A post of which there is a boost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoostedPost {
    pub post: PostId,
    pub author: UserId,
    pub visibility: Visibility,
}

impl PostRecord<'_> {
    /// What the rules need to know of it; none if it is gone.
    pub fn facts(&self, author: UserId) -> Option<PostFacts> {
        match &self.body {
            Body::Words(words) => Some(words.facts(author)),
            Body::Boost(boosted) => Some(boosted.facts(author)),
            Body::Gone { .. } => None,
        }
    }

    /// What it answers.
    pub fn reply_to(&self) -> Option<ReplyTo> {
        match &self.body {
            Body::Words(Words { reply_to, .. }) | Body::Gone { reply_to, .. } => *reply_to,
            Body::Boost(_) => None,
        }
    }
}

impl Words<'_> {
    /// What the rules need to know of it.
    pub fn facts(&self, author: UserId) -> PostFacts {
        PostFacts {
            author,
            visibility: self.visibility,
            mentioned: self.mentioned.clone(),
            reply_to: self.reply_to.map(|reply_to| reply_to.author),
            boosted: None,
        }
    }
}

impl BoostedPost {
    /// What the rules need to know of a boost of it by `author`.
    pub fn facts(&self, author: UserId) -> PostFacts {
        PostFacts {
            author,
            visibility: self.visibility,
            mentioned: Vec::new(),
            reply_to: None,
            boosted: Some(self.author),
        }
    }
}

/// What a post said before an edit, read in place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevisionRecord<'a> {
    /// Since when.
    pub at: UnixMillis,
    pub text: &'a str,
    pub warning: Option<&'a str>,
    pub sensitive: bool,
    /// What it showed; some of it may be gone.
    pub pictures: Vec<PictureId>,
}

impl Record for RevisionRecord<'_> {
    const KIND: Kind = Kind::Revision;
}

/// What a reader has done with a post: for each mark, the position at which it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRecord {
    /// Who wrote the post.
    pub author: UserId,
    pub liked: Option<PostId>,
    pub bookmarked: Option<PostId>,
    pub pinned: Option<PostId>,
    pub muted: Option<PostId>,
    /// The reader's boost of it.
    pub boost: Option<PostId>,
}

impl Record for MarkRecord {
    const KIND: Kind = Kind::Mark;
}

impl MarkRecord {
    /// Nothing yet.
    pub fn none(author: UserId) -> Self {
        Self { author, liked: None, bookmarked: None, pinned: None, muted: None, boost: None }
    }

    /// Whether nothing is left to be remembered.
    pub fn is_none(&self) -> bool {
        *self == Self::none(self.author)
    }

    /// Where a mark was set.
    pub fn of(&mut self, mark: Mark) -> &mut Option<PostId> {
        match mark {
            Mark::Like => &mut self.liked,
            Mark::Bookmark => &mut self.bookmarked,
            Mark::Pin => &mut self.pinned,
            Mark::Mute => &mut self.muted,
        }
    }
}

impl From<MarkRecord> for Marks {
    fn from(record: MarkRecord) -> Self {
        let MarkRecord { author: _, liked, bookmarked, pinned, muted, boost } = record;
        Self {
            liked: liked.is_some(),
            boosted: boost.is_some(),
            bookmarked: bookmarked.is_some(),
            pinned: pinned.is_some(),
            muted: muted.is_some(),
        }
    }
}

/// An edit, or a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// When it was, of the log's time.
    pub at: UnixMillis,
    pub post: PostId,
    /// What the rules need to know of the post; for an edit, as it was then.
    pub facts: PostFacts,
    pub hashtags: Vec<Hashtag>,
    pub kind: ChangeKind,
}

/// What has happened to a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    Edited,
    Deleted,
}

impl Record for ChangeRecord {
    const KIND: Kind = Kind::FeedChange;
}

/// The author of a post, if there is or was one of that number.
pub(super) fn author(moment: &Moment, post: PostId) -> Result<Option<UserId>, StateError> {
    let row = moment.get(&keys::of_post(Table::Authors, post))?;
    row.map(|row| number(&row).map(UserId)).transpose()
}

/// The row of a post.
pub(super) fn post_row(
    moment: &Moment,
    author: UserId,
    post: PostId,
) -> Result<Option<Bytes>, StateError> {
    moment.get(&keys::post(author, post))
}

/// What a reader has done with a post.
pub(super) fn marks(
    moment: &Moment,
    user: UserId,
    post: PostId,
) -> Result<Option<MarkRecord>, StateError> {
    moment.get(&keys::marks(user, post))?.map(|row| decode(&row)).transpose()
}

/// What others have done with a post.
pub(super) fn counts(moment: &Moment, post: PostId) -> Result<PostCounts, StateError> {
    let row = moment.get(&keys::of_post(Table::PostCounts, post))?;
    row.map_or_else(|| Ok(PostCounts::default()), |row| index(&row))
}

/// A row of an index that has more than a number.
pub(super) fn index<'a, T: Deserialize<'a>>(row: &'a [u8]) -> Result<T, StateError> {
    postcard::from_bytes(row).map_err(|error| StateError::damaged(error.to_string()))
}

/// The same, to be stored.
pub(super) fn index_row<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data always encodes")
}

/// Two numbers: a post and its author.
pub(super) fn post_and_author(row: &[u8]) -> Result<(PostId, UserId), StateError> {
    let (post, author) = row.split_at_checked(size_of::<u64>()).unwrap_or_default();
    Ok((PostId::new(number(post)?), UserId(number(author)?)))
}

/// The same, to be stored.
pub(super) fn post_and_author_row(post: PostId, author: UserId) -> Vec<u8> {
    [post.get().to_be_bytes(), author.0.to_be_bytes()].concat()
}
