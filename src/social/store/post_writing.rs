//! The rows of posts, and of what people do with them, for writing. Which of them happens is decided by
//! [`apply`](crate::social::apply).

use super::{
    Known, StateError,
    keys::{self, Prefix, Table},
    post_records::{
        self, Body, BoostedPost, ChangeRecord, MarkRecord, PostRecord, RevisionRecord, Words,
        index_row, post_and_author_row,
    },
    reading,
    records::{Meta, decode, encode, number},
    writing::Tables,
};
use crate::{
    domain::{Mark, Post, PostCounts, PostId, UnixMillis, UserId},
    social::visibility::{is_for_public_timelines, is_listed, of_a_conversation},
};

/// So many edits and deletions are known at most.
const MOST_CHANGES: u64 = 100_000;
/// For so long they are known at least, if there are fewer; nothing is forgotten while nothing is added.
const CHANGES_KNOWN_FOR_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// So many are forgotten at most when one is added.
const FORGOTTEN_AT_A_TIME: usize = 2;

impl Tables<'_> {
    /// The author of a post, if there is or was one of that number.
    pub fn author(&self, post: PostId) -> Result<Option<UserId>, StateError> {
        post_records::author(self.moment(), post)
    }

    /// The row of a post, to be decoded.
    pub fn post_row(&self, author: UserId, post: PostId) -> Result<Option<Vec<u8>>, StateError> {
        Ok(post_records::post_row(self.moment(), author, post)?.map(|row| row.to_vec()))
    }

    /// A post as everybody sees it who may; none if it is gone.
    pub fn post(&self, author: UserId, post: PostId) -> Result<Option<Post>, StateError> {
        reading::shared_post(self.moment(), author, post)
    }

    /// A post that was just made, as everybody sees it who may.
    pub fn new_post(
        &self,
        post: PostId,
        author: UserId,
        at: UnixMillis,
        words: &Words<'_>,
    ) -> Result<Post, StateError> {
        let mut known = Known::default();
        reading::of_new_words((author, post), at, words, &mut self.acquaintance(&mut known, at))
    }

    /// Adds a post or a boost, whose id is higher than all before.
    pub fn put_post(
        &mut self,
        post: PostId,
        author: UserId,
        record: &PostRecord<'_>,
    ) -> Result<(), StateError> {
        self.change.add(&keys::post(author, post), &encode(record));
        self.change.add(&keys::of_post(Table::Authors, post), &author.0.to_be_bytes());
        self.change.added_post(author, post);
        if let Some(reply_to) = record.reply_to() {
            self.change.put(&keys::answer(reply_to.post, post), &author.0.to_be_bytes());
        }
        match &record.body {
            Body::Words(words) => {
                self.index_words(post, author, words)?;
                self.count_words(author, words, 1)
            }
            Body::Boost(_) | Body::Gone { .. } => Ok(()),
        }
    }

    /// Replaces what a post says, and keeps what it said.
    pub fn edit_post(
        &mut self,
        post: PostId,
        author: UserId,
        old: &PostRecord<'_>,
        words: &Words<'_>,
    ) -> Result<(), StateError> {
        let Body::Words(before) = &old.body else {
            return Err(StateError::damaged("only what says something is edited"));
        };
        let revision = RevisionRecord {
            at: before.edited_at.unwrap_or(old.at),
            text: before.text,
            warning: before.warning,
            sensitive: before.sensitive,
            pictures: before.pictures.clone(),
        };
        self.change.put(&keys::revision(post, before.edits), &encode(&revision));
        self.remove_words_from_indexes(post, author, before)?;
        let record = PostRecord { at: old.at, body: Body::Words(words.clone()) };
        self.change.put(&keys::post(author, post), &encode(&record));
        self.index_words(post, author, words)
    }

    /// Leaves nothing of a post but its place in the conversation.
    pub fn delete_post(
        &mut self,
        post: PostId,
        author: UserId,
        at: UnixMillis,
        words: &Words<'_>,
    ) -> Result<(), StateError> {
        self.remove_words_from_indexes(post, author, words)?;
        self.count_words(author, words, -1)?;
        for key in self.moment().scan(keys::revisions(post)).collect::<Result<Vec<_>, _>>()? {
            self.change.remove(&keys::Key::of_stored(&key.0));
        }
        let Words { reply_to, conversation, .. } = *words;
        let record = PostRecord { at, body: Body::Gone { reply_to, conversation } };
        self.change.put(&keys::post(author, post), &encode(&record));
        Ok(())
    }

    /// Removes a boost.
    pub fn delete_boost(&mut self, boost: PostId, author: UserId) {
        self.change.remove(&keys::post(author, boost));
        self.change.remove(&keys::of_post(Table::Authors, boost));
        self.change.removed_post(author);
    }

    /// What a reader has done with a post.
    pub fn marks(&self, user: UserId, post: PostId) -> Result<Option<MarkRecord>, StateError> {
        post_records::marks(self.moment(), user, post)
    }

    /// Changes what a reader has done with a post, from one to another.
    pub fn change_marks(
        &mut self,
        user: UserId,
        post: PostId,
        mut old: MarkRecord,
        mut new: MarkRecord,
    ) -> Result<(), StateError> {
        let author = new.author;
        for mark in Mark::ALL {
            let (old, new) = (*old.of(mark), *new.of(mark));
            if old == new {
                continue;
            }
            let by_time = Prefix::marks(user, mark);
            if let Some(old) = old {
                self.change.remove(&by_time.at(old));
                self.change.remove(&keys::mark_by_post(post, mark, user));
            }
            if let Some(new) = new {
                self.change.put(&by_time.at(new), &post_and_author_row(post, author));
                self.change.put(&keys::mark_by_post(post, mark, user), &[]);
            }
        }
        let added = |old: Option<PostId>, new: Option<PostId>| {
            i64::from(new.is_some()) - i64::from(old.is_some())
        };
        match (old.boost, new.boost) {
            (None, Some(_)) => self.change.put(&keys::boost_by_post(post, user), &[]),
            (Some(_), None) => self.change.remove(&keys::boost_by_post(post, user)),
            (None, None) | (Some(_), Some(_)) => {}
        }
        let (likes, boosts) = (added(old.liked, new.liked), added(old.boost, new.boost));
        if likes != 0 || boosts != 0 {
            self.count_post(post, |counts| {
                counts.likes = counts.likes.saturating_add_signed(likes);
                counts.boosts = counts.boosts.saturating_add_signed(boosts);
            })?;
        }
        if new.is_none() {
            self.change.remove(&keys::marks(user, post));
        } else {
            self.change.put(&keys::marks(user, post), &encode(&new));
        }
        Ok(())
    }

    /// Those who have boosted a post, after one of them, in the order of their numbers.
    pub fn boosters(
        &self,
        post: PostId,
        after: UserId,
    ) -> impl Iterator<Item = Result<UserId, StateError>> + use<> {
        let rows = self.moment().scan(keys::boosts_by_post_after(post, after));
        rows.map(|row| keys::last_user(&row?.0))
    }

    /// How many marks of a kind a user has set, at most so many.
    pub fn count_marks(&self, user: UserId, mark: Mark, most: usize) -> Result<usize, StateError> {
        let range = Prefix::marks(user, mark).between(PostId::NONE, PostId::MAX);
        let marks = self.moment().scan(range).take(most);
        marks.map(|row| row.map(drop)).collect::<Result<Vec<()>, _>>().map(|all| all.len())
    }

    /// Adds an edit or a deletion, and forgets some of those that are known for long enough.
    pub fn put_change(
        &mut self,
        meta: &mut Meta,
        position: PostId,
        change: &ChangeRecord,
    ) -> Result<(), StateError> {
        self.change.add(&keys::of_post(Table::Changes, position), &encode(change));
        meta.changes_kept = meta.changes_kept.saturating_add(1);
        let old = keys::changes_between(meta.changes_since, position);
        let old = self.moment().scan(old).take(FORGOTTEN_AT_A_TIME);
        for row in old.collect::<Result<Vec<_>, _>>()? {
            let (key, row) = row;
            let known: ChangeRecord = decode(&row)?;
            let is_old = change.at.saturating_ms_since(known.at) > CHANGES_KNOWN_FOR_MS;
            if !is_old && meta.changes_kept <= MOST_CHANGES {
                break;
            }
            let position = keys::Parts::of(&key).post()?;
            self.change.remove(&keys::of_post(Table::Changes, position));
            meta.changes_since = position;
            meta.changes_kept = meta.changes_kept.saturating_sub(1);
        }
        Ok(())
    }

    /// Adds a post to the indexes of what it says.
    fn index_words(
        &mut self,
        post: PostId,
        author: UserId,
        words: &Words<'_>,
    ) -> Result<(), StateError> {
        let facts = words.facts(author);
        let row = author.0.to_be_bytes();
        if is_listed(&facts) {
            self.change.add(&Prefix::listed().at(post), &row);
        }
        if is_for_public_timelines(&facts) {
            for hashtag in &words.hashtags {
                self.change.put(&Prefix::hashtag(hashtag)?.at(post), &row);
                self.count_hashtag(&keys::hashtag(hashtag), 1)?;
            }
        }
        for user in of_a_conversation(&facts) {
            self.change.put(&Prefix::direct(user).at(post), &row);
        }
        for term in &words.terms {
            self.change.put(&Prefix::term(*term).at(post), &row);
        }
        Ok(())
    }

    /// The reverse.
    fn remove_words_from_indexes(
        &mut self,
        post: PostId,
        author: UserId,
        words: &Words<'_>,
    ) -> Result<(), StateError> {
        let facts = words.facts(author);
        if is_listed(&facts) {
            self.change.remove(&Prefix::listed().at(post));
        }
        if is_for_public_timelines(&facts) {
            for hashtag in &words.hashtags {
                self.change.remove(&Prefix::hashtag(hashtag)?.at(post));
                self.count_hashtag(&keys::hashtag(hashtag), -1)?;
            }
        }
        for user in of_a_conversation(&facts) {
            self.change.remove(&Prefix::direct(user).at(post));
        }
        for term in &words.terms {
            self.change.remove(&Prefix::term(*term).at(post));
        }
        Ok(())
    }

    /// Counts a post that everybody may see, or ceases to.
    fn count_words(
        &mut self,
        author: UserId,
        words: &Words<'_>,
        more: i64,
    ) -> Result<(), StateError> {
        if !words.visibility.is_for_everybody() {
            return Ok(());
        }
        if let Some(reply_to) = words.reply_to {
            self.count_post(reply_to.post, |counts| {
                counts.replies = counts.replies.saturating_add_signed(more);
            })?;
        }
        self.count(author, |counts| counts.posts = counts.posts.saturating_add_signed(more))
    }

    fn count_post(
        &mut self,
        post: PostId,
        count: impl FnOnce(&mut PostCounts),
    ) -> Result<(), StateError> {
        let key = keys::of_post(Table::PostCounts, post);
        let mut counts = post_records::counts(self.moment(), post)?;
        count(&mut counts);
        if counts == PostCounts::default() {
            self.change.remove(&key);
        } else {
            self.change.put(&key, &index_row(&counts));
        }
        Ok(())
    }

    fn count_hashtag(&mut self, key: &keys::Key, more: i64) -> Result<(), StateError> {
        let before = self.moment().get(key)?.map_or(Ok(0), |row| number(&row))?;
        match before.saturating_add_signed(more) {
            0 => self.change.remove(key),
            count => self.change.put(key, &count.to_be_bytes()),
        }
        Ok(())
    }
}

/// A boost of a post, made at a time.
pub fn boost_record(at: UnixMillis, boosted: BoostedPost) -> PostRecord<'static> {
    PostRecord { at, body: Body::Boost(boosted) }
}
