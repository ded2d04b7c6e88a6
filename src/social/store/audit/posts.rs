//! What belongs to posts: that their indexes have them, and that they were counted right.

use super::{Audit, agree, contradiction};
use crate::{
    domain::{Mark, PostCounts, PostId, UserId},
    social::{
        StateError,
        pictures::PicturePlace,
        store::{
            keys::{self, KeyRange, Parts, Prefix, Table},
            post_records::{
                self, Body, ChangeRecord, MarkRecord, PostRecord, RevisionRecord, Words,
                post_and_author,
            },
            records::{decode, known_user, number},
        },
        visibility::{is_for_public_timelines, is_listed, of_a_conversation},
    },
};

impl Audit<'_> {
    pub(super) fn post(&mut self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (author, post) = (key.user()?, key.post()?);
        key.end()?;
        let record: PostRecord<'_> = decode(value)?;
        let before = self.last_post.replace((author, record.at));
        if before.is_none_or(|(last, _)| last != author) {
            known_user(self.moment, author)?;
        }
        let is_there = post > PostId::NONE && post <= self.meta.newest_post;
        agree(is_there, || "there is no post with such a number yet".to_owned())?;
        let in_order = before.is_none_or(|(last, before)| last != author || before <= record.at);
        agree(in_order, || "it is older than the author's post before it".to_owned())?;
        let known = post_records::author(self.moment, post)?;
        agree(known == Some(author), || "its author is not known as such".to_owned())?;
        if let Some(reply_to) = record.reply_to() {
            self.is_indexed(Table::Answers, &keys::answer(reply_to.post, post), author)?;
        }
        self.compare_counts_of_post(post)?;
        match &record.body {
            Body::Words(words) => {
                self.posts += 1;
                self.expect_so_many(Table::Revisions, words.edits);
                self.words(post, author, words)
            }
            Body::Boost(boosted) => {
                let marks = post_records::marks(self.moment, author, boosted.post)?;
                let is_known = marks.is_some_and(|marks| marks.boost == Some(post));
                agree(is_known, || "its author does not know of this boost".to_owned())
            }
            Body::Gone { .. } => Ok(()),
        }
    }

    fn words(&mut self, post: PostId, author: UserId, words: &Words<'_>) -> Result<(), StateError> {
        let facts = words.facts(author);
        if is_listed(&facts) {
            self.is_indexed(Table::ListedPosts, &Prefix::listed().at(post), author)?;
        }
        if is_for_public_timelines(&facts) {
            for hashtag in &words.hashtags {
                let key = Prefix::hashtag(hashtag)?.at(post);
                self.is_indexed(Table::PostsByHashtag, &key, author)?;
                let first =
                    self.count_rows(Prefix::hashtag(hashtag)?.between(PostId::NONE, post))?;
                if first == 0 {
                    self.expect(Table::Hashtags);
                }
            }
        }
        for user in of_a_conversation(&facts) {
            self.is_indexed(Table::DirectPosts, &Prefix::direct(user).at(post), author)?;
        }
        self.has_pictures(author, &words.pictures, |of| of == PicturePlace::Post(post))?;
        for term in &words.terms {
            self.is_indexed(Table::PostsByTerm, &Prefix::term(*term).at(post), author)?;
        }
        Ok(())
    }

    /// Whether an index leads from a key to an author.
    fn is_indexed(
        &mut self,
        table: Table,
        key: &keys::Key,
        author: UserId,
    ) -> Result<(), StateError> {
        self.expect(table);
        let row = self.moment.get(key)?.map(|row| number(&row)).transpose()?;
        agree(row == Some(author.0), || format!("it is missing among the {}", table.name()))
    }

    fn compare_counts_of_post(&self, post: PostId) -> Result<(), StateError> {
        let mut counts = PostCounts {
            replies: 0,
            boosts: self.count_rows(keys::boosts_by_post(post))?,
            likes: self.count_rows(keys::marks_by_post(post, Mark::Like))?,
        };
        for row in self.moment.scan(keys::answers(post)) {
            let (key, author) = row?;
            let mut key = Parts::of(&key);
            let (_post, answer, author) = (key.post()?, key.post()?, UserId(number(&author)?));
            let row = post_records::post_row(self.moment, author, answer)?;
            let row = row.ok_or_else(|| contradiction("an answer to it is missing"))?;
            let facts = decode::<PostRecord<'_>>(&row)?.facts(author);
            if facts.is_some_and(|facts| facts.visibility.is_for_everybody()) {
                counts.replies += 1;
            }
        }
        let counted = post_records::counts(self.moment, post)?;
        agree(counted == counts, || format!("{counted:?} were counted, and there are {counts:?}"))
    }

    pub(super) fn count_rows(&self, range: KeyRange) -> Result<u64, StateError> {
        self.moment.scan(range).try_fold(0, |count, row| row.map(|_| count + 1))
    }

    pub(super) fn author(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (post, author) = (key.post()?, UserId(number(value)?));
        key.end()?;
        let row = post_records::post_row(self.moment, author, post)?;
        agree(row.is_some(), || "there is no such post".to_owned())
    }

    pub(super) fn hashtag(&self, key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let hashtag = crate::domain::Hashtag::stored(key.text()?);
        let range = Prefix::hashtag(&hashtag)?.between(PostId::NONE, PostId::MAX);
        let (counted, there) = (number(value)?, self.count_rows(range)?);
        agree(counted == there, || format!("{counted} posts were counted, and there are {there}"))
    }

    pub(super) fn counted_post(&self, mut key: Parts<'_>) -> Result<(), StateError> {
        let post = key.post()?;
        key.end()?;
        let author = post_records::author(self.moment, post)?;
        agree(author.is_some(), || "there is no such post".to_owned())
    }

    pub(super) fn revision(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (post, revision) = (key.post()?, key.number()?);
        key.end()?;
        let _revision: RevisionRecord<'_> = decode(value)?;
        let author = post_records::author(self.moment, post)?;
        let author = author.ok_or_else(|| contradiction("there is no such post"))?;
        let row = post_records::post_row(self.moment, author, post)?;
        let row = row.ok_or_else(|| contradiction("there is no such post"))?;
        let record: PostRecord<'_> = decode(&row)?;
        let edits = match &record.body {
            Body::Words(words) => words.edits,
            Body::Boost(_) | Body::Gone { .. } => 0,
        };
        agree(revision < edits, || "the post was not edited so often".to_owned())
    }

    pub(super) fn marks(&mut self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (user, post) = (key.user()?, key.post()?);
        key.end()?;
        let mut marks: MarkRecord = decode(value)?;
        known_user(self.moment, user)?;
        let author = post_records::author(self.moment, post)?;
        agree(author == Some(marks.author), || "the post is not of that author".to_owned())?;
        for mark in Mark::ALL {
            let Some(position) = *marks.of(mark) else { continue };
            self.expect(Table::MarksByTime);
            self.expect(Table::MarksByPost);
            let by_time = self.moment.get(&Prefix::marks(user, mark).at(position))?;
            let by_time = by_time.map(|row| post_and_author(&row)).transpose()?;
            agree(by_time == Some((post, marks.author)), || {
                format!("{mark:?} is missing among the marks by time")
            })?;
            let by_post = self.moment.get(&keys::mark_by_post(post, mark, user))?;
            agree(by_post.is_some(), || format!("{mark:?} is missing among the marks by post"))?;
        }
        if let Some(boost) = marks.boost {
            self.expect(Table::MarksByPost);
            let by_post = self.moment.get(&keys::boost_by_post(post, user))?;
            agree(by_post.is_some(), || "the boost is missing among the marks by post".to_owned())?;
            let boost = post_records::post_row(self.moment, user, boost)?;
            agree(boost.is_some(), || "there is no such boost".to_owned())?;
        }
        agree(!marks.is_none(), || "nothing is marked".to_owned())
    }

    pub(super) fn change(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let position = key.post()?;
        key.end()?;
        let _change: ChangeRecord = decode(value)?;
        let is_known = position > self.meta.changes_since && position <= self.meta.newest_post;
        agree(is_known, || "no change with such a position is known".to_owned())
    }
}
