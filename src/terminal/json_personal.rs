//! What the user keeps, in the JSON for scripts. Pure. The names are stable.

use serde::Serialize;

use super::json_facts::HashtagFacts;
use crate::{
    domain::{
        FilterContext, Language, Marker, PeopleList, Preferences, UnixMillis, UserName, WordFilter,
    },
    network::PersonalAnswer,
};

/// What was read of it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum KeptFacts<'a> {
    Lists { lists: Vec<ListFacts<'a>> },
    Members { people: &'a [UserName] },
    Hashtags { hashtags: Vec<HashtagFacts<'a>> },
    Markers { home: MarkerFacts, notifications: MarkerFacts },
    Preferences { preferences: PreferenceFacts<'a> },
    Filters { filters: Vec<FilterFacts<'a>> },
}

impl<'a> KeptFacts<'a> {
    pub fn of(answer: &'a PersonalAnswer) -> Self {
        match answer {
            PersonalAnswer::Lists(lists) => {
                Self::Lists { lists: lists.iter().map(ListFacts::of).collect() }
            }
            PersonalAnswer::Members(people) => Self::Members { people },
            PersonalAnswer::Hashtags(hashtags) => {
                Self::Hashtags { hashtags: hashtags.iter().map(HashtagFacts::of).collect() }
            }
            PersonalAnswer::Markers(markers) => Self::Markers {
                home: MarkerFacts::of(markers.home),
                notifications: MarkerFacts::of(markers.notifications),
            },
            PersonalAnswer::Preferences(preferences) => {
                Self::Preferences { preferences: PreferenceFacts::of(preferences) }
            }
            PersonalAnswer::Filters(filters) => {
                Self::Filters { filters: filters.iter().map(FilterFacts::of).collect() }
            }
        }
    }
}

#[derive(Serialize)]
pub struct ListFacts<'a> {
    id: u64,
    title: &'a str,
    replies: &'static str,
    exclusive: bool,
    people: u32,
}

impl<'a> ListFacts<'a> {
    fn of(PeopleList { id, settings, members }: &'a PeopleList) -> Self {
        Self {
            id: id.get(),
            title: &settings.title,
            replies: settings.replies.name(),
            exclusive: settings.exclusive,
            people: *members,
        }
    }
}

#[derive(Serialize)]
pub struct MarkerFacts {
    read_up_to: u64,
    version: u64,
    at_ms: i64,
}

impl MarkerFacts {
    fn of(Marker { read_up_to, version, at }: Marker) -> Self {
        Self { read_up_to: read_up_to.get(), version, at_ms: at.get() }
    }
}

#[derive(Serialize)]
pub struct PreferenceFacts<'a> {
    visibility: &'static str,
    sensitive: bool,
    language: Option<&'a str>,
    media: &'static str,
    warnings: bool,
    autoplay: bool,
}

impl<'a> PreferenceFacts<'a> {
    fn of(preferences: &'a Preferences) -> Self {
        Self {
            visibility: preferences.visibility.name(),
            sensitive: preferences.sensitive,
            language: preferences.language.as_ref().map(Language::as_str),
            media: preferences.media.name(),
            warnings: preferences.expand_warnings,
            autoplay: preferences.autoplay,
        }
    }
}

#[derive(Serialize)]
pub struct FilterFacts<'a> {
    id: u64,
    title: &'a str,
    contexts: Vec<&'static str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<i64>,
    keywords: Vec<KeywordFacts<'a>>,
    posts: Vec<u64>,
}

#[derive(Serialize)]
struct KeywordFacts<'a> {
    id: u64,
    text: &'a str,
    whole_word: bool,
}

impl<'a> FilterFacts<'a> {
    fn of(filter: &'a WordFilter) -> Self {
        let WordFilter { id, settings, keywords, posts } = filter;
        let keywords = keywords.iter().map(|keyword| KeywordFacts {
            id: keyword.id.get(),
            text: &keyword.keyword.text,
            whole_word: keyword.keyword.whole_word,
        });
        Self {
            id: id.get(),
            title: &settings.title,
            contexts: settings.contexts.iter().map(|it| FilterContext::name(*it)).collect(),
            action: settings.action.name(),
            until_ms: settings.until.map(UnixMillis::get),
            keywords: keywords.collect(),
            posts: posts.iter().map(|post| post.post.get()).collect(),
        }
    }
}
