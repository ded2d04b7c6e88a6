//! Who may see what, and what belongs to whose timeline: the one statement of these rules, for every read,
//! stream, count, search and notification. Pure.
//!
//! | a reader sees a post | if |
//! | --- | --- |
//! | of their own | always |
//! | of somebody who has blocked them, or whom they have blocked | never |
//! | for everybody | otherwise |
//! | for followers | if they follow its author, or are mentioned in it |
//! | for those mentioned | if they are mentioned in it |
//! | that was boosted | if they also see the post itself |
//! | of somebody who is suspended, or has deleted their account | never |
//! | of somebody who is silenced | if they follow them |
//!
//! Whoever is not logged in sees what is for everybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::{Hashtag, PersonalId, Post, RepliesPolicy, Standing, UserId, Visibility};

/// What the rules need to know of a post, or of a boost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostFacts {
    /// Who made it.
    pub author: UserId,
    /// For whom it is; a boost is for those for whom the post is.
    pub visibility: Visibility,
    /// Who is mentioned in it; in a boost, nobody.
    pub mentioned: Vec<UserId>,
    /// Whom it answers.
    pub reply_to: Option<UserId>,
    /// Whose post was boosted.
    pub boosted: Option<UserId>,
}

impl PostFacts {
    /// Whether it belongs to the timeline of everybody who follows its author and has not muted them.
    pub fn is_plain(&self) -> bool {
        let answers_others = self.reply_to.is_some_and(|other| other != self.author);
        self.visibility != Visibility::Mentioned && self.boosted.is_none() && !answers_others
    }
}

impl From<&Post> for PostFacts {
    fn from(post: &Post) -> Self {
        Self {
            author: post.author_id,
            visibility: post.visibility,
            mentioned: post.mentions.iter().map(|mentioned| mentioned.user).collect(),
            reply_to: post.reply_to.map(|reply_to| reply_to.author),
            boosted: post.boost_of.as_ref().map(|boosted| boosted.author_id),
        }
    }
}

/// Knows what people are to each other: asked of two who are not the same.
pub trait Relations {
    /// Why that cannot be found out.
    type Error;

    /// Whether `one` follows `other`.
    fn follows(&mut self, one: UserId, other: UserId) -> Result<bool, Self::Error>;

    /// Whether `one` has blocked `other`.
    fn blocks(&mut self, one: UserId, other: UserId) -> Result<bool, Self::Error>;

    /// Whether `one` has muted `other`.
    fn mutes(&mut self, one: UserId, other: UserId) -> Result<bool, Self::Error>;

    /// Whether `one` has `other` in one of their lists.
    fn has_in_list(
        &mut self,
        one: UserId,
        list: PersonalId,
        other: UserId,
    ) -> Result<bool, Self::Error>;

    /// Whether `one` has `other` in a list whose people are left out of their home timeline.
    fn keeps_from_home(&mut self, one: UserId, other: UserId) -> Result<bool, Self::Error>;

    /// Whether somebody follows a hashtag.
    fn follows_hashtag(&mut self, user: UserId, hashtag: &Hashtag) -> Result<bool, Self::Error>;

    /// What moderators have decided about somebody.
    fn standing(&mut self, user: UserId) -> Result<Standing, Self::Error>;
}

/// What people are to each other, as if nothing had been decided about anybody: whoever had a post on their screen
/// has to learn that it is gone, also if its author has been hidden since.
pub struct Unhidden<'a, R>(pub &'a mut R);

impl<R: Relations> Relations for Unhidden<'_, R> {
    type Error = R::Error;

    fn follows(&mut self, one: UserId, other: UserId) -> Result<bool, R::Error> {
        self.0.follows(one, other)
    }

    fn blocks(&mut self, one: UserId, other: UserId) -> Result<bool, R::Error> {
        self.0.blocks(one, other)
    }

    fn mutes(&mut self, one: UserId, other: UserId) -> Result<bool, R::Error> {
        self.0.mutes(one, other)
    }

    fn has_in_list(
        &mut self,
        one: UserId,
        list: PersonalId,
        other: UserId,
    ) -> Result<bool, R::Error> {
        self.0.has_in_list(one, list, other)
    }

    fn keeps_from_home(&mut self, one: UserId, other: UserId) -> Result<bool, R::Error> {
        self.0.keeps_from_home(one, other)
    }

    fn follows_hashtag(&mut self, user: UserId, hashtag: &Hashtag) -> Result<bool, R::Error> {
        self.0.follows_hashtag(user, hashtag)
    }

    fn standing(&mut self, _user: UserId) -> Result<Standing, R::Error> {
        Ok(Standing::Active)
    }
}

/// Whether somebody is hidden from a reader, or from whoever is not logged in, by what moderators have decided.
pub fn is_hidden<R: Relations>(
    reader: Option<UserId>,
    person: UserId,
    relations: &mut R,
) -> Result<bool, R::Error> {
    Ok(match (relations.standing(person)?, reader) {
        (Standing::Active, _) => false,
        (Standing::Silenced, Some(reader)) => {
            reader != person && !relations.follows(reader, person)?
        }
        (Standing::Silenced, None)
        | (Standing::Pending | Standing::Rejected | Standing::Suspended | Standing::Deleted, _) => {
            true
        }
    })
}

/// Whether one of two people has blocked the other.
pub fn is_blocked<R: Relations>(
    one: UserId,
    other: UserId,
    relations: &mut R,
) -> Result<bool, R::Error> {
    Ok(one != other && (relations.blocks(one, other)? || relations.blocks(other, one)?))
}

/// Whether a reader, or whoever is not logged in, may see a post.
pub fn may_see<R: Relations>(
    reader: Option<UserId>,
    post: &PostFacts,
    relations: &mut R,
) -> Result<bool, R::Error> {
    let author = post.author;
    for other in post.boosted.into_iter().chain([author]) {
        if is_hidden(reader, other, relations)? {
            return Ok(false);
        }
    }
    let Some(reader) = reader else { return Ok(post.visibility.is_for_everybody()) };
    for other in post.boosted.into_iter().chain([author]) {
        if is_blocked(reader, other, relations)? {
            return Ok(false);
        }
    }
    if author == reader {
        return Ok(true);
    }
    let is_mentioned = post.mentioned.contains(&reader);
    match post.visibility {
        Visibility::Public | Visibility::Unlisted => Ok(true),
        Visibility::Followers => Ok(is_mentioned || relations.follows(reader, author)?),
        Visibility::Mentioned => Ok(is_mentioned),
    }
}

/// Whether a post belongs to a reader's home timeline: for its author, or for a hashtag that they follow.
pub fn is_at_home<R: Relations>(
    reader: UserId,
    post: &PostFacts,
    hashtags: &[Hashtag],
    relations: &mut R,
) -> Result<bool, R::Error> {
    Ok(is_at_home_for_its_author(reader, post, relations)?
        || is_at_home_for_a_hashtag(reader, post, hashtags, relations)?)
}

/// Whether a post is for everybody's timelines, and has a hashtag that a reader follows.
fn is_at_home_for_a_hashtag<R: Relations>(
    reader: UserId,
    post: &PostFacts,
    hashtags: &[Hashtag],
    relations: &mut R,
) -> Result<bool, R::Error> {
    if !is_for_public_timelines(post) {
        return Ok(false);
    }
    for hashtag in hashtags {
        if relations.follows_hashtag(reader, hashtag)? {
            return is_public(Some(reader), post, relations);
        }
    }
    Ok(false)
}

/// Whether a reader may see a post, and follows its author, or is it; and if it answers somebody else, they follow
/// them, too. Nothing of whom they have muted belongs to it, or keep for a list.
fn is_at_home_for_its_author<R: Relations>(
    reader: UserId,
    post: &PostFacts,
    relations: &mut R,
) -> Result<bool, R::Error> {
    let author = post.author;
    if author != reader
        && (!relations.follows(reader, author)? || relations.keeps_from_home(reader, author)?)
    {
        return Ok(false);
    }
    if is_muted(reader, post, relations)? {
        return Ok(false);
    }
    if author != reader
        && let Some(answered) = post.reply_to
        && answered != reader
        && answered != author
        && !relations.follows(reader, answered)?
    {
        return Ok(false);
    }
    may_see(Some(reader), post, relations)
}

/// Whether a post belongs to a list of a reader: its author is in it; and if it answers somebody else than the
/// reader, these answers are among what the list shows. Nothing of whom they have muted belongs to it.
pub fn is_in_list<R: Relations>(
    reader: UserId,
    (list, replies): (PersonalId, RepliesPolicy),
    post: &PostFacts,
    relations: &mut R,
) -> Result<bool, R::Error> {
    let author = post.author;
    if author == reader
        || !relations.has_in_list(reader, list, author)?
        || is_muted(reader, post, relations)?
    {
        return Ok(false);
    }
    if let Some(answered) = post.reply_to
        && answered != reader
        && answered != author
    {
        let is_shown = match replies {
            RepliesPolicy::Followed => relations.follows(reader, answered)?,
            RepliesPolicy::List => relations.has_in_list(reader, list, answered)?,
            RepliesPolicy::None => false,
        };
        if !is_shown {
            return Ok(false);
        }
    }
    may_see(Some(reader), post, relations)
}

/// Whether a post belongs to the timeline of whoever wants all that those post whom they follow, and no boosts.
pub fn is_followed<R: Relations>(
    reader: UserId,
    post: &PostFacts,
    relations: &mut R,
) -> Result<bool, R::Error> {
    let is_wanted = post.boosted.is_none()
        && post.author != reader
        && relations.follows(reader, post.author)?
        && !is_muted(reader, post, relations)?;
    Ok(is_wanted && may_see(Some(reader), post, relations)?)
}

/// Whether a post belongs to a timeline of what everybody posts: of the network, or of a hashtag.
pub fn is_public<R: Relations>(
    reader: Option<UserId>,
    post: &PostFacts,
    relations: &mut R,
) -> Result<bool, R::Error> {
    if !is_for_public_timelines(post) {
        return Ok(false);
    }
    if let Some(reader) = reader
        && is_muted(reader, post, relations)?
    {
        return Ok(false);
    }
    may_see(reader, post, relations)
}

/// Whether a post may be in a timeline of what everybody posts, whoever reads it.
pub fn is_for_public_timelines(post: &PostFacts) -> bool {
    post.visibility == Visibility::Public && post.boosted.is_none()
}

/// Whether a post is listed in the timeline of the whole network: it also answers nobody else.
pub fn is_listed(post: &PostFacts) -> bool {
    let answers_others = post.reply_to.is_some_and(|other| other != post.author);
    is_for_public_timelines(post) && !answers_others
}

/// Who is in the conversation that a post is part of, each once: whoever wrote it, and those who are mentioned in it.
/// Nobody, unless it is for those mentioned.
pub fn of_a_conversation(post: &PostFacts) -> BTreeSet<UserId> {
    if post.visibility != Visibility::Mentioned || post.boosted.is_some() {
        return BTreeSet::new();
    }
    post.mentioned.iter().copied().chain([post.author]).collect()
}

/// Whether a post belongs to the conversations of a reader: it is for those mentioned, and they are one of these, or
/// have written it. Nothing of whom they have muted belongs to it.
pub fn is_direct<R: Relations>(
    reader: UserId,
    post: &PostFacts,
    relations: &mut R,
) -> Result<bool, R::Error> {
    let is_in_it = of_a_conversation(post).contains(&reader);
    Ok(is_in_it && !is_muted(reader, post, relations)? && may_see(Some(reader), post, relations)?)
}

/// Whether a post is of somebody whom the reader has muted, or a boost of such a post.
fn is_muted<R: Relations>(
    reader: UserId,
    post: &PostFacts,
    relations: &mut R,
) -> Result<bool, R::Error> {
    for other in post.boosted.into_iter().chain([post.author]) {
        if other != reader && relations.mutes(reader, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}
