//! What a person keeps for themselves: lists of people, hashtags they follow, how far they have read, and
//! preferences. Their filters are in [`word_filter`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    FilterSettings, Hashtag, KeywordChange, Language, NewKeyword, PostId, UnixMillis, UserName,
    Visibility, word_filter,
};

/// Numbers a list, a filter, a keyword or a filtered post among what one person keeps: counted from 1, and never
/// given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonalId(u64);

impl PersonalId {
    /// Takes a number that was given.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for PersonalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for PersonalId {
    type Err = std::num::ParseIntError;

    fn from_str(number: &str) -> Result<Self, Self::Err> {
        number.parse().map(Self)
    }
}

/// Which answers to others a list shows. Answers to its owner, and those of somebody to themselves, always are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RepliesPolicy {
    /// To whomever its owner follows.
    Followed,
    /// To the people in the list.
    #[default]
    List,
    /// To nobody.
    None,
}

impl RepliesPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Followed, Self::List, Self::None];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Followed => "followed",
            Self::List => "list",
            Self::None => "none",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// What is to be said of a list of people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSettings {
    /// How it is called.
    pub title: String,
    /// Which answers it shows.
    pub replies: RepliesPolicy,
    /// Whether what its people post is left out of the home timeline.
    pub exclusive: bool,
}

/// A list of people whom its owner follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleList {
    /// Its number.
    pub id: PersonalId,
    /// What is to be said of it.
    pub settings: ListSettings,
    /// How many are in it.
    pub members: u32,
}

/// How far somebody has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// All up to this one has been read.
    pub read_up_to: PostId,
    /// How often it was set.
    pub version: u64,
    /// When it was last set.
    pub at: UnixMillis,
}

/// How far somebody has read, in each timeline that has a marker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// In the home timeline.
    pub home: Marker,
    /// In the notifications.
    pub notifications: Marker,
}

/// Which pictures are shown at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MediaDisplay {
    /// Those that are not sensitive.
    #[default]
    Default,
    /// All of them.
    ShowAll,
    /// None of them.
    HideAll,
}

impl MediaDisplay {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Default, Self::ShowAll, Self::HideAll];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ShowAll => "show_all",
            Self::HideAll => "hide_all",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|display| display.name() == name)
    }
}

/// What somebody prefers. Clients follow it; the network changes nothing of what it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// For whom a post is, if its author does not say.
    pub visibility: Visibility,
    /// Whether what belongs to a post is hidden at first, if its author does not say.
    pub sensitive: bool,
    /// In which language a post is, if its author does not say.
    pub language: Option<Language>,
    /// Which pictures are shown at once.
    pub media: MediaDisplay,
    /// Whether what is behind a warning is shown at once.
    pub expand_warnings: bool,
    /// Whether pictures that move do so by themselves.
    pub autoplay: bool,
}

/// A change of what somebody keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PersonalChange {
    /// Makes a list.
    CreateList(ListSettings),
    /// Replaces what is said of a list.
    ChangeList(PersonalId, ListSettings),
    /// Removes a list.
    DeleteList(PersonalId),
    /// Puts people into a list, or takes them out of it: all of them, or none.
    SetMembers {
        /// Which list.
        list: PersonalId,
        /// Whom; at most [`MOST_AT_A_TIME`].
        people: Vec<UserName>,
        /// Whether they are in it from now on.
        present: bool,
    },
    /// Follows a hashtag, or does not any more.
    FollowHashtag {
        /// Which.
        hashtag: Hashtag,
        /// Whether it is followed from now on.
        set: bool,
    },
    /// Notes how far the home timeline was read, which may also be less far than before.
    ReadHomeUpTo(PostId),
    /// Replaces the preferences.
    SetPreferences(Preferences),
    /// Makes a filter.
    CreateFilter {
        /// What is to be said of it.
        settings: FilterSettings,
        /// Its keywords.
        keywords: Vec<NewKeyword>,
    },
    /// Changes a filter.
    ChangeFilter {
        /// Which.
        filter: PersonalId,
        /// What is to be said of it, if that changes.
        settings: Option<FilterSettings>,
        /// What becomes of its keywords, one after the other.
        keywords: Vec<KeywordChange>,
    },
    /// Removes a filter.
    DeleteFilter(PersonalId),
    /// Filters one post.
    FilterPost {
        /// By which filter.
        filter: PersonalId,
        /// The post.
        post: PostId,
    },
    /// Does not filter a post any more.
    UnfilterPost {
        /// Which filter.
        filter: PersonalId,
        /// The number of the filtered post.
        entry: PersonalId,
    },
}

/// So many lists anybody may have, as elsewhere.
pub const MOST_LISTS: usize = 50;
/// So many people a list may have: as many as one reads of at all.
pub const MOST_MEMBERS: u32 = 500;
/// So many hashtags anybody may follow: each costs a look at every page of the home timeline.
pub const MOST_HASHTAGS: usize = 200;
/// So many people are put into a list at a time.
pub const MOST_AT_A_TIME: usize = 100;
/// The longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 100;

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonalError {
    /// The title is empty or too long, or has control characters.
    #[error("a title has 1 to {MAX_TITLE_CHARS} characters, on one line")]
    Title,
    /// There are too many at a time.
    #[error("at most {MOST_AT_A_TIME} people are put into a list, or taken out of it, at a time")]
    TooManyAtATime,
    /// A filter applies nowhere.
    #[error("a filter applies to at least one of home, notifications, public, thread and account")]
    NoContext,
    /// A keyword is empty or too long, or has control characters.
    #[error("a keyword has 1 to {} characters, on one line", word_filter::MAX_KEYWORD_CHARS)]
    Keyword,
    /// There are too many keywords.
    #[error("your filters may have {} keywords in all", word_filter::MOST_KEYWORDS)]
    TooManyKeywords,
}

impl PersonalChange {
    /// Whether it can be carried out at all, whatever there is.
    pub fn check(&self) -> Result<(), PersonalError> {
        match self {
            Self::CreateList(settings) | Self::ChangeList(_, settings) => {
                check_title(&settings.title)
            }
            Self::SetMembers { people, .. } if people.len() > MOST_AT_A_TIME => {
                Err(PersonalError::TooManyAtATime)
            }
            Self::CreateFilter { settings, keywords } => {
                settings.check()?;
                word_filter::check_keywords(keywords)
            }
            Self::ChangeFilter { settings, keywords, .. } => {
                settings.as_ref().map_or(Ok(()), FilterSettings::check)?;
                word_filter::check_keywords(keywords.iter().filter_map(KeywordChange::new_keyword))
            }
            Self::SetMembers { .. }
            | Self::DeleteList(_)
            | Self::FollowHashtag { .. }
            | Self::ReadHomeUpTo(_)
            | Self::SetPreferences(_)
            | Self::DeleteFilter(_)
            | Self::FilterPost { .. }
            | Self::UnfilterPost { .. } => Ok(()),
        }
    }

    /// Whether something is kept for good that was not there before.
    pub const fn adds(&self) -> bool {
        match self {
            Self::CreateList(_)
            | Self::ChangeList(..)
            | Self::CreateFilter { .. }
            | Self::ChangeFilter { .. }
            | Self::FilterPost { .. } => true,
            Self::SetMembers { present, .. } => *present,
            Self::FollowHashtag { set, .. } => *set,
            Self::DeleteList(_)
            | Self::ReadHomeUpTo(_)
            | Self::SetPreferences(_)
            | Self::DeleteFilter(_)
            | Self::UnfilterPost { .. } => false,
        }
    }
}

/// Whether a title of a list or a filter is one.
pub(super) fn check_title(title: &str) -> Result<(), PersonalError> {
    let is_title = is_line_of(title, MAX_TITLE_CHARS);
    if is_title { Ok(()) } else { Err(PersonalError::Title) }
}

/// Whether a text has something in it, and at most so many characters, on one line.
pub(super) fn is_line_of(text: &str, most: usize) -> bool {
    !text.trim().is_empty()
        && text.chars().nth(most).is_none()
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_amounts_have_limits() {
        let list =
            |title: &str| ListSettings { title: title.to_owned(), ..ListSettings::default() };
        let create = |title: &str| PersonalChange::CreateList(list(title)).check();
        assert_eq!(create("Friends"), Ok(()));
        assert_eq!(create(&"ä".repeat(MAX_TITLE_CHARS)), Ok(()));
        for title in ["", "  ", "two\nlines", &"x".repeat(MAX_TITLE_CHARS + 1)] {
            assert_eq!(create(title), Err(PersonalError::Title), "{title}");
        }
        let people = |count| vec![UserName::new("ann").expect("valid"); count];
        let put = |count| PersonalChange::SetMembers {
            list: PersonalId::new(1),
            people: people(count),
            present: true,
        };
        assert_eq!(put(MOST_AT_A_TIME).check(), Ok(()));
        assert_eq!(put(MOST_AT_A_TIME + 1).check(), Err(PersonalError::TooManyAtATime));
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        for policy in RepliesPolicy::ALL {
            assert_eq!(RepliesPolicy::named(policy.name()), Some(policy));
        }
        for display in MediaDisplay::ALL {
            assert_eq!(MediaDisplay::named(display.name()), Some(display));
        }
        assert_eq!((RepliesPolicy::named(""), MediaDisplay::named("all")), (None, None));
    }
}
