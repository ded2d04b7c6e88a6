//! Posts, their edits and deletions, boosts and marks.

use std::collections::BTreeSet;

use super::{Graph, Outcome, notifications::About};
use crate::{
    domain::{
        Draft, Hashtag, Language, Mark, NotificationKind, PictureId, Post, PostContent, PostId,
        PostText, ReplyTo, UnixMillis, UserId, UserName, Visibility, entities::MOST_MENTIONS,
    },
    social::{
        Chore, CommandRefusal, DeletedPost, Event, PostFacts, Reply,
        pictures::PicturePlace,
        store::{
            Body, BoostedPost, ChangeKind, ChangeRecord, MarkRecord, PostRecord, StateError, Words,
            boost_record, decode,
        },
        visibility::{is_blocked, may_see},
    },
};

/// So often a post may be changed: what it said is kept each time.
pub const MOST_EDITS: u64 = 100;
/// So many posts anybody may pin.
pub const MOST_PINS: usize = 5;

/// A post that is there and that somebody may see.
struct Seen {
    id: PostId,
    author: UserId,
    facts: PostFacts,
    conversation: PostId,
}

impl Graph<'_> {
    pub(super) fn publish(
        &mut self,
        at: UnixMillis,
        user: UserId,
        draft: &Draft,
    ) -> Result<Outcome, StateError> {
        let Draft { content, reply_to, visibility } = draft;
        let answered = match reply_to {
            Some(reply_to) => match self.seen(user, *reply_to)? {
                Some(seen) => Some(seen),
                None => return Ok(Err(CommandRefusal::NoSuchPost)),
            },
            None => None,
        };
        let mentioned = self.mentioned(user, &content.mentions)?;
        let pictures = match self.usable_pictures(user, &content.pictures, PicturePlace::Nowhere)? {
            Ok(pictures) => pictures,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let id = self.next_position()?;
        let reply_to = answered.as_ref().map(|seen| ReplyTo { post: seen.id, author: seen.author });
        let conversation = answered.as_ref().map_or(id, |seen| seen.conversation);
        let place = Place { visibility: *visibility, reply_to, conversation };
        let ids = pictures.iter().map(|record| record.picture.id).collect();
        let words = words(content, place, mentioned, ids);
        self.use_pictures(pictures, PicturePlace::Post(id));
        let post = self.tables.new_post(id, user, at, &words)?;
        let facts = words.facts(user);
        self.tables.put_post(id, user, &PostRecord { at, body: Body::Words(words) })?;
        let mut told: BTreeSet<UserId> = facts.mentioned.iter().copied().collect();
        if let Some(ReplyTo { author, .. }) = reply_to
            && author != user
            && self.decide(|people| may_see(Some(author), &facts, people))?
        {
            told.insert(author);
        }
        if told.is_empty() {
            self.events.push(Event::Published(post));
            return Ok(Ok(Reply::Published { post: id, posted_at: at }));
        }
        self.events.push(Event::Published(post.clone()));
        let about = About { post: &post, conversation };
        for other in told {
            self.notify(at, other, user, NotificationKind::Mentioned, Some(about))?;
        }
        Ok(Ok(Reply::Published { post: id, posted_at: at }))
    }

    pub(super) fn edit(
        &mut self,
        at: UnixMillis,
        user: UserId,
        post: PostId,
        content: &PostContent,
    ) -> Result<Outcome, StateError> {
        let row = match self.own_row(user, post)? {
            Ok(row) => row,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let old: PostRecord<'_> = decode(&row)?;
        let Body::Words(before) = &old.body else { return Ok(Err(CommandRefusal::NoSuchPost)) };
        if before.edits >= MOST_EDITS {
            return Ok(Err(CommandRefusal::TooManyEdits));
        }
        let mentioned = self.mentioned(user, &content.mentions)?;
        let belongs = PicturePlace::Post(post);
        let pictures = match self.usable_pictures(user, &content.pictures, belongs)? {
            Ok(pictures) => pictures,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let ids = pictures.iter().map(|record| record.picture.id).collect();
        let Words { visibility, reply_to, conversation, edits, .. } = *before;
        let place = Place { visibility, reply_to, conversation };
        let words = Words {
            edited_at: Some(at),
            edits: edits.saturating_add(1),
            ..words(content, place, mentioned, ids)
        };
        let says_the_same = |one: &Words<'_>, other: &Words<'_>| {
            (one.text, one.warning, one.sensitive, one.language, &one.pictures)
                == (other.text, other.warning, other.sensitive, other.language, &other.pictures)
        };
        if says_the_same(before, &words) {
            return Ok(Ok(Reply::Done));
        }
        // What it no longer shows is gone, from what it showed before, too.
        let removed = before.pictures.iter().filter(|id| !words.pictures.contains(id));
        self.remove_pictures(&removed.copied().collect::<Vec<_>>())?;
        self.use_pictures(pictures, belongs);
        self.tables.edit_post(post, user, &old, &words)?;
        let position = self.next_position()?;
        let (facts, hashtags) = (words.facts(user), words.hashtags.clone());
        let change = ChangeRecord { at, post, facts, hashtags, kind: ChangeKind::Edited };
        self.tables.put_change(&mut self.meta, position, &change)?;
        if self.tables.boosters(post, UserId(0)).next().transpose()?.is_some() {
            self.begin_chore(&Chore::TellOfEdit { author: user, post, after: UserId(0) })?;
        }
        let edited = self.known_post(user, post)?;
        self.events.push(Event::Edited { position, post: edited.clone() });
        let about = About { post: &edited, conversation };
        for other in words.mentioned.iter().filter(|other| !before.mentioned.contains(other)) {
            self.notify(at, *other, user, NotificationKind::Mentioned, Some(about))?;
        }
        Ok(Ok(Reply::Done))
    }

    pub(super) fn delete(
        &mut self,
        at: UnixMillis,
        user: UserId,
        post: PostId,
    ) -> Result<Outcome, StateError> {
        let row = match self.own_row(user, post)? {
            Ok(row) => row,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let record: PostRecord<'_> = decode(&row)?;
        match &record.body {
            Body::Words(words) => {
                if let Some(old) = self.tables.marks(user, post)? {
                    let new = MarkRecord { pinned: None, ..old };
                    self.tables.change_marks(user, post, old, new)?;
                }
                self.remove_pictures(&words.pictures)?;
                self.tables.delete_post(post, user, record.at, words)?;
                let facts = words.facts(user);
                self.deleted(at, post, facts, words.hashtags.clone())?;
                Ok(Ok(Reply::Done))
            }
            Body::Boost(boosted) => self.unboost(at, user, boosted.post),
            Body::Gone { .. } => Ok(Err(CommandRefusal::NoSuchPost)),
        }
    }

    pub(super) fn boost(
        &mut self,
        at: UnixMillis,
        user: UserId,
        post: PostId,
    ) -> Result<Outcome, StateError> {
        let Some(Seen { id, author, facts, conversation }) = self.seen(user, post)? else {
            return Ok(Err(CommandRefusal::NoSuchPost));
        };
        let is_for_boosting = match facts.visibility {
            Visibility::Public | Visibility::Unlisted => true,
            Visibility::Followers => author == user,
            Visibility::Mentioned => false,
        };
        if !is_for_boosting {
            return Ok(Err(CommandRefusal::NotForBoosting));
        }
        let old = self.tables.marks(user, id)?.unwrap_or_else(|| MarkRecord::none(author));
        if let Some(boost) = old.boost {
            let posted_at = self.known_post(user, boost)?.posted_at;
            return Ok(Ok(Reply::Published { post: boost, posted_at }));
        }
        let boost = self.next_position()?;
        let boosted = BoostedPost { post: id, author, visibility: facts.visibility };
        self.tables.put_post(boost, user, &boost_record(at, boosted))?;
        let new = MarkRecord { boost: Some(boost), ..old };
        self.tables.change_marks(user, id, old, new)?;
        let published = self.known_post(user, boost)?;
        self.events.push(Event::Published(published));
        self.notify_author(at, user, (author, id), conversation, NotificationKind::Boosted)?;
        Ok(Ok(Reply::Published { post: boost, posted_at: at }))
    }

    /// Done if there is no boost, too: then all is as it should be.
    pub(super) fn unboost(
        &mut self,
        at: UnixMillis,
        user: UserId,
        post: PostId,
    ) -> Result<Outcome, StateError> {
        let Some((_author, id)) = self.original(post)? else {
            return Ok(Err(CommandRefusal::NoSuchPost));
        };
        let marks = self.tables.marks(user, id)?;
        let Some((old, boost)) = marks.and_then(|marks| Some((marks, marks.boost?))) else {
            return Ok(match self.seen(user, post)? {
                Some(_) => Ok(Reply::Done),
                None => Err(CommandRefusal::NoSuchPost),
            });
        };
        let row = self.tables.post_row(user, boost)?.ok_or_else(missing)?;
        let record: PostRecord<'_> = decode(&row)?;
        let facts = record.facts(user).ok_or_else(missing)?;
        self.tables.delete_boost(boost, user);
        self.tables.change_marks(user, id, old, MarkRecord { boost: None, ..old })?;
        self.deleted(at, boost, facts, Vec::new())?;
        Ok(Ok(Reply::Done))
    }

    pub(super) fn mark(
        &mut self,
        at: UnixMillis,
        user: UserId,
        post: PostId,
        (mark, set): (Mark, bool),
    ) -> Result<Outcome, StateError> {
        if !set {
            return self.unmark(user, post, mark);
        }
        let Some(Seen { id, author, facts, conversation }) = self.seen(user, post)? else {
            return Ok(Err(CommandRefusal::NoSuchPost));
        };
        if mark == Mark::Pin {
            if author != user {
                return Ok(Err(CommandRefusal::NotYours));
            }
            if facts.visibility == Visibility::Mentioned {
                return Ok(Err(CommandRefusal::NotForBoosting));
            }
        }
        // What is muted is the conversation, which is known by its first post.
        let (id, author) = if mark == Mark::Mute {
            let author = self.tables.author(conversation)?.ok_or_else(missing)?;
            (conversation, author)
        } else {
            (id, author)
        };
        let old = self.tables.marks(user, id)?.unwrap_or_else(|| MarkRecord::none(author));
        let mut new = old;
        if new.of(mark).is_some() {
            return Ok(Ok(Reply::Done));
        }
        if mark == Mark::Pin && self.tables.count_marks(user, mark, MOST_PINS)? >= MOST_PINS {
            return Ok(Err(CommandRefusal::TooManyPins));
        }
        *new.of(mark) = Some(self.next_position()?);
        self.tables.change_marks(user, id, old, new)?;
        if mark == Mark::Like {
            self.notify_author(at, user, (author, id), conversation, NotificationKind::Liked)?;
        }
        Ok(Ok(Reply::Done))
    }

    /// Done if there is no such mark, too. It can also be removed from what its owner may no longer see.
    fn unmark(&mut self, user: UserId, post: PostId, mark: Mark) -> Result<Outcome, StateError> {
        let Some((author, mut id)) = self.original(post)? else {
            return Ok(Err(CommandRefusal::NoSuchPost));
        };
        if mark == Mark::Mute {
            let row = self.tables.post_row(author, id)?.ok_or_else(missing)?;
            if let Body::Words(Words { conversation, .. }) | Body::Gone { conversation, .. } =
                decode::<PostRecord<'_>>(&row)?.body
            {
                id = conversation;
            }
        }
        let old = self.tables.marks(user, id)?.unwrap_or_else(|| MarkRecord::none(author));
        let mut new = old;
        if new.of(mark).take().is_some() {
            self.tables.change_marks(user, id, old, new)?;
        } else if self.seen(user, post)?.is_none() {
            return Ok(Err(CommandRefusal::NoSuchPost));
        }
        Ok(Ok(Reply::Done))
    }

    /// Tells the author of a post what somebody has done with it.
    fn notify_author(
        &mut self,
        at: UnixMillis,
        user: UserId,
        (author, post): (UserId, PostId),
        conversation: PostId,
        kind: NotificationKind,
    ) -> Result<(), StateError> {
        if author == user {
            return Ok(());
        }
        let post = self.known_post(author, post)?;
        self.notify(at, author, user, kind, Some(About { post: &post, conversation }))
    }

    fn deleted(
        &mut self,
        at: UnixMillis,
        post: PostId,
        facts: PostFacts,
        hashtags: Vec<Hashtag>,
    ) -> Result<(), StateError> {
        if facts.boosted.is_none() {
            self.words_were_removed();
        }
        let position = self.next_position()?;
        let kind = ChangeKind::Deleted;
        let change = ChangeRecord { at, post, facts, hashtags, kind };
        self.tables.put_change(&mut self.meta, position, &change)?;
        let ChangeRecord { facts, hashtags, .. } = change;
        let deleted = DeletedPost { id: post, facts, hashtags };
        self.events.push(Event::Deleted { position, deleted });
        Ok(())
    }

    /// The post of that number, or of which that is a boost.
    fn original(&self, post: PostId) -> Result<Option<(UserId, PostId)>, StateError> {
        let Some(author) = self.tables.author(post)? else { return Ok(None) };
        let row = self.tables.post_row(author, post)?.ok_or_else(missing)?;
        let record: PostRecord<'_> = decode(&row)?;
        Ok(Some(match record.body {
            Body::Boost(BoostedPost { post, author, .. }) => (author, post),
            Body::Words(_) | Body::Gone { .. } => (author, post),
        }))
    }

    /// The post of that number, or of which that is a boost, if it says something, and a user may see what has
    /// that number.
    fn seen(&self, user: UserId, post: PostId) -> Result<Option<Seen>, StateError> {
        let Some(author) = self.tables.author(post)? else { return Ok(None) };
        let row = self.tables.post_row(author, post)?.ok_or_else(missing)?;
        let record: PostRecord<'_> = decode(&row)?;
        if let Body::Boost(boosted) = &record.body {
            let boost = boosted.facts(author);
            if !self.decide(|people| may_see(Some(user), &boost, people))? {
                return Ok(None);
            }
            let row = self.tables.post_row(boosted.author, boosted.post)?.ok_or_else(missing)?;
            return self.seen_words(user, (boosted.author, boosted.post), &decode(&row)?);
        }
        self.seen_words(user, (author, post), &record)
    }

    fn seen_words(
        &self,
        user: UserId,
        (author, id): (UserId, PostId),
        record: &PostRecord<'_>,
    ) -> Result<Option<Seen>, StateError> {
        let Body::Words(words) = &record.body else { return Ok(None) };
        let (facts, conversation) = (words.facts(author), words.conversation);
        let is_visible = self.decide(|people| may_see(Some(user), &facts, people))?;
        Ok(is_visible.then_some(Seen { id, author, facts, conversation }))
    }

    /// The first post of the conversation of one; none if that is gone.
    pub(super) fn conversation(
        &self,
        author: UserId,
        post: PostId,
    ) -> Result<Option<PostId>, StateError> {
        let Some(row) = self.tables.post_row(author, post)? else { return Ok(None) };
        Ok(match decode::<PostRecord<'_>>(&row)?.body {
            Body::Words(words) => Some(words.conversation),
            Body::Boost(_) | Body::Gone { .. } => None,
        })
    }

    /// Whether somebody sees a post.
    pub(super) fn is_visible(&self, user: UserId, post: PostId) -> Result<bool, StateError> {
        Ok(self.seen(user, post)?.is_some())
    }

    /// The row of a user's own post or boost. One that is somebody else's is told apart only if the user may see
    /// it.
    fn own_row(
        &self,
        user: UserId,
        post: PostId,
    ) -> Result<Result<Vec<u8>, CommandRefusal>, StateError> {
        match self.tables.author(post)? {
            Some(author) if author == user => {
                Ok(Ok(self.tables.post_row(user, post)?.ok_or_else(missing)?))
            }
            Some(_) if self.seen(user, post)?.is_some() => Ok(Err(CommandRefusal::NotYours)),
            Some(_) | None => Ok(Err(CommandRefusal::NoSuchPost)),
        }
    }

    /// A post that is there, as everybody sees it who may.
    fn known_post(&self, author: UserId, post: PostId) -> Result<Post, StateError> {
        self.tables.post(author, post)?.ok_or_else(missing)
    }

    /// Whom a post of a user mentions, of these names: those who are there, and neither have blocked them nor been
    /// blocked.
    fn mentioned(&self, user: UserId, names: &[UserName]) -> Result<Vec<UserId>, StateError> {
        let mut mentioned = Vec::new();
        for name in names.iter().take(MOST_MENTIONS) {
            let Some(other) = self.tables.user_named(name)? else { continue };
            let is_meant = other != user
                && !mentioned.contains(&other)
                && !self.decide(|people| is_blocked(user, other, people))?;
            if is_meant {
                mentioned.push(other);
            }
        }
        Ok(mentioned)
    }
}

/// Where a post stands, whatever it says.
#[derive(Clone, Copy)]
struct Place {
    visibility: Visibility,
    reply_to: Option<ReplyTo>,
    conversation: PostId,
}

fn words(
    content: &PostContent,
    place: Place,
    mentioned: Vec<UserId>,
    pictures: Vec<PictureId>,
) -> Words<'_> {
    let Place { visibility, reply_to, conversation } = place;
    Words {
        text: content.text.as_str(),
        warning: content.warning.as_ref().map(PostText::as_str),
        sensitive: content.sensitive,
        language: content.language.as_ref().map(Language::as_str),
        visibility,
        reply_to,
        conversation,
        mentioned,
        hashtags: content.hashtags.clone(),
        terms: content.terms.clone(),
        edited_at: None,
        edits: 0,
        pictures,
    }
}

fn missing() -> StateError {
    StateError::damaged("a post is known but missing")
}
