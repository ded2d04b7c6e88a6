//! The merge behind every page of posts.
//!
//! A timeline is not stored but merged when it is read: a post is written once, however many follow
//! its author. The cost is one index lookup per followed author, and one per post of the page; only
//! a heap of numbers is held in memory, not a page of the file per author. Whoever follows thousands
//! reads in many steps.

use std::{
    collections::{BTreeMap, BinaryHeap, btree_map::Entry},
    mem,
    ops::Bound,
};

use super::{
    StateError,
    tables::{FollowRecord, PostRecord, ReadTables, decode, known_user},
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
    names: BTreeMap<u64, UserName>,
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
        tables: Option<&ReadTables>,
        source: Source,
        cursor: Cursor,
        limit: usize,
    ) -> Result<Self, StateError> {
        let mut page = Self { sources: None, ..Self::timeline(source.author, cursor, limit) };
        if let Some(tables) = tables {
            push_head(tables, &mut page.heads, source, cursor)?;
        }
        Ok(page)
    }

    /// Reads on; when all is read, the posts, and whether there are more.
    pub(super) fn step(
        &mut self,
        tables: &ReadTables,
    ) -> Result<Option<(Vec<Post>, bool)>, StateError> {
        if let Some(sources) = &mut self.sources {
            match sources.step(tables)? {
                Some(some) => {
                    for source in some {
                        push_head(tables, &mut self.heads, source, self.cursor)?;
                    }
                    return Ok(None);
                }
                None => self.sources = None,
            }
        }
        for _ in 0..STEP {
            let next = if self.posts.len() < self.limit { self.heads.pop() } else { None };
            let Some((_, post, source)) = next else {
                let posts = mem::take(&mut self.posts);
                let in_order = self.cursor.is_order_of(posts.iter().map(|post| post.id));
                debug_assert!(in_order, "a page has an order");
                return Ok(Some((posts, !self.heads.is_empty())));
            };
            self.posts.push(read(tables, post, &mut self.names)?);
            push_head(tables, &mut self.heads, source, self.cursor.past(post))?;
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
    pub(super) fn step(&mut self, tables: &ReadTables) -> Result<Option<Vec<Source>>, StateError> {
        let start = match &self.after {
            Some(after) => Bound::Excluded((self.user.0, after.as_str())),
            None => Bound::Included((self.user.0, "")),
        };
        let mut sources = Vec::new();
        let mut last = None;
        for row in tables.following.range((start, Bound::Unbounded))?.take(STEP) {
            let (key, value) = row?;
            let (user, name) = key.value();
            if user != self.user.0 {
                break;
            }
            let FollowRecord { followee, since } = decode(value.value())?;
            sources.push(Source { author: UserId(followee), since });
            last = Some(name.to_owned());
        }
        self.after = last.or(self.after.take());
        Ok((!sources.is_empty()).then_some(sources))
    }
}

/// The next post of each source that has one, by rank.
type Heads = BinaryHeap<(u64, PostId, Source)>;

fn push_head(
    tables: &ReadTables,
    heads: &mut Heads,
    source: Source,
    cursor: Cursor,
) -> Result<(), StateError> {
    if let Some(post) = next_post(tables, source, cursor)? {
        heads.push((cursor.rank(post), post, source));
    }
    Ok(())
}

/// The first of an author's posts from the cursor on.
fn next_post(
    tables: &ReadTables,
    source: Source,
    cursor: Cursor,
) -> Result<Option<PostId>, StateError> {
    let author = source.author.0;
    let (after, end) = match cursor {
        Cursor::Before(before) => (PostId::NONE, Bound::Excluded((author, before.get()))),
        Cursor::After(after) => (after, Bound::Included((author, u64::MAX))),
    };
    let after = source.excluded_up_to(after).get();
    let mut range = tables.posts_by_author.range((Bound::Excluded((author, after)), end))?;
    let row = match cursor {
        Cursor::Before(_) => range.next_back(),
        Cursor::After(_) => range.next(),
    };
    let post = row.transpose()?.map(|(key, _)| PostId::new(key.value().1));
    debug_assert!(post.is_none_or(|post| source.includes(post)), "part of the timeline");
    Ok(post)
}

fn read(
    tables: &ReadTables,
    post: PostId,
    names: &mut BTreeMap<u64, UserName>,
) -> Result<Post, StateError> {
    let row = tables
        .posts
        .get(post.get())?
        .ok_or_else(|| StateError::damaged(format!("post {post} is indexed but missing")))?;
    let PostRecord { author, at: posted_at, text } = decode(row.value())?;
    let author_name = match names.entry(author) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(unknown) => unknown.insert(known_user(&tables.users, author)?.name).clone(),
    };
    Ok(Post { id: post, author: UserId(author), author_name, posted_at, text: text.to_owned() })
}
