//! The rows of the memory of replies. When a row is made or forgotten is decided by
//! [`requests`](crate::social::requests).
//!
//! **Invariants**, kept here alone:
//!
//! 1. Every series is in the index by age exactly once, at its `oldest_ms`.
//! 2. The count of an account's replies is that of its rows.

use redb::{ReadableTable, Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{
    StateError,
    tables::{Bytes, REPLIES, REPLIES_KEPT, Record, SERIES, SERIES_BY_AGE, decode, encode},
};
use crate::{domain::UserId, envelope::Kind, social::Reply};

/// A reply as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReply {
    /// The memory's age when the reply was given.
    pub at_ms: i64,
    /// The fingerprint of the request.
    pub fingerprint: u64,
    /// What it was.
    pub reply: Reply,
}

impl Record for StoredReply {
    const KIND: Kind = Kind::Reply;
}

/// What is stored about a series besides its replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The first number that may still be new.
    pub floor: u64,
    /// At most the age of its oldest reply.
    pub oldest_ms: i64,
}

impl Record for Series {
    const KIND: Kind = Kind::Series;
}

/// The series that is visited next: at most the age of its oldest reply, and whose it is.
pub struct OldestSeries {
    pub oldest_ms: i64,
    pub user: UserId,
    pub name: Vec<u8>,
}

/// The tables of series and replies, for writing.
pub struct ReplyTables<'txn> {
    series: Table<'txn, (u64, &'static [u8]), &'static [u8]>,
    by_age: Table<'txn, (i64, u64, &'static [u8]), ()>,
    replies: Table<'txn, (u64, &'static [u8], u64), &'static [u8]>,
    kept: Table<'txn, u64, u32>,
}

impl<'txn> ReplyTables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, StateError> {
        Ok(Self {
            series: transaction.open_table(SERIES)?,
            by_age: transaction.open_table(SERIES_BY_AGE)?,
            replies: transaction.open_table(REPLIES)?,
            kept: transaction.open_table(REPLIES_KEPT)?,
        })
    }

    /// A series of a user.
    pub fn series(&self, user: UserId, name: &[u8]) -> Result<Option<Series>, StateError> {
        series(&self.series, user, name)
    }

    /// The series with the lowest age.
    pub fn oldest_series(&self) -> Result<Option<OldestSeries>, StateError> {
        Ok(self.by_age.first()?.map(|(key, _)| {
            let (oldest_ms, user, name) = key.value();
            OldestSeries { oldest_ms, user: UserId(user), name: name.to_owned() }
        }))
    }

    /// Adds a series.
    pub fn put_series(
        &mut self,
        user: UserId,
        name: &[u8],
        series: Series,
    ) -> Result<(), StateError> {
        self.series.insert((user.0, name), encode(&series).as_slice())?;
        self.by_age.insert((series.oldest_ms, user.0, name), ())?;
        Ok(())
    }

    /// Replaces a series by itself at another age, or removes it.
    pub fn change_series(
        &mut self,
        user: UserId,
        name: &[u8],
        old: Series,
        new: Option<Series>,
    ) -> Result<(), StateError> {
        if new.is_none_or(|new| new.oldest_ms != old.oldest_ms) {
            self.by_age.remove((old.oldest_ms, user.0, name))?;
        }
        match new {
            Some(new) if new.oldest_ms == old.oldest_ms => {
                self.series.insert((user.0, name), encode(&new).as_slice())?;
            }
            Some(new) => self.put_series(user, name, new)?,
            None => {
                self.series.remove((user.0, name))?;
            }
        }
        Ok(())
    }

    /// The reply to one request of a series.
    pub fn reply(
        &self,
        user: UserId,
        series: &[u8],
        sequence: u64,
    ) -> Result<Option<StoredReply>, StateError> {
        reply(&self.replies, user, series, sequence)
    }

    /// The replies of a series and their numbers, from the lowest on.
    pub fn replies_of(
        &self,
        user: UserId,
        series: &[u8],
    ) -> Result<impl Iterator<Item = Result<(u64, StoredReply), StateError>>, StateError> {
        let rows = self.replies.range((user.0, series, 0)..=(user.0, series, u64::MAX))?;
        Ok(rows.map(|row| {
            let (key, stored) = row?;
            let (_, _, sequence) = key.value();
            Ok((sequence, decode(stored.value())?))
        }))
    }

    /// How many replies of a user are kept.
    pub fn kept(&self, user: UserId) -> Result<u32, StateError> {
        Ok(self.kept.get(user.0)?.map_or(0, |kept| kept.value()))
    }

    /// Adds or replaces a reply.
    pub fn put_reply(
        &mut self,
        user: UserId,
        series: &[u8],
        sequence: u64,
        stored: &StoredReply,
    ) -> Result<(), StateError> {
        let row = encode(stored);
        let is_new = self.replies.insert((user.0, series, sequence), row.as_slice())?.is_none();
        if is_new {
            let kept = self.kept(user)?;
            self.kept.insert(user.0, kept.saturating_add(1))?;
        }
        Ok(())
    }

    /// Removes replies of a series by their numbers.
    pub fn remove_replies(
        &mut self,
        user: UserId,
        series: &[u8],
        gone: &[u64],
    ) -> Result<(), StateError> {
        for sequence in gone {
            self.replies.remove((user.0, series, *sequence))?;
        }
        let gone = u32::try_from(gone.len()).expect("few are removed at a time");
        let kept = self.kept(user)?.saturating_sub(gone);
        if kept == 0 {
            self.kept.remove(user.0)?;
        } else {
            self.kept.insert(user.0, kept)?;
        }
        Ok(())
    }
}

/// A series of a user.
pub(super) fn series(
    table: &impl ReadableTable<(u64, Bytes), Bytes>,
    user: UserId,
    name: &[u8],
) -> Result<Option<Series>, StateError> {
    table.get((user.0, name))?.map(|row| decode(row.value())).transpose()
}

/// The reply to one request of a series.
pub(super) fn reply(
    table: &impl ReadableTable<(u64, Bytes, u64), Bytes>,
    user: UserId,
    series: &[u8],
    sequence: u64,
) -> Result<Option<StoredReply>, StateError> {
    table.get((user.0, series, sequence))?.map(|row| decode(row.value())).transpose()
}
