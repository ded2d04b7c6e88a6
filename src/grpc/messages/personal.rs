//! What people keep for themselves: lists, hashtags, markers, preferences and filters.

use std::fmt::Display;

use super::{
    invalid, key_from_wire, key_to_wire, name_from_wire,
    posts::{language_from_wire, language_to_wire, visibility_from_wire, visibility_to_wire},
    search::{hashtag_use_from_wire, hashtag_use_to_wire},
    timelines::hashtag_from_wire,
    unreadable,
};
use crate::{
    domain::{
        FilterAction, FilterContext, FilterSettings, FilteredPost, Keyword, KeywordChange,
        ListSettings, Marker, Markers, MediaDisplay, NewKeyword, PeopleList, PersonalChange,
        PersonalId, PostId, Preferences, RepliesPolicy, RequestKey, UnixMillis, UserName,
        WordFilter,
    },
    network::{PersonalAnswer, PersonalQuestion, Refusal},
    wire::v1::{
        self, change_personal_request::Change, keyword_change, personal_reply::Answer,
        personal_request::Question,
    },
};

/// A change, under a key.
pub fn personal_change_to_wire(
    key: &RequestKey,
    change: PersonalChange,
) -> v1::ChangePersonalRequest {
    let change = match change {
        PersonalChange::CreateList(settings) => Change::CreateList(list_settings_to_wire(settings)),
        PersonalChange::ChangeList(list, settings) => Change::ChangeList(v1::ChangedList {
            list: list.get(),
            settings: Some(list_settings_to_wire(settings)),
        }),
        PersonalChange::DeleteList(list) => Change::DeleteList(list.get()),
        PersonalChange::SetMembers { list, people, present } => {
            let usernames = people.into_iter().map(String::from).collect();
            Change::SetMembers(v1::ListMembers { list: list.get(), usernames, present })
        }
        PersonalChange::FollowHashtag { hashtag, set } => {
            Change::FollowHashtag(v1::FollowedHashtag { hashtag: hashtag.into(), set })
        }
        PersonalChange::ReadHomeUpTo(position) => Change::ReadHomeUpTo(position.get()),
        PersonalChange::SetPreferences(preferences) => {
            Change::SetPreferences(preferences_to_wire(preferences))
        }
        PersonalChange::CreateFilter { settings, keywords } => {
            Change::CreateFilter(v1::NewFilter {
                settings: Some(filter_settings_to_wire(settings)),
                keywords: keywords.into_iter().map(|new| keyword_to_wire(0, new)).collect(),
            })
        }
        PersonalChange::ChangeFilter { filter, settings, keywords } => {
            Change::ChangeFilter(v1::ChangedFilter {
                filter: filter.get(),
                settings: settings.map(filter_settings_to_wire),
                keywords: keywords.into_iter().map(keyword_change_to_wire).collect(),
            })
        }
        PersonalChange::DeleteFilter(filter) => Change::DeleteFilter(filter.get()),
        PersonalChange::FilterPost { filter, post } => {
            let (filter, id) = (filter.get(), post.get());
            Change::FilterPost(v1::ChangedFilteredPost { filter, id })
        }
        PersonalChange::UnfilterPost { filter, entry } => {
            let (filter, id) = (filter.get(), entry.get());
            Change::UnfilterPost(v1::ChangedFilteredPost { filter, id })
        }
    };
    v1::ChangePersonalRequest { request_id: Some(key_to_wire(key)), change: Some(change) }
}

/// A change, and its key.
pub fn personal_change_from_wire(
    wire: v1::ChangePersonalRequest,
) -> Result<(RequestKey, PersonalChange), Refusal> {
    let v1::ChangePersonalRequest { request_id, change } = wire;
    let key = key_from_wire(request_id)?;
    let change = change.ok_or_else(|| Refusal::invalid("say what is to be changed"))?;
    let change = match change {
        Change::CreateList(settings) => {
            PersonalChange::CreateList(list_settings_from_wire(settings).map_err(invalid)?)
        }
        Change::ChangeList(v1::ChangedList { list, settings }) => {
            let settings = settings.ok_or_else(|| invalid("settings are missing"))?;
            let settings = list_settings_from_wire(settings).map_err(invalid)?;
            PersonalChange::ChangeList(some_id(list)?, settings)
        }
        Change::DeleteList(list) => PersonalChange::DeleteList(some_id(list)?),
        Change::SetMembers(v1::ListMembers { list, usernames, present }) => {
            let people = usernames.into_iter().map(name_from_wire).collect::<Result<_, _>>()?;
            PersonalChange::SetMembers { list: some_id(list)?, people, present }
        }
        Change::FollowHashtag(v1::FollowedHashtag { hashtag, set }) => {
            PersonalChange::FollowHashtag { hashtag: hashtag_from_wire(&hashtag)?, set }
        }
        Change::ReadHomeUpTo(position) => PersonalChange::ReadHomeUpTo(PostId::new(position)),
        Change::SetPreferences(preferences) => {
            PersonalChange::SetPreferences(preferences_from_wire(preferences).map_err(invalid)?)
        }
        Change::CreateFilter(v1::NewFilter { settings, keywords }) => {
            let settings = settings.ok_or_else(|| invalid("settings are missing"))?;
            let settings = filter_settings_from_wire(settings).map_err(invalid)?;
            let keywords = keywords.into_iter().map(new_keyword).collect();
            PersonalChange::CreateFilter { settings, keywords }
        }
        Change::ChangeFilter(v1::ChangedFilter { filter, settings, keywords }) => {
            let settings = settings.map(filter_settings_from_wire).transpose().map_err(invalid)?;
            let keywords = keywords.into_iter().map(keyword_change_from_wire);
            let keywords = keywords.collect::<Result<_, _>>()?;
            PersonalChange::ChangeFilter { filter: some_id(filter)?, settings, keywords }
        }
        Change::DeleteFilter(filter) => PersonalChange::DeleteFilter(some_id(filter)?),
        Change::FilterPost(v1::ChangedFilteredPost { filter, id }) => {
            let post = super::post_id_from_wire(id)?;
            PersonalChange::FilterPost { filter: some_id(filter)?, post }
        }
        Change::UnfilterPost(v1::ChangedFilteredPost { filter, id }) => {
            PersonalChange::UnfilterPost { filter: some_id(filter)?, entry: some_id(id)? }
        }
    };
    Ok((key, change))
}

/// The last number that was given.
pub fn personal_id_to_wire(id: Option<PersonalId>) -> v1::ChangePersonalReply {
    v1::ChangePersonalReply { id: id.map_or(0, PersonalId::get) }
}

/// The last number that was given.
pub fn personal_id_from_wire(wire: v1::ChangePersonalReply) -> Option<PersonalId> {
    (wire.id > 0).then(|| PersonalId::new(wire.id))
}

/// What is read.
pub fn personal_question_to_wire(question: PersonalQuestion) -> v1::PersonalRequest {
    let question = match question {
        PersonalQuestion::Lists => Question::Lists(true),
        PersonalQuestion::Members(list) => Question::Members(list.get()),
        PersonalQuestion::ListsWith(name) => Question::ListsWith(name.into()),
        PersonalQuestion::Hashtags => Question::Hashtags(true),
        PersonalQuestion::Hashtag(hashtag) => Question::Hashtag(hashtag.into()),
        PersonalQuestion::Markers => Question::Markers(true),
        PersonalQuestion::Preferences => Question::Preferences(true),
        PersonalQuestion::Filters => Question::Filters(true),
    };
    v1::PersonalRequest { question: Some(question) }
}

/// What is read.
pub fn personal_question_from_wire(wire: v1::PersonalRequest) -> Result<PersonalQuestion, Refusal> {
    let question = wire.question.ok_or_else(|| Refusal::invalid("say what is to be read"))?;
    Ok(match question {
        Question::Lists(_) => PersonalQuestion::Lists,
        Question::Members(list) => PersonalQuestion::Members(some_id(list)?),
        Question::ListsWith(name) => PersonalQuestion::ListsWith(name_from_wire(name)?),
        Question::Hashtags(_) => PersonalQuestion::Hashtags,
        Question::Hashtag(hashtag) => PersonalQuestion::Hashtag(hashtag_from_wire(&hashtag)?),
        Question::Markers(_) => PersonalQuestion::Markers,
        Question::Preferences(_) => PersonalQuestion::Preferences,
        Question::Filters(_) => PersonalQuestion::Filters,
    })
}

/// What was read.
pub fn personal_answer_to_wire(answer: PersonalAnswer) -> v1::PersonalReply {
    let answer = match answer {
        PersonalAnswer::Lists(lists) => {
            let lists = lists.into_iter().map(people_list_to_wire).collect();
            Answer::Lists(v1::PeopleLists { lists })
        }
        PersonalAnswer::Members(names) => {
            let usernames = names.into_iter().map(String::from).collect();
            Answer::Members(v1::Usernames { usernames })
        }
        PersonalAnswer::Hashtags(hashtags) => {
            let hashtags = hashtags.into_iter().map(hashtag_use_to_wire).collect();
            Answer::Hashtags(v1::HashtagUses { hashtags })
        }
        PersonalAnswer::Markers(Markers { home, notifications }) => {
            let [home, notifications] = [home, notifications].map(marker_to_wire).map(Some);
            Answer::Markers(v1::Markers { home, notifications })
        }
        PersonalAnswer::Preferences(preferences) => {
            Answer::Preferences(preferences_to_wire(preferences))
        }
        PersonalAnswer::Filters(filters) => {
            let filters = filters.into_iter().map(filter_to_wire).collect();
            Answer::Filters(v1::WordFilters { filters })
        }
    };
    v1::PersonalReply { answer: Some(answer) }
}

/// What was read.
pub fn personal_answer_from_wire(wire: v1::PersonalReply) -> Result<PersonalAnswer, Refusal> {
    Ok(match wire.answer.ok_or_else(|| unreadable("it is empty"))? {
        Answer::Lists(v1::PeopleLists { lists }) => {
            let lists = lists.into_iter().map(people_list_from_wire);
            PersonalAnswer::Lists(lists.collect::<Result<_, _>>()?)
        }
        Answer::Members(v1::Usernames { usernames }) => {
            let names = usernames.into_iter().map(UserName::new);
            PersonalAnswer::Members(names.collect::<Result<_, _>>().map_err(unreadable)?)
        }
        Answer::Hashtags(v1::HashtagUses { hashtags }) => {
            let uses = hashtags.into_iter().map(hashtag_use_from_wire);
            PersonalAnswer::Hashtags(uses.collect::<Result<_, _>>()?)
        }
        Answer::Markers(v1::Markers { home, notifications }) => {
            let [home, notifications] = [home, notifications].map(marker_from_wire);
            PersonalAnswer::Markers(Markers { home, notifications })
        }
        Answer::Preferences(preferences) => {
            PersonalAnswer::Preferences(preferences_from_wire(preferences).map_err(unreadable)?)
        }
        Answer::Filters(v1::WordFilters { filters }) => {
            let filters = filters.into_iter().map(filter_from_wire);
            PersonalAnswer::Filters(filters.collect::<Result<_, _>>()?)
        }
    })
}

/// The number of a list, or of something else that the caller keeps.
pub(super) fn some_id(number: u64) -> Result<PersonalId, Refusal> {
    if number == 0 {
        return Err(Refusal::invalid("the number is missing"));
    }
    Ok(PersonalId::new(number))
}

/// What a name stands for; what is usual, without one.
fn named<T: Default>(name: &str, found: fn(&str) -> Option<T>) -> Result<T, String> {
    if name.is_empty() {
        return Ok(T::default());
    }
    found(name).ok_or_else(|| format!("{name} is not known"))
}

fn list_settings_to_wire(
    ListSettings { title, replies, exclusive }: ListSettings,
) -> v1::ListSettings {
    v1::ListSettings { title, replies: replies.name().to_owned(), exclusive }
}

fn list_settings_from_wire(wire: v1::ListSettings) -> Result<ListSettings, String> {
    let v1::ListSettings { title, replies, exclusive } = wire;
    Ok(ListSettings { title, replies: named(&replies, RepliesPolicy::named)?, exclusive })
}

fn people_list_to_wire(PeopleList { id, settings, members }: PeopleList) -> v1::PeopleList {
    let settings = Some(list_settings_to_wire(settings));
    v1::PeopleList { id: id.get(), settings, members }
}

fn people_list_from_wire(wire: v1::PeopleList) -> Result<PeopleList, Refusal> {
    let v1::PeopleList { id, settings, members } = wire;
    let settings = settings.ok_or_else(|| unreadable("what a list is, is missing"))?;
    let settings = list_settings_from_wire(settings).map_err(unreadable)?;
    Ok(PeopleList { id: PersonalId::new(id), settings, members })
}

fn marker_to_wire(Marker { read_up_to, version, at }: Marker) -> v1::Marker {
    v1::Marker { read_up_to: read_up_to.get(), version, at_ms: at.get() }
}

fn marker_from_wire(wire: Option<v1::Marker>) -> Marker {
    let v1::Marker { read_up_to, version, at_ms } = wire.unwrap_or_default();
    Marker { read_up_to: PostId::new(read_up_to), version, at: UnixMillis::new(at_ms) }
}

pub(super) fn preferences_to_wire(preferences: Preferences) -> v1::Preferences {
    let Preferences { visibility, sensitive, language, media, expand_warnings, autoplay } =
        preferences;
    v1::Preferences {
        visibility: visibility_to_wire(visibility).into(),
        sensitive,
        language: language_to_wire(language),
        media: media.name().to_owned(),
        expand_warnings,
        autoplay,
    }
}

pub(super) fn preferences_from_wire(wire: v1::Preferences) -> Result<Preferences, String> {
    let v1::Preferences { visibility, sensitive, language, media, expand_warnings, autoplay } =
        wire;
    Ok(Preferences {
        visibility: visibility_from_wire(visibility).map_err(in_words)?,
        sensitive,
        language: language_from_wire(language).map_err(in_words)?,
        media: named(&media, MediaDisplay::named)?,
        expand_warnings,
        autoplay,
    })
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

fn filter_settings_to_wire(settings: FilterSettings) -> v1::FilterSettings {
    let FilterSettings { title, contexts, action, until } = settings;
    v1::FilterSettings {
        title,
        contexts: contexts.into_iter().map(|context| context.name().to_owned()).collect(),
        action: action.name().to_owned(),
        until_ms: until.map(UnixMillis::get),
    }
}

fn filter_settings_from_wire(wire: v1::FilterSettings) -> Result<FilterSettings, String> {
    let v1::FilterSettings { title, contexts, action, until_ms } = wire;
    let context = |name: String| {
        FilterContext::named(&name)
            .ok_or_else(|| format!("{name} is no place where posts are read"))
    };
    Ok(FilterSettings {
        title,
        contexts: contexts.into_iter().map(context).collect::<Result<_, _>>()?,
        action: named(&action, FilterAction::named)?,
        until: until_ms.map(UnixMillis::new),
    })
}

fn keyword_to_wire(id: u64, NewKeyword { text, whole_word }: NewKeyword) -> v1::Keyword {
    v1::Keyword { id, text, whole_word }
}

fn new_keyword(v1::Keyword { id: _, text, whole_word }: v1::Keyword) -> NewKeyword {
    NewKeyword { text, whole_word }
}

fn keyword_change_to_wire(change: KeywordChange) -> v1::KeywordChange {
    use keyword_change::Change;
    let change = match change {
        KeywordChange::Add(keyword) => Change::Add(keyword_to_wire(0, keyword)),
        KeywordChange::Replace(id, keyword) => Change::Replace(keyword_to_wire(id.get(), keyword)),
        KeywordChange::Remove(id) => Change::Remove(id.get()),
    };
    v1::KeywordChange { change: Some(change) }
}

fn keyword_change_from_wire(wire: v1::KeywordChange) -> Result<KeywordChange, Refusal> {
    use keyword_change::Change;
    let change = wire.change.ok_or_else(|| invalid("a change of a keyword is missing"))?;
    Ok(match change {
        Change::Add(keyword) => KeywordChange::Add(new_keyword(keyword)),
        Change::Replace(keyword) => {
            KeywordChange::Replace(some_id(keyword.id)?, new_keyword(keyword))
        }
        Change::Remove(id) => KeywordChange::Remove(some_id(id)?),
    })
}

fn filter_to_wire(filter: WordFilter) -> v1::WordFilter {
    let WordFilter { id, settings, keywords, posts } = filter;
    let keyword = |Keyword { id, keyword }| keyword_to_wire(id.get(), keyword);
    let post = |FilteredPost { id, post }| v1::FilteredPost { id: id.get(), post: post.get() };
    v1::WordFilter {
        id: id.get(),
        settings: Some(filter_settings_to_wire(settings)),
        keywords: keywords.into_iter().map(keyword).collect(),
        posts: posts.into_iter().map(post).collect(),
    }
}

fn filter_from_wire(wire: v1::WordFilter) -> Result<WordFilter, Refusal> {
    let v1::WordFilter { id, settings, keywords, posts } = wire;
    let settings = settings.ok_or_else(|| unreadable("what a filter is, is missing"))?;
    let keyword = |keyword: v1::Keyword| Keyword {
        id: PersonalId::new(keyword.id),
        keyword: new_keyword(keyword),
    };
    let post = |v1::FilteredPost { id, post }| FilteredPost {
        id: PersonalId::new(id),
        post: PostId::new(post),
    };
    Ok(WordFilter {
        id: PersonalId::new(id),
        settings: filter_settings_from_wire(settings).map_err(unreadable)?,
        keywords: keywords.into_iter().map(keyword).collect(),
        posts: posts.into_iter().map(post).collect(),
    })
}
