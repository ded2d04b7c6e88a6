//! What can be taken from a file.

/// Whom a file lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importable {
    /// Whom to follow.
    Follows,
    /// Whom to block.
    Blocks,
    /// Whom to mute.
    Mutes,
}

impl Importable {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Follows, Self::Blocks, Self::Mutes];

    /// Its name, as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Follows => "follows",
            Self::Blocks => "blocks",
            Self::Mutes => "mutes",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }
}
