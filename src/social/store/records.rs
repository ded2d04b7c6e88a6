//! The contents of rows, and the questions that one row answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    StateError,
    keys::{self, Table},
    moment::Moment,
};
use crate::{
    domain::{
        Certification, ClusterId, PostId, UnixMillis, UserId, UserName, entities::MOST_MENTIONS,
    },
    envelope::{self, Kind},
    social::Account,
};

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
    /// The last position of the feed that was given.
    pub newest_post: PostId,
    /// The time of the last command.
    pub applied_at: UnixMillis,
    /// The age of the memory of replies, in milliseconds.
    pub memory_age_ms: i64,
    /// The cluster for which this one was abandoned.
    pub abandoned_for: Option<ClusterId>,
    /// Edits and deletions up to this position are no longer known.
    pub changes_since: PostId,
    /// How many are known.
    pub changes_kept: u64,
    /// How often words were removed that somebody had written.
    pub words_removed: u64,
}

/// So many accounts, and posts, are made at most between two recoveries of a cluster. Those that are made after
/// one have ids above all that may have been given before it, and been lost: an id is never given twice.
pub const IDS_BETWEEN_RECOVERIES: u64 = 1 << 32;

/// So many positions of the feed one command takes at most: a post, and a notification for everybody whom it
/// mentions or answers.
pub const MOST_POSITIONS: u64 = 2 + MOST_MENTIONS as u64;

impl Meta {
    /// Of a cluster that was made of what was left of this one.
    #[must_use]
    pub fn recovered(self) -> Self {
        let after = |newest: u64| (newest / IDS_BETWEEN_RECOVERIES + 1) * IDS_BETWEEN_RECOVERIES;
        Self {
            newest_user: after(self.newest_user),
            newest_post: PostId::new(after(self.newest_post.get())),
            abandoned_for: None,
            ..self
        }
    }

    /// Whether this may come after `before`: no count and no time is lower, and there are only as many more
    /// positions as one command may take.
    pub fn never_went_back(&self, before: &Self) -> bool {
        let positions = self.newest_post.get().checked_sub(before.newest_post.get());
        positions.is_some_and(|new| new <= MOST_POSITIONS)
            && self.changes_since >= before.changes_since
            && self.newest_user >= before.newest_user
            && self.applied_at >= before.applied_at
            && self.words_removed >= before.words_removed
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
            changes_since,
            changes_kept,
            words_removed,
        } = self;
        formatter
            .debug_struct("Meta")
            .field("bootstrapped", &signing_key.is_some())
            .field("newest_user", newest_user)
            .field("newest_post", newest_post)
            .field("applied_at", applied_at)
            .field("memory_age_ms", memory_age_ms)
            .field("abandoned_for", abandoned_for)
            .field("changes_since", changes_since)
            .field("changes_kept", changes_kept)
            .field("words_removed", words_removed)
            .finish()
    }
}

/// What is stored about an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    pub name: UserName,
    pub password_version: u32,
    pub password_hash: Option<String>,
    pub created_at: UnixMillis,
    /// When its owner has deleted it.
    pub deleted_at: Option<UnixMillis>,
    /// How many sessions were ever begun that are kept until they end.
    pub sessions: u64,
}

impl Record for UserRecord {
    const KIND: Kind = Kind::User;
}

impl UserRecord {
    pub fn into_account(self, user: UserId, created: bool) -> Account {
        let Self { name, password_version, password_hash, .. } = self;
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
    pub followee: UserId,
    /// The newest post at the time when the follow began.
    pub since: PostId,
}

impl Record for FollowRecord {
    const KIND: Kind = Kind::Follow;
}

impl Record for Certification {
    const KIND: Kind = Kind::Certification;
}

/// The single row of general facts; all zeros at first.
pub(super) fn meta(moment: &Moment) -> Result<Meta, StateError> {
    let row = moment.get(&keys::meta())?;
    row.map_or_else(|| Ok(Meta::default()), |row| decode(&row))
}

/// What proves that the network is its domain.
pub(super) fn certification(moment: &Moment) -> Result<Option<Certification>, StateError> {
    moment.get(&keys::certification())?.map(|row| decode(&row)).transpose()
}

/// An account's record.
pub(super) fn user(moment: &Moment, user: UserId) -> Result<Option<UserRecord>, StateError> {
    moment.get(&keys::user(user))?.map(|row| decode(&row)).transpose()
}

/// The record of an account that another row refers to.
pub(super) fn known_user(moment: &Moment, id: UserId) -> Result<UserRecord, StateError> {
    user(moment, id)?
        .ok_or_else(|| StateError::damaged(format!("user {} is referred to but missing", id.0)))
}

/// The account with a name.
pub(super) fn user_named(moment: &Moment, name: &UserName) -> Result<Option<UserId>, StateError> {
    let row = moment.get(&keys::name(&name.folded()))?;
    row.map(|row| number(&row).map(UserId)).transpose()
}

/// Whether people have made something: a post, a follow, a profile or a password, or have anything to do with
/// others. An account without any of these is made again by the next login of that name.
pub(super) fn has_content(moment: &Moment, meta: &Meta) -> Result<bool, StateError> {
    if meta.newest_post > PostId::NONE {
        return Ok(true);
    }
    for table in [
        Table::Following,
        Table::Profiles,
        Table::Blocks,
        Table::Mutes,
        Table::Notes,
        Table::NetworkSettings,
        Table::AdministrationCounts,
        Table::Personal,
    ] {
        if moment.scan(keys::all(table)).next().transpose()?.is_some() {
            return Ok(true);
        }
    }
    for row in moment.scan(keys::all(Table::Users)) {
        let record: UserRecord = decode(&row?.1)?;
        if record.password_hash.is_some() || record.password_version > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A row that is a number.
pub(super) fn number(row: &[u8]) -> Result<u64, StateError> {
    let bytes = row.try_into().map_err(|_| StateError::damaged("a number has the wrong length"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// A record in its envelope.
///
/// Always in the format that the state's own history determines, never in one that this program
/// would prefer: the same commands give the same bytes on every node, whatever it speaks.
pub(super) fn encode<T: Record + Serialize>(record: &T) -> Vec<u8> {
    envelope::seal(T::KIND, record)
}

/// Reads a record that [`encode`] wrote.
pub fn decode<'a, T: Record + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StateError> {
    Ok(envelope::open(T::KIND, bytes)?)
}
