//! The rows of the social graph, for writing: each operation keeps a table and its indexes
//! consistent. Which of them happens is decided by [`apply`](crate::social::apply).

use redb::{ReadableTable as _, Table, WriteTransaction};

use super::{
    StateError,
    tables::{
        self, Bytes, CERTIFICATION, FOLLOWERS, FOLLOWING, FollowRecord, META, Meta, NAMES, POSTS,
        POSTS_BY_AUTHOR, PostRecord, Text, USERS, UserRecord, encode,
    },
};
use crate::domain::{Certification, PostId, UnixMillis, UserId, UserName};

/// The tables, within one change of the state.
pub struct Tables<'txn> {
    /// For tables that are rarely needed.
    transaction: &'txn WriteTransaction,
    meta: Table<'txn, (), Bytes>,
    users: Table<'txn, u64, Bytes>,
    names: Table<'txn, Text, u64>,
    following: Table<'txn, (u64, Text), Bytes>,
    followers: Table<'txn, (u64, Text), u64>,
    posts: Table<'txn, u64, Bytes>,
    posts_by_author: Table<'txn, (u64, u64), ()>,
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

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, StateError> {
        Ok(Self {
            transaction,
            meta: transaction.open_table(META)?,
            users: transaction.open_table(USERS)?,
            names: transaction.open_table(NAMES)?,
            following: transaction.open_table(FOLLOWING)?,
            followers: transaction.open_table(FOLLOWERS)?,
            posts: transaction.open_table(POSTS)?,
            posts_by_author: transaction.open_table(POSTS_BY_AUTHOR)?,
        })
    }

    /// The single row of general facts; all zeros at first.
    pub fn meta(&self) -> Result<Meta, StateError> {
        tables::meta(&self.meta)
    }

    /// An account's record.
    pub fn user(&self, user: UserId) -> Result<Option<UserRecord>, StateError> {
        tables::user(&self.users, user.0)
    }

    /// The record of an account that another row refers to.
    pub fn known_user(&self, user: UserId) -> Result<UserRecord, StateError> {
        tables::known_user(&self.users, user.0)
    }

    /// The account with a name.
    pub fn user_named(&self, name: &UserName) -> Result<Option<UserId>, StateError> {
        Ok(self.names.get(name.folded().as_str())?.map(|row| UserId(row.value())))
    }

    /// Whether there is such an edge already, since whenever.
    pub fn has_follow(&self, follow: &Follow) -> Result<bool, StateError> {
        Ok(self.following.get((follow.follower.0, follow.followee_name.as_str()))?.is_some())
    }

    /// Whether people have made something: a post, a follow, or a password.
    pub fn has_content(&self, meta: &Meta) -> Result<bool, StateError> {
        tables::has_content(meta, &self.following, &self.users)
    }

    /// Replaces the row of general facts.
    pub fn put_meta(&mut self, meta: &Meta) -> Result<(), StateError> {
        self.meta.insert((), encode(meta).as_slice())?;
        Ok(())
    }

    /// What proves that the network is its domain.
    pub fn certification(&self) -> Result<Option<Certification>, StateError> {
        tables::certification(&self.transaction.open_table(CERTIFICATION)?)
    }

    /// Replaces that.
    pub fn put_certification(&mut self, certification: &Certification) -> Result<(), StateError> {
        let mut table = self.transaction.open_table(CERTIFICATION)?;
        table.insert((), encode(certification).as_slice())?;
        Ok(())
    }

    /// Adds or replaces an account.
    pub fn put_user(&mut self, user: UserId, record: &UserRecord) -> Result<(), StateError> {
        self.users.insert(user.0, encode(record).as_slice())?;
        self.names.insert(record.name.folded().as_str(), user.0)?;
        Ok(())
    }

    /// Adds an edge.
    pub fn put_follow(&mut self, follow: &Follow) -> Result<(), StateError> {
        let Follow { follower, follower_name, followee, followee_name, since } = follow;
        let record = encode(&FollowRecord { followee: followee.0, since: *since });
        self.following.insert((follower.0, followee_name.as_str()), record.as_slice())?;
        self.followers.insert((followee.0, follower_name.as_str()), follower.0)?;
        Ok(())
    }

    /// Removes an edge; false if there was none.
    pub fn remove_follow(&mut self, follow: &Follow) -> Result<bool, StateError> {
        let Follow { follower, follower_name, followee, followee_name, .. } = follow;
        let existed = self.following.remove((follower.0, followee_name.as_str()))?.is_some();
        self.followers.remove((followee.0, follower_name.as_str()))?;
        Ok(existed)
    }

    /// Adds a post. One that is there already is never replaced.
    pub fn put_post(
        &mut self,
        post: PostId,
        author: UserId,
        at: UnixMillis,
        text: &str,
    ) -> Result<(), StateError> {
        let record = encode(&PostRecord { author: author.0, at, text });
        if self.posts.insert(post.get(), record.as_slice())?.is_some() {
            return Err(StateError::damaged(format!("post {post} is there already")));
        }
        self.posts_by_author.insert((author.0, post.get()), ())?;
        Ok(())
    }
}
