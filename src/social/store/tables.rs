//! How the state is stored in redb: the tables, and the contents of their rows.
//!
//! Users, follows, posts, series and replies are the state; names, followers and posts by author
//! are indexes of it, written only by [`writing`](super::writing). So are the age of series and the
//! count of replies, which [`replies`](super::replies) maintains. This module decides nothing but
//! the contents of records.

use std::fmt;

use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::{
    domain::{Certification, ClusterId, PostId, UnixMillis, UserId, UserName},
    envelope::{self, Kind},
    social::Account,
};

type Definition<K, V> = TableDefinition<'static, K, V>;
pub(super) type Bytes = &'static [u8];
pub(super) type Text = &'static str;

/// [`Meta`], the one row.
pub const META: Definition<(), Bytes> = Definition::new("social_meta");
/// User → [`UserRecord`].
pub const USERS: Definition<u64, Bytes> = Definition::new("social_users");
/// Folded name → user.
pub const NAMES: Definition<Text, u64> = Definition::new("social_names");
/// Follower, folded name of the followee → [`FollowRecord`]. By name, so that a page of names in
/// order costs no more than the page.
pub const FOLLOWING: Definition<(u64, Text), Bytes> = Definition::new("social_following");
/// Followee, folded name of the follower → follower.
pub const FOLLOWERS: Definition<(u64, Text), u64> = Definition::new("social_followers");
/// Post → [`PostRecord`].
pub const POSTS: Definition<u64, Bytes> = Definition::new("social_posts");
/// Author, post.
pub const POSTS_BY_AUTHOR: Definition<(u64, u64), ()> = Definition::new("social_posts_by_author");
/// User, series of requests → [`Series`](super::Series).
pub const SERIES: Definition<(u64, Bytes), Bytes> = Definition::new("social_series");
/// At most the age of its oldest reply, user, series.
pub const SERIES_BY_AGE: Definition<(i64, u64, Bytes), ()> =
    Definition::new("social_series_by_age");
/// User, series, number → the reply to that request.
pub const REPLIES: Definition<(u64, Bytes, u64), Bytes> = Definition::new("social_replies");
/// User → how many replies are kept; no row means none.
pub const REPLIES_KEPT: Definition<u64, u32> = Definition::new("social_replies_kept");

/// [`Certification`], the one row, if the network has a domain.
pub const CERTIFICATION: Definition<(), Bytes> = Definition::new("certification");

/// The contents of a row. It is stored in an envelope of its kind; indexes, which can be rebuilt
/// from other rows, are not.
pub trait Record {
    /// The kind of the envelope.
    const KIND: Kind;
}

/// The single row of general facts.
///
/// **Invariant** ([`never_went_back`](Self::never_went_back)): counts and times only grow. Ids are
/// cursors, and what was forgotten by its age must not become young again.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    pub signing_key: Option<[u8; 32]>,
    pub newest_user: u64,
    pub newest_post: PostId,
    /// The time of the last command.
    pub applied_at: UnixMillis,
    /// The age of the memory of replies, in milliseconds.
    pub memory_age_ms: i64,
    /// The cluster for which this one was abandoned.
    pub abandoned_for: Option<ClusterId>,
}

impl Meta {
    /// Whether this may come after `before`: no count and no time is lower, and there is at most
    /// one more post.
    pub fn never_went_back(&self, before: &Self) -> bool {
        let posts = self.newest_post.get().checked_sub(before.newest_post.get());
        posts.is_some_and(|new| new <= 1)
            && self.newest_user >= before.newest_user
            && self.applied_at >= before.applied_at
            && self.memory_age_ms >= before.memory_age_ms
    }
}

impl Record for Meta {
    const KIND: Kind = Kind::Meta;
}

impl fmt::Debug for Meta {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            signing_key,
            newest_user,
            newest_post,
            applied_at,
            memory_age_ms,
            abandoned_for,
        } = self;
        formatter
            .debug_struct("Meta")
            .field("bootstrapped", &signing_key.is_some())
            .field("newest_user", newest_user)
            .field("newest_post", newest_post)
            .field("applied_at", applied_at)
            .field("memory_age_ms", memory_age_ms)
            .field("abandoned_for", abandoned_for)
            .finish()
    }
}

/// What is stored about an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    pub name: UserName,
    pub password_version: u32,
    pub password_hash: Option<String>,
}

impl Record for UserRecord {
    const KIND: Kind = Kind::User;
}

impl UserRecord {
    pub fn into_account(self, user: UserId, created: bool) -> Account {
        let Self { name, password_version, password_hash } = self;
        Account { user, name, created, password_hash, password_version }
    }
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UserRecord({}, {})", self.name, self.password_version)
    }
}

/// What is stored about an edge besides its key.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct FollowRecord {
    pub followee: u64,
    /// The newest post at the time when the follow began.
    pub since: PostId,
}

impl Record for FollowRecord {
    const KIND: Kind = Kind::Follow;
}

/// What is stored about a post, read in place.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct PostRecord<'a> {
    pub author: u64,
    pub at: UnixMillis,
    pub text: &'a str,
}

impl Record for PostRecord<'_> {
    const KIND: Kind = Kind::Post;
}

impl Record for Certification {
    const KIND: Kind = Kind::Certification;
}

/// Empties every table.
pub(super) fn clear(transaction: &WriteTransaction) -> Result<(), StateError> {
    transaction.delete_table(META)?;
    transaction.delete_table(USERS)?;
    transaction.delete_table(NAMES)?;
    transaction.delete_table(FOLLOWING)?;
    transaction.delete_table(FOLLOWERS)?;
    transaction.delete_table(POSTS)?;
    transaction.delete_table(POSTS_BY_AUTHOR)?;
    transaction.delete_table(SERIES)?;
    transaction.delete_table(SERIES_BY_AGE)?;
    transaction.delete_table(REPLIES)?;
    transaction.delete_table(REPLIES_KEPT)?;
    transaction.delete_table(CERTIFICATION)?;
    Ok(())
}

/// The tables that can be read, as one transaction sees them.
pub(super) struct ReadTables {
    pub(super) meta: Meta,
    pub(super) users: ReadOnlyTable<u64, Bytes>,
    pub(super) names: ReadOnlyTable<Text, u64>,
    pub(super) following: ReadOnlyTable<(u64, Text), Bytes>,
    pub(super) followers: ReadOnlyTable<(u64, Text), u64>,
    pub(super) posts: ReadOnlyTable<u64, Bytes>,
    pub(super) posts_by_author: ReadOnlyTable<(u64, u64), ()>,
    pub(super) series: ReadOnlyTable<(u64, Bytes), Bytes>,
    pub(super) replies: ReadOnlyTable<(u64, Bytes, u64), Bytes>,
}

impl ReadTables {
    /// None for a database to which no command was ever applied.
    pub(super) fn open(transaction: &ReadTransaction) -> Result<Option<Self>, StateError> {
        let meta = match transaction.open_table(META) {
            Ok(table) => meta(&table)?,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Self {
            meta,
            users: transaction.open_table(USERS)?,
            names: transaction.open_table(NAMES)?,
            following: transaction.open_table(FOLLOWING)?,
            followers: transaction.open_table(FOLLOWERS)?,
            posts: transaction.open_table(POSTS)?,
            posts_by_author: transaction.open_table(POSTS_BY_AUTHOR)?,
            series: transaction.open_table(SERIES)?,
            replies: transaction.open_table(REPLIES)?,
        }))
    }
}

/// The single row of general facts; all zeros at first.
pub(super) fn meta(table: &impl ReadableTable<(), Bytes>) -> Result<Meta, StateError> {
    table.get(())?.map_or_else(|| Ok(Meta::default()), |row| decode(row.value()))
}

/// What proves that the network is its domain.
pub(super) fn certification(
    table: &impl ReadableTable<(), Bytes>,
) -> Result<Option<Certification>, StateError> {
    table.get(())?.map(|row| decode(row.value())).transpose()
}

/// The same in a state that may have no such table yet. Rarely asked for, so that no other question opens
/// it.
pub(super) fn certification_in(
    transaction: &ReadTransaction,
) -> Result<Option<Certification>, StateError> {
    match transaction.open_table(CERTIFICATION) {
        Ok(table) => certification(&table),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// An account's record.
pub(super) fn user(
    users: &impl ReadableTable<u64, Bytes>,
    user: u64,
) -> Result<Option<UserRecord>, StateError> {
    users.get(user)?.map(|row| decode(row.value())).transpose()
}

/// The record of an account that another row refers to.
pub(super) fn known_user(
    users: &impl ReadableTable<u64, Bytes>,
    id: u64,
) -> Result<UserRecord, StateError> {
    user(users, id)?
        .ok_or_else(|| StateError::damaged(format!("user {id} is referred to but missing")))
}

/// Whether people have made something: a post, a follow, or a password. An account without any of
/// these is made again by the next login of that name.
pub(super) fn has_content(
    meta: &Meta,
    following: &impl ReadableTable<(u64, Text), Bytes>,
    users: &impl ReadableTable<u64, Bytes>,
) -> Result<bool, StateError> {
    if meta.newest_post > PostId::NONE || following.first()?.is_some() {
        return Ok(true);
    }
    for row in users.iter()? {
        let record: UserRecord = decode(row?.1.value())?;
        if record.password_hash.is_some() || record.password_version > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A record in its envelope.
///
/// Always in the format that the state's own history determines, never in one that this program
/// would prefer: the same commands give the same bytes on every node, whatever it speaks.
pub(super) fn encode<T: Record + Serialize>(record: &T) -> Vec<u8> {
    envelope::seal(T::KIND, record)
}

/// Reads a record that [`encode`] wrote.
pub(super) fn decode<'a, T: Record + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StateError> {
    Ok(envelope::open(T::KIND, bytes)?)
}
