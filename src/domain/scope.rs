//! What an app may do for somebody, in the words that the clients of Mastodon use.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest text of scopes, in bytes: more than all names together take.
const MAX_BYTES: usize = 1_000;

/// Scopes that are taken, and give nothing here; so are those that begin with [`ADMIN`].
const UNSERVED: [&str; 1] = ["crypto"];
const ADMIN: &str = "admin:";

macro_rules! scopes {
    ($($scope:ident = $name:literal,)*) => {
        /// One thing that an app may do for somebody.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "their names say it")]
        pub enum Scope {
            $($scope,)*
        }

        impl Scope {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$scope),*];

            /// As it is written.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$scope => $name,)*
                }
            }
        }
    };
}

scopes! {
    ReadAccounts = "read:accounts",
    ReadBlocks = "read:blocks",
    ReadBookmarks = "read:bookmarks",
    ReadFavourites = "read:favourites",
    ReadFilters = "read:filters",
    ReadFollows = "read:follows",
    ReadLists = "read:lists",
    ReadMutes = "read:mutes",
    ReadNotifications = "read:notifications",
    ReadSearch = "read:search",
    ReadStatuses = "read:statuses",
    WriteAccounts = "write:accounts",
    WriteBlocks = "write:blocks",
    WriteBookmarks = "write:bookmarks",
    WriteConversations = "write:conversations",
    WriteFavourites = "write:favourites",
    WriteFilters = "write:filters",
    WriteFollows = "write:follows",
    WriteLists = "write:lists",
    WriteMedia = "write:media",
    WriteMutes = "write:mutes",
    WriteNotifications = "write:notifications",
    WriteReports = "write:reports",
    WriteStatuses = "write:statuses",
    Profile = "profile",
    Push = "push",
}

impl Scope {
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Whether it is one of reading.
    pub fn is_of_reading(self) -> bool {
        self.name().starts_with("read:")
    }
}

/// What an app may do for somebody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes {
    /// As they were asked for, each word once: whoever asked wants to find all of them again.
    words: String,
    /// A bit for each that is known.
    set: u32,
}

/// Not a text of scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// There is none.
    #[error("say what the app may do: at least one scope, such as read")]
    None,
    /// A word is none.
    #[error("there is no scope of the name `{0}`")]
    Unknown(String),
    /// More than there are.
    #[error("scopes have at most {MAX_BYTES} bytes in all")]
    TooLong,
}

impl Scopes {
    /// What our own clients may do: everything, also what no app may.
    pub const fn all() -> Self {
        Self { words: String::new(), set: u32::MAX }
    }

    /// Words with spaces between them.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_BYTES {
            return Err(ScopeError::TooLong);
        }
        let unknown = text.split_ascii_whitespace().find(|word| !is_known(word));
        if let Some(word) = unknown {
            return Err(ScopeError::Unknown(word.escape_debug().take(40).collect()));
        }
        let scopes = Self::lenient(text);
        if scopes.words.is_empty() { Err(ScopeError::None) } else { Ok(scopes) }
    }

    /// The same; a word that is unknown gives nothing. A later version may know more of them.
    fn lenient(text: &str) -> Self {
        let mut words: Vec<&str> = Vec::new();
        for word in text.split_ascii_whitespace() {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        let set = words.iter().fold(0, |set, word| set | given_by(word));
        Self { words: words.join(" "), set }
    }

    /// Whether they are those of our own clients.
    pub const fn is_all(&self) -> bool {
        self.set == u32::MAX
    }

    /// Whether one is among them.
    pub const fn contains(&self, scope: Scope) -> bool {
        self.set & scope.bit() != 0
    }

    /// Whether whoever has `other` has these, too.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        let covers = |word: &str| {
            given_by(word) != 0
                || other.words().any(|wider| {
                    let rest = word.strip_prefix(wider);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
                })
        };
        other.is_all() || (self.set & !other.set == 0 && self.words().all(covers))
    }

    /// The words as they were asked for. Empty for [all](Self::all), which has no words.
    pub fn as_str(&self) -> &str {
        &self.words
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.words.split(' ').filter(|word| !word.is_empty())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = if self.is_all() { "everything" } else { &self.words };
        write!(formatter, "Scopes({words})")
    }
}

impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self::lenient(&text)
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.words
    }
}

fn is_known(word: &str) -> bool {
    let is_admin = |rest: &str| {
        !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_lowercase() || b"_:".contains(&byte))
    };
    given_by(word) != 0
        || UNSERVED.contains(&word)
        || word.strip_prefix(ADMIN).is_some_and(is_admin)
}

/// What a word gives.
fn given_by(word: &str) -> u32 {
    let is_followed = |rest: &str| matches!(rest, "blocks" | "follows" | "mutes");
    let is_given = |scope: &&Scope| {
        let name = scope.name();
        match (word, name.split_once(':')) {
            ("read" | "write", Some((kind, _))) => word == kind,
            ("follow", Some((_, rest))) => is_followed(rest),
            _ => word == name,
        }
    };
    Scope::ALL.iter().filter(is_given).fold(0, |set, scope| set | scope.bit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).expect("scopes")
    }

    fn names(text: &str) -> Vec<&'static str> {
        let scopes = scopes(text);
        Scope::ALL.iter().filter(|scope| scopes.contains(**scope)).map(|it| it.name()).collect()
    }

    #[test]
    fn wide_words_give_what_is_below_them_and_no_more() {
        for (wide, count) in [("read", 11), ("write", 13)] {
            let names = names(wide);
            assert_eq!(names.len(), count, "{names:?}");
            assert!(names.iter().all(|name| name.starts_with(&format!("{wide}:"))), "{names:?}");
        }
        let follow = [
            "read:blocks",
            "read:follows",
            "read:mutes",
            "write:blocks",
            "write:follows",
            "write:mutes",
        ];
        assert_eq!(names("follow"), follow);
        for scope in Scope::ALL {
            assert_eq!(names(scope.name()), [scope.name()]);
        }
        for nothing in ["crypto", "admin:read", "admin:write:reports", "admin:read:domain_allows"] {
            assert_eq!(names(nothing), [""; 0], "{nothing}");
        }
    }

    #[test]
    fn the_words_stay_as_they_were_asked_for() {
        let asked = "read write follow push";
        assert_eq!(scopes(asked).as_str(), asked);
        assert_eq!(scopes(" write  read\nadmin:read write ").as_str(), "write read admin:read");
        let kept: Scopes = String::from(scopes(asked)).into();
        assert_eq!(kept, scopes(asked));
        let of_a_later_version: Scopes = "read:dreams read:lists".to_owned().into();
        assert_eq!(of_a_later_version.as_str(), "read:dreams read:lists");
        assert!(of_a_later_version.contains(Scope::ReadLists));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for (text, error) in [
            ("", ScopeError::None),
            ("  ", ScopeError::None),
            ("read everything", ScopeError::Unknown("everything".to_owned())),
            ("read:", ScopeError::Unknown("read:".to_owned())),
            ("Read", ScopeError::Unknown("Read".to_owned())),
            ("admin:", ScopeError::Unknown("admin:".to_owned())),
            ("admin:A", ScopeError::Unknown("admin:A".to_owned())),
            ("*", ScopeError::Unknown("*".to_owned())),
        ] {
            assert_eq!(Scopes::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(Scopes::parse(&"read ".repeat(201)), Err(ScopeError::TooLong));
    }

    #[test]
    fn less_is_a_part_of_more_word_by_word() {
        for (less, more, expected) in [
            ("read", "read write", true),
            ("read:lists", "read", true),
            ("read", "read:lists", false),
            ("follow", "read write", true),
            ("follow", "read", false),
            ("read push", "read", false),
            ("admin:read", "read write", false),
            ("admin:read", "read admin:read", true),
            ("admin:read:reports", "admin:read", true),
            ("admin:readers", "admin:read", false),
            ("crypto", "crypto read", true),
        ] {
            assert_eq!(scopes(less).is_subset_of(&scopes(more)), expected, "{less} of {more}");
        }
        assert!(scopes("read admin:read").is_subset_of(&Scopes::all()));
    }

    #[test]
    fn no_words_give_what_our_own_clients_may_do() {
        let every_word = format!("read write follow push profile crypto {ADMIN}read {ADMIN}write");
        assert!(!scopes(&every_word).is_all());
        assert!(Scopes::all().is_all());
        assert!(Scope::ALL.iter().all(|scope| Scopes::all().contains(*scope)));
        assert!(!Scopes::from(String::new()).is_all());
    }
}
