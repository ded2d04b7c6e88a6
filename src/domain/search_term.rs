//! Words by which posts are found.
//!
//! The index of posts is by the hash of a word: all its keys are of one small size, and two words
//! with one hash only cost a look. Whoever searches takes the posts that have every term of a
//! [`Query`], and then asks [`Query::matches`] about each post's text.
//!
//! Invariant, terms travel: the terms of a post are found once, before the command is replicated,
//! and travel with it. They are never found out when it is applied. What a word is changes with the
//! version of Unicode, and so of a library and of the standard library; two masters of different
//! versions would build two different states out of one log. The same holds for what
//! `entities` finds in a text.
//!
//! Words are those of Unicode (UAX 29), which works without dictionaries: in Chinese or Thai, every
//! character is a word, or nearly so. Deliberately absent are normalisation, stemming, stop words
//! and any order of the words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;
use xxhash_rust::xxh3::xxh3_64;

/// Characters of a word that count. Hardly any word is longer, and whoever posts a long row of
/// letters does not need all of it to find it again.
const WORD_CHARS: usize = 64;

/// Words of a query that count, so that what a search costs is bounded.
const MOST_WORDS: usize = 8;

/// A word, as the index knows it: the lower 32 bits of the XXH3 hash of its lower case.
///
/// Terms are stored, so neither the hash nor its seed (0) can be changed without a new index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SearchTerm(u32);

impl SearchTerm {
    /// Takes the number that the index or a message names.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, for a message or a table's key.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The term of a word that [`words`] has found.
    #[expect(clippy::cast_possible_truncation, reason = "a part of the hash is enough")]
    fn of(word: &str) -> Self {
        Self(xxh3_64(word.as_bytes()) as u32)
    }
}

/// The terms of a post's text, sorted, each once.
pub fn terms(text: &str) -> Vec<SearchTerm> {
    sorted(words(text).map(|word| SearchTerm::of(&word)))
}

/// What someone looks for: texts that have all of these words, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// At least one, each once, as [`words`] finds them.
    words: Vec<String>,
}

impl Query {
    /// The query that someone typed: its first 8 different words, the rest is ignored. None if it
    /// has no word.
    pub fn new(text: &str) -> Option<Self> {
        let mut distinct = Vec::new();
        for word in words(text) {
            if distinct.len() == MOST_WORDS {
                break;
            }
            if !distinct.contains(&word) {
                distinct.push(word);
            }
        }
        (!distinct.is_empty()).then_some(Self { words: distinct })
    }

    /// The terms that the index is asked for, sorted, each once. There is at least one.
    pub fn terms(&self) -> Vec<SearchTerm> {
        sorted(self.words.iter().map(|word| SearchTerm::of(word)))
    }

    /// Whether a text has all of the words, as whole words and in any case.
    pub fn matches(&self, text: &str) -> bool {
        let mut missing: BTreeSet<&str> = self.words.iter().map(String::as_str).collect();
        words(text).any(|word| missing.remove(word.as_str()) && missing.is_empty())
    }
}

/// The words of a text in lower case, as far as they count, in order.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.unicode_words().map(|word| {
        let mut word = word.to_lowercase();
        if let Some((end, _)) = word.char_indices().nth(WORD_CHARS) {
            word.truncate(end);
        }
        word
    })
}

fn sorted(terms: impl Iterator<Item = SearchTerm>) -> Vec<SearchTerm> {
    terms.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> Query {
        Query::new(text).expect("a word")
    }

    #[test]
    fn finds_words_in_every_script() {
        for (text, expected) in [
            ("", &[][..]),
            (" \n\t", &[]),
            ("... -- !?", &[]),
            ("🦀 👩\u{200d}🚀 🇳🇱", &[]),
            ("Hello, World!", &["hello", "world"]),
            ("don't e-mail", &["don't", "e", "mail"]),
            ("#Rust @ann_b", &["rust", "ann_b"]),
            ("ann@host.example", &["ann", "host.example"]),
            ("https://host.example/a", &["https", "host.example", "a"]),
            ("3.14 1,000 v2", &["3.14", "1,000", "v2"]),
            ("ÜBER straße", &["über", "straße"]),
            ("ΟΔΟΣ", &["οδος"]),
            ("e\u{301}te\u{301}", &["e\u{301}te\u{301}"]),
            ("हिन्दी भाषा", &["हिन्दी", "भाषा"]),
            ("東京", &["東", "京"]),
            ("カラオケ", &["カラオケ"]),
            ("한국어 사람", &["한국어", "사람"]),
            ("שלום עולם", &["שלום", "עולם"]),
            ("\u{202e}abc\u{202c}", &["abc\u{202c}"]),
            ("a🦀b", &["a", "b"]),
        ] {
            assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn terms_stay_what_they_are() {
        for (word, term) in
            [("rust", 4_055_240_814), ("東", 3_151_979_917), ("don't", 3_801_157_586)]
        {
            assert_eq!(terms(word), [SearchTerm::new(term)], "{word}");
        }
    }

    #[test]
    fn terms_are_sorted_and_each_is_there_once() {
        let found = terms("the cat and THE dog and The bird");
        assert_eq!(found.len(), 5);
        assert!(found.is_sorted(), "{found:?}");
        assert_eq!(found, query("bird dog and cat the").terms());
        assert_eq!(terms("\u{1f980}"), []);
    }

    #[test]
    fn a_text_matches_if_it_has_every_word_as_a_whole_word() {
        for (typed, text, is_match) in [
            ("rust", "I like Rust.", true),
            ("RUST", "#rust", true),
            ("rust", "I trust you", false),
            ("rust", "rusty", false),
            ("rust", "", false),
            ("like rust", "Rust? I like it", true),
            ("rust rust", "rust", true),
            ("rust go", "rust", false),
            ("?rust!", "(rust)", true),
            ("Über", "ÜBER", true),
            ("uber", "über", false),
            ("οδος", "ΟΔΟΣ", true),
            ("東京", "東京タワー", true),
            ("हिन्दी", "मैं हिन्दी बोलता हूँ", true),
            ("हिन्द", "हिन्दी", false),
            ("שלום", "אמר: שלום!", true),
            ("🦀 rust", "rust", true),
        ] {
            assert_eq!(query(typed).matches(text), is_match, "{typed:?} in {text:?}");
        }
    }

    #[test]
    fn nothing_can_be_looked_for_without_a_word() {
        for typed in ["", " ", "?!", "🦀", "\u{301}", "#", "\u{200d}"] {
            assert_eq!(Query::new(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn words_of_a_query_after_the_eighth_are_ignored() {
        let typed = query("a b a c d e f g h i");
        assert_eq!(typed, query("a b c d e f g h"));
        assert_eq!(typed.terms().len(), 8);
        assert!(typed.matches("h g f e d c b a"));
        assert!(!typed.matches("i g f e d c b a"));
    }

    #[test]
    fn words_that_agree_in_their_first_64_characters_are_one() {
        let [start, other] = ["é".repeat(64), "é".repeat(63) + "a"];
        let long = format!("{start}tail");
        assert_eq!(terms(&long), terms(&start));
        assert!(query(&long).matches(&start));
        assert!(query(&start).matches(&long));
        assert!(!query(&other).matches(&long));
    }

    #[test]
    fn a_word_with_the_same_term_does_not_match() {
        let [one, other] = ["w18676", "w34583"];
        assert_eq!(terms(one), terms(other));
        assert!(query(one).matches(one));
        assert!(!query(one).matches(other));
    }

    #[test]
    fn a_term_is_stored_as_its_number() {
        let term = SearchTerm::new(u32::MAX);
        assert_eq!(postcard::to_stdvec(&term), postcard::to_stdvec(&term.get()));
    }

    /// Texts in which words meet what joins or parts them.
    fn mixed() -> impl Strategy<Value = String> {
        "(a|Word|don't|İ|Σ|ß|é|हिन्दी|ไทย|東|カ|ー|가|ש\"|م|1|\\.|,|'|:|_|-| |\r|\n|🦀|👩|❤|🏽|🇳|🇱|\u{301}\
         |\u{fe0f}|\u{200d}|\u{200c}|\u{ad}|\u{202e}|\u{3099}){0,40}"
    }

    proptest! {
        #[test]
        fn every_word_of_a_text_finds_it(text in prop_oneof![any::<String>(), mixed()]) {
            let of_text = terms(&text);
            prop_assert!(of_text.is_sorted_by(|a, b| a < b));
            for word in text.unicode_words() {
                let query = query(word);
                prop_assert!(query.matches(&text), "{:?}", word);
                prop_assert!(query.terms().iter().all(|term| of_text.contains(term)), "{:?}", word);
            }
        }

        #[test]
        fn a_text_that_matches_has_every_term(
            typed in prop_oneof![any::<String>(), mixed()],
            text in prop_oneof![any::<String>(), mixed()],
        ) {
            let Some(query) = Query::new(&typed) else { return Ok(()) };
            prop_assert!((1..=MOST_WORDS).contains(&query.terms().len()));
            let of_text = terms(&text);
            if query.matches(&text) {
                prop_assert!(query.terms().iter().all(|term| of_text.contains(term)));
            }
        }
    }
}
