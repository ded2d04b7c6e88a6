//! Posts.

use serde::{Deserialize, Serialize};

use super::{UnixMillis, UserId, UserName};

/// A post's number, counted from 1 in the order in which the cluster applied them: a cursor into
/// every timeline. 0 stands before the first.
pub type PostId = u64;

/// A valid post: not blank, at most the limit's characters, no control characters but newline and
/// tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostText(String);

/// Why a text is not a post.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("a post cannot be blank")]
    Blank,
    /// Too many characters.
    #[error("a post has at most {limit} characters, this one has {length}")]
    TooLong {
        /// Characters allowed.
        limit: usize,
        /// Characters found.
        length: usize,
    },
    /// A control character.
    #[error("a post cannot contain the control character U+{code:04X}; newline and tab are allowed", code = u32::from(*.0))]
    Control(char),
}

impl PostText {
    /// Checks `text` against a limit in characters.
    pub fn new(text: impl Into<String>, limit: usize) -> Result<Self, TextError> {
        let text = text.into();
        let length = text.chars().count();
        if length > limit {
            return Err(TextError::TooLong { limit, length });
        }
        let forbidden = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
        if let Some(control) = text.chars().find(forbidden) {
            return Err(TextError::Control(control));
        }
        if text.trim().is_empty() {
            return Err(TextError::Blank);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A post as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its number.
    pub id: PostId,
    /// Who wrote it.
    pub author: UserId,
    /// The author's name.
    pub author_name: UserName,
    /// When the available server took it.
    pub posted_at: UnixMillis,
    /// What it says.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_and_not_bytes() {
        assert!(PostText::new("é".repeat(1_000), 1_000).is_ok());
        assert_eq!(
            PostText::new("é".repeat(1_001), 1_000),
            Err(TextError::TooLong { limit: 1_000, length: 1_001 })
        );
    }

    #[test]
    fn refuses_blank_posts_and_control_characters() {
        assert_eq!(PostText::new(" \n\t ", 9), Err(TextError::Blank));
        assert_eq!(PostText::new("", 9), Err(TextError::Blank));
        for control in ['\u{1b}', '\0', '\r', '\u{7f}', '\u{9b}'] {
            assert_eq!(PostText::new(format!("a{control}"), 9), Err(TextError::Control(control)));
        }
        assert!(PostText::new("two\nlines\tand a tab", 99).is_ok());
    }
}
