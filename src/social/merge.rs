//! The merge behind every page of posts.
//!
//! A timeline is not stored but merged when it is read: a post is written once, however many follow
//! its author. The cost is one index lookup per followed author, and one per post of the page; only
//! a heap of numbers is held in memory, not a page of the file per author.

use std::{
    collections::{BTreeMap, BinaryHeap, btree_map::Entry},
    ops::Bound,
};

use super::{
    StateError,
    tables::{PostRecord, ReadTables, decode, known_user},
};
use crate::domain::{Post, PostId, UserId, UserName};

/// Where a page of posts begins, and in which direction it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Posts with a smaller id, newest first; [`PostId::MAX`] begins with the newest.
    Before(PostId),
    /// Posts with a greater id, oldest first; [`PostId::NONE`] begins with the oldest.
    After(PostId),
}

impl Cursor {
    /// The cursor that continues after `post`.
    const fn past(self, post: PostId) -> Self {
        match self {
            Self::Before(_) => Self::Before(post),
            Self::After(_) => Self::After(post),
        }
    }

    /// Higher for posts that are to be read first.
    const fn rank(self, post: PostId) -> u64 {
        match self {
            Self::Before(_) => post.get(),
            Self::After(_) => !post.get(),
        }
    }
}

/// One author's posts with a greater id than `since`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PostSource {
    pub author: u64,
    pub since: PostId,
}

/// The first `limit` posts of all sources from the cursor on, and whether there are more.
pub fn merge(
    tables: &ReadTables,
    sources: &[PostSource],
    cursor: Cursor,
    limit: usize,
) -> Result<(Vec<Post>, bool), StateError> {
    let mut heads: Heads = BinaryHeap::with_capacity(sources.len());
    for &source in sources {
        push_head(tables, &mut heads, source, cursor)?;
    }
    let mut posts = Vec::new();
    let mut names = BTreeMap::new();
    while posts.len() < limit {
        let Some((_, post, source)) = heads.pop() else { break };
        posts.push(read(tables, post, &mut names)?);
        push_head(tables, &mut heads, source, cursor.past(post))?;
    }
    Ok((posts, !heads.is_empty()))
}

/// The next post of each source that has one, by rank.
type Heads = BinaryHeap<(u64, PostId, PostSource)>;

fn push_head(
    tables: &ReadTables,
    heads: &mut Heads,
    source: PostSource,
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
    PostSource { author, since }: PostSource,
    cursor: Cursor,
) -> Result<Option<PostId>, StateError> {
    let (after, end) = match cursor {
        Cursor::Before(before) => (since, Bound::Excluded((author, before.get()))),
        Cursor::After(after) => (after.max(since), Bound::Included((author, u64::MAX))),
    };
    let mut range = tables.posts_by_author.range((Bound::Excluded((author, after.get())), end))?;
    let row = match cursor {
        Cursor::Before(_) => range.next_back(),
        Cursor::After(_) => range.next(),
    };
    Ok(row.transpose()?.map(|(key, _)| PostId::new(key.value().1)))
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
