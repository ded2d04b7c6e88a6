//! What a person does not want to read, or not at once: filters of words and of single posts. The network keeps
//! them, and clients apply them, all by the one function here.
//!
//! What a word is, is what Unicode says (UAX 29), and case does not matter. Deliberately absent is normalisation,
//! as for hashtags.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    PersonalError, PersonalId, Post, PostId, UnixMillis, UserId,
    personal::{check_title, is_line_of},
};

/// So many filters anybody may have.
pub const MOST_FILTERS: usize = 100;
/// So many keywords all filters of a person may have: each is looked for in every post that they read.
pub const MOST_KEYWORDS: usize = 200;
/// So many single posts all filters of a person may have.
pub const MOST_FILTERED_POSTS: usize = 1_000;
/// The longest keyword, in characters.
pub const MAX_KEYWORD_CHARS: usize = 100;

/// Where posts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FilterContext {
    /// In the home timeline, and in lists.
    Home,
    /// In the notifications.
    Notifications,
    /// In the timelines of what everybody posts.
    Public,
    /// In a conversation.
    Thread,
    /// Among what one person has posted.
    Account,
}

impl FilterContext {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Home, Self::Notifications, Self::Public, Self::Thread, Self::Account];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Notifications => "notifications",
            Self::Public => "public",
            Self::Thread => "thread",
            Self::Account => "account",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|context| context.name() == name)
    }
}

/// What becomes of a post that a filter matches. Of several, the last in this order counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FilterAction {
    /// Its pictures are hidden at first.
    Blur,
    /// The title of the filter stands instead of it at first.
    #[default]
    Warn,
    /// It is left out.
    Hide,
}

impl FilterAction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blur, Self::Warn, Self::Hide];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blur => "blur",
            Self::Warn => "warn",
            Self::Hide => "hide",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// What is to be said of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterSettings {
    /// How it is called.
    pub title: String,
    /// Where it applies.
    pub contexts: BTreeSet<FilterContext>,
    /// What becomes of what it matches.
    pub action: FilterAction,
    /// When it ends by itself.
    pub until: Option<UnixMillis>,
}

impl FilterSettings {
    pub(super) fn check(&self) -> Result<(), PersonalError> {
        check_title(&self.title)?;
        if self.contexts.is_empty() { Err(PersonalError::NoContext) } else { Ok(()) }
    }
}

/// A keyword that is to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKeyword {
    /// One or more words, or a part of one.
    pub text: String,
    /// Whether it has to stand for itself, not within a word.
    pub whole_word: bool,
}

/// Whether all of these can be kept.
pub(super) fn check_keywords<'a>(
    keywords: impl IntoIterator<Item = &'a NewKeyword>,
) -> Result<(), PersonalError> {
    for (before, keyword) in keywords.into_iter().enumerate() {
        if before >= MOST_KEYWORDS {
            return Err(PersonalError::TooManyKeywords);
        }
        if !is_line_of(&keyword.text, MAX_KEYWORD_CHARS) {
            return Err(PersonalError::Keyword);
        }
    }
    Ok(())
}

/// A keyword of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyword {
    /// Its number.
    pub id: PersonalId,
    /// What it is.
    pub keyword: NewKeyword,
}

/// What becomes of a keyword.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeywordChange {
    /// It is added.
    Add(NewKeyword),
    /// The one of a number is another from now on.
    Replace(PersonalId, NewKeyword),
    /// The one of a number is removed.
    Remove(PersonalId),
}

impl KeywordChange {
    pub(super) fn new_keyword(&self) -> Option<&NewKeyword> {
        match self {
            Self::Add(keyword) | Self::Replace(_, keyword) => Some(keyword),
            Self::Remove(_) => None,
        }
    }
}

/// A single post that is filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilteredPost {
    /// The number of this entry.
    pub id: PersonalId,
    /// The post.
    pub post: PostId,
}

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordFilter {
    /// Its number.
    pub id: PersonalId,
    /// What is to be said of it.
    pub settings: FilterSettings,
    /// What it looks for.
    pub keywords: Vec<Keyword>,
    /// Which posts it matches whatever they say.
    pub posts: Vec<FilteredPost>,
}

/// A filter that matches a post, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterMatch<'a> {
    /// Which.
    pub filter: &'a WordFilter,
    /// Its keywords that are in the post.
    pub keywords: Vec<&'a str>,
    /// Whether it names the post itself.
    pub names_post: bool,
}

/// Which filters match a post that somebody reads: what it says or warns of, and of a boost, what was boosted.
/// Nothing of one's own is filtered.
pub fn matching<'a>(
    filters: &'a [WordFilter],
    context: FilterContext,
    reader: Option<UserId>,
    post: &Post,
    now: UnixMillis,
) -> Vec<FilterMatch<'a>> {
    let said = post.boost_of.as_deref().unwrap_or(post);
    if reader == Some(said.author_id) {
        return Vec::new();
    }
    let applies = |filter: &&WordFilter| {
        let FilterSettings { contexts, until, .. } = &filter.settings;
        contexts.contains(&context) && until.is_none_or(|until| now < until)
    };
    let mut texts: Option<[Text; 2]> = None;
    let mut matches = Vec::new();
    for filter in filters.iter().filter(applies) {
        let texts = texts.get_or_insert_with(|| {
            [said.warning.as_deref().unwrap_or_default(), &said.text].map(Text::new)
        });
        let is_there = |keyword: &&NewKeyword| texts.iter().any(|text| text.has(keyword));
        let keywords = filter.keywords.iter().map(|keyword| &keyword.keyword).filter(is_there);
        let keywords: Vec<&str> = keywords.map(|keyword| keyword.text.as_str()).collect();
        let names_post = filter.posts.iter().any(|named| [post.id, said.id].contains(&named.post));
        if names_post || !keywords.is_empty() {
            matches.push(FilterMatch { filter, keywords, names_post });
        }
    }
    matches
}

/// A text in which keywords are looked for.
struct Text {
    folded: String,
    /// Where words, and what is between them, begin and end.
    bounds: BTreeSet<usize>,
}

impl Text {
    fn new(text: &str) -> Self {
        let folded = text.to_lowercase();
        let mut bounds: BTreeSet<usize> =
            folded.split_word_bound_indices().map(|(at, _)| at).collect();
        bounds.insert(folded.len());
        Self { folded, bounds }
    }

    fn has(&self, NewKeyword { text, whole_word }: &NewKeyword) -> bool {
        let keyword = text.trim().to_lowercase();
        if keyword.is_empty() {
            return false;
        }
        // Where a keyword begins or ends with a sign, there is no word that could go on.
        let is_free = |c: Option<char>| !whole_word || !c.is_some_and(char::is_alphanumeric);
        let begins_anywhere = is_free(keyword.chars().next());
        let ends_anywhere = is_free(keyword.chars().next_back());
        let is_at = |start: usize| {
            let end = start + keyword.len();
            (begins_anywhere || self.bounds.contains(&start))
                && (ends_anywhere || self.bounds.contains(&end))
        };
        let step = keyword.chars().next().map_or(1, char::len_utf8);
        let mut from = 0;
        while let Some(found) = self.folded.get(from..).and_then(|rest| rest.find(&keyword)) {
            if is_at(from + found) {
                return true;
            }
            from += found + step;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UserName;

    fn filter(keywords: &[(&str, bool)]) -> WordFilter {
        let keyword = |(number, (text, whole_word)): (usize, &(&str, bool))| Keyword {
            id: PersonalId::new(number as u64 + 2),
            keyword: NewKeyword { text: (*text).to_owned(), whole_word: *whole_word },
        };
        WordFilter {
            id: PersonalId::new(1),
            settings: FilterSettings {
                title: "t".to_owned(),
                contexts: [FilterContext::Home].into(),
                action: FilterAction::Warn,
                until: Some(UnixMillis::new(100)),
            },
            keywords: keywords.iter().enumerate().map(keyword).collect(),
            posts: Vec::new(),
        }
    }

    fn post(text: &str) -> Post {
        let author = UserName::new("ann").expect("valid");
        Post::plain(PostId::new(7), UserId(1), author, UnixMillis::EPOCH, text)
    }

    fn found(filter: &WordFilter, post: &Post) -> bool {
        let filters = std::slice::from_ref(filter);
        !matching(filters, FilterContext::Home, None, post, UnixMillis::EPOCH).is_empty()
    }

    #[test]
    fn a_keyword_is_found_by_words_or_anywhere_as_it_wants() {
        for (keyword, whole_word, text, is_found) in [
            ("cat", false, "Concatenate", true),
            ("cat", true, "Concatenate", false),
            ("cat", true, "concatenate the CAT!", true),
            ("CAT", true, "a cat", true),
            ("cat", true, "cats", false),
            ("new york", true, "in New York, today", true),
            ("new york", true, "in New Yorkshire", false),
            ("don", true, "don't", false),
            ("don't", true, "I don't.", true),
            ("#rust", true, "I like #rust", true),
            ("#rust", true, "like#rust", true),
            ("#rust", true, "I like #rusty", false),
            (":)", true, "well:)", true),
            ("straße", true, "Die STRASSE", false),
            ("straße", true, "Die Straße", true),
            ("ÄRGER", true, "nur ärger", true),
            ("spoil", false, "SPOILER", true),
            ("aa", true, "aaa aa", true),
            (" cat ", true, "a cat", true),
            ("猫", false, "黒猫", true),
            ("e", true, "e\u{301}tude", false),
            ("", false, "anything", false),
        ] {
            let filter = filter(&[(keyword, whole_word)]);
            assert_eq!(found(&filter, &post(text)), is_found, "{keyword:?} in {text:?}");
        }
    }

    #[test]
    fn a_filter_applies_where_and_as_long_as_it_says() {
        let filters = [filter(&[("cat", true), ("dog", true), ("c", false)])];
        let at = |context, reader, now| {
            let post = post("a cat");
            matching(&filters, context, reader, &post, UnixMillis::new(now))
        };
        let matches = at(FilterContext::Home, None, 99);
        assert_eq!(matches.len(), 1);
        assert_eq!((&*matches[0].keywords, matches[0].names_post), (&["cat", "c"][..], false));
        assert!(at(FilterContext::Home, None, 100).is_empty(), "it has ended");
        assert!(at(FilterContext::Public, None, 99).is_empty(), "not here");
        assert!(at(FilterContext::Home, Some(UserId(1)), 99).is_empty(), "one's own");
        assert_eq!(at(FilterContext::Home, Some(UserId(2)), 99).len(), 1);
    }

    #[test]
    fn warnings_boosts_and_single_posts_are_looked_at_too() {
        let cat = filter(&[("cat", true)]);
        assert!(found(&cat, &Post { warning: Some("Cat!".to_owned()), ..post("hello") }));
        let boost = |text: &str| Post {
            id: PostId::new(9),
            boost_of: Some(Box::new(post(text))),
            ..post("")
        };
        assert!(found(&cat, &boost("a cat")) && !found(&cat, &boost("a dog")));
        let named = FilteredPost { id: PersonalId::new(2), post: PostId::new(7) };
        let named = WordFilter { posts: vec![named], ..filter(&[]) };
        assert!(found(&named, &post("hello")) && found(&named, &boost("hello")));
        let matches = [named];
        let found =
            matching(&matches, FilterContext::Home, None, &post("hello"), UnixMillis::EPOCH);
        assert!(found[0].names_post && found[0].keywords.is_empty());
    }

    #[test]
    fn what_a_filter_may_be_is_limited() {
        let settings = filter(&[]).settings;
        assert_eq!(settings.check(), Ok(()));
        let nowhere = FilterSettings { contexts: BTreeSet::new(), ..settings.clone() };
        assert_eq!(nowhere.check(), Err(PersonalError::NoContext));
        let unnamed = FilterSettings { title: " ".to_owned(), ..settings };
        assert_eq!(unnamed.check(), Err(PersonalError::Title));
        let keywords = |text: &str, count| {
            let keyword = NewKeyword { text: text.to_owned(), whole_word: true };
            check_keywords(&vec![keyword; count])
        };
        assert_eq!(keywords("cat", MOST_KEYWORDS), Ok(()));
        assert_eq!(keywords("cat", MOST_KEYWORDS + 1), Err(PersonalError::TooManyKeywords));
        assert_eq!(keywords(" ", 1), Err(PersonalError::Keyword));
        assert_eq!(keywords(&"x".repeat(101), 1), Err(PersonalError::Keyword));
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        for context in FilterContext::ALL {
            assert_eq!(FilterContext::named(context.name()), Some(context));
        }
        for action in FilterAction::ALL {
            assert_eq!(FilterAction::named(action.name()), Some(action));
        }
        assert_eq!((FilterContext::named("here"), FilterAction::named("")), (None, None));
    }
}
