//! All reads of the state, as one transaction sees it: reads never wait for commands, nor commands
//! for reads.
//!
//! The caller has to limit how much is read at a time. A database without a state reads as an empty
//! state.

use std::ops::Bound;

use redb::{AccessGuard, Range, StorageError, Value};

use super::{
    Facts, Row, Series, StateError, StoredReply, dump,
    merge::{PageRead, SourceRead},
    replies,
    tables::{self, FollowRecord, Meta, ReadTables, decode, known_user},
};
use crate::{
    domain::{Certification, ClusterId, Post, PostId, UserId, UserName},
    social::{Account, Cursor, Source},
};

/// The state at one moment.
pub struct View {
    facts: Facts,
    /// None before the first command.
    tables: Option<ReadTables>,
}

/// Some user names, sorted by their folded forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// As their owners wrote them.
    pub names: Vec<UserName>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<NameCursor>,
}

/// Where a page of names begins: after a name that may have gone since. Opaque to everyone else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameCursor {
    folded: String,
}

impl NameCursor {
    /// What [`to_token`](Self::to_token) gave. A token of somebody's own making is no danger: it is
    /// a place in the order of names like any other.
    pub fn from_token(token: impl Into<String>) -> Self {
        Self { folded: token.into() }
    }

    /// In the form in which it is passed on.
    pub fn to_token(self) -> String {
        self.folded
    }

    fn past(name: &UserName) -> Self {
        Self { folded: name.folded() }
    }
}

impl View {
    /// The state at the moment of `facts`.
    pub(super) fn open(facts: Facts) -> Result<Self, StateError> {
        let tables = ReadTables::open(facts.transaction())?;
        Ok(Self { facts, tables })
    }

    /// The facts beside the state, at the same moment.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Every row of the state, for a snapshot; none if there is no state yet.
    pub fn rows(
        &self,
    ) -> Result<impl Iterator<Item = Result<Row, StateError>> + Send + use<>, StateError> {
        dump::dump(self.tables.as_ref(), self.certification()?)
    }

    /// The key of session tokens; none until the cluster is bootstrapped.
    pub fn signing_key(&self) -> Option<[u8; 32]> {
        self.meta().signing_key
    }

    /// What proves that the network is its domain; none before that was asked for.
    pub fn certification(&self) -> Result<Option<Certification>, StateError> {
        tables::certification_in(self.facts.transaction())
    }

    /// Whether people have made something: a post, a follow, or a password.
    pub fn has_content(&self) -> Result<bool, StateError> {
        let Some(ReadTables { meta, following, users, .. }) = &self.tables else {
            return Ok(false);
        };
        tables::has_content(meta, following, users)
    }

    /// The cluster for which this one was abandoned.
    pub fn abandoned_for(&self) -> Option<ClusterId> {
        self.meta().abandoned_for
    }

    /// The newest post; none before the first.
    pub fn newest_post(&self) -> PostId {
        self.meta().newest_post
    }

    /// The account with a name, in upper or lower case.
    pub fn account_by_name(&self, name: &UserName) -> Result<Option<Account>, StateError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        match tables.names.get(name.folded().as_str())? {
            Some(user) => self.account(UserId(user.value())),
            None => Ok(None),
        }
    }

    /// The account with a number.
    pub fn account(&self, user: UserId) -> Result<Option<Account>, StateError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        let record = tables::user(&tables.users, user.0)?;
        Ok(record.map(|record| record.into_account(user, false)))
    }

    /// All users after a cursor; at least one name per page.
    pub fn users(&self, after: Option<&NameCursor>, limit: usize) -> Result<Page, StateError> {
        let Some(tables) = &self.tables else { return Ok(Page::default()) };
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.folded.as_str()));
        let rows = tables.names.range::<&str>((start, Bound::Unbounded))?;
        page(tables, limit, rows.map(|row| Ok(row?.1.value())))
    }

    /// The users whom a user follows, after a cursor; at least one name per page.
    pub fn following(
        &self,
        user: UserId,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let Some(tables) = &self.tables else { return Ok(Page::default()) };
        let rows = tables.following.range(edges_after(user, after))?;
        let edges = edges_of(user, rows).map(|row| decode::<FollowRecord>(row?.value()));
        page(tables, limit, edges.map(|edge| Ok(edge?.followee)))
    }

    /// The followers of a user, after a cursor; at least one name per page.
    pub fn followers(
        &self,
        user: UserId,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let Some(tables) = &self.tables else { return Ok(Page::default()) };
        let rows = tables.followers.range(edges_after(user, after))?;
        page(tables, limit, edges_of(user, rows).map(|row| Ok(row?.value())))
    }

    /// What belongs to a user's timeline, to be read in steps.
    pub fn sources(&self, user: UserId) -> SourceRead {
        SourceRead::of(user)
    }

    /// The next of these sources, sorted by the authors' names; none after the last.
    pub fn next_sources(&self, read: &mut SourceRead) -> Result<Option<Vec<Source>>, StateError> {
        self.tables.as_ref().map_or(Ok(None), |tables| read.step(tables))
    }

    /// A page of a user's timeline, to be read in steps.
    pub fn timeline(&self, user: UserId, cursor: Cursor, limit: usize) -> PageRead {
        PageRead::timeline(user, cursor, limit)
    }

    /// A page of a user's own posts, to be read in steps.
    pub fn posts_of(
        &self,
        user: UserId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<PageRead, StateError> {
        PageRead::of(self.tables.as_ref(), Source::all_of(user), cursor, limit)
    }

    /// Reads on; when all of the page is read, its posts, and whether there are more in the direction
    /// of reading.
    pub fn read_on(&self, page: &mut PageRead) -> Result<Option<(Vec<Post>, bool)>, StateError> {
        self.tables.as_ref().map_or(Ok(Some((Vec::new(), false))), |tables| page.step(tables))
    }

    /// A series of a user's requests.
    pub fn series(&self, user: UserId, name: &[u8]) -> Result<Option<Series>, StateError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        replies::series(&tables.series, user, name)
    }

    /// The reply to one request of a series.
    pub fn reply(
        &self,
        user: UserId,
        series: &[u8],
        sequence: u64,
    ) -> Result<Option<StoredReply>, StateError> {
        let Some(tables) = &self.tables else { return Ok(None) };
        replies::reply(&tables.replies, user, series, sequence)
    }

    fn meta(&self) -> Meta {
        self.tables.as_ref().map(|tables| tables.meta).unwrap_or_default()
    }
}

type Edge<'a> = (u64, &'a str);

/// The edges of a user from a name on; the edges of other users come after them.
fn edges_after(user: UserId, after: Option<&NameCursor>) -> (Bound<Edge<'_>>, Bound<Edge<'_>>) {
    let start = match after {
        Some(after) => Bound::Excluded((user.0, after.folded.as_str())),
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
    tables: &ReadTables,
    limit: usize,
    users: impl Iterator<Item = Result<u64, StateError>>,
) -> Result<Page, StateError> {
    let mut page = Page::default();
    for user in users {
        let user = user?;
        if page.names.len() >= limit.max(1) {
            page.next = page.names.last().map(NameCursor::past);
            break;
        }
        page.names.push(known_user(&tables.users, user)?.name);
    }
    Ok(page)
}
