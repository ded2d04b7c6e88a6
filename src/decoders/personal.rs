//! What people keep for themselves: one of each, for the seeds of other decoders.

use super::requests::name;
use crate::{
    domain::{
        FilterAction, FilterContext, FilterSettings, FilteredPost, Hashtag, Keyword, KeywordChange,
        Language, ListSettings, Marker, Markers, MediaDisplay, NewKeyword, PeopleList,
        PersonalChange, PersonalId, PostId, Preferences, RepliesPolicy, UnixMillis, UserId,
        Visibility, WordFilter,
    },
    envelope::{Kind, seal},
    network::{HashtagUse, PersonalAnswer, PersonalQuestion},
    social::store::personal_records::{FilterRecord, ListRecord, MembershipRecord, PersonalRecord},
};

const LIST: PersonalId = PersonalId::new(1);
const FILTER: PersonalId = PersonalId::new(2);

fn list() -> ListSettings {
    ListSettings { title: "Freunde".to_owned(), replies: RepliesPolicy::None, exclusive: true }
}

fn marker() -> Marker {
    Marker { read_up_to: PostId::new(300), version: 2, at: UnixMillis::new(-9) }
}

fn preferences() -> Preferences {
    Preferences {
        visibility: Visibility::Followers,
        sensitive: true,
        language: Some(Language::new("de").expect("valid")),
        media: MediaDisplay::HideAll,
        expand_warnings: true,
        autoplay: true,
    }
}

fn keyword() -> NewKeyword {
    NewKeyword { text: "Fußball".to_owned(), whole_word: true }
}

fn settings() -> FilterSettings {
    FilterSettings {
        title: "Sport".to_owned(),
        contexts: [FilterContext::Home, FilterContext::Account].into(),
        action: FilterAction::Hide,
        until: Some(UnixMillis::new(9)),
    }
}

fn keywords() -> Vec<Keyword> {
    vec![Keyword { id: PersonalId::new(3), keyword: keyword() }]
}

fn posts() -> Vec<FilteredPost> {
    vec![FilteredPost { id: PersonalId::new(4), post: PostId::new(300) }]
}

fn hashtag() -> Hashtag {
    Hashtag::new("größe").expect("valid")
}

/// One of each change, which can be made one after the other.
pub fn some_changes() -> Vec<PersonalChange> {
    let keyword_changes = vec![
        KeywordChange::Add(keyword()),
        KeywordChange::Replace(PersonalId::new(3), NewKeyword { whole_word: false, ..keyword() }),
        KeywordChange::Remove(PersonalId::new(4)),
    ];
    let people = vec![name("bob")];
    vec![
        PersonalChange::CreateList(list()),
        PersonalChange::CreateFilter { settings: settings(), keywords: vec![keyword()] },
        PersonalChange::ChangeList(LIST, ListSettings { exclusive: false, ..list() }),
        PersonalChange::SetMembers { list: LIST, people, present: true },
        PersonalChange::FollowHashtag { hashtag: hashtag(), set: true },
        PersonalChange::ReadHomeUpTo(PostId::new(300)),
        PersonalChange::SetPreferences(preferences()),
        PersonalChange::ChangeFilter {
            filter: FILTER,
            settings: Some(settings()),
            keywords: keyword_changes,
        },
        PersonalChange::FilterPost { filter: FILTER, post: PostId::new(4) },
        PersonalChange::UnfilterPost { filter: FILTER, entry: PersonalId::new(5) },
        PersonalChange::DeleteFilter(FILTER),
        PersonalChange::DeleteList(LIST),
    ]
}

/// One of each question.
pub fn some_questions() -> [PersonalQuestion; 8] {
    [
        PersonalQuestion::Lists,
        PersonalQuestion::Members(LIST),
        PersonalQuestion::ListsWith(name("bob")),
        PersonalQuestion::Hashtags,
        PersonalQuestion::Hashtag(hashtag()),
        PersonalQuestion::Markers,
        PersonalQuestion::Preferences,
        PersonalQuestion::Filters,
    ]
}

/// One of each answer.
pub fn some_answers() -> [PersonalAnswer; 6] {
    let lists = vec![PeopleList { id: LIST, settings: list(), members: 300 }];
    let (keywords, posts) = (keywords(), posts());
    let filters = vec![WordFilter { id: FILTER, settings: settings(), keywords, posts }];
    let hashtags = vec![HashtagUse { hashtag: hashtag(), posts: 300, is_followed: true }];
    [
        PersonalAnswer::Lists(lists),
        PersonalAnswer::Members(vec![name("ann"), name("bob")]),
        PersonalAnswer::Hashtags(hashtags),
        PersonalAnswer::Markers(Markers { home: marker(), notifications: Marker::default() }),
        PersonalAnswer::Preferences(preferences()),
        PersonalAnswer::Filters(filters),
    ]
}

/// One row of each kind.
pub fn rows() -> Vec<Vec<u8>> {
    let once = PersonalRecord {
        newest: 300,
        home: marker(),
        notifications_read: (2, UnixMillis::new(-9)),
        preferences: preferences(),
    };
    let membership = MembershipRecord { member: UserId(2), lists: [LIST, FILTER].into() };
    let filter = FilterRecord { settings: settings(), keywords: keywords(), posts: posts() };
    vec![
        seal(Kind::Personal, &once),
        seal(Kind::PeopleList, &ListRecord { settings: list(), members: 300 }),
        seal(Kind::ListMembership, &membership),
        seal(Kind::WordFilter, &filter),
    ]
}
