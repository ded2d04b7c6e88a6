//! The options before the text of a post. Pure.

use crate::{
    domain::{Language, Preferences, Visibility},
    network::{NewPost, PostWords},
};

/// What comes before a text, as far as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostOptions {
    pub visibility: Option<Visibility>,
    /// An empty one is none, and not the one that was there.
    pub warning: Option<String>,
    pub sensitive: Option<bool>,
    pub language: Option<Language>,
}

/// Why options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionMistake {
    #[error("there is no option {0}: HELP POST lists them")]
    Unknown(String),
    #[error("{0} needs a value, such as {0} \"some words\"")]
    NoValue(&'static str),
    #[error("{0}")]
    Language(#[from] crate::domain::LanguageError),
}

const WARNING: &str = "--warning";
const LANGUAGE: &str = "--language";

impl PostOptions {
    /// What a new post says; what was not given is as its author prefers.
    pub fn words(self, text: &str, preferences: &Preferences) -> PostWords {
        let Self { warning, sensitive, language, .. } = self;
        let preferred = NewPost::preferring(text, preferences).says;
        PostWords {
            warning: warning.filter(|warning| !warning.is_empty()),
            sensitive: sensitive.unwrap_or(preferred.sensitive),
            language: language.or(preferred.language),
            ..preferred
        }
    }

    /// What a post says after an edit, which said `before`.
    pub fn words_instead_of(self, before: PostWords, text: &str) -> PostWords {
        PostWords {
            text: text.to_owned(),
            warning: match self.warning {
                Some(warning) => Some(warning).filter(|warning| !warning.is_empty()),
                None => before.warning,
            },
            sensitive: self.sensitive.unwrap_or(before.sensitive),
            language: self.language.or(before.language),
            ..before
        }
    }
}

/// Takes the options from the beginning of a line. The rest is the text, which may be empty.
pub fn take(line: &str) -> Result<(PostOptions, &str), OptionMistake> {
    let mut options = PostOptions::default();
    let mut rest = line;
    loop {
        let (word, after) = first_word(rest);
        let (name, value) = match word.split_once('=') {
            // The value may have spaces in it, which end the word.
            Some((name, _)) => (name, Some(&rest[name.len() + 1..])),
            None => (word, None),
        };
        match name {
            "--" => return Ok((options, after)),
            "--public" => options.visibility = Some(Visibility::Public),
            "--unlisted" => options.visibility = Some(Visibility::Unlisted),
            "--followers" => options.visibility = Some(Visibility::Followers),
            "--mentioned" => options.visibility = Some(Visibility::Mentioned),
            "--sensitive" => options.sensitive = Some(true),
            "--not-sensitive" => options.sensitive = Some(false),
            WARNING => {
                let (warning, after) = take_value(WARNING, value.unwrap_or(after))?;
                options.warning = Some(warning.to_owned());
                rest = after;
                continue;
            }
            LANGUAGE => {
                let (language, after) = take_value(LANGUAGE, value.unwrap_or(after))?;
                options.language = Some(Language::new(language)?);
                rest = after;
                continue;
            }
            // A mistyped option must not make something public that was not meant to be.
            _ if is_like_an_option(name) => return Err(OptionMistake::Unknown(name.to_owned())),
            _ => return Ok((options, rest)),
        }
        if value.is_some() {
            return Err(OptionMistake::Unknown(word.to_owned()));
        }
        rest = after;
    }
}

fn is_like_an_option(word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn take_value<'a>(
    option: &'static str,
    rest: &'a str,
) -> Result<(&'a str, &'a str), OptionMistake> {
    value(rest).ok_or(OptionMistake::NoValue(option))
}

/// A word, or what is between quotation marks, and what comes after it; none if there is none.
pub fn value(rest: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, after) = quoted.split_once('"')?;
        return Some((value, after.trim_start()));
    }
    Some(first_word(rest)).filter(|(word, _)| !word.is_empty())
}

fn first_word(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_the_text() {
        let none = PostOptions::default;
        let warning = |warning: &str| PostOptions { warning: Some(warning.to_owned()), ..none() };
        let visibility = |visibility| PostOptions { visibility: Some(visibility), ..none() };
        let language = Some(Language::new("de").expect("valid"));
        let all = PostOptions {
            visibility: Some(Visibility::Followers),
            sensitive: Some(true),
            language,
            ..warning("two words")
        };
        for (line, options, text) in [
            ("hello  there", none(), "hello  there"),
            ("--followers hello", visibility(Visibility::Followers), "hello"),
            ("--public a --mentioned", visibility(Visibility::Public), "a --mentioned"),
            ("--unlisted", visibility(Visibility::Unlisted), ""),
            ("--warning loud hello", warning("loud"), "hello"),
            ("--warning \"two words\" hello", warning("two words"), "hello"),
            ("--warning=\"two words\"hello", warning("two words"), "hello"),
            ("--warning=loud  hello", warning("loud"), "hello"),
            ("--warning \"\" hello", warning(""), "hello"),
            ("--language de --sensitive --warning \"two words\" --followers a\nb", all, "a\nb"),
            ("--not-sensitive a", PostOptions { sensitive: Some(false), ..none() }, "a"),
            ("-- --followers are words", none(), "--followers are words"),
            ("--8<-- cut here", none(), "--8<-- cut here"),
            ("- a list", none(), "- a list"),
            ("", none(), ""),
        ] {
            assert_eq!(take(line), Ok((options, text)), "{line:?}");
        }
    }

    #[test]
    fn a_mistyped_option_is_no_text() {
        for (line, words) in [
            ("--follower secret", "there is no option --follower: HELP POST lists them"),
            ("--public=yes hello", "there is no option --public=yes: HELP POST lists them"),
            ("--warning", "--warning needs a value, such as --warning \"some words\""),
            ("--warning \"open", "--warning needs a value, such as --warning \"some words\""),
            ("--language English hi", "a language is named by a tag such as en, de or zh-TW"),
        ] {
            assert_eq!(take(line).expect_err("refused").to_string(), words, "{line:?}");
        }
    }

    #[test]
    fn an_edit_keeps_what_is_not_given() {
        let before = || PostWords {
            warning: Some("loud".to_owned()),
            sensitive: true,
            ..PostWords::of("a")
        };
        let kept = PostOptions::default().words_instead_of(before(), "b");
        assert_eq!(kept, PostWords { text: "b".to_owned(), ..before() });
        let options = PostOptions { warning: Some(String::new()), ..PostOptions::default() };
        assert_eq!(options.clone().words_instead_of(before(), "b").warning, None);
        assert_eq!(options.words("b", &Preferences::default()), PostWords::of("b"));
    }
}
