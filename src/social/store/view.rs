//! All reads of the state, as it is at one moment: reads never wait for commands, nor commands for
//! reads.
//!
//! The caller has to limit how much is read at a time.

use std::collections::BTreeSet;

use super::{
    Facts, Known, Row, Series, StateError, StoredReply, dump,
    keys::{self, KeyRange, Table},
    merge::SourceRead,
    moment::{self, Moment},
    records::{self, FollowRecord, Meta, decode, known_user, number},
    replies,
};
use crate::{
    domain::{Certification, ClusterId, PostId, UserId, UserName},
    social::{Account, Relations as _, Source},
};

/// The state at one moment.
pub struct View {
    facts: Facts,
    meta: Meta,
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
        let meta = facts.moment().meta()?;
        Ok(Self { facts, meta })
    }

    /// The facts beside the state, at the same moment.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn moment(&self) -> &Moment {
        self.facts.moment()
    }

    /// The general facts.
    pub(super) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Every row of the state, for a snapshot.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, StateError>> + Send + use<> {
        dump::dump(self.moment(), self.meta)
    }

    /// The key of session tokens; none until the cluster is bootstrapped.
    pub fn signing_key(&self) -> Option<[u8; 32]> {
        self.meta.signing_key
    }

    /// What proves that the network is its domain; none before that was asked for.
    pub fn certification(&self) -> Result<Option<Certification>, StateError> {
        records::certification(self.moment())
    }

    /// Whether people have made something: a post, a follow, or a password.
    pub fn has_content(&self) -> Result<bool, StateError> {
        records::has_content(self.moment(), &self.meta)
    }

    /// The cluster for which this one was abandoned.
    pub fn abandoned_for(&self) -> Option<ClusterId> {
        self.meta.abandoned_for
    }

    /// How often words were removed that somebody had written.
    pub fn words_removed(&self) -> u64 {
        self.meta.words_removed
    }

    /// The last position of the feed; none before the first.
    pub fn newest_post(&self) -> PostId {
        self.meta.newest_post
    }

    /// The account with a name, in upper or lower case.
    pub fn account_by_name(&self, name: &UserName) -> Result<Option<Account>, StateError> {
        match records::user_named(self.moment(), name)? {
            Some(user) => self.account(user),
            None => Ok(None),
        }
    }

    /// The account with a number.
    pub fn account(&self, user: UserId) -> Result<Option<Account>, StateError> {
        let record = records::user(self.moment(), user)?;
        Ok(record.map(|record| record.into_account(user, false)))
    }

    /// All users after a cursor; at least one name per page.
    pub fn users(&self, after: Option<&NameCursor>, limit: usize) -> Result<Page, StateError> {
        self.page(keys::names_after(folded(after)), limit, |row| number(row).map(UserId))
    }

    /// The users whom a user follows, after a cursor; at least one name per page.
    pub fn following(
        &self,
        user: UserId,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let range = keys::edges_after(Table::Following, user, folded(after));
        self.page(range, limit, |row| Ok(decode::<FollowRecord>(row)?.followee))
    }

    /// The followers of a user, after a cursor; at least one name per page.
    pub fn followers(
        &self,
        user: UserId,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<Page, StateError> {
        let range = keys::edges_after(Table::Followers, user, folded(after));
        self.page(range, limit, |row| number(row).map(UserId))
    }

    /// The users of the first rows in `range`, each of whom `user` reads from a row.
    pub(super) fn page(
        &self,
        range: KeyRange,
        limit: usize,
        user: impl Fn(&[u8]) -> Result<UserId, StateError>,
    ) -> Result<Page, StateError> {
        let is_anybody_limited = self.is_anybody_limited()?;
        let mut page = Page::default();
        for row in self.moment().scan(range) {
            let (_, row): moment::Row = row?;
            if page.names.len() >= limit.max(1) {
                page.next = page.names.last().map(NameCursor::past);
                break;
            }
            let user = user(&row)?;
            if !(is_anybody_limited && self.is_out_of_sight(user)?) {
                page.names.push(known_user(self.moment(), user)?.name);
            }
        }
        Ok(page)
    }

    /// What belongs to a user's timeline, to be read in steps.
    pub fn sources(&self, user: UserId) -> SourceRead {
        SourceRead::of(user)
    }

    /// The next of these sources, sorted by the authors' names; none after the last.
    pub fn next_sources(&self, read: &mut SourceRead) -> Result<Option<Vec<Source>>, StateError> {
        read.step(self.moment())
    }

    /// Those of some sources whom a user has not muted.
    pub fn unmuted(
        &self,
        user: UserId,
        mut sources: Vec<Source>,
    ) -> Result<Vec<Source>, StateError> {
        let mut known = Known::default();
        known.look_at_mutes(self.moment(), user)?;
        let mut people = self.acquaintance(&mut known);
        let mut muted = BTreeSet::new();
        for source in &sources {
            if people.mutes(user, source.author)? {
                muted.insert(source.author);
            }
        }
        sources.retain(|source| !muted.contains(&source.author));
        Ok(sources)
    }

    /// A series of a user's requests.
    pub fn series(&self, user: UserId, name: &[u8]) -> Result<Option<Series>, StateError> {
        replies::series(self.moment(), user, name)
    }

    /// The reply to one request of a series.
    pub fn reply(
        &self,
        user: UserId,
        series: &[u8],
        sequence: u64,
    ) -> Result<Option<StoredReply>, StateError> {
        replies::reply(self.moment(), user, series, sequence)
    }
}

pub(super) fn folded(cursor: Option<&NameCursor>) -> Option<&str> {
    cursor.map(|cursor| cursor.folded.as_str())
}
