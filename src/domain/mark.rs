//! What a reader may do with a post.

use serde::{Deserialize, Serialize};

/// A mark that a reader sets on a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Mark {
    /// Its author learns of it, and everybody sees how many there are.
    Like = 1,
    /// Nobody else learns of it.
    Bookmark,
    /// One's own post is shown first among one's posts.
    Pin,
    /// What happens in its conversation is not notified any more.
    Mute,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Like, Self::Bookmark, Self::Pin, Self::Mute];
}

/// Which marks the reader of a post has set on it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// See [`Mark::Like`].
    pub liked: bool,
    /// The reader has boosted it.
    pub boosted: bool,
    /// See [`Mark::Bookmark`].
    pub bookmarked: bool,
    /// See [`Mark::Pin`].
    pub pinned: bool,
    /// See [`Mark::Mute`].
    pub muted: bool,
}
