//! Codes that those who run the network hand out: to join with, or once instead of a password. Whoever asks
//! for one has drawn it, so that a repeated request has the same.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A code that nobody can guess. Left out of `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretCode(String);

/// Why a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a code has {} to {} of a-z and 0-9, and hyphens between them",
    SecretCode::MIN,
    SecretCode::MAX
)]
pub struct CodeError;

impl SecretCode {
    /// Of characters of which each has five bits: as many as nobody tries out.
    const MIN: usize = 16;
    const MAX: usize = 64;
    /// Without those that are mistaken for others.
    const ALPHABET: &'static [u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

    /// Checks a code as somebody has typed it.
    pub fn new(text: &str) -> Result<Self, CodeError> {
        let text = text.trim().to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (Self::MIN..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        if fits { Ok(Self(text)) } else { Err(CodeError) }
    }

    /// Made of random bytes: 100 bits of them.
    pub fn of_random(bytes: [u8; 20]) -> Self {
        let letters: Vec<u8> =
            bytes.iter().map(|byte| Self::ALPHABET[usize::from(byte % 32)]).collect();
        let groups = letters.chunks(5).map(|group| String::from_utf8_lossy(group).into_owned());
        Self(groups.collect::<Vec<_>>().join("-"))
    }

    /// As it is typed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SecretCode {
    type Error = CodeError;

    fn try_from(text: String) -> Result<Self, CodeError> {
        Self::new(&text)
    }
}

impl From<SecretCode> for String {
    fn from(code: SecretCode) -> Self {
        code.0
    }
}

impl fmt::Debug for SecretCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretCode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_made_whatever_the_case() {
        let code = SecretCode::of_random([
            0, 1, 2, 3, 255, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 31,
        ]);
        assert_eq!(SecretCode::new(code.expose()), Ok(code.clone()));
        assert_eq!(SecretCode::new(&code.expose().to_uppercase()), Ok(code.clone()));
        assert_eq!(code.expose().len(), 23);
        for text in ["", "short", "has a space in it somewhere", &"x".repeat(65)] {
            assert_eq!(SecretCode::new(text), Err(CodeError), "{text}");
        }
        assert_eq!(format!("{code:?}"), "SecretCode");
    }
}
