//! The merge behind every page of posts.
//!
//! A timeline is not stored but merged when it is read: a post is written once, however many follow
//! its author. The cost is one lookup per followed author, and one per post of the page. Whoever follows thousands
//! reads in many steps.

use std::{
    collections::{BTreeMap, BinaryHeap, btree_map::Entry},
    mem,
};

use super::{
    StateError,
    keys::{self, Parts, Table},
    moment::Moment,
    recent::{self, Found, Recent},
    records::{FollowRecord, PostRecord, decode, known_user},
};
use crate::{
    domain::{Post, PostId, UserId, UserName},
    social::{Cursor, Source},
};

/// Rows that one step reads at most: some tenths of a millisecond.
const STEP: usize = 64;

/// One step of a read.
#[derive(Debug)]
pub struct Step<T> {
    /// What was read, if that was the last step.
    pub done: Option<T>,
    /// How many rows the step has read.
    pub rows: usize,
}

/// A page of posts that is read in steps, so that others have their turn between them. All steps must
/// be given the same view.
pub struct PageRead {
    cursor: Cursor,
    limit: usize,
    /// Newer posts are not there yet.
    newest: PostId,
    /// What remains to be read of whose posts belong to it.
    sources: Option<SourceRead>,
    heads: Heads,
    posts: Vec<Post>,
    names: BTreeMap<UserId, UserName>,
}

impl PageRead {
    /// The first `limit` posts from the cursor on that belong to a user's timeline.
    pub(super) fn timeline(user: UserId, cursor: Cursor, limit: usize, newest: PostId) -> Self {
        let sources = Some(SourceRead::of(user));
        let (heads, posts, names) = (Heads::new(), Vec::new(), BTreeMap::new());
        Self { cursor, limit, newest, sources, heads, posts, names }
    }

    /// The first `limit` posts of one source from the cursor on.
    pub(super) fn of(
        moment: &Moment,
        source: Source,
        cursor: Cursor,
        limit: usize,
        newest: PostId,
    ) -> Result<Self, StateError> {
        let timeline = Self::timeline(source.author, cursor, limit, newest);
        let mut page = Self { sources: None, ..timeline };
        page.push_head(moment, source, cursor)?;
        Ok(page)
    }

    /// Reads on; when all is read, the posts, and whether there are more.
    pub(super) fn step(&mut self, moment: &Moment) -> Result<Step<(Vec<Post>, bool)>, StateError> {
        let mut rows = 0;
        while rows < STEP {
            if let Some(sources) = &mut self.sources {
                let Some(some) = sources.step(moment)? else {
                    self.sources = None;
                    continue;
                };
                rows += some.len();
                for source in some {
                    self.push_head(moment, source, self.cursor)?;
                }
                continue;
            }
            let next = if self.posts.len() < self.limit { self.heads.pop() } else { None };
            let Some((_, post, source)) = next else {
                let posts = mem::take(&mut self.posts);
                let in_order = self.cursor.is_order_of(posts.iter().map(|post| post.id));
                debug_assert!(in_order, "a page has an order");
                return Ok(Step { done: Some((posts, !self.heads.is_empty())), rows });
            };
            rows += 1;
            self.posts.push(read(moment, source.author, post, &mut self.names)?);
            self.push_head(moment, source, self.cursor.past(post))?;
        }
        Ok(Step { done: None, rows })
    }

    /// Adds the first post of a source from the cursor on, if there is one.
    fn push_head(
        &mut self,
        moment: &Moment,
        source: Source,
        cursor: Cursor,
    ) -> Result<(), StateError> {
        if let Some(post) = next_post(moment, source, cursor, self.newest)? {
            debug_assert!(source.includes(post), "part of the timeline");
            self.heads.push((cursor.rank(post), post, source));
        }
        Ok(())
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
    let (_author, post) = (key.user()?, key.number()?);
    Ok(PostId::new(post))
}

fn read(
    moment: &Moment,
    author: UserId,
    post: PostId,
    names: &mut BTreeMap<UserId, UserName>,
) -> Result<Post, StateError> {
    let row = moment
        .get(&keys::post(author, post))?
        .ok_or_else(|| StateError::damaged(format!("post {post} is known but missing")))?;
    let PostRecord { at: posted_at, text } = decode(&row)?;
    let author_name = match names.entry(author) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(unknown) => unknown.insert(known_user(moment, author)?.name).clone(),
    };
    Ok(Post { id: post, author, author_name, posted_at, text: text.to_owned() })
}
