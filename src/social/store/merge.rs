//! The merge behind every page of posts.
//!
//! A timeline is not stored but merged when it is read: a post is written once, however many follow
//! its author. The cost is one lookup per followed author, and one per post of the page. Whoever follows thousands
//! reads in many steps.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap, btree_map::Entry},
    mem,
};

use super::{
    StateError,
    keys::{self, Parts, Table},
    moment::Moment,
    records::{FollowRecord, PostRecord, decode, known_user},
    tree::Bytes,
};
use crate::{
    domain::{Post, PostId, UserId, UserName},
    social::{Cursor, Source},
};

/// Rows and posts that one step reads: some tenths of a millisecond.
const STEP: usize = 64;

/// A page of posts that is read in steps, so that others have their turn between them. All steps must
/// be given the same view.
pub struct PageRead {
    cursor: Cursor,
    limit: usize,
    /// What remains to be read of whose posts belong to it.
    sources: Option<SourceRead>,
    heads: Heads,
    posts: Vec<Post>,
    names: BTreeMap<UserId, UserName>,
}

impl PageRead {
    /// The first `limit` posts from the cursor on that belong to a user's timeline.
    pub(super) fn timeline(user: UserId, cursor: Cursor, limit: usize) -> Self {
        let sources = Some(SourceRead::of(user));
        let (heads, posts, names) = (Heads::new(), Vec::new(), BTreeMap::new());
        Self { cursor, limit, sources, heads, posts, names }
    }

    /// The first `limit` posts of one source from the cursor on.
    pub(super) fn of(
        moment: &Moment,
        source: Source,
        cursor: Cursor,
        limit: usize,
    ) -> Result<Self, StateError> {
        let mut page = Self { sources: None, ..Self::timeline(source.author, cursor, limit) };
        push_head(moment, &mut page.heads, source, cursor)?;
        Ok(page)
    }

    /// Reads on; when all is read, the posts, and whether there are more.
    pub(super) fn step(
        &mut self,
        moment: &Moment,
    ) -> Result<Option<(Vec<Post>, bool)>, StateError> {
        if let Some(sources) = &mut self.sources {
            match sources.step(moment)? {
                Some(some) => {
                    for source in some {
                        push_head(moment, &mut self.heads, source, self.cursor)?;
                    }
                    return Ok(None);
                }
                None => self.sources = None,
            }
        }
        for _ in 0..STEP {
            let next = if self.posts.len() < self.limit { self.heads.pop() } else { None };
            let Some(head) = next else {
                let posts = mem::take(&mut self.posts);
                let in_order = self.cursor.is_order_of(posts.iter().map(|post| post.id));
                debug_assert!(in_order, "a page has an order");
                return Ok(Some((posts, !self.heads.is_empty())));
            };
            self.posts.push(post(moment, &head, &mut self.names)?);
            push_head(moment, &mut self.heads, head.source, self.cursor.past(head.post))?;
        }
        Ok(None)
    }
}

/// What belongs to a user's timeline, read in steps. All steps must be given the same view.
pub struct SourceRead {
    user: UserId,
    /// The name of the last author that was read, folded.
    after: Option<String>,
}

impl SourceRead {
    pub(super) fn of(user: UserId) -> Self {
        Self { user, after: None }
    }

    /// The next ones, sorted by the authors' names; none after the last.
    pub(super) fn step(&mut self, moment: &Moment) -> Result<Option<Vec<Source>>, StateError> {
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
        self.after = last.or(self.after.take());
        Ok((!sources.is_empty()).then_some(sources))
    }
}

/// The next post of each source that has one, by rank, and its row.
type Heads = BinaryHeap<Head>;

/// The next post of a source.
struct Head {
    rank: u64,
    post: PostId,
    source: Source,
    row: Bytes,
}

impl Head {
    fn order(&self) -> (u64, PostId, Source) {
        (self.rank, self.post, self.source)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

fn push_head(
    moment: &Moment,
    heads: &mut Heads,
    source: Source,
    cursor: Cursor,
) -> Result<(), StateError> {
    if let Some((post, row)) = next_post(moment, source, cursor)? {
        heads.push(Head { rank: cursor.rank(post), post, source, row });
    }
    Ok(())
}

/// The first of an author's posts from the cursor on.
fn next_post(
    moment: &Moment,
    source: Source,
    cursor: Cursor,
) -> Result<Option<(PostId, Bytes)>, StateError> {
    let Source { author, .. } = source;
    let row = match cursor {
        Cursor::Before(before) => {
            let after = source.excluded_up_to(PostId::NONE);
            moment.scan_back(keys::posts_between(author, after, Some(before))).next()
        }
        Cursor::After(after) => {
            let after = source.excluded_up_to(after);
            moment.scan(keys::posts_between(author, after, None)).next()
        }
    };
    let Some((key, row)) = row.transpose()? else { return Ok(None) };
    let mut key = Parts::of(&key);
    let (_author, post) = (key.number()?, PostId::new(key.number()?));
    debug_assert!(source.includes(post), "part of the timeline");
    Ok(Some((post, row)))
}

fn post(
    moment: &Moment,
    Head { post, source, row, .. }: &Head,
    names: &mut BTreeMap<UserId, UserName>,
) -> Result<Post, StateError> {
    let author = source.author;
    let PostRecord { at: posted_at, text } = decode(row)?;
    let author_name = match names.entry(author) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(unknown) => unknown.insert(known_user(moment, author)?.name).clone(),
    };
    Ok(Post { id: *post, author, author_name, posted_at, text: text.to_owned() })
}
