//! The language of a post.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A tag of a language, such as `en` or `zh-TW` (BCP 47, as far as it is short). Only its form is checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

/// Why a text is no tag of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a language is named by a tag such as en, de or zh-TW")]
pub struct LanguageError;

impl Language {
    /// The longest tag, in characters (and bytes: tags are ASCII).
    pub const MAX_CHARS: usize = 16;

    /// Checks `tag`.
    pub fn new(tag: impl Into<String>) -> Result<Self, LanguageError> {
        let tag = tag.into();
        let mut parts = tag.split('-');
        let language = parts.next().unwrap_or_default();
        let is_language = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_part = |part: &str| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let is_tag = is_language && parts.all(is_part) && tag.len() <= Self::MAX_CHARS;
        if is_tag { Ok(Self(tag)) } else { Err(LanguageError) }
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Language {
    type Error = LanguageError;

    fn try_from(tag: String) -> Result<Self, LanguageError> {
        Self::new(tag)
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_short_tag() {
        for tag in ["en", "de", "yue", "zh-TW", "sr-Latn-RS", "es-419"] {
            assert_eq!(Language::new(tag).map(String::from), Ok(tag.to_owned()));
        }
        for tag in
            ["", "e", "EN", "english", "en-", "-en", "en_GB", "en-x", "äö", "en-GB-oxendict-x1"]
        {
            assert_eq!(Language::new(tag), Err(LanguageError), "{tag}");
        }
    }
}
