//! Who may see a post.

use serde::{Deserialize, Serialize};

/// For whom a post is meant. What follows from it for one reader is a rule of the social graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Visibility {
    /// Everybody sees it, and it is in the public timelines.
    #[default]
    Public,
    /// Everybody sees it, and it is in no public timeline.
    Unlisted,
    /// Those who follow its author, and those who are mentioned in it.
    Followers,
    /// Those who are mentioned in it.
    Mentioned,
}

impl Visibility {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Public, Self::Unlisted, Self::Followers, Self::Mentioned];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Followers => "followers",
            Self::Mentioned => "mentioned",
        }
    }

    /// The visibility of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|visibility| visibility.name() == name)
    }

    /// Whether everybody may see it whom its author has not blocked.
    pub const fn is_for_everybody(self) -> bool {
        matches!(self, Self::Public | Self::Unlisted)
    }
}
