//! Posts of a live timeline, which everybody who gets them shares, with what a protocol makes of them:
//! both are kept once, however many readers there are. Pure.

use std::{
    fmt,
    ops::{Deref, Range},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::domain::{Post, PostId};

/// Some posts in order, at least one. Cheap to clone; clones and parts share the posts.
#[derive(Clone)]
pub struct Posts {
    batch: Arc<Batch>,
    /// Which of the batch these are; never empty.
    range: Range<usize>,
}

struct Batch {
    posts: Vec<Post>,
    encoded: OnceLock<Encoded>,
}

/// All posts of a batch, one after the other.
struct Encoded {
    bytes: Bytes,
    /// Where each post ends.
    ends: Vec<usize>,
}

impl Posts {
    /// Posts with growing ids; none if there are none.
    pub fn new(posts: Vec<Post>) -> Option<Self> {
        debug_assert!(posts.is_sorted_by(|one, next| one.id < next.id), "posts come in order");
        let range = 0..posts.len();
        (!range.is_empty())
            .then(|| Self { batch: Arc::new(Batch { posts, encoded: OnceLock::new() }), range })
    }

    /// The newest of them, up to which a reader has everything with these.
    pub fn position(&self) -> PostId {
        self.last().expect("there is at least one").id
    }

    /// Those after `cursor`, if there are any.
    pub fn after(&self, cursor: PostId) -> Option<Self> {
        let before = self.partition_point(|post| post.id <= cursor);
        self.part(self.range.start + before..self.range.end)
    }

    /// The first of them, at most so many; none if that is none.
    pub fn first_few(&self, most: usize) -> Option<Self> {
        self.part(self.range.start..self.range.end.min(self.range.start + most))
    }

    fn part(&self, range: Range<usize>) -> Option<Self> {
        (!range.is_empty()).then(|| Self { batch: Arc::clone(&self.batch), range })
    }

    /// What a protocol sends for these posts, with `encode` adding what it sends for each. That is done
    /// once for all who share them: so one protocol alone may use this, the one with many readers.
    pub fn encoded(&self, encode: impl Fn(&Post, &mut Vec<u8>)) -> Bytes {
        let Encoded { bytes, ends } = self.batch.encoded.get_or_init(|| {
            let mut bytes = Vec::new();
            let add = |post| {
                encode(post, &mut bytes);
                bytes.len()
            };
            let ends = self.batch.posts.iter().map(add).collect();
            Encoded { bytes: bytes.into(), ends }
        });
        let starts = self.range.start.checked_sub(1).map_or(0, |before| ends[before]);
        bytes.slice(starts..ends[self.range.end - 1])
    }

    /// The posts themselves; copied only if others share them.
    pub fn into_vec(self) -> Vec<Post> {
        match Arc::try_unwrap(self.batch) {
            Ok(Batch { mut posts, .. }) => {
                posts.truncate(self.range.end);
                posts.split_off(self.range.start)
            }
            Err(shared) => shared.posts[self.range].to_vec(),
        }
    }
}

impl From<Post> for Posts {
    fn from(post: Post) -> Self {
        Self::new(vec![post]).expect("it is one")
    }
}

impl Deref for Posts {
    type Target = [Post];

    fn deref(&self) -> &[Post] {
        &self.batch.posts[self.range.clone()]
    }
}

impl PartialEq for Posts {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Posts {}

impl fmt::Debug for Posts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::domain::{UnixMillis, UserId, UserName};

    fn posts(ids: Range<u64>) -> Posts {
        let author = UserName::new("ann").expect("valid");
        let post = |id: u64| {
            let (at, text) = (UnixMillis::EPOCH, id.to_string());
            Post::plain(PostId::new(id), UserId(1), author.clone(), at, text)
        };
        Posts::new(ids.map(post).collect()).expect("some")
    }

    fn texts(posts: Option<Posts>) -> Vec<String> {
        let posts = posts.map(Posts::into_vec).unwrap_or_default();
        posts.into_iter().map(|post| post.text).collect()
    }

    #[test]
    fn parts_of_posts_are_those_after_a_cursor_and_the_first_few() {
        let all = posts(5..9);
        assert_eq!(all.position(), PostId::new(8));
        let after = |cursor| all.after(PostId::new(cursor));
        assert_eq!(texts(after(0)), ["5", "6", "7", "8"]);
        assert_eq!(texts(after(6)), ["7", "8"]);
        assert_eq!(after(8), None);
        assert_eq!(texts(all.first_few(2)), ["5", "6"]);
        assert_eq!(texts(all.first_few(9)), ["5", "6", "7", "8"]);
        assert_eq!(all.first_few(0), None);
        let middle = after(5).and_then(|rest| rest.first_few(2));
        assert_eq!(texts(middle.clone()), ["6", "7"]);
        drop(all);
        assert_eq!(texts(middle), ["6", "7"], "which nobody else has");
        assert!(Posts::new(Vec::new()).is_none());
    }

    #[test]
    fn each_post_is_encoded_once_for_all_who_share_it() {
        let all = posts(8..12);
        let encoded = Cell::new(0);
        let encode = |post: &Post, bytes: &mut Vec<u8>| {
            encoded.set(encoded.get() + 1);
            bytes.extend_from_slice(post.text.as_bytes());
        };
        let some = all.after(PostId::new(9)).expect("some");
        assert_eq!(some.encoded(encode), "1011");
        assert_eq!(all.encoded(encode), "891011");
        let [some, others] = [some.encoded(encode), all.encoded(encode)];
        assert_eq!(some.as_ptr(), others[2..].as_ptr(), "the same bytes");
        assert_eq!(encoded.get(), 4);
    }
}
