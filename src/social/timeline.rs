//! What belongs to a timeline, and where a page of posts begins.

use crate::domain::{PostId, UserId};

/// One author whose posts belong to a timeline: those that were made after `since`.
///
/// This is the one statement of that rule; the merge of a page and the delivery to a live timeline
/// rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Whose posts.
    pub author: UserId,
    /// The newest post at the time when the follow began.
    pub since: PostId,
}

impl Source {
    /// All posts of an author.
    pub const fn all_of(author: UserId) -> Self {
        Self { author, since: PostId::NONE }
    }

    /// Whether a post of the author belongs to the timeline.
    pub fn includes(self, post: PostId) -> bool {
        post > self.since
    }

    /// The last of the posts that are left out if those up to `post` are.
    pub fn excluded_up_to(self, post: PostId) -> PostId {
        post.max(self.since)
    }
}

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
    #[must_use]
    pub const fn past(self, post: PostId) -> Self {
        match self {
            Self::Before(_) => Self::Before(post),
            Self::After(_) => Self::After(post),
        }
    }

    /// Higher for posts that are to be read first.
    pub const fn rank(self, post: PostId) -> u64 {
        match self {
            Self::Before(_) => post.get(),
            Self::After(_) => !post.get(),
        }
    }

    /// Whether posts begin at the cursor and are in its direction, each once.
    pub fn is_order_of(self, posts: impl Iterator<Item = PostId>) -> bool {
        let mut cursor = self;
        posts.into_iter().all(|post| {
            let follows = match cursor {
                Self::Before(before) => post < before,
                Self::After(after) => post > after,
            };
            cursor = cursor.past(post);
            follows
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_order(cursor: Cursor, posts: &[u64]) -> bool {
        cursor.is_order_of(posts.iter().copied().map(PostId::new))
    }

    #[test]
    fn only_posts_made_since_a_follow_began_belong_to_the_timeline() {
        let source = Source { author: UserId(1), since: PostId::new(5) };
        for (post, belongs) in [(4, false), (5, false), (6, true)] {
            assert_eq!(source.includes(PostId::new(post)), belongs, "{post}");
        }
        assert!(Source::all_of(UserId(1)).includes(PostId::new(1)));
        for (seen, excluded) in [(0, 5), (5, 5), (9, 9)] {
            let last = source.excluded_up_to(PostId::new(seen));
            assert_eq!(last, PostId::new(excluded), "{seen}");
        }
    }

    #[test]
    fn a_page_begins_at_its_cursor_and_has_one_direction() {
        let (before, after) = (Cursor::Before(PostId::new(9)), Cursor::After(PostId::new(4)));
        for (posts, newest_first, oldest_first) in [
            (&[][..], true, true),
            (&[8, 7, 2], true, false),
            (&[5, 8, 9], false, true),
            (&[9, 8], false, false),
            (&[4, 5], false, false),
            (&[7, 7], false, false),
        ] {
            assert_eq!(is_order(before, posts), newest_first, "{posts:?}");
            assert_eq!(is_order(after, posts), oldest_first, "{posts:?}");
        }
    }
}
