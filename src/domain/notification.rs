//! What somebody is told of what others do.

use serde::{Deserialize, Serialize};

use super::{Post, PostId, UnixMillis, UserId, UserName};

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NotificationKind {
    /// Somebody follows.
    Followed,
    /// Somebody asks to follow.
    FollowRequested,
    /// Somebody mentions the reader, or answers a post of theirs.
    Mentioned,
    /// Somebody has boosted a post of the reader.
    Boosted,
    /// Somebody likes a post of the reader.
    Liked,
    /// Somebody has changed a post that the reader has boosted.
    Edited,
}

/// One thing that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its position in the feed, which no post has.
    pub id: PostId,
    /// What has happened.
    pub kind: NotificationKind,
    /// When.
    pub at: UnixMillis,
    /// Who has done it.
    pub actor_id: UserId,
    /// Their name.
    pub actor: UserName,
    /// Which post it is about; none if it is about no post.
    pub post: Option<Post>,
}

/// What its owner wants to change about their notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationChange {
    /// All up to this one have been read.
    ReadUpTo(PostId),
    /// This one is to be forgotten.
    Dismiss(PostId),
    /// All are to be forgotten.
    Clear,
}
