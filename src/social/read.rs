//! All reads of the state, as one transaction sees it: reads never wait for commands, nor commands
//! for reads.
//!
//! The caller has to limit how much is read at a time. A database without a state reads as an empty
//! state.

use std::ops::Bound;

use redb::{AccessGuard, Error, Range, ReadTransaction, StorageError, Value};

use super::{
    Account, Cursor,
    tables::{self, FollowRecord, Meta, Snapshot, decode, known_user},
    timeline::{self, Source},
};
use crate::domain::{ClusterId, Post, PostId, UserId, UserName};

/// The state at one moment.
pub struct View {
    /// None before the first command.
    snapshot: Option<Snapshot>,
}

/// Some user names, sorted by their folded forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// As their owners wrote them.
    pub names: Vec<UserName>,
    /// The value for `after` on the next page; none if this is the last.
    pub next: Option<String>,
}

impl View {
    /// Opens the state as the transaction sees it.
    pub fn open(transaction: &ReadTransaction) -> Result<Self, Error> {
        Ok(Self { snapshot: Snapshot::open(transaction)? })
    }

    /// The key of session tokens; none until the cluster is founded.
    pub fn signing_key(&self) -> Option<[u8; 32]> {
        self.meta().signing_key
    }

    /// Whether people have made something: a post, a follow, or a password.
    pub fn holds_anything(&self) -> Result<bool, Error> {
        let Some(Snapshot { meta, following, users, .. }) = &self.snapshot else {
            return Ok(false);
        };
        tables::holds_anything(meta, following, users)
    }

    /// The cluster for which this one was given up.
    pub fn gave_way_to(&self) -> Option<ClusterId> {
        self.meta().gave_way_to
    }

    /// The newest post's number; 0 before the first.
    pub fn newest_post(&self) -> PostId {
        self.meta().newest_post
    }

    /// The account with a name, in upper or lower case.
    pub fn account_by_name(&self, name: &UserName) -> Result<Option<Account>, Error> {
        let Some(snapshot) = &self.snapshot else { return Ok(None) };
        match snapshot.names.get(name.folded().as_str())? {
            Some(user) => self.account(UserId(user.value())),
            None => Ok(None),
        }
    }

    /// The account with a number.
    pub fn account(&self, user: UserId) -> Result<Option<Account>, Error> {
        let Some(snapshot) = &self.snapshot else { return Ok(None) };
        let record = tables::user(&snapshot.users, user.0)?;
        Ok(record.map(|record| record.into_account(user.0, false)))
    }

    /// All users after the folded name `after`; at least one name per page.
    pub fn users(&self, after: Option<&str>, limit: usize) -> Result<Page, Error> {
        let Some(snapshot) = &self.snapshot else { return Ok(Page::default()) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = snapshot.names.range::<&str>((start, Bound::Unbounded))?;
        page(snapshot, limit, rows.map(|row| Ok(row?.1.value())))
    }

    /// The users whom a user follows, after the folded name `after`; at least one name per page.
    pub fn following(
        &self,
        user: UserId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        let Some(snapshot) = &self.snapshot else { return Ok(Page::default()) };
        let rows = snapshot.following.range(edges_after(user, after))?;
        let edges = edges_of(user, rows).map(|row| decode::<FollowRecord>(row?.value()));
        page(snapshot, limit, edges.map(|edge| Ok(edge?.followee)))
    }

    /// The followers of a user, after the folded name `after`; at least one name per page.
    pub fn followers(
        &self,
        user: UserId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        let Some(snapshot) = &self.snapshot else { return Ok(Page::default()) };
        let rows = snapshot.followers.range(edges_after(user, after))?;
        page(snapshot, limit, edges_of(user, rows).map(|row| Ok(row?.value())))
    }

    /// The users whom a user follows, each with the newest post at the time when the follow began:
    /// only later posts belong to the user's timeline. Sorted by name.
    pub fn following_ids(&self, user: UserId) -> Result<Vec<(UserId, PostId)>, Error> {
        let sources = self.sources(user)?;
        Ok(sources.into_iter().map(|source| (UserId(source.author), source.since)).collect())
    }

    /// A page of a user's timeline, and whether there is more in the direction of reading.
    pub fn timeline(
        &self,
        user: UserId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<(Vec<Post>, bool), Error> {
        self.merge(&self.sources(user)?, cursor, limit)
    }

    /// A page of a user's own posts, and whether there is more in the direction of reading.
    pub fn posts_of(
        &self,
        user: UserId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<(Vec<Post>, bool), Error> {
        self.merge(&[Source { author: user.0, since: 0 }], cursor, limit)
    }

    fn meta(&self) -> Meta {
        self.snapshot.as_ref().map(|snapshot| snapshot.meta).unwrap_or_default()
    }

    fn sources(&self, user: UserId) -> Result<Vec<Source>, Error> {
        let Some(snapshot) = &self.snapshot else { return Ok(Vec::new()) };
        edges_of(user, snapshot.following.range(edges_after(user, None))?)
            .map(|row| {
                let FollowRecord { followee, since } = decode(row?.value())?;
                Ok(Source { author: followee, since })
            })
            .collect()
    }

    fn merge(
        &self,
        sources: &[Source],
        cursor: Cursor,
        limit: usize,
    ) -> Result<(Vec<Post>, bool), Error> {
        match &self.snapshot {
            Some(snapshot) => timeline::merge(snapshot, sources, cursor, limit),
            None => Ok((Vec::new(), false)),
        }
    }
}

type Edge<'a> = (u64, &'a str);

/// The edges of a user from a name on; the edges of other users come after them.
fn edges_after(user: UserId, after: Option<&str>) -> (Bound<Edge<'_>>, Bound<Edge<'_>>) {
    let start = match after {
        Some(name) => Bound::Excluded((user.0, name)),
        None => Bound::Included((user.0, "")),
    };
    (start, Bound::Unbounded)
}

/// The values of a user's rows.
fn edges_of<'a, V: Value + 'static>(
    user: UserId,
    rows: Range<'a, Edge<'static>, V>,
) -> impl Iterator<Item = Result<AccessGuard<'a, V>, StorageError>> {
    rows.take_while(move |row| row.as_ref().map_or(true, |(key, _)| key.value().0 == user.0))
        .map(|row| row.map(|(_, value)| value))
}

fn page(
    snapshot: &Snapshot,
    limit: usize,
    users: impl Iterator<Item = Result<u64, Error>>,
) -> Result<Page, Error> {
    let mut page = Page::default();
    for user in users {
        let user = user?;
        if page.names.len() >= limit.max(1) {
            page.next = page.names.last().map(UserName::folded);
            break;
        }
        page.names.push(known_user(&snapshot.users, user)?.name);
    }
    Ok(page)
}
