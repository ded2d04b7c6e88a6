//! The rows of the social graph, for writing: each operation keeps a table and its indexes
//! consistent. Which of them happens is decided by [`apply`](crate::social::apply).

use super::{
    Change, StateError,
    acquaintance::{Acquaintance, Known},
    keys::{self, Table},
    moment::Moment,
    records::{self, FollowRecord, Meta, UserRecord, encode},
};
use crate::domain::{Certification, PostId, UnixMillis, UserId, UserName};

/// The tables, within one change of the state.
pub struct Tables<'a> {
    pub(super) change: &'a Change,
}

/// One edge of the graph, with the folded names by which it is sorted.
pub struct Follow {
    pub follower: UserId,
    pub follower_name: String,
    pub followee: UserId,
    pub followee_name: String,
    /// The newest post at the time when the follow began.
    pub since: PostId,
}

impl Follow {
    fn forward(&self) -> keys::Key {
        keys::edge(Table::Following, self.follower, &self.followee_name)
    }

    fn backward(&self) -> keys::Key {
        keys::edge(Table::Followers, self.followee, &self.follower_name)
    }
}

impl<'a> Tables<'a> {
    pub(super) fn new(change: &'a Change) -> Self {
        Self { change }
    }

    /// The rows as the change has left them.
    pub(super) fn moment(&self) -> &Moment {
        self.change.moment()
    }

    /// What people are to each other at a time.
    pub fn acquaintance<'k>(&'k self, known: &'k mut Known, now: UnixMillis) -> Acquaintance<'k> {
        Acquaintance::new(self.moment(), known, now)
    }

    /// The single row of general facts; all zeros at first.
    pub fn meta(&self) -> Result<Meta, StateError> {
        self.change.meta().get().map_or_else(|| self.change.moment().meta(), Ok)
    }

    /// An account's record.
    pub fn user(&self, user: UserId) -> Result<Option<UserRecord>, StateError> {
        records::user(self.change.moment(), user)
    }

    /// The record of an account that another row refers to.
    pub fn known_user(&self, user: UserId) -> Result<UserRecord, StateError> {
        records::known_user(self.change.moment(), user)
    }

    /// The account with a name.
    pub fn user_named(&self, name: &UserName) -> Result<Option<UserId>, StateError> {
        records::user_named(self.change.moment(), name)
    }

    /// Whether there is such an edge already, since whenever.
    pub fn has_follow(&self, follow: &Follow) -> Result<bool, StateError> {
        Ok(self.change.moment().get(&follow.forward())?.is_some())
    }

    /// Whether people have made something: a post, a follow, or a password.
    pub fn has_content(&self, meta: &Meta) -> Result<bool, StateError> {
        records::has_content(self.change.moment(), meta)
    }

    /// Replaces the row of general facts.
    pub fn put_meta(&mut self, meta: &Meta) {
        self.change.meta().set(Some(*meta));
    }

    /// What proves that the network is its domain.
    pub fn certification(&self) -> Result<Option<Certification>, StateError> {
        records::certification(self.change.moment())
    }

    /// Replaces that.
    pub fn put_certification(&mut self, certification: &Certification) {
        self.change.put(&keys::certification(), &encode(certification));
    }

    /// Adds or replaces an account. Its name leads to it, unless it was deleted.
    pub fn put_user(&mut self, user: UserId, record: &UserRecord) {
        self.change.put(&keys::user(user), &encode(record));
        if record.deleted_at.is_none() {
            self.change.put(&keys::name(&record.name.folded()), &user.0.to_be_bytes());
        }
    }

    /// From now on, a name leads to nobody.
    pub fn remove_name(&mut self, name: &UserName) {
        self.change.remove(&keys::name(&name.folded()));
    }

    /// How many rows this change has changed so far.
    pub fn changed_rows(&self) -> usize {
        self.change.changed_rows()
    }

    /// Adds an edge, where there is none.
    pub fn put_follow(&mut self, follow: &Follow) -> Result<(), StateError> {
        let Follow { follower, followee, since, .. } = follow;
        let record = encode(&FollowRecord { followee: *followee, since: *since });
        self.change.put(&follow.forward(), &record);
        self.change.put(&follow.backward(), &follower.0.to_be_bytes());
        self.count(*follower, |counts| counts.following = counts.following.saturating_add(1))?;
        self.count(*followee, |counts| counts.followers = counts.followers.saturating_add(1))
    }

    /// Removes an edge; false if there was none.
    pub fn remove_follow(&mut self, follow: &Follow) -> Result<bool, StateError> {
        if !self.has_follow(follow)? {
            return Ok(false);
        }
        self.change.remove(&follow.forward());
        self.change.remove(&follow.backward());
        self.count(follow.follower, |counts| {
            counts.following = counts.following.saturating_sub(1);
        })?;
        self.count(follow.followee, |counts| {
            counts.followers = counts.followers.saturating_sub(1);
        })?;
        Ok(true)
    }
}
