//! What is behind every page of posts: the candidates in their order, of which those are read that belong to it.
//!
//! A timeline is not stored but merged when it is read: a post is written once, however many follow
//! its author. The cost is one lookup per followed author, and some per post of the page. Whoever follows
//! thousands reads in many steps. Other pages follow an index.

use std::{collections::BinaryHeap, mem};

use super::{
    StateError,
    acquaintance::{Acquaintance, Known},
    keys::{self, Parts, Prefix, Table},
    moment::Moment,
    post_records::{self, Body, PostRecord, post_and_author},
    reading,
    recent::{self, Found, Recent},
    records::{FollowRecord, decode, number},
};
use crate::{
    domain::{Post, PostId, Query, UnixMillis, UserId},
    social::{
        Cursor, PostFacts, Source,
        visibility::{is_at_home, is_followed, is_public, may_see},
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
    /// Those that are for everybody's timelines.
    Public,
    /// Those that the reader may see, and of an author's those that are wanted.
    Of { replies: bool, boosts: bool },
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
        /// Whether the reader's own are among it.
        own: bool,
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
        let sources = Some(SourceRead::of(user));
        let candidates = Candidates::Merged { sources, own, heads: Heads::new() };
        Self::new(reading, rule, candidates)
    }

    /// What an author has posted.
    pub(super) fn of(
        moment: &Moment,
        reading: Reading,
        author: UserId,
        rule: Rule,
    ) -> Result<Self, StateError> {
        let candidates = Candidates::Merged { sources: None, own: false, heads: Heads::new() };
        let mut page = Self::new(reading, rule, candidates);
        page.push_head(moment, Source::all_of(author), page.cursor)?;
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
                self.look_at(candidate.position);
                self.take(moment, &candidate)?;
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
            let Some(read) = sources else { return Ok(false) };
            let Some(some) = read.step(moment)? else {
                *sources = None;
                return Ok(false);
            };
            some
        };
        *rows += some.len();
        for source in some {
            let source = match self.rule {
                Rule::Followed => source,
                _ => Source::all_of(source.author),
            };
            self.push_head(moment, source, self.cursor)?;
        }
        Ok(true)
    }

    /// The next candidates from the cursor on, in order; none after the last.
    fn next_candidates(&mut self, moment: &Moment) -> Result<Option<Portion>, StateError> {
        match &mut self.candidates {
            Candidates::Merged { heads, .. } => {
                let Some((_, post, source)) = heads.pop() else { return Ok(None) };
                self.push_head(moment, source, self.cursor.past(post))?;
                let candidates = vec![Candidate { position: post, post, author: source.author }];
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
                        some.candidates.push(Candidate { position, post, author });
                    }
                }
                Ok(some.last.is_some().then_some(some))
            }
        }
    }

    /// Adds a candidate to the page, if it belongs to it.
    fn take(&mut self, moment: &Moment, candidate: &Candidate) -> Result<(), StateError> {
        let Candidate { post, author, .. } = *candidate;
        let Some(row) = post_records::post_row(moment, author, post)? else {
            return Err(StateError::damaged(format!("post {post} is known but missing")));
        };
        let record: PostRecord<'_> = decode(&row)?;
        let Some(facts) = record.facts(author) else { return Ok(()) };
        if let (Rule::Followed | Rule::Home, Some(reader)) = (&self.rule, self.reader)
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

    /// Adds the first post of a source from the cursor on, if there is one.
    fn push_head(
        &mut self,
        moment: &Moment,
        source: Source,
        cursor: Cursor,
    ) -> Result<(), StateError> {
        if let Candidates::Merged { heads, .. } = &mut self.candidates
            && let Some(post) = next_post(moment, source, cursor, self.newest)?
        {
            debug_assert!(source.includes(post), "part of the timeline");
            heads.push((cursor.rank(post), post, source));
        }
        Ok(())
    }
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
        (Rule::Home, Some(reader)) => is_at_home(reader, facts, people),
        (Rule::Followed | Rule::Home, None) => Ok(false),
        (Rule::Public, _) => is_public(reader, facts, people),
        (Rule::Of { replies, boosts }, _) => {
            let answers_others = facts.reply_to.is_some_and(|other| other != facts.author);
            let is_wanted = (*replies || !answers_others) && (*boosts || facts.boosted.is_none());
            Ok(is_wanted && may_see(reader, facts, people)?)
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
    /// The name of the last author that was read, folded.
    after: Option<String>,
    is_complete: bool,
}

impl SourceRead {
    pub(super) fn of(user: UserId) -> Self {
        Self { user, after: None, is_complete: false }
    }

    /// The next ones, sorted by the authors' names; none after the last.
    pub(super) fn step(&mut self, moment: &Moment) -> Result<Option<Vec<Source>>, StateError> {
        if self.is_complete {
            return Ok(None);
        }
        let range = keys::edges_after(Table::Following, self.user, self.after.as_deref());
        let mut sources = Vec::new();
        let mut last = None;
        for row in moment.scan(range).take(STEP) {
            let (key, row) = row?;
            let FollowRecord { followee, since } = decode(&row)?;
            sources.push(Source { author: followee, since });
            let mut key = Parts::of(&key);
            let _user = key.user()?;
            last = Some(key.text()?.to_owned());
        }
        self.is_complete = sources.len() < STEP;
        self.after = last;
        Ok(Some(sources))
    }
}

/// The next post of each source that has one, by rank.
type Heads = BinaryHeap<(u64, PostId, Source)>;

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
