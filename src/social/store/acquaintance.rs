//! What people are to each other, as the rules of visibility ask it: looked up once for all posts that are
//! read together.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{
    StateError,
    keys::{self, Table},
    moment::Moment,
    network_records,
    people_records::mute,
    personal_records,
    records::known_user,
};
use crate::{
    domain::{Hashtag, PersonalId, Standing, UnixMillis, UserId, UserName},
    social::Relations,
};

/// What was looked up, as of one moment.
#[derive(Default)]
pub struct Known {
    names: BTreeMap<UserId, UserName>,
    answers: BTreeMap<(Asked, UserId, UserId), bool>,
    /// Somebody who has muted nobody, as was found out.
    mutes_nobody: Option<UserId>,
    /// Whether there is anybody of whom the standing is not the usual one: mostly there is not.
    is_anybody_limited: Option<bool>,
    standings: BTreeMap<UserId, Standing>,
    /// The lists of somebody whose people are left out of their home timeline.
    exclusive: BTreeMap<UserId, BTreeSet<PersonalId>>,
    /// In which lists of somebody another is.
    lists: BTreeMap<(UserId, UserId), BTreeSet<PersonalId>>,
    hashtags: BTreeMap<(UserId, Hashtag), bool>,
}

/// What is asked of two people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Follows,
    Blocks,
    Mutes,
}

impl Known {
    /// Finds out whether somebody has muted anybody: most have not.
    pub(super) fn look_at_mutes(&mut self, moment: &Moment, one: UserId) -> Result<(), StateError> {
        let first = moment.scan(keys::edges_after(Table::Mutes, one, None)).next().transpose()?;
        self.mutes_nobody = first.is_none().then_some(one);
        Ok(())
    }

    /// `one` follows `other`: so neither has blocked the other.
    pub(super) fn follows(&mut self, one: UserId, other: UserId) {
        if self.answers.insert((Asked::Follows, one, other), true).is_some() {
            return;
        }
        self.answers.insert((Asked::Blocks, one, other), false);
        self.answers.insert((Asked::Blocks, other, one), false);
    }
}

/// Knows people, as of one moment.
pub struct Acquaintance<'a> {
    pub(super) moment: &'a Moment,
    known: &'a mut Known,
    now: UnixMillis,
}

impl<'a> Acquaintance<'a> {
    pub(super) fn new(moment: &'a Moment, known: &'a mut Known, now: UnixMillis) -> Self {
        Self { moment, known, now }
    }

    /// The name of somebody to whom another row refers.
    pub(super) fn name(&mut self, user: UserId) -> Result<UserName, StateError> {
        Ok(match self.known.names.entry(user) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => unknown.insert(known_user(self.moment, user)?.name).clone(),
        })
    }

    fn lists(&mut self, one: UserId, other: UserId) -> Result<&BTreeSet<PersonalId>, StateError> {
        if !self.known.lists.contains_key(&(one, other)) {
            let folded = self.name(other)?.folded();
            let membership = personal_records::membership(self.moment, one, &folded)?;
            let lists = membership.map(|membership| membership.lists).unwrap_or_default();
            self.known.lists.insert((one, other), lists);
        }
        Ok(&self.known.lists[&(one, other)])
    }

    fn look_up(&mut self, asked: Asked, one: UserId, other: UserId) -> Result<bool, StateError> {
        if asked == Asked::Mutes && self.known.mutes_nobody == Some(one) {
            return Ok(false);
        }
        if let Some(answer) = self.known.answers.get(&(asked, one, other)) {
            return Ok(*answer);
        }
        let folded = self.name(other)?.folded();
        let is_there =
            |table| self.moment.get(&keys::edge(table, one, &folded)).map(|row| row.is_some());
        let answer = match asked {
            Asked::Follows => is_there(Table::Following)?,
            Asked::Blocks => is_there(Table::Blocks)?,
            Asked::Mutes => {
                mute(self.moment, one, &folded)?.is_some_and(|mute| mute.lasts(self.now))
            }
        };
        self.known.answers.insert((asked, one, other), answer);
        Ok(answer)
    }
}

impl Relations for Acquaintance<'_> {
    type Error = StateError;

    fn follows(&mut self, one: UserId, other: UserId) -> Result<bool, StateError> {
        self.look_up(Asked::Follows, one, other)
    }

    fn blocks(&mut self, one: UserId, other: UserId) -> Result<bool, StateError> {
        self.look_up(Asked::Blocks, one, other)
    }

    fn mutes(&mut self, one: UserId, other: UserId) -> Result<bool, StateError> {
        self.look_up(Asked::Mutes, one, other)
    }

    fn has_in_list(
        &mut self,
        one: UserId,
        list: PersonalId,
        other: UserId,
    ) -> Result<bool, StateError> {
        Ok(self.lists(one, other)?.contains(&list))
    }

    fn keeps_from_home(&mut self, one: UserId, other: UserId) -> Result<bool, StateError> {
        if let Entry::Vacant(unknown) = self.known.exclusive.entry(one) {
            let lists = personal_records::lists(self.moment, one)?.into_iter();
            let exclusive = lists.filter(|list| list.settings.exclusive).map(|list| list.id);
            unknown.insert(exclusive.collect());
        }
        // Most keep nobody from there.
        if self.known.exclusive[&one].is_empty() {
            return Ok(false);
        }
        let lists = self.lists(one, other)?.clone();
        Ok(!self.known.exclusive[&one].is_disjoint(&lists))
    }

    fn follows_hashtag(&mut self, user: UserId, hashtag: &Hashtag) -> Result<bool, StateError> {
        Ok(match self.known.hashtags.entry((user, hashtag.clone())) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                *unknown.insert(personal_records::follows_hashtag(self.moment, user, hashtag)?)
            }
        })
    }

    fn standing(&mut self, user: UserId) -> Result<Standing, StateError> {
        let is_anybody_limited = if let Some(known) = self.known.is_anybody_limited {
            known
        } else {
            let found = network_records::counts(self.moment)?.limited > 0;
            *self.known.is_anybody_limited.insert(found)
        };
        if !is_anybody_limited {
            return Ok(Standing::Active);
        }
        if let Some(standing) = self.known.standings.get(&user) {
            return Ok(*standing);
        }
        let standing = network_records::standing(self.moment, user)?.standing;
        self.known.standings.insert(user, standing);
        Ok(standing)
    }
}
