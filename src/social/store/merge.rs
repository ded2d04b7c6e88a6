//! What is behind every page of posts: the candidates in their order, of which those are read that belong to it.
//!
//! A timeline is not stored but merged when it is read: a post is written once, however many follow
//! its author. The cost is one lookup per followed author, and some per post of the page. Whoever follows
//! thousands reads in many steps. Other pages follow an index.

use std::{collections::BinaryHeap, mem};

use super::{
    StateError,
    acquaintance::{Acquaintance, Known},
    keys::{self, Parts, Personal, Prefix, Table},
    moment::Moment,
    personal_records::{self, MembershipRecord},
    post_records::{self, Body, PostRecord, post_and_author},
    reading,
    recent::{self, Found, Recent},
    records::{FollowRecord, decode, number},
};
use crate::{
    domain::{PersonalId, Post, PostId, Query, RepliesPolicy, UnixMillis, UserId},
    social::{
        Cursor, PostFacts, Relations as _, Source,
        visibility::{is_at_home, is_direct, is_followed, is_in_list, is_public, may_see},
    },
};

/// Rows that one step reads at most: some tenths of a millisecond.
const STEP: usize = 64;
/// So many posts that have a word of it are looked at for a page of a search: then it ends, and says that there may
/// be more.
const SEARCHED: usize = 4_096;

/// One step of a read.
#[derive(Debug)]
pub struct Step<T> {
    /// What was read, if that was the last step.
    pub done: Option<T>,
    /// How many rows the step has read.
    pub rows: usize,
}

/// A page that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageOfPosts {
    /// In the order of the cursor.
    pub posts: Vec<Post>,
    /// Whether there is more in the direction of reading.
    pub more: bool,
    /// Where the next page begins: the position of the last candidate.
    pub last: Option<PostId>,
}

/// Which of the candidates belong to a page.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Those that belong to the timeline of whom the reader follows.
    Followed,
    /// Those that belong to the reader's home timeline.
    Home,
    /// Those that belong to a list of the reader.
    List(PersonalId, RepliesPolicy),
    /// Those that are for everybody's timelines.
    Public,
    /// Those that belong to the reader's conversations.
    Direct,
    /// Those that the reader may see, and of an author's those that are wanted.
    Of { replies: bool, boosts: bool },
    /// Those of an author's that the reader may see, and that show pictures.
    PicturesOf,
    /// Those that the reader may see.
    Visible,
    /// Those of them that have these words.
    Search(Query),
}

/// A page of posts that is read in steps, so that others have their turn between them. All steps must
/// be given the same view.
pub struct PageRead {
    reader: Option<UserId>,
    now: UnixMillis,
    rule: Rule,
    cursor: Cursor,
    limit: usize,
    /// Newer posts are not there yet.
    newest: PostId,
    /// Rows that may still be read to find candidates.
    left: usize,
    candidates: Candidates,
    /// One more than the page has, if there are so many, each at its position.
    found: Vec<(PostId, Post)>,
    /// The last candidate that was looked at.
    looked_at: Option<PostId>,
    known: Known,
}

/// Where posts come from that may belong to a page.
enum Candidates {
    /// What the sources have, merged.
    Merged {
        /// What remains to be read of whose posts belong to it.
        sources: Option<SourceRead>,
        /// Whether the reader's own are among it, and those with hashtags that they follow.
        own: bool,
        /// What remains to be read of these hashtags.
        hashtags: Option<HashtagRead>,
        /// The posts of the hashtags that were read.
        indexes: Vec<Prefix>,
        heads: Heads,
    },
    /// The rows of an index; for the other terms of a search, only those that also have a row there.
    Indexed { index: Prefix, others: Vec<Prefix>, values: IndexValue },
}

/// What the rows of an index have.
#[derive(Clone, Copy)]
pub enum IndexValue {
    /// The author of the post at this position.
    Author,
    /// A post and its author.
    PostAndAuthor,
}

/// A post that may belong to a page, at its position in there.
struct Candidate {
    position: PostId,
    post: PostId,
    author: UserId,
    /// Whether it is one because the reader follows its author.
    is_followed: bool,
}

/// Some of the candidates.
#[derive(Default)]
struct Portion {
    candidates: Vec<Candidate>,
    /// How many rows were read to find them.
    rows: usize,
    /// The last row that was read, if there may be others after the last candidate.
    last: Option<PostId>,
}

/// What is common to all pages.
#[derive(Clone, Copy)]
pub struct Reading {
    pub reader: Option<UserId>,
    /// Of the log's time.
    pub now: UnixMillis,
    pub cursor: Cursor,
    pub limit: usize,
    pub newest: PostId,
}

impl PageRead {
    fn new(reading: Reading, rule: Rule, candidates: Candidates) -> Self {
        let Reading { reader, now, cursor, limit, newest } = reading;
        let left = if matches!(rule, Rule::Search(_)) { SEARCHED } else { usize::MAX };
        let (found, known) = (Vec::new(), Known::default());
        let looked_at = None;
        Self { reader, now, rule, cursor, limit, newest, left, candidates, found, looked_at, known }
    }

    /// What those have posted whom a user follows; `since` then, or all of it, with the user's own.
    pub(super) fn merged(reading: Reading, user: UserId, rule: Rule) -> Self {
        let own = matches!(rule, Rule::Home);
        let hashtags = own.then_some(HashtagRead { user, after: None });
        let sources = Some(match rule {
            Rule::List(list, _) => SourceRead::in_list(user, list),
            _ => SourceRead::of(user),
        });
        let (indexes, heads) = (Vec::new(), Heads::new());
        let candidates = Candidates::Merged { sources, own, hashtags, indexes, heads };
        Self::new(reading, rule, candidates)
    }

    /// What an author has posted.
    pub(super) fn of(
        moment: &Moment,
        reading: Reading,
        author: UserId,
        rule: Rule,
    ) -> Result<Self, StateError> {
        let (indexes, heads) = (Vec::new(), Heads::new());
        let candidates =
            Candidates::Merged { sources: None, own: false, hashtags: None, indexes, heads };
        let mut page = Self::new(reading, rule, candidates);
        page.push_head(moment, Head::Of(Source::all_of(author)), page.cursor)?;
        Ok(page)
    }

    /// What an index has.
    pub(super) fn indexed(reading: Reading, rule: Rule, index: Prefix, values: IndexValue) -> Self {
        Self::new(reading, rule, Candidates::Indexed { index, others: Vec::new(), values })
    }

    /// What has all the words of a query.
    pub(super) fn search(reading: Reading, query: Query) -> Self {
        let mut terms = query.terms().into_iter().map(Prefix::term);
        let index = terms.next().expect("a query has a word");
        let candidates =
            Candidates::Indexed { index, others: terms.collect(), values: IndexValue::Author };
        Self::new(reading, Rule::Search(query), candidates)
    }

    /// Reads on; when all is read, the page.
    pub(super) fn step(&mut self, moment: &Moment) -> Result<Step<PageOfPosts>, StateError> {
        let mut rows = 0;
        while rows < STEP {
            if self.push_sources(moment, &mut rows)? {
                continue;
            }
            let some = if self.is_full() { None } else { self.next_candidates(moment)? };
            let Some(some) = some else {
                return Ok(Step { done: Some(self.end()), rows: rows + 1 });
            };
            rows += some.rows;
            for candidate in some.candidates {
                if self.is_full() {
                    break;
                }
                // It may come for its author and for its hashtags.
                if self.looked_at != Some(candidate.position) {
                    self.look_at(candidate.position);
                    self.take(moment, &candidate)?;
                }
            }
            if self.found.len() <= self.limit {
                some.last.into_iter().for_each(|last| self.look_at(last));
                self.left = self.left.saturating_sub(some.rows);
            }
        }
        Ok(Step { done: None, rows })
    }

    /// Whether nothing more is looked at.
    fn is_full(&self) -> bool {
        self.found.len() > self.limit || self.left == 0
    }

    /// What was found.
    fn end(&mut self) -> PageOfPosts {
        let mut found = mem::take(&mut self.found);
        let has_another = found.len() > self.limit;
        found.truncate(self.limit);
        // Of a search that was ended, what comes next is after all that it has looked at.
        let was_ended = self.left == 0 && !has_another;
        let last = if was_ended { self.looked_at } else { found.last().map(|(last, _)| *last) };
        let ranks = found.iter().map(|(position, _)| self.cursor.rank(*position));
        debug_assert!(ranks.is_sorted_by(|one, next| one > next), "a page has an order");
        let posts = found.into_iter().map(|(_, post)| post).collect();
        PageOfPosts { posts, more: has_another || was_ended, last }
    }

    fn look_at(&mut self, position: PostId) {
        self.cursor = self.cursor.past(position);
        self.looked_at = Some(position);
    }

    /// Adds some sources whose posts may belong to it; false if there are none left.
    fn push_sources(&mut self, moment: &Moment, rows: &mut usize) -> Result<bool, StateError> {
        let Candidates::Merged { sources, own, .. } = &mut self.candidates else {
            return Ok(false);
        };
        if let (true, Some(reader)) = (sources.is_some() && self.found.is_empty(), self.reader) {
            self.known.look_at_mutes(moment, reader)?;
        }
        let some = if mem::take(own) {
            let reader = self.reader.expect("only somebody who is logged in is at home");
            vec![Source::all_of(reader)]
        } else {
            let Some(read) = sources else { return self.push_hashtags(moment, rows) };
            let Some(some) = read.step(moment)? else {
                *sources = None;
                return self.push_hashtags(moment, rows);
            };
            // Others than are in the list were read, too.
            *rows += if read.list.is_some() { STEP } else { 0 };
            some
        };
        *rows += some.len();
        for source in some {
            let source = match (&self.rule, self.reader) {
                (Rule::Followed, _) => source,
                (Rule::Home, Some(reader)) if reader != source.author => {
                    let mut people = Acquaintance::new(moment, &mut self.known, self.now);
                    if people.keeps_from_home(reader, source.author)? {
                        continue;
                    }
                    Source::all_of(source.author)
                }
                _ => Source::all_of(source.author),
            };
            self.push_head(moment, Head::Of(source), self.cursor)?;
        }
        Ok(true)
    }

    /// Adds some hashtags whose posts may belong to it; false if there are none left.
    fn push_hashtags(&mut self, moment: &Moment, rows: &mut usize) -> Result<bool, StateError> {
        let Candidates::Merged { hashtags, indexes, .. } = &mut self.candidates else {
            return Ok(false);
        };
        let Some(read) = hashtags else { return Ok(false) };
        let some = read.step(moment)?;
        let first = indexes.len();
        *rows += some.len();
        if some.is_empty() {
            *hashtags = None;
            return Ok(false);
        }
        indexes.extend(some);
        for index in first..indexes.len() {
            self.push_head(moment, Head::With(index), self.cursor)?;
        }
        Ok(true)
    }

    /// The next candidates from the cursor on, in order; none after the last.
    fn next_candidates(&mut self, moment: &Moment) -> Result<Option<Portion>, StateError> {
        match &mut self.candidates {
            Candidates::Merged { heads, .. } => {
                let Some((_, post, head)) = heads.pop() else { return Ok(None) };
                self.push_head(moment, head, self.cursor.past(post))?;
                let (author, is_followed) = match head {
                    Head::Of(source) => (source.author, true),
                    Head::With(_) => {
                        let author = post_records::author(moment, post)?;
                        (author.ok_or_else(|| missing(post))?, false)
                    }
                };
                let candidates = vec![Candidate { position: post, post, author, is_followed }];
                Ok(Some(Portion { candidates, rows: 1, last: None }))
            }
            Candidates::Indexed { index, others, values } => {
                let end = self.newest.next().unwrap_or(PostId::MAX);
                let rows = match self.cursor {
                    Cursor::Before(before) => {
                        moment.scan_back(index.between(PostId::NONE, before.min(end)))
                    }
                    Cursor::After(after) => moment.scan(index.between(after, end)),
                };
                let mut some = Portion::default();
                for row in rows.take(STEP) {
                    let (key, row) = row?;
                    let position = index.position(&key)?;
                    some.last = Some(position);
                    some.rows += 1;
                    let mut has_others = true;
                    for other in others.iter() {
                        has_others = has_others && moment.get(&other.at(position))?.is_some();
                    }
                    if has_others {
                        let (post, author) = match values {
                            IndexValue::Author => (position, UserId(number(&row)?)),
                            IndexValue::PostAndAuthor => post_and_author(&row)?,
                        };
                        let is_followed = false;
                        some.candidates.push(Candidate { position, post, author, is_followed });
                    }
                }
                Ok(some.last.is_some().then_some(some))
            }
        }
    }

    /// Adds a candidate to the page, if it belongs to it.
    fn take(&mut self, moment: &Moment, candidate: &Candidate) -> Result<(), StateError> {
        let Candidate { post, author, is_followed, .. } = *candidate;
        let row = post_records::post_row(moment, author, post)?.ok_or_else(|| missing(post))?;
        let record: PostRecord<'_> = decode(&row)?;
        let Some(facts) = record.facts(author) else { return Ok(()) };
        if let (Rule::Followed | Rule::Home | Rule::List(..), Some(reader)) =
            (&self.rule, self.reader)
            && is_followed
            && author != reader
        {
            // That is why it is a candidate.
            self.known.follows(reader, author);
        }
        let mut people = Acquaintance::new(moment, &mut self.known, self.now);
        if !belongs(&self.rule, self.reader, &facts, &record, &mut people)? {
            return Ok(());
        }
        let post = reading::of_record(self.reader, (author, post), &record, &mut people)?;
        self.found.extend(post.map(|post| (candidate.position, post)));
        Ok(())
    }

    /// Adds the first post of a head from the cursor on, if there is one.
    fn push_head(&mut self, moment: &Moment, head: Head, cursor: Cursor) -> Result<(), StateError> {
        if let Candidates::Merged { heads, indexes, .. } = &mut self.candidates {
            let post = match head {
                Head::Of(source) => next_post(moment, source, cursor, self.newest)?,
                Head::With(index) => next_indexed(moment, &indexes[index], cursor, self.newest)?,
            };
            heads.extend(post.map(|post| (cursor.rank(post), post, head)));
        }
        Ok(())
    }
}

fn missing(post: PostId) -> StateError {
    StateError::damaged(format!("post {post} is known but missing"))
}

/// Whether a post belongs to a page.
fn belongs(
    rule: &Rule,
    reader: Option<UserId>,
    facts: &PostFacts,
    record: &PostRecord<'_>,
    people: &mut Acquaintance<'_>,
) -> Result<bool, StateError> {
    match (rule, reader) {
        (Rule::Followed, Some(reader)) => is_followed(reader, facts, people),
        (Rule::Home, Some(reader)) => {
            let hashtags = match &record.body {
                Body::Words(words) => &words.hashtags[..],
                Body::Boost(_) | Body::Gone { .. } => &[],
            };
            is_at_home(reader, facts, hashtags, people)
        }
        (Rule::List(list, replies), Some(reader)) => {
            is_in_list(reader, (*list, *replies), facts, people)
        }
        (Rule::Direct, Some(reader)) => is_direct(reader, facts, people),
        (Rule::Followed | Rule::Home | Rule::List(..) | Rule::Direct, None) => Ok(false),
        (Rule::Public, _) => is_public(reader, facts, people),
        (Rule::Of { replies, boosts }, _) => {
            let answers_others = facts.reply_to.is_some_and(|other| other != facts.author);
            let is_wanted = (*replies || !answers_others) && (*boosts || facts.boosted.is_none());
            Ok(is_wanted && may_see(reader, facts, people)?)
        }
        (Rule::PicturesOf, _) => {
            let Body::Words(words) = &record.body else { return Ok(false) };
            Ok(!words.pictures.is_empty() && may_see(reader, facts, people)?)
        }
        (Rule::Visible, _) => may_see(reader, facts, people),
        (Rule::Search(query), _) => {
            let Body::Words(words) = &record.body else { return Ok(false) };
            Ok(query.matches(words.text) && may_see(reader, facts, people)?)
        }
    }
}

/// What belongs to a user's timeline, read in steps. All steps must be given the same view.
pub struct SourceRead {
    user: UserId,
    /// Whether it is only what belongs to a list.
    list: Option<PersonalId>,
    /// The name of the last author that was read, folded.
    after: Option<String>,
    is_complete: bool,
}

impl SourceRead {
    pub(super) fn of(user: UserId) -> Self {
        Self { user, list: None, after: None, is_complete: false }
    }

    fn in_list(user: UserId, list: PersonalId) -> Self {
        Self { list: Some(list), ..Self::of(user) }
    }

    /// The next ones, sorted by the authors' names; none after the last.
    pub(super) fn step(&mut self, moment: &Moment) -> Result<Option<Vec<Source>>, StateError> {
        if self.is_complete {
            return Ok(None);
        }
        let after = self.after.as_deref();
        let range = match self.list {
            None => keys::edges_after(Table::Following, self.user, after),
            Some(_) => keys::personal_after(self.user, Personal::Membership, after),
        };
        let mut sources = Vec::new();
        let mut last = None;
        let mut rows = 0;
        for row in moment.scan(range).take(STEP) {
            let (key, row) = row?;
            rows += 1;
            if let Some(list) = self.list {
                let MembershipRecord { member, lists } = decode(&row)?;
                sources.extend(lists.contains(&list).then(|| Source::all_of(member)));
                last = Some(personal_records::named(&key)?.to_owned());
            } else {
                let FollowRecord { followee, since } = decode(&row)?;
                sources.push(Source { author: followee, since });
                let mut key = Parts::of(&key);
                let _user = key.user()?;
                last = Some(key.text()?.to_owned());
            }
        }
        self.is_complete = rows < STEP;
        self.after = last;
        Ok(Some(sources))
    }
}

/// The hashtags that a user follows, read in steps.
struct HashtagRead {
    user: UserId,
    after: Option<String>,
}

impl HashtagRead {
    /// The posts of the next ones; none after the last.
    fn step(&mut self, moment: &Moment) -> Result<Vec<Prefix>, StateError> {
        let range = keys::personal_after(self.user, Personal::Hashtag, self.after.as_deref());
        let mut some = Vec::new();
        for row in moment.scan(range).take(STEP) {
            let hashtag = personal_records::hashtag(&row?.0)?;
            some.push(Prefix::hashtag(&hashtag)?);
            self.after = Some(hashtag.into());
        }
        Ok(some)
    }
}

/// From where a candidate comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Head {
    /// From the index of a hashtag, by its number among those that were read.
    With(usize),
    /// From whoever posted it.
    Of(Source),
}

/// The next post of each head that has one, by rank; of the same post, the one for its author comes first.
type Heads = BinaryHeap<(u64, PostId, Head)>;

/// The first post of an index from the cursor on, as far as the one that is the newest.
fn next_indexed(
    moment: &Moment,
    index: &Prefix,
    cursor: Cursor,
    newest: PostId,
) -> Result<Option<PostId>, StateError> {
    let end = newest.next().unwrap_or(PostId::MAX);
    let mut rows = match cursor {
        Cursor::Before(before) => moment.scan_back(index.between(PostId::NONE, before.min(end))),
        Cursor::After(after) => moment.scan(index.between(after, end)),
    };
    rows.next().map(|row| index.position(&row?.0)).transpose()
}

/// The first of an author's posts from the cursor on, as far as the one that is the newest.
fn next_post(
    moment: &Moment,
    source: Source,
    cursor: Cursor,
    newest: PostId,
) -> Result<Option<PostId>, StateError> {
    let Source { author, .. } = source;
    let end = newest.next().unwrap_or(PostId::MAX);
    let recent = moment.recent_posts();
    let (found, range) = match cursor {
        Cursor::Before(before) => {
            let (after, before) = (source.excluded_up_to(PostId::NONE), before.min(end));
            (recent.last_between(author, after, before), (after, Some(before)))
        }
        Cursor::After(after) => {
            let after = source.excluded_up_to(after);
            (recent.first_between(author, after, end), (after, None))
        }
    };
    match found {
        Found::Post(post) => return Ok(Some(post)),
        Found::Nothing => return Ok(None),
        Found::Unknown => {}
    }
    let range = keys::posts_between(author, range.0, range.1);
    let mut posts = match cursor {
        // Most begin with the newest, and others will begin there too.
        Cursor::Before(before) if before > newest => {
            keep_recent(moment, author)?;
            moment.scan_back(range)
        }
        Cursor::Before(_) => moment.scan_back(range),
        Cursor::After(_) => moment.scan(range),
    };
    posts.next().map(|row| post_of(&row?.0)).transpose()
}

/// Reads which posts of an author are the newest, and remembers it.
fn keep_recent(moment: &Moment, author: UserId) -> Result<(), StateError> {
    let posts = moment.scan_back(keys::posts_between(author, PostId::NONE, None));
    let newest_first = posts.take(recent::POSTS + 1).map(|row| post_of(&row?.0));
    let newest_first = newest_first.collect::<Result<Vec<_>, _>>()?;
    moment.recent_posts().keep(moment.seq(), author, Recent::new(newest_first));
    Ok(())
}

/// The post of a key.
fn post_of(key: &[u8]) -> Result<PostId, StateError> {
    let mut key = Parts::of(key);
    let (_author, post) = (key.user()?, key.post()?);
    Ok(post)
}
