//! Where each row is. All tables share one ordered sequence of keys: a byte that names the table,
//! and then the parts of the row's own key, each in an order that its bytes keep.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | facts | name | sealed bytes, of which the log knows the meaning |
//! | meta | | [`Meta`](super::records::Meta) |
//! | users | user | [`UserRecord`](super::records::UserRecord) |
//! | names | folded name | user |
//! | following | follower, folded name of the followee | [`FollowRecord`](super::records::FollowRecord) |
//! | followers | followee, folded name of the follower | follower |
//! | posts | author, post | [`PostRecord`](super::post_records::PostRecord) |
//! | series | user, series of requests | [`Series`](super::Series) |
//! | series by age | at most the age of its oldest reply, user, series | |
//! | replies | user, series, number | [`StoredReply`](super::StoredReply) |
//! | replies kept | user | how many replies are kept; no row means none |
//! | certification | | [`Certification`](crate::domain::Certification) |
//! | blocks | user, folded name of whom they have blocked | [`BlockRecord`](super::people_records::BlockRecord) |
//! | mutes | user, folded name of whom they have muted | [`MuteRecord`](super::people_records::MuteRecord) |
//! | requests | user, folded name of whoever asks to follow | [`RequestRecord`](super::people_records::RequestRecord) |
//! | notes | user, folded name of whom they are about | [`NoteRecord`](super::people_records::NoteRecord) |
//! | profiles | user | [`ProfileRecord`](super::people_records::ProfileRecord) |
//! | profiles by word | folded word of a display name, user | |
//! | authors | post | its author |
//! | listed posts | post | its author |
//! | posts by hashtag | hashtag, post | its author |
//! | hashtags | hashtag | how many posts for everybody have it |
//! | posts by term | term, post | its author |
//! | answers | post, answer | its author |
//! | counts of posts | post | [`PostCounts`](crate::domain::PostCounts); no row means zeros |
//! | counts of people | user | [`StoredCounts`](super::people_records::StoredCounts); no row means zeros |
//! | revisions | post, number | [`RevisionRecord`](super::post_records::RevisionRecord) |
//! | marks | user, post | [`MarkRecord`](super::post_records::MarkRecord) |
//! | marks by time | user, mark, position | post, its author |
//! | marks by post | post, mark or boost, user | |
//! | notifications | user, position | [`NotificationRecord`](super::people_records::NotificationRecord) |
//! | states of notifications | user | [`NotificationState`](super::people_records::NotificationState) |
//! | changes | position | [`ChangeRecord`](super::post_records::ChangeRecord) |
//! | settings of the network | | [`NetworkSettings`](crate::domain::NetworkSettings) |
//! | counts of administration | | [`AdministrationCounts`](crate::social::administration::AdministrationCounts) |
//! | standings | user | [`StandingRecord`](crate::social::administration::StandingRecord); no row means nothing out of the ordinary |
//! | invitations | code | [`InvitationRecord`](crate::social::administration::InvitationRecord) |
//! | reports | number | [`ReportRecord`](crate::social::administration::ReportRecord) |
//! | announcements | number | [`AnnouncementRecord`](crate::social::administration::AnnouncementRecord) |
//! | log of moderators | number | [`LoggedRecord`](crate::social::administration::LoggedRecord) |
//! | rows about people | whom the row is about, its table, whose row it is | |
//! | chores | position of the feed at which it began | [`Chore`](crate::social::Chore) |
//! | reserved names | hash of the folded name | [`ReservedNameRecord`](super::chore_records::ReservedNameRecord) |
//! | sessions | user, number | [`SessionRecord`](crate::social::sessions::SessionRecord) |
//! | personal | user, what they have once | [`PersonalRecord`](super::personal_records::PersonalRecord) |
//! | personal | user, list, its number | [`ListRecord`](super::personal_records::ListRecord) |
//! | personal | user, membership, folded name of whom they follow | [`MembershipRecord`](super::personal_records::MembershipRecord) |
//! | personal | user, hashtag that they follow | |
//! | personal | user, filter, its number | [`FilterRecord`](super::personal_records::FilterRecord) |
//! | direct posts | who wrote it or is mentioned in it, post | its author |
//! | pictures | picture | [`PictureRecord`](crate::social::pictures::PictureRecord) |
//! | pieces of pictures | picture, number | [`PieceRecord`](super::picture_records::PieceRecord) |
//! | pictures by address | address | picture |
//! | pictures by owner | user, picture | |
//! | unused pictures | picture | |
//! | sizes of pictures | user | how many bytes their pictures have; no row means none |
//!
//! Users, follows, posts, series, replies, certification, blocks, mutes, requests, notes, profiles, revisions,
//! pictures and their pieces, marks, notifications, their states, changes, chores, reserved names, sessions, all of administration and all that is personal are the state; the others are indexes of it. Follows are
//! sorted by name, so that a page of names in order costs no more than the page; posts by author, so that a
//! page of them lies together.

use std::ops::Bound;

use super::StateError;
use crate::domain::{
    Hashtag, Mark, PersonalId, PictureAddress, PictureId, PostId, SearchTerm, UserId,
};

/// The tables, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Table {
    Facts = 1,
    Meta,
    Users,
    Names,
    Following,
    Followers,
    Posts,
    Series,
    SeriesByAge,
    Replies,
    RepliesKept,
    Certification,
    Blocks,
    Mutes,
    Requests,
    Notes,
    Profiles,
    ProfilesByWord,
    Authors,
    ListedPosts,
    PostsByHashtag,
    Hashtags,
    PostsByTerm,
    Answers,
    PostCounts,
    PersonCounts,
    Revisions,
    Marks,
    MarksByTime,
    MarksByPost,
    Notifications,
    NotificationStates,
    Changes,
    NetworkSettings,
    AdministrationCounts,
    Standings,
    Invitations,
    Reports,
    Announcements,
    Logged,
    RowsAboutPeople,
    Chores,
    ReservedNames,
    Sessions,
    Personal,
    DirectPosts,
    Pictures,
    PicturePieces,
    PicturesByAddress,
    PicturesByOwner,
    UnusedPictures,
    PictureBytes,
}

impl Table {
    /// All of them.
    const ALL: [Self; 52] = [
        Self::Facts,
        Self::Meta,
        Self::Users,
        Self::Names,
        Self::Following,
        Self::Followers,
        Self::Posts,
        Self::Series,
        Self::SeriesByAge,
        Self::Replies,
        Self::RepliesKept,
        Self::Certification,
        Self::Blocks,
        Self::Mutes,
        Self::Requests,
        Self::Notes,
        Self::Profiles,
        Self::ProfilesByWord,
        Self::Authors,
        Self::ListedPosts,
        Self::PostsByHashtag,
        Self::Hashtags,
        Self::PostsByTerm,
        Self::Answers,
        Self::PostCounts,
        Self::PersonCounts,
        Self::Revisions,
        Self::Marks,
        Self::MarksByTime,
        Self::MarksByPost,
        Self::Notifications,
        Self::NotificationStates,
        Self::Changes,
        Self::NetworkSettings,
        Self::AdministrationCounts,
        Self::Standings,
        Self::Invitations,
        Self::Reports,
        Self::Announcements,
        Self::Logged,
        Self::RowsAboutPeople,
        Self::Chores,
        Self::ReservedNames,
        Self::Sessions,
        Self::Personal,
        Self::DirectPosts,
        Self::Pictures,
        Self::PicturePieces,
        Self::PicturesByAddress,
        Self::PicturesByOwner,
        Self::UnusedPictures,
        Self::PictureBytes,
    ];

    /// The table with this byte.
    pub fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| *table as u8 == byte)
    }

    /// What its rows are, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Meta => "state records",
            Self::Users => "accounts",
            Self::Names => "names",
            Self::Following => "follows",
            Self::Followers => "followers",
            Self::Posts => "posts",
            Self::Series => "series of requests",
            Self::SeriesByAge => "series by age",
            Self::Replies => "replies",
            Self::RepliesKept => "counts of replies",
            Self::Certification => "certifications",
            Self::Blocks => "blocks",
            Self::Mutes => "mutes",
            Self::Requests => "requests to follow",
            Self::Notes => "notes",
            Self::Profiles => "profiles",
            Self::ProfilesByWord => "profiles by word",
            Self::Authors => "authors of posts",
            Self::ListedPosts => "listed posts",
            Self::PostsByHashtag => "posts by hashtag",
            Self::Hashtags => "hashtags",
            Self::PostsByTerm => "posts by term",
            Self::Answers => "answers",
            Self::PostCounts => "counts of posts",
            Self::PersonCounts => "counts of people",
            Self::Revisions => "revisions of posts",
            Self::Marks => "marks",
            Self::MarksByTime => "marks by time",
            Self::MarksByPost => "marks by post",
            Self::Notifications => "notifications",
            Self::NotificationStates => "states of notifications",
            Self::Changes => "changes in the feed",
            Self::NetworkSettings => "settings of the network",
            Self::AdministrationCounts => "counts of administration",
            Self::Standings => "standings",
            Self::Invitations => "invitations",
            Self::Reports => "reports",
            Self::Announcements => "announcements",
            Self::Logged => "entries of the log of moderators",
            Self::RowsAboutPeople => "rows about people",
            Self::Chores => "chores",
            Self::ReservedNames => "reserved names",
            Self::Sessions => "sessions",
            Self::Personal => "personal records",
            Self::DirectPosts => "direct posts",
            Self::Pictures => "pictures",
            Self::PicturePieces => "pieces of pictures",
            Self::PicturesByAddress => "pictures by address",
            Self::PicturesByOwner => "pictures by owner",
            Self::UnusedPictures => "unused pictures",
            Self::PictureBytes => "sizes of pictures",
        }
    }
}

/// The bytes of a key, or of what some keys begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<u8>);

/// Keys from one to another.
pub type KeyRange = (Bound<Key>, Bound<Key>);

impl Key {
    fn of(table: Table) -> Self {
        let mut bytes = Vec::with_capacity(32);
        bytes.push(table as u8);
        Self(bytes)
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Negative numbers come before the others.
    fn signed(self, number: i64) -> Self {
        self.number(number.cast_unsigned() ^ (1 << 63))
    }

    /// As the last part.
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// After its length, so that another part can follow.
    fn sized(self, bytes: &[u8]) -> Result<Self, StateError> {
        let length = u16::try_from(bytes.len())
            .map_err(|_| StateError::damaged("a part of a key is too long"))?;
        Ok(self.bytes(&length.to_be_bytes()).bytes(bytes))
    }

    /// Of a row that was read.
    pub fn of_stored(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }

    /// All keys that begin with this.
    pub fn range(self) -> KeyRange {
        let end = self.end();
        (Bound::Included(self), end)
    }

    /// Those of them that come after `last`, which begins with this too.
    pub fn range_after(self, last: Self) -> KeyRange {
        (Bound::Excluded(last), self.end())
    }

    /// Behind all keys that begin with this.
    fn end(&self) -> Bound<Self> {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                return Bound::Excluded(Self(end));
            }
        }
        Bound::Unbounded
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

pub fn fact(name: &str) -> Key {
    Key::of(Table::Facts).bytes(name.as_bytes())
}

pub fn meta() -> Key {
    Key::of(Table::Meta)
}

pub fn certification() -> Key {
    Key::of(Table::Certification)
}

pub fn all(table: Table) -> KeyRange {
    Key::of(table).range()
}

/// All rows of all tables.
pub fn everything() -> KeyRange {
    (Bound::Unbounded, Bound::Unbounded)
}

/// All tables but the facts.
#[cfg(test)]
pub fn all_tables() -> KeyRange {
    (Bound::Included(Key::of(Table::Meta)), Bound::Unbounded)
}

pub fn user(user: UserId) -> Key {
    Key::of(Table::Users).number(user.0)
}

pub fn name(folded: &str) -> Key {
    Key::of(Table::Names).bytes(folded.as_bytes())
}

/// All names, or those after one.
pub fn names_after(folded: Option<&str>) -> KeyRange {
    let all = Key::of(Table::Names);
    match folded {
        Some(folded) => all.range_after(name(folded)),
        None => all.range(),
    }
}

/// An edge in one of the tables in which people are under the names of others.
pub fn edge(table: Table, user: UserId, folded: &str) -> Key {
    Key::of(table).number(user.0).bytes(folded.as_bytes())
}

/// All edges of a user in one of these tables, or those after a name.
pub fn edges_after(table: Table, user: UserId, folded: Option<&str>) -> KeyRange {
    let all = Key::of(table).number(user.0);
    match folded {
        Some(folded) => all.range_after(edge(table, user, folded)),
        None => all.range(),
    }
}

pub fn post(author: UserId, post: PostId) -> Key {
    Key::of(Table::Posts).number(author.0).number(post.get())
}

/// An author's posts after one, and up to another, if given before that.
pub fn posts_between(author: UserId, after: PostId, before: Option<PostId>) -> KeyRange {
    let end = match before {
        Some(before) => Bound::Excluded(post(author, before)),
        None => Key::of(Table::Posts).number(author.0).end(),
    };
    (Bound::Excluded(post(author, after)), end)
}

/// A row of one user, in a table that has one for each.
pub fn of_user(table: Table, user: UserId) -> Key {
    Key::of(table).number(user.0)
}

/// The rows of one user, in a table that is sorted by users first.
pub fn all_of_user(table: Table, user: UserId) -> KeyRange {
    of_user(table, user).range()
}

/// Those of them that come after a key of the same table.
pub fn rest_of_user(table: Table, user: UserId, after: Key) -> KeyRange {
    of_user(table, user).range_after(after)
}

/// That somebody has a row in a table that is about a person.
pub fn row_about(person: UserId, table: Table, whose: UserId) -> Key {
    Key::of(Table::RowsAboutPeople).number(person.0).bytes(&[table as u8]).number(whose.0)
}

pub fn reserved_name(hash: &[u8]) -> Key {
    Key::of(Table::ReservedNames).bytes(hash)
}

/// A row of one post, in a table that has one for each.
pub fn of_post(table: Table, post: PostId) -> Key {
    Key::of(table).number(post.get())
}

/// A row of one picture, in a table that has one for each.
pub fn of_picture(table: Table, picture: PictureId) -> Key {
    Key::of(table).number(picture.get())
}

/// A piece of a picture, counted from 0.
pub fn piece(picture: PictureId, number: u32) -> Key {
    of_picture(Table::PicturePieces, picture).number(number.into())
}

pub fn picture_at(address: PictureAddress) -> Key {
    Key::of(Table::PicturesByAddress).bytes(address.as_bytes())
}

pub fn picture_of(owner: UserId, picture: PictureId) -> Key {
    of_user(Table::PicturesByOwner, owner).number(picture.get())
}

pub fn profile_by_word(word: &str, user: UserId) -> Key {
    Key::of(Table::ProfilesByWord).bytes(word.as_bytes()).bytes(&[0]).number(user.0)
}

/// The words that begin like this.
pub fn profiles_by_word(beginning: &str) -> KeyRange {
    Key::of(Table::ProfilesByWord).bytes(beginning.as_bytes()).range()
}

/// The names that begin like this.
pub fn names_beginning(folded: &str) -> KeyRange {
    Key::of(Table::Names).bytes(folded.as_bytes()).range()
}

pub fn hashtag(hashtag: &Hashtag) -> Key {
    Key::of(Table::Hashtags).bytes(hashtag.as_str().as_bytes())
}

/// The hashtags that begin like this.
pub fn hashtags_beginning(beginning: &str) -> KeyRange {
    Key::of(Table::Hashtags).bytes(beginning.as_bytes()).range()
}

pub fn revision(post: PostId, number: u64) -> Key {
    Key::of(Table::Revisions).number(post.get()).number(number)
}

/// All revisions of a post.
pub fn revisions(post: PostId) -> KeyRange {
    Key::of(Table::Revisions).number(post.get()).range()
}

pub fn answer(post: PostId, answer: PostId) -> Key {
    Key::of(Table::Answers).number(post.get()).number(answer.get())
}

/// All answers to a post.
pub fn answers(post: PostId) -> KeyRange {
    Key::of(Table::Answers).number(post.get()).range()
}

pub fn marks(user: UserId, post: PostId) -> Key {
    Key::of(Table::Marks).number(user.0).number(post.get())
}

/// A boost is not a mark, but among them by post.
const BOOST: u8 = 0;

pub fn boost_by_post(post: PostId, user: UserId) -> Key {
    Key::of(Table::MarksByPost).number(post.get()).bytes(&[BOOST]).number(user.0)
}

/// All boosts of a post.
pub fn boosts_by_post(post: PostId) -> KeyRange {
    Key::of(Table::MarksByPost).number(post.get()).bytes(&[BOOST]).range()
}

/// The boosts of a post after somebody's, in the order of users.
pub fn boosts_by_post_after(post: PostId, after: UserId) -> KeyRange {
    let all = Key::of(Table::MarksByPost).number(post.get()).bytes(&[BOOST]);
    all.range_after(boost_by_post(post, after))
}

pub fn mark_by_post(post: PostId, mark: Mark, user: UserId) -> Key {
    Key::of(Table::MarksByPost).number(post.get()).bytes(&[mark as u8]).number(user.0)
}

/// The marks of one kind on a post after somebody's, in the order of users.
pub fn marks_by_post_after(post: PostId, mark: Mark, after: UserId) -> KeyRange {
    let all = Key::of(Table::MarksByPost).number(post.get()).bytes(&[mark as u8]);
    all.range_after(mark_by_post(post, mark, after))
}

/// All marks of one kind on a post.
pub fn marks_by_post(post: PostId, mark: Mark) -> KeyRange {
    Key::of(Table::MarksByPost).number(post.get()).bytes(&[mark as u8]).range()
}

pub fn notification(user: UserId, position: PostId) -> Key {
    Key::of(Table::Notifications).number(user.0).number(position.get())
}

/// A user's notifications between two positions, neither of them included.
pub fn notifications_between(user: UserId, after: PostId, before: PostId) -> KeyRange {
    let at = |position| notification(user, position);
    (Bound::Excluded(at(after)), Bound::Excluded(at(before)))
}

/// The changes after a position, up to another.
pub fn changes_between(after: PostId, last: PostId) -> KeyRange {
    let at = |position| of_post(Table::Changes, position);
    (Bound::Excluded(at(after)), Bound::Included(at(last)))
}

/// The row of a table that has one.
pub fn single(table: Table) -> Key {
    Key::of(table)
}

/// A row of a table whose rows are numbered.
pub fn numbered(table: Table, number: u64) -> Key {
    Key::of(table).number(number)
}

/// The rows of such a table from a number down.
pub fn numbered_before(table: Table, before: u64) -> KeyRange {
    (Bound::Included(Key::of(table)), Bound::Excluded(numbered(table, before)))
}

/// What of a person's own a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Personal {
    Once,
    List,
    Membership,
    Hashtag,
    Filter,
}

impl Personal {
    /// The one with this byte.
    pub fn of(byte: u8) -> Option<Self> {
        let all = [Self::Once, Self::List, Self::Membership, Self::Hashtag, Self::Filter];
        all.into_iter().find(|of| *of as u8 == byte)
    }
}

/// What a user has once, or what the keys of their others begin with.
pub fn personal(user: UserId, of: Personal) -> Key {
    Key::of(Table::Personal).number(user.0).bytes(&[of as u8])
}

pub fn numbered_personal(user: UserId, of: Personal, id: PersonalId) -> Key {
    personal(user, of).number(id.get())
}

pub fn named_personal(user: UserId, of: Personal, name: &str) -> Key {
    personal(user, of).bytes(name.as_bytes())
}

/// All that a user has of something.
pub fn all_personal(user: UserId, of: Personal) -> KeyRange {
    personal(user, of).range()
}

/// The same, or what comes after a name.
pub fn personal_after(user: UserId, of: Personal, name: Option<&str>) -> KeyRange {
    match name {
        Some(name) => personal(user, of).range_after(named_personal(user, of, name)),
        None => all_personal(user, of),
    }
}

pub fn invitation(code: &str) -> Key {
    Key::of(Table::Invitations).bytes(code.as_bytes())
}

pub fn session(user: UserId, number: u64) -> Key {
    of_user(Table::Sessions, user).number(number)
}

/// All sessions of a user.
pub fn sessions(user: UserId) -> KeyRange {
    all_of_user(Table::Sessions, user)
}

/// What the keys of an index begin with whose rows are in the order of a position, which comes last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Key);

impl Prefix {
    /// All listed posts.
    pub fn listed() -> Self {
        Self(Key::of(Table::ListedPosts))
    }

    /// The posts that have a hashtag.
    pub fn hashtag(hashtag: &Hashtag) -> Result<Self, StateError> {
        Key::of(Table::PostsByHashtag).sized(hashtag.as_str().as_bytes()).map(Self)
    }

    /// The posts for those mentioned that a user wrote or is mentioned in.
    pub fn direct(user: UserId) -> Self {
        Self(of_user(Table::DirectPosts, user))
    }

    /// The posts that have a term.
    pub fn term(term: SearchTerm) -> Self {
        Self(Key::of(Table::PostsByTerm).bytes(&term.get().to_be_bytes()))
    }

    /// The marks of a kind that a user has set.
    pub fn marks(user: UserId, mark: Mark) -> Self {
        Self(Key::of(Table::MarksByTime).number(user.0).bytes(&[mark as u8]))
    }

    /// The row at a position.
    pub fn at(&self, position: PostId) -> Key {
        self.0.clone().number(position.get())
    }

    /// The rows between two positions, neither of them included.
    pub fn between(&self, after: PostId, before: PostId) -> KeyRange {
        (Bound::Excluded(self.at(after)), Bound::Excluded(self.at(before)))
    }

    /// The position of a row.
    pub fn position(&self, key: &[u8]) -> Result<PostId, StateError> {
        let mut parts = Parts(key.get(self.0.as_bytes().len()..).unwrap_or_default());
        let position = PostId::new(parts.number()?);
        parts.end()?;
        Ok(position)
    }
}

pub fn series(user: UserId, name: &[u8]) -> Result<Key, StateError> {
    Key::of(Table::Series).number(user.0).sized(name)
}

/// The index of series by age, from an age on.
pub fn series_from_age(oldest_ms: i64) -> KeyRange {
    let all = Key::of(Table::SeriesByAge);
    let end = all.end();
    (Bound::Included(all.signed(oldest_ms)), end)
}

pub fn series_by_age(oldest_ms: i64, user: UserId, name: &[u8]) -> Key {
    Key::of(Table::SeriesByAge).signed(oldest_ms).number(user.0).bytes(name)
}

pub fn reply(user: UserId, series: &[u8], sequence: u64) -> Result<Key, StateError> {
    Ok(Key::of(Table::Replies).number(user.0).sized(series)?.number(sequence))
}

/// The replies of one series from a number on.
pub fn replies_from(user: UserId, series: &[u8], sequence: u64) -> Result<KeyRange, StateError> {
    let of_series = Key::of(Table::Replies).number(user.0).sized(series)?;
    Ok((Bound::Included(reply(user, series, sequence)?), of_series.end()))
}

/// All replies to a user.
pub fn replies_of(user: UserId) -> KeyRange {
    all_of_user(Table::Replies, user)
}

pub fn replies_kept(user: UserId) -> Key {
    Key::of(Table::RepliesKept).number(user.0)
}

/// The parts of a key that was read, one after the other.
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// Of a key of whatever table.
    pub fn of(key: &'a [u8]) -> Self {
        Self(key.get(1..).unwrap_or_default())
    }

    pub fn number(&mut self) -> Result<u64, StateError> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(too_short)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*number))
    }

    pub fn user(&mut self) -> Result<UserId, StateError> {
        self.number().map(UserId)
    }

    pub fn byte(&mut self) -> Result<u8, StateError> {
        let (byte, rest) = self.0.split_first().ok_or_else(too_short)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub fn signed(&mut self) -> Result<i64, StateError> {
        Ok((self.number()? ^ (1 << 63)).cast_signed())
    }

    /// A table, and a user whose row it is.
    pub fn table_and_user(mut self) -> Result<(Table, UserId), StateError> {
        let (table, rest) = self.0.split_first().ok_or_else(too_short)?;
        self.0 = rest;
        let table =
            Table::of(*table).ok_or_else(|| StateError::damaged("there is no such table"))?;
        let user = self.user()?;
        self.end()?;
        Ok((table, user))
    }

    pub fn sized(&mut self) -> Result<&'a [u8], StateError> {
        let (length, rest) = self.0.split_first_chunk().ok_or_else(too_short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (bytes, rest) = rest.split_at_checked(length).ok_or_else(too_short)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn post(&mut self) -> Result<PostId, StateError> {
        self.number().map(PostId::new)
    }

    /// The last part.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// After the last part.
    pub fn end(self) -> Result<(), StateError> {
        if self.0.is_empty() { Ok(()) } else { Err(StateError::damaged("a key is too long")) }
    }

    /// The last part, if it is text.
    pub fn text(self) -> Result<&'a str, StateError> {
        std::str::from_utf8(self.0).map_err(|_| StateError::damaged("a key is not text"))
    }
}

/// The user with whom a key ends.
pub fn last_user(key: &[u8]) -> Result<UserId, StateError> {
    let (_, number) = key.split_last_chunk().ok_or_else(too_short)?;
    Ok(UserId(u64::from_be_bytes(*number)))
}

fn too_short() -> StateError {
    StateError::damaged("a key is too short")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains((start, end): &KeyRange, key: &Key) -> bool {
        let key = key.as_bytes();
        let begins = match start {
            Bound::Included(start) => key >= start.as_bytes(),
            Bound::Excluded(start) => key > start.as_bytes(),
            Bound::Unbounded => true,
        };
        begins
            && match end {
                Bound::Excluded(end) => key < end.as_bytes(),
                Bound::Included(_) | Bound::Unbounded => panic!("no range ends like this"),
            }
    }

    #[test]
    fn a_key_gives_back_its_parts() {
        let key = reply(UserId(7), b"series", 9).unwrap();
        let mut parts = Parts::of(key.as_bytes());
        assert_eq!(parts.user().unwrap(), UserId(7));
        assert_eq!(parts.sized().unwrap(), b"series");
        assert_eq!(parts.number().unwrap(), 9);
        assert!(parts.number().is_err(), "there is no more");
        for age in [i64::MIN, -1, 0, 1, i64::MAX] {
            let key = series_by_age(age, UserId(7), b"series");
            let mut parts = Parts::of(key.as_bytes());
            assert_eq!(parts.signed().unwrap(), age);
            assert_eq!(parts.user().unwrap(), UserId(7));
            assert_eq!(parts.bytes(), b"series");
        }
        assert!(series(UserId(7), &vec![0; 1 << 16]).is_err(), "too long");
    }

    #[test]
    fn keys_are_in_the_order_of_their_parts() {
        let ages = [i64::MIN, -2, -1, 0, 1, i64::MAX];
        let keys = ages.map(|age| series_by_age(age, UserId(1), b"s").as_bytes().to_vec());
        assert!(keys.is_sorted());
        let posts = [(1, 2), (1, 256), (2, 1), (256, 1)];
        let keys =
            posts.map(|(author, id)| post(UserId(author), PostId::new(id)).as_bytes().to_vec());
        assert!(keys.is_sorted());
    }

    #[test]
    fn a_range_has_the_rows_of_one_user_only() {
        for (user, other) in [(1, 2), (255, 256), (u64::MAX, u64::MAX - 1)] {
            let range = edges_after(Table::Following, UserId(user), None);
            assert!(contains(&range, &edge(Table::Following, UserId(user), "")));
            assert!(contains(&range, &edge(Table::Following, UserId(user), "\u{10ffff}")));
            assert!(!contains(&range, &edge(Table::Following, UserId(other), "a")));
            assert!(!contains(&range, &edge(Table::Followers, UserId(user), "a")));
            let range = posts_between(UserId(user), PostId::new(3), Some(PostId::new(6)));
            let within =
                (0..9).filter(|id| contains(&range, &post(UserId(user), PostId::new(*id))));
            assert_eq!(within.collect::<Vec<_>>(), [4, 5]);
            let range = posts_between(UserId(user), PostId::new(3), None);
            assert!(contains(&range, &post(UserId(user), PostId::new(u64::MAX))));
            assert!(!contains(&range, &post(UserId(other), PostId::new(4))));
        }
        let range = replies_from(UserId(1), b"a", 7).unwrap();
        assert!(!contains(&range, &reply(UserId(1), b"a", 6).unwrap()));
        assert!(contains(&range, &reply(UserId(1), b"a", 7).unwrap()));
        assert!(contains(&range, &reply(UserId(1), b"a", u64::MAX).unwrap()));
        let range = replies_from(UserId(1), b"a", 0).unwrap();
        assert!(contains(&range, &reply(UserId(1), b"a", 0).unwrap()));
        assert!(!contains(&range, &reply(UserId(1), b"ab", 0).unwrap()));
        assert!(!contains(&range, &reply(UserId(1), b"", 0).unwrap()));
    }
}
