//! What one person is to another.

use serde::{Deserialize, Serialize};

use super::UnixMillis;

/// What somebody wants to change about another person, besides following them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelationChange {
    /// Neither sees the other any more; they cease to follow each other.
    Block,
    /// Ends that.
    Unblock,
    /// Their posts are left out of one's timelines.
    Mute {
        /// Whether what they do is not notified either.
        notifications: bool,
        /// When it ends by itself.
        until: Option<UnixMillis>,
    },
    /// Ends that.
    Unmute,
    /// They cease to follow.
    RemoveFollower,
    /// They follow from now on, as they have asked to.
    AcceptRequest,
    /// They do not.
    RejectRequest,
    /// What one wants to remember of them, for oneself; empty for nothing.
    Note(String),
}

/// What the caller is to somebody, and they to the caller.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relationship {
    /// The caller follows them.
    pub following: bool,
    /// The caller has asked to.
    pub requested: bool,
    /// They follow the caller.
    pub followed_by: bool,
    /// They have asked to.
    pub requested_by: bool,
    /// The caller has blocked them.
    pub blocking: bool,
    /// The caller has muted them.
    pub muting: bool,
    /// Their notifications, too.
    pub muting_notifications: bool,
    /// When that ends by itself.
    pub muting_until: Option<UnixMillis>,
    /// What the caller remembers of them.
    pub note: String,
}
