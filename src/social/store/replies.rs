//! The rows of the memory of replies. When a row is made or forgotten is decided by
//! [`requests`](crate::social::requests).
//!
//! **Invariants**, kept here alone:
//!
//! 1. Every series is in the index by age exactly once, at its `oldest_ms`.
//! 2. The count of an account's replies is that of its rows.

use serde::{Deserialize, Serialize};

use super::{
    Change, StateError,
    keys::{self, Parts},
    moment::Moment,
    records::{Record, decode, encode, number},
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

/// The tables of series and replies, for writing.
pub struct ReplyTables<'a> {
    change: &'a Change,
}

impl<'a> ReplyTables<'a> {
    pub(super) fn new(change: &'a Change) -> Self {
        Self { change }
    }

    /// A series of a user.
    pub fn series(&self, user: UserId, name: &[u8]) -> Result<Option<Series>, StateError> {
        series(self.change.moment(), user, name)
    }

    /// The user and the name of the series with the lowest age, if that is below `before_ms`.
    pub fn oldest_series(&self, before_ms: i64) -> Result<Option<(UserId, Vec<u8>)>, StateError> {
        // Most commands find nothing to forget, and need not look.
        let ages = self.change.series_ages();
        if ages.get() >= before_ms {
            return Ok(None);
        }
        // What was removed below that age is passed over: until the next flush, it is still in the way.
        let oldest = self.change.moment().scan(keys::series_from_age(ages.get())).next();
        let Some((key, _)) = oldest.transpose()? else {
            ages.set(i64::MAX);
            return Ok(None);
        };
        let mut key = Parts::of(&key);
        let (oldest_ms, user) = (key.signed()?, key.user()?);
        ages.set(oldest_ms);
        Ok((oldest_ms < before_ms).then(|| (user, key.bytes().to_owned())))
    }

    /// Adds a series.
    pub fn put_series(
        &mut self,
        user: UserId,
        name: &[u8],
        series: Series,
    ) -> Result<(), StateError> {
        self.change.put(&keys::series(user, name)?, &encode(&series));
        self.change.put(&keys::series_by_age(series.oldest_ms, user, name), &[]);
        let ages = self.change.series_ages();
        ages.set(ages.get().min(series.oldest_ms));
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
            self.change.remove(&keys::series_by_age(old.oldest_ms, user, name));
        }
        match new {
            Some(new) if new.oldest_ms == old.oldest_ms => {
                self.change.put(&keys::series(user, name)?, &encode(&new));
            }
            Some(new) => self.put_series(user, name, new)?,
            None => self.change.remove(&keys::series(user, name)?),
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
        reply(self.change.moment(), user, series, sequence)
    }

    /// The replies of a series and their numbers, from `floor` on, below which there are none. What was
    /// removed below it is still in the way until the next flush.
    pub fn replies_from(
        &self,
        user: UserId,
        series: &[u8],
        floor: u64,
    ) -> Result<impl Iterator<Item = Result<(u64, StoredReply), StateError>>, StateError> {
        let rows = self.change.moment().scan(keys::replies_from(user, series, floor)?);
        Ok(rows.map(|row| {
            let (key, stored) = row?;
            let mut key = Parts::of(&key);
            let (_user, _series, sequence) = (key.user()?, key.sized()?, key.number()?);
            Ok((sequence, decode(&stored)?))
        }))
    }

    /// How many replies of a user are kept.
    pub fn kept(&self, user: UserId) -> Result<u64, StateError> {
        let kept = self.change.moment().get(&keys::replies_kept(user))?;
        kept.map_or(Ok(0), |kept| number(&kept))
    }

    /// Adds the reply to a request of a series, by its number, under which there is none. So many of the
    /// user's were kept before.
    pub fn add_reply(
        &mut self,
        user: UserId,
        (series, sequence): (&[u8], u64),
        stored: &StoredReply,
        kept: u64,
    ) -> Result<(), StateError> {
        self.change.add(&keys::reply(user, series, sequence)?, &encode(stored));
        self.put_kept(user, kept.saturating_add(1));
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
            self.change.remove(&keys::reply(user, series, *sequence)?);
        }
        self.put_kept(user, self.kept(user)?.saturating_sub(gone.len() as u64));
        Ok(())
    }

    fn put_kept(&self, user: UserId, kept: u64) {
        let key = keys::replies_kept(user);
        if kept == 0 {
            self.change.remove(&key);
        } else {
            self.change.put(&key, &kept.to_be_bytes());
        }
    }
}

/// A series of a user.
pub(super) fn series(
    moment: &Moment,
    user: UserId,
    name: &[u8],
) -> Result<Option<Series>, StateError> {
    moment.get(&keys::series(user, name)?)?.map(|row| decode(&row)).transpose()
}

/// The reply to one request of a series.
pub(super) fn reply(
    moment: &Moment,
    user: UserId,
    series: &[u8],
    sequence: u64,
) -> Result<Option<StoredReply>, StateError> {
    moment.get(&keys::reply(user, series, sequence)?)?.map(|row| decode(&row)).transpose()
}
