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
use crate::{
    domain::{Post, PostId, UserId, UserName},
    social::{Cursor, Source},
};

/// The first `limit` posts of all sources from the cursor on, and whether there are more.
pub fn merge(
    tables: &ReadTables,
    sources: &[Source],
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
    debug_assert!(cursor.is_order_of(posts.iter().map(|post| post.id)), "a page has an order");
    Ok((posts, !heads.is_empty()))
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
