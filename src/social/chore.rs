//! Work that is too much for one entry of the log, and goes on over many: the state knows what is left of it, and
//! whoever leads asks for the next step until nothing is.

use serde::{Deserialize, Serialize};

use crate::domain::{PostId, UserId};

/// What is left of some work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chore {
    /// Somebody has deleted their account: what there was of them goes.
    DeleteAccount {
        /// Whose.
        user: UserId,
        /// What goes now; all before it is gone.
        stage: DeletionStage,
        /// The last key that was looked at in this stage; empty before the first.
        after: Vec<u8>,
    },
    /// A post was edited: whoever has boosted it is told.
    TellOfEdit {
        /// Its author.
        author: UserId,
        /// The post.
        post: PostId,
        /// The last who was told, or might have been.
        after: UserId,
    },
}

/// What goes of somebody who has deleted their account, in this order. Who could see their posts is known until those
/// are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeletionStage {
    /// Their posts and boosts.
    Posts,
    /// Their pictures that belong to no post.
    Pictures,
    /// Their likes and other marks.
    Marks,
    /// Whom they follow.
    Following,
    /// Who follows them.
    Followers,
    /// Whom they have blocked.
    Blocks,
    /// Whom they have muted.
    Mutes,
    /// Who asks to follow them.
    Requests,
    /// What they remember of others.
    Notes,
    /// Lists, hashtags, filters, and what else they keep for themselves.
    Personal,
    /// What others' rows have about them: blocks, mutes, requests and notes.
    RowsAboutThem,
    /// What they were told.
    Notifications,
    /// What they say about themselves, and their name.
    Person,
}

impl DeletionStage {
    /// The first.
    pub const FIRST: Self = Self::Posts;

    /// What goes after this; none after the last.
    pub const fn next(self) -> Option<Self> {
        Some(match self {
            Self::Posts => Self::Pictures,
            Self::Pictures => Self::Marks,
            Self::Marks => Self::Following,
            Self::Following => Self::Followers,
            Self::Followers => Self::Blocks,
            Self::Blocks => Self::Mutes,
            Self::Mutes => Self::Requests,
            Self::Requests => Self::Notes,
            Self::Notes => Self::Personal,
            Self::Personal => Self::RowsAboutThem,
            Self::RowsAboutThem => Self::Notifications,
            Self::Notifications => Self::Person,
            Self::Person => return None,
        })
    }
}
