//! User names.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::UserId;

/// With this begins what stands for the names of those who are gone.
const NOBODY: &str = "deleted.";

/// A valid user name: 1 to 32 of `A-Za-z0-9_.-`, starting with a letter or digit.
///
/// Two names that differ only in case belong to the same user; compare their [`UserName::folded`]
/// form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// Why a text is not a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No character at all.
    #[error("a user name cannot be empty")]
    Empty,
    /// More than [`UserName::MAX_CHARS`] characters.
    #[error("a user name has at most {} characters", UserName::MAX_CHARS)]
    TooLong,
    /// Starts with one of `_.-`, or contains a character that is not allowed.
    #[error(
        "a user name is made of letters A-Z and a-z, digits, '_', '.' and '-', and starts with a letter or digit"
    )]
    Forbidden,
}

impl UserName {
    /// The longest name, in characters (and bytes: names are ASCII).
    pub const MAX_CHARS: usize = 32;

    /// Checks `name`.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        match name.as_bytes() {
            [] => Err(NameError::Empty),
            [first, ..] if !first.is_ascii_alphanumeric() => Err(NameError::Forbidden),
            bytes if !bytes.iter().copied().all(allowed) => Err(NameError::Forbidden),
            bytes if bytes.len() > Self::MAX_CHARS => Err(NameError::TooLong),
            _ => Ok(Self(name)),
        }
    }

    /// As its owner typed it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for the name of somebody who is gone.
    pub fn of_nobody(user: UserId) -> Self {
        Self(format!("{NOBODY}{}", user.0))
    }

    /// Whether a name could be that of somebody who is gone: then nobody else may have it.
    pub fn stands_for_nobody(&self) -> bool {
        self.folded().starts_with(NOBODY)
    }

    /// The form in which names are unique: lower case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for UserName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_every_allowed_character_and_length() {
        for name in ["u1", "A", "9.-_z", &"x".repeat(32)] {
            assert_eq!(UserName::new(name).map(String::from), Ok(name.to_owned()));
        }
    }

    #[test]
    fn refuses_what_could_hurt_a_path_a_screen_or_a_reader() {
        for (name, why) in [
            ("", NameError::Empty),
            (".hidden", NameError::Forbidden),
            ("-flag", NameError::Forbidden),
            ("../escape", NameError::Forbidden),
            ("a b", NameError::Forbidden),
            ("ä", NameError::Forbidden),
            ("a\u{1b}[2J", NameError::Forbidden),
            (&"x".repeat(33), NameError::TooLong),
        ] {
            assert_eq!(UserName::new(name), Err(why), "{name:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_fold_to_one() {
        let [upper, lower] = ["Alice", "aLICE"].map(|name| UserName::new(name).expect("valid"));
        assert_eq!(upper.folded(), lower.folded());
    }
}
