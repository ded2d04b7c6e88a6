//! Hashtags.
//!
//! Which characters make a word is what Unicode says: the standard library knows letters, digits and
//! lower case, `unicode-segmentation` knows what belongs to the character before it. Deliberately
//! absent is normalisation: an `é` of one character and one of two make two hashtags.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// A valid hashtag, in lower case and without its `#`: 1 to 100 letters, digits, combining marks and
/// `_`, with at least one letter, in any script.
///
/// Two hashtags that differ only in case are one. Lower case is not quite what Unicode calls case
/// folding (`ß` and `ss` stay two), but it is how people expect to see a hashtag.
///
/// What was checked once is not checked again when it is read from a log or a disk: another version may know
/// other letters, and masters of different versions must not differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashtag(String);

/// Why a text is not a hashtag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashtagError {
    /// No character at all.
    #[error("a hashtag cannot be empty")]
    Empty,
    /// More than [`Hashtag::MAX_CHARS`] characters.
    #[error("a hashtag has at most {} characters", Hashtag::MAX_CHARS)]
    TooLong,
    /// Starts with a combining mark, or contains a character that is not allowed.
    #[error("a hashtag is made of letters, digits and '_', and is written here without its '#'")]
    Forbidden,
    /// Nothing but digits and `_`.
    #[error("a hashtag has at least one letter")]
    NoLetter,
}

impl Hashtag {
    /// The longest hashtag, in characters of its lower case: longer than the longest words that
    /// people join into one, and short enough for a line of a screen.
    pub const MAX_CHARS: usize = 100;

    /// Checks `text`, which is without the `#`, and turns it into lower case.
    pub fn new(text: &str) -> Result<Self, HashtagError> {
        if text.is_empty() {
            return Err(HashtagError::Empty);
        }
        if tag_length(text) != text.len() {
            return Err(HashtagError::Forbidden);
        }
        if !text.chars().any(char::is_alphabetic) {
            return Err(HashtagError::NoLetter);
        }
        // Some letters are two in lower case. What is stored has to pass when it is read again.
        let folded = text.to_lowercase();
        if folded.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(HashtagError::TooLong);
        }
        Ok(Self(folded))
    }

    /// One that was checked before it was stored.
    pub(crate) fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// In lower case, without the `#`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hashtag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for Hashtag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Hashtag> for String {
    fn from(hashtag: Hashtag) -> Self {
        hashtag.0
    }
}

/// How many bytes of `text`, from its start, could be a hashtag, if they are not too many and one of
/// them is a letter.
pub(super) fn tag_length(text: &str) -> usize {
    let mut before = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let after = characters.peek().map(|&(_, after)| after);
        let belongs = match before {
            // A mark at the start belongs to the '#': that of a keycap emoji, for example.
            None => is_word_character(c) && !is_mark(c),
            Some(before) if is_joiner(c) => is_joined(before) && after.is_some_and(is_joined),
            Some(_) => is_word_character(c),
        };
        if !belongs {
            return at;
        }
        before = Some(c);
    }
    text.len()
}

/// Whether a character is part of a word, so that a `#` or `@` behind it begins nothing.
pub(super) fn is_word_character(c: char) -> bool {
    // Fillers of the Korean script are letters to Unicode, but nobody sees them.
    let is_filler = matches!(c, '\u{115f}'..='\u{1160}' | '\u{3164}' | '\u{ffa0}');
    c == '_' || (c.is_alphanumeric() && !is_filler) || is_mark(c)
}

/// Whether a character is a combining mark: an accent, a vowel sign, a tone, a virama.
fn is_mark(c: char) -> bool {
    // These combine too, but make no words: what emoji are made of, and the joiners.
    let is_emoji_part = matches!(c,
        '\u{fe0e}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}');
    if c.is_ascii() || is_emoji_part || is_joiner(c) {
        return false;
    }
    String::from_iter(['a', c]).graphemes(true).nth(1).is_none()
}

/// Whether a character is the joiner or the non-joiner, without which some words of Persian, Sinhala
/// or Malayalam cannot be written.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200d}')
}

/// Whether a joiner beside this character can have a meaning. In scripts that have no use for them
/// (all before Arabic), joiners would only make two hashtags that look like one.
fn is_joined(c: char) -> bool {
    c >= '\u{600}' && is_word_character(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_words_of_every_script_and_stores_them_in_lower_case() {
        for (text, stored) in [
            ("rust", "rust"),
            ("RustLang", "rustlang"),
            ("1st", "1st"),
            ("_a", "_a"),
            ("a_", "a_"),
            ("ÜBER", "über"),
            ("ΟΔΟΣ", "οδος"),
            ("İstanbul", "i\u{307}stanbul"),
            ("e\u{301}te\u{301}", "e\u{301}te\u{301}"),
            // Hindi, with vowel signs and viramas; Thai, with tones; Tamil.
            ("हिन्दी", "हिन्दी"),
            ("ภาษาไทยที่รัก", "ภาษาไทยที่รัก"),
            ("தமிழ்", "தமிழ்"),
            ("東京2020", "東京2020"),
            ("カラオケー", "カラオケー"),
            ("ｶﾞｷﾞ", "ｶﾞｷﾞ"),
            ("한국어", "한국어"),
            ("〇〇", "〇〇"),
            ("שָׁלוֹם", "שָׁלוֹם"),
            ("مرحبا_بكم", "مرحبا_بكم"),
            ("ＡＢＣ", "ａｂｃ"),
            // An ideograph with a variation selector; a word beyond the first 65,536 characters.
            ("葛\u{e0100}飾", "葛\u{e0100}飾"),
            ("𐐀", "𐐨"),
            // Words that need the joiner or the non-joiner: Sinhala and Persian.
            ("ශ\u{dca}\u{200d}රී", "ශ\u{dca}\u{200d}රී"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ] {
            assert_eq!(Hashtag::new(text).map(String::from), Ok(stored.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_word() {
        for (text, why) in [
            ("", HashtagError::Empty),
            ("#rust", HashtagError::Forbidden),
            ("two words", HashtagError::Forbidden),
            ("semi-detached", HashtagError::Forbidden),
            ("c++", HashtagError::Forbidden),
            ("a\n", HashtagError::Forbidden),
            ("a\u{1b}[2J", HashtagError::Forbidden),
            ("🦀", HashtagError::Forbidden),
            ("crab🦀", HashtagError::Forbidden),
            ("hand🏽", HashtagError::Forbidden),
            ("\u{301}e", HashtagError::Forbidden),
            ("\u{fe0f}\u{20e3}", HashtagError::Forbidden),
            ("1", HashtagError::NoLetter),
            ("_", HashtagError::NoLetter),
            ("12_34", HashtagError::NoLetter),
            ("１２", HashtagError::NoLetter),
            ("٣", HashtagError::NoLetter),
            ("½²", HashtagError::NoLetter),
        ] {
            assert_eq!(Hashtag::new(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn refuses_characters_that_nobody_sees() {
        for text in [
            "a\u{200b}b",
            "a\u{200d}b",
            "a\u{200c}",
            "\u{200d}م",
            "م\u{200c}",
            "م\u{200c}\u{200c}م",
            "a\u{fe0f}",
            "a\u{e0061}",
            "a\u{202e}b",
            "\u{3164}",
            "\u{115f}\u{1160}\u{ffa0}",
        ] {
            assert_eq!(Hashtag::new(text), Err(HashtagError::Forbidden), "{text:?}");
        }
    }

    #[test]
    fn the_limit_counts_the_characters_of_the_lower_case() {
        for (text, is_allowed) in [
            ("x".repeat(100), true),
            ("x".repeat(101), false),
            ("語".repeat(100), true),
            ("語".repeat(101), false),
            // In lower case, each is two characters.
            ("İ".repeat(50), true),
            ("İ".repeat(51), false),
        ] {
            let refusal = Hashtag::new(&text).err();
            assert_eq!(refusal, (!is_allowed).then_some(HashtagError::TooLong), "{text}");
        }
    }

    #[test]
    fn hashtags_that_differ_in_case_are_one() {
        let [upper, lower] = ["RUST", "rust"].map(|text| Hashtag::new(text).expect("valid"));
        assert_eq!(upper, lower);
        assert_eq!(format!("{upper:>6}"), "  rust");
    }

    #[test]
    fn what_was_checked_by_another_version_is_not_checked_again() {
        let bytes = postcard::to_stdvec("a letter of tomorrow: \u{378}").expect("a text");
        assert!(postcard::from_bytes::<Hashtag>(&bytes).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_stored_is_read_again_as_the_same(text in "\\w{1,60}|\\PC{1,3}") {
            if let Ok(hashtag) = Hashtag::new(&text) {
                prop_assert_eq!(Hashtag::new(hashtag.as_str()), Ok(hashtag.clone()));
                let bytes = postcard::to_stdvec(&hashtag).expect("a hashtag");
                prop_assert_eq!(postcard::from_bytes(&bytes), Ok(hashtag));
            }
        }

        #[test]
        fn no_text_panics_and_a_tag_ends_between_characters(text in any::<String>()) {
            let _ = Hashtag::new(&text);
            prop_assert!(text.is_char_boundary(tag_length(&text)));
        }
    }
}
