//! Questions about people: who they are, what they are to each other, and their notifications.

use std::collections::BTreeSet;

use super::{
    Page, StateError, View,
    acquaintance::{Acquaintance, Known},
    keys::{self, Parts, Table},
    people_records::{
        self, BlockRecord, MuteRecord, NoteRecord, NotificationRecord, ProfileRecord, RequestRecord,
    },
    picture_records,
    post_records::PostRecord,
    records::{self, decode, number},
    view::{NameCursor, folded},
};
use crate::{
    domain::{
        Hashtag, Notification, Person, PictureId, PostId, Relationship, UnixMillis, UserId,
        UserName,
    },
    social::{
        Cursor,
        visibility::{is_blocked, is_hidden},
    },
};

/// So many of an author's newest posts are looked at to find out when they last posted for everybody.
const LOOKED_AT: usize = 20;
/// So many rows are looked at when people or hashtags are searched for.
const SEARCHED: usize = 1_000;

/// One page of notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageOfNotifications {
    /// In the order of the cursor.
    pub notifications: Vec<Notification>,
    /// Whether there is more in the direction of reading.
    pub more: bool,
    /// All up to this one were read.
    pub read_up_to: PostId,
}

impl View {
    /// What people are to each other, at this moment.
    pub(super) fn acquaintance<'a>(&'a self, known: &'a mut Known) -> Acquaintance<'a> {
        Acquaintance::new(self.moment(), known, self.now())
    }

    /// The time of the last change.
    pub(super) fn now(&self) -> UnixMillis {
        self.meta().applied_at
    }

    /// A person as a reader sees them: of whoever has blocked the reader, nothing but the name.
    pub fn person(
        &self,
        reader: Option<UserId>,
        user: UserId,
    ) -> Result<Option<Person>, StateError> {
        let Some(record) = records::user(self.moment(), user)? else { return Ok(None) };
        if self.is_out_of_sight(user)? {
            return Ok(None);
        }
        let is_hidden = match reader {
            Some(reader) => self.is_between(reader, user, Table::Blocks, true)?,
            None => false,
        };
        let (stored, counts) = if is_hidden {
            (ProfileRecord::default(), people_records::StoredCounts::default().with(None))
        } else {
            let counts = people_records::counts(self.moment(), user)?;
            let profile = people_records::profile(self.moment(), user)?;
            (profile, counts.with(self.last_post_at(user)?))
        };
        let ProfileRecord { profile, words: _, avatar, header } = stored;
        let picture = |id: Option<PictureId>| {
            let shown = picture_records::shown(self.moment(), id.as_slice())?;
            Ok::<_, StateError>(shown.into_iter().next())
        };
        let (avatar, header) = (picture(avatar)?, picture(header)?);
        let (name, created_at) = (record.name, record.created_at);
        Ok(Some(Person { id: user, name, created_at, profile, counts, avatar, header }))
    }

    /// Whether there is somebody of this number whom others see.
    pub fn is_there(&self, user: UserId) -> Result<bool, StateError> {
        Ok(records::user(self.moment(), user)?.is_some() && !self.is_out_of_sight(user)?)
    }

    /// When somebody last posted for everybody, if that is among their newest posts.
    fn last_post_at(&self, user: UserId) -> Result<Option<UnixMillis>, StateError> {
        let range = keys::posts_between(user, PostId::NONE, None);
        for row in self.moment().scan_back(range).take(LOOKED_AT) {
            let (_, row) = row?;
            let record: PostRecord<'_> = decode(&row)?;
            let facts = record.facts(user).filter(|facts| facts.visibility.is_for_everybody());
            if facts.is_some_and(|facts| facts.boosted.is_none()) {
                return Ok(Some(record.at));
            }
        }
        Ok(None)
    }

    /// Whether there is an edge from `one` to `other` in a table, or back.
    fn is_between(
        &self,
        one: UserId,
        other: UserId,
        table: Table,
        back: bool,
    ) -> Result<bool, StateError> {
        let (from, to) = if back { (other, one) } else { (one, other) };
        let name = records::known_user(self.moment(), to)?.name.folded();
        Ok(self.moment().get(&keys::edge(table, from, &name))?.is_some())
    }

    /// What a reader is to somebody.
    pub fn relationship(&self, reader: UserId, other: UserId) -> Result<Relationship, StateError> {
        if reader == other {
            return Ok(Relationship::default());
        }
        let name = records::known_user(self.moment(), other)?.name.folded();
        let mute = people_records::mute(self.moment(), reader, &name)?;
        let mute = mute.filter(|mute| mute.lasts(self.now()));
        let note = self.moment().get(&keys::edge(Table::Notes, reader, &name))?;
        let note = note.map(|row| decode::<NoteRecord>(&row)).transpose()?;
        Ok(Relationship {
            following: self.is_between(reader, other, Table::Following, false)?,
            requested: self.is_between(reader, other, Table::Requests, true)?,
            followed_by: self.is_between(reader, other, Table::Following, true)?,
            requested_by: self.is_between(reader, other, Table::Requests, false)?,
            blocking: self.is_between(reader, other, Table::Blocks, false)?,
            muting: mute.is_some(),
            muting_notifications: mute.is_some_and(|mute| mute.notifications),
            muting_until: mute.and_then(|mute| mute.until),
            note: note.map(|note| note.text).unwrap_or_default(),
        })
    }

    /// Those whom a user has blocked, after a cursor; at least one name per page.
    pub fn blocked(
        &self,
        user: UserId,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let range = keys::edges_after(Table::Blocks, user, folded(after));
        self.page(range, limit, |row| Ok(decode::<BlockRecord>(row)?.blocked))
    }

    /// Those whom a user has muted, some of them perhaps until a while ago.
    pub fn muted(
        &self,
        user: UserId,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let range = keys::edges_after(Table::Mutes, user, folded(after));
        self.page(range, limit, |row| Ok(decode::<MuteRecord>(row)?.muted))
    }

    /// Those who ask to follow a user.
    pub fn requests(
        &self,
        user: UserId,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let range = keys::edges_after(Table::Requests, user, folded(after));
        self.page(range, limit, |row| Ok(decode::<RequestRecord>(row)?.follower))
    }

    /// A page of a user's notifications.
    pub fn notifications(
        &self,
        user: UserId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<PageOfNotifications, StateError> {
        let state = people_records::notification_state(self.moment(), user)?;
        let end = self.newest_post().next().unwrap_or(PostId::MAX);
        let oldest = state.oldest;
        let rows = match cursor {
            Cursor::Before(before) => {
                let range = keys::notifications_between(user, oldest, before.min(end));
                self.moment().scan_back(range)
            }
            Cursor::After(after) => {
                self.moment().scan(keys::notifications_between(user, after.max(oldest), end))
            }
        };
        let mut known = Known::default();
        let mut people = self.acquaintance(&mut known);
        let mut page =
            PageOfNotifications { read_up_to: state.read_up_to, ..PageOfNotifications::default() };
        for row in rows {
            let (key, row) = row?;
            let mut key = Parts::of(&key);
            let (_user, position) = (key.user()?, key.post()?);
            let record: NotificationRecord = decode(&row)?;
            let notification =
                self.notification(user, position, record, Some(user), &mut people)?;
            let Some(notification) = notification else { continue };
            if page.notifications.len() >= limit {
                page.more = true;
                break;
            }
            page.notifications.push(notification);
        }
        Ok(page)
    }

    /// People whose name begins like this, or a word of whose display name does, as far as the reader may find
    /// them.
    pub fn search_people(
        &self,
        reader: Option<UserId>,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<Person>, StateError> {
        let mut found = BTreeSet::new();
        let mut people = Vec::new();
        let beginning = beginning.to_lowercase();
        let names = self.moment().scan(keys::names_beginning(&beginning)).take(SEARCHED);
        let names = names.map(|row| number(&row?.1).map(UserId));
        let words = self.moment().scan(keys::profiles_by_word(&beginning)).take(SEARCHED);
        let words = words.map(|row| keys::last_user(&row?.0));
        let mut known = Known::default();
        let mut acquaintance = self.acquaintance(&mut known);
        for user in names.chain(words) {
            let user = user?;
            if people.len() >= limit {
                break;
            }
            if !found.insert(user) {
                continue;
            }
            if let Some(reader) = reader
                && is_blocked(reader, user, &mut acquaintance)?
            {
                continue;
            }
            if is_hidden(reader, user, &mut acquaintance)? {
                continue;
            }
            people.extend(self.person(reader, user)?);
        }
        Ok(people)
    }

    /// Hashtags that begin like this, and how many public posts have each.
    pub fn search_hashtags(
        &self,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<(Hashtag, u64)>, StateError> {
        let beginning = beginning.to_lowercase();
        let rows = self.moment().scan(keys::hashtags_beginning(&beginning)).take(limit);
        let hashtag = |row: Result<_, StateError>| {
            let (key, row): super::moment::Row = row?;
            Ok((Hashtag::stored(Parts::of(&key).text()?), number(&row)?))
        };
        rows.map(hashtag).collect()
    }

    /// The account of a name, if there is one.
    pub fn user_named(&self, name: &UserName) -> Result<Option<UserId>, StateError> {
        records::user_named(self.moment(), name)
    }
}
