//! `List`, `Filter` of both versions, `FilterResult`, `Marker`, `Preferences` and `Tag`.

use serde::Serialize;

use super::{moment::Moment, status::visibility_name};
use crate::{
    domain::{
        FilterMatch, FilteredPost, Hashtag, Keyword, Language, Marker, MediaDisplay, PeopleList,
        Preferences, UnixMillis, WordFilter,
    },
    http::base_url::BaseUrl,
};

/// A list of people.
#[derive(Clone, Debug, Serialize)]
pub struct ListEntity {
    id: String,
    title: String,
    replies_policy: &'static str,
    exclusive: bool,
}

impl ListEntity {
    /// Of a list.
    pub fn of(list: &PeopleList) -> Self {
        Self {
            id: list.id.to_string(),
            title: list.settings.title.clone(),
            replies_policy: list.settings.replies.name(),
            exclusive: list.settings.exclusive,
        }
    }
}

/// A filter.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the entity has them")]
pub struct Filter {
    id: String,
    title: String,
    context: Vec<&'static str>,
    expires_at: Option<Moment>,
    filter_action: &'static str,
    keywords: Vec<FilterKeyword>,
    statuses: Vec<FilterStatus>,
}

/// A keyword of a filter.
#[derive(Clone, Debug, Serialize)]
pub struct FilterKeyword {
    id: String,
    keyword: String,
    whole_word: bool,
}

/// A single post that a filter names.
#[derive(Clone, Debug, Serialize)]
pub struct FilterStatus {
    id: String,
    status_id: String,
}

impl FilterKeyword {
    /// Of a keyword.
    pub fn of(Keyword { id, keyword }: &Keyword) -> Self {
        Self { id: id.to_string(), keyword: keyword.text.clone(), whole_word: keyword.whole_word }
    }
}

impl FilterStatus {
    /// Of a post that is filtered.
    pub fn of(FilteredPost { id, post }: &FilteredPost) -> Self {
        Self { id: id.to_string(), status_id: post.to_string() }
    }
}

fn contexts(filter: &WordFilter) -> Vec<&'static str> {
    filter.settings.contexts.iter().map(|context| context.name()).collect()
}

impl Filter {
    /// Of a filter.
    pub fn of(filter: &WordFilter) -> Self {
        Self {
            id: filter.id.to_string(),
            title: filter.settings.title.clone(),
            context: contexts(filter),
            expires_at: filter.settings.until.map(Moment),
            filter_action: filter.settings.action.name(),
            keywords: filter.keywords.iter().map(FilterKeyword::of).collect(),
            statuses: filter.posts.iter().map(FilterStatus::of).collect(),
        }
    }
}

/// A filter as the first version of the API has it: one for each keyword, under its number.
#[derive(Clone, Debug, Serialize)]
pub struct FilterV1 {
    id: String,
    phrase: String,
    context: Vec<&'static str>,
    whole_word: bool,
    expires_at: Option<Moment>,
    irreversible: bool,
}

impl FilterV1 {
    /// Of a keyword of a filter.
    pub fn of(filter: &WordFilter, Keyword { id, keyword }: &Keyword) -> Self {
        Self {
            id: id.to_string(),
            phrase: keyword.text.clone(),
            context: contexts(filter),
            whole_word: keyword.whole_word,
            expires_at: filter.settings.until.map(Moment),
            irreversible: filter.settings.action == crate::domain::FilterAction::Hide,
        }
    }
}

/// That a filter matches a post.
#[derive(Clone, Debug, Serialize)]
pub struct FilterResult {
    filter: Filter,
    keyword_matches: Vec<String>,
    status_matches: Vec<String>,
}

impl FilterResult {
    /// Of a match with the post of this number.
    pub fn of(found: &FilterMatch<'_>, post: u64) -> Self {
        Self {
            filter: Filter::of(found.filter),
            keyword_matches: found.keywords.iter().map(|&keyword| keyword.to_owned()).collect(),
            status_matches: found.names_post.then(|| post.to_string()).into_iter().collect(),
        }
    }
}

/// How far somebody has read.
#[derive(Clone, Debug, Serialize)]
pub struct MarkerEntity {
    last_read_id: String,
    version: u64,
    updated_at: Moment,
}

impl MarkerEntity {
    /// Of a marker.
    pub fn of(marker: &Marker) -> Self {
        Self {
            last_read_id: marker.read_up_to.to_string(),
            version: marker.version,
            updated_at: Moment(marker.at),
        }
    }
}

/// What somebody prefers.
#[derive(Clone, Debug, Serialize)]
pub struct PreferencesEntity {
    #[serde(rename = "posting:default:visibility")]
    visibility: &'static str,
    #[serde(rename = "posting:default:sensitive")]
    sensitive: bool,
    #[serde(rename = "posting:default:language")]
    language: Option<Language>,
    #[serde(rename = "posting:default:quote_policy")]
    quote_policy: &'static str,
    #[serde(rename = "reading:expand:media")]
    media: MediaName,
    #[serde(rename = "reading:expand:spoilers")]
    spoilers: bool,
    #[serde(rename = "reading:autoplay:gifs")]
    autoplay: bool,
}

type MediaName = &'static str;

impl PreferencesEntity {
    /// Of preferences.
    pub fn of(preferences: &Preferences) -> Self {
        Self {
            visibility: visibility_name(preferences.visibility),
            sensitive: preferences.sensitive,
            language: preferences.language.clone(),
            quote_policy: "nobody",
            media: MediaDisplay::name(preferences.media),
            spoilers: preferences.expand_warnings,
            autoplay: preferences.autoplay,
        }
    }
}

/// A hashtag.
#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    id: String,
    name: String,
    url: String,
    history: Vec<TagDay>,
    following: bool,
    featuring: bool,
}

#[derive(Clone, Debug, Serialize)]
struct TagDay {
    day: String,
    uses: String,
    accounts: String,
}

/// Days of which it is said how often a hashtag was used.
const DAYS: i64 = 7;
const DAY_S: i64 = 86_400;

impl Tag {
    /// A hashtag, with how often it was used in all as the figure of today, as that is all that is known.
    pub fn of(
        hashtag: &Hashtag,
        uses: u64,
        following: bool,
        now: UnixMillis,
        base: &BaseUrl,
    ) -> Self {
        let today = now.get().div_euclid(1_000 * DAY_S) * DAY_S;
        let day = |before: i64| {
            let uses = if before == 0 { uses } else { 0 };
            let [uses, accounts] = [uses.to_string(), uses.min(1).to_string()];
            TagDay { day: (today - before * DAY_S).to_string(), uses, accounts }
        };
        Self {
            id: hashtag.as_str().to_owned(),
            name: hashtag.as_str().to_owned(),
            url: base.hashtag(hashtag.as_str()),
            history: (0..DAYS).map(day).collect(),
            following,
            featuring: false,
        }
    }
}
