//! What is stored of what people keep for themselves: all of it in one table, by user.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    StateError,
    keys::{self, Parts, Personal},
    moment::Moment,
    people_records,
    records::{Record, decode},
};
use crate::{
    domain::{
        FilterSettings, FilteredPost, Hashtag, Keyword, ListSettings, Marker, Markers, PeopleList,
        PersonalId, Preferences, UnixMillis, UserId, WordFilter,
    },
    envelope::Kind,
};

/// What somebody has of each but once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalRecord {
    /// The last number that was given to a list, a filter, a keyword or a filtered post.
    pub newest: u64,
    pub home: Marker,
    /// How often it was said how far the notifications were read, and when; how far is in their state.
    pub notifications_read: (u64, UnixMillis),
    pub preferences: Preferences,
}

impl Record for PersonalRecord {
    const KIND: Kind = Kind::Personal;
}

/// A list of people; its number is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRecord {
    pub settings: ListSettings,
    pub members: u32,
}

impl Record for ListRecord {
    const KIND: Kind = Kind::PeopleList;
}

/// In which lists somebody is, at least one; their name is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipRecord {
    pub member: UserId,
    pub lists: BTreeSet<PersonalId>,
}

impl Record for MembershipRecord {
    const KIND: Kind = Kind::ListMembership;
}

/// A filter; its number is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterRecord {
    pub settings: FilterSettings,
    pub keywords: Vec<Keyword>,
    pub posts: Vec<FilteredPost>,
}

impl Record for FilterRecord {
    const KIND: Kind = Kind::WordFilter;
}

/// What somebody has of each but once.
pub(super) fn personal(moment: &Moment, user: UserId) -> Result<PersonalRecord, StateError> {
    let row = moment.get(&keys::personal(user, Personal::Once))?;
    row.map_or_else(|| Ok(PersonalRecord::default()), |row| decode(&row))
}

/// How far somebody has read.
pub(super) fn markers(moment: &Moment, user: UserId) -> Result<Markers, StateError> {
    let PersonalRecord { home, notifications_read: (version, at), .. } = personal(moment, user)?;
    let read_up_to = people_records::notification_state(moment, user)?.read_up_to;
    Ok(Markers { home, notifications: Marker { read_up_to, version, at } })
}

/// A list of somebody.
pub(super) fn list(
    moment: &Moment,
    user: UserId,
    list: PersonalId,
) -> Result<Option<ListRecord>, StateError> {
    moment
        .get(&keys::numbered_personal(user, Personal::List, list))?
        .map(|row| decode(&row))
        .transpose()
}

/// All lists of somebody, in the order of their numbers.
pub(super) fn lists(moment: &Moment, user: UserId) -> Result<Vec<PeopleList>, StateError> {
    let rows = moment.scan(keys::all_personal(user, Personal::List));
    let list = |row: Result<super::moment::Row, StateError>| {
        let (key, row) = row?;
        let ListRecord { settings, members } = decode(&row)?;
        Ok(PeopleList { id: numbered(&key)?, settings, members })
    };
    rows.map(list).collect()
}

/// In which of somebody's lists another is, by their folded name.
pub(super) fn membership(
    moment: &Moment,
    user: UserId,
    folded: &str,
) -> Result<Option<MembershipRecord>, StateError> {
    let key = keys::named_personal(user, Personal::Membership, folded);
    moment.get(&key)?.map(|row| decode(&row)).transpose()
}

/// Whether somebody follows a hashtag.
pub(super) fn follows_hashtag(
    moment: &Moment,
    user: UserId,
    hashtag: &Hashtag,
) -> Result<bool, StateError> {
    let key = keys::named_personal(user, Personal::Hashtag, hashtag.as_str());
    Ok(moment.get(&key)?.is_some())
}

/// The hashtags that somebody follows, sorted.
pub(super) fn hashtags(moment: &Moment, user: UserId) -> Result<Vec<Hashtag>, StateError> {
    let rows = moment.scan(keys::all_personal(user, Personal::Hashtag));
    rows.map(|row| hashtag(&row?.0)).collect()
}

/// The hashtag of a key.
pub(super) fn hashtag(key: &[u8]) -> Result<Hashtag, StateError> {
    Ok(Hashtag::stored(own(key)?.text()?))
}

/// All filters of somebody, in the order of their numbers.
pub(super) fn filters(moment: &Moment, user: UserId) -> Result<Vec<WordFilter>, StateError> {
    let rows = moment.scan(keys::all_personal(user, Personal::Filter));
    let filter = |row: Result<super::moment::Row, StateError>| {
        let (key, row) = row?;
        let FilterRecord { settings, keywords, posts } = decode(&row)?;
        Ok(WordFilter { id: numbered(&key)?, settings, keywords, posts })
    };
    rows.map(filter).collect()
}

/// The rest of a key, after whose row it is and of what.
fn own(key: &[u8]) -> Result<Parts<'_>, StateError> {
    let mut parts = Parts::of(key);
    let (_user, _of) = (parts.user()?, parts.byte()?);
    Ok(parts)
}

/// The number in a key.
fn numbered(key: &[u8]) -> Result<PersonalId, StateError> {
    let mut parts = own(key)?;
    let number = PersonalId::new(parts.number()?);
    parts.end()?;
    Ok(number)
}

/// The name in a key.
pub(super) fn named(key: &[u8]) -> Result<&str, StateError> {
    own(key)?.text()
}
