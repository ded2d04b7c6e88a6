//! Questions about what the network is, and what it is run with.

use super::{
    NameCursor, StateError, View,
    keys::{self, Parts, Table},
    network_records,
    records::{self, Record, decode, number},
    view::folded,
};
use crate::{
    domain::{NetworkSettings, SecretCode, Standing, UnixMillis, UserId, UserName},
    social::administration::{
        AnnouncementRecord, InvitationRecord, LoggedRecord, OPERATOR, ReportRecord, StandingRecord,
    },
};

/// So many accounts are looked at for a page of those of one standing.
const LOOKED_AT: usize = 5_000;

/// Some rows by their numbers, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOfAdministration<T> {
    /// Each with its number.
    pub rows: Vec<(u64, T)>,
    /// Whether there are more before them.
    pub more: bool,
}

/// Somebody, for those who run the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonStanding {
    /// Who.
    pub user: UserId,
    /// As they wrote it.
    pub name: UserName,
    /// Since when there is the account.
    pub created_at: UnixMillis,
    /// Whether it has a password.
    pub has_password: bool,
    /// What was decided.
    pub record: StandingRecord,
}

impl View {
    /// What the network is.
    pub fn network_settings(&self) -> Result<NetworkSettings, StateError> {
        network_records::settings(self.moment())
    }

    /// What is known of somebody besides their account.
    pub fn standing(&self, user: UserId) -> Result<StandingRecord, StateError> {
        network_records::standing(self.moment(), user)
    }

    /// Whether there is anybody of whom the standing is not the usual one: mostly there is not.
    pub(super) fn is_anybody_limited(&self) -> Result<bool, StateError> {
        Ok(network_records::counts(self.moment())?.limited > 0)
    }

    /// Whether nobody sees somebody.
    pub(super) fn is_out_of_sight(&self, user: UserId) -> Result<bool, StateError> {
        Ok(network_records::is_out_of_sight(self.standing(user)?.standing))
    }

    /// Somebody, for those who run the network.
    pub fn person_standing(&self, user: UserId) -> Result<Option<PersonStanding>, StateError> {
        let Some(record) = records::user(self.moment(), user)? else { return Ok(None) };
        let (name, created_at) = (record.name, record.created_at);
        let has_password = record.password_hash.is_some();
        let record = self.standing(user)?;
        Ok(Some(PersonStanding { user, name, created_at, has_password, record }))
    }

    /// People sorted by name, after a cursor: all, or those of one standing; and where the next page begins. A page
    /// may have fewer than are wanted, and still not be the last.
    pub fn people_of_standing(
        &self,
        standing: Option<Standing>,
        after: Option<&NameCursor>,
        limit: usize,
    ) -> Result<(Vec<PersonStanding>, Option<NameCursor>), StateError> {
        let mut people = Vec::new();
        let mut last: Option<UserName> = None;
        for (looked_at, row) in self.moment().scan(keys::names_after(folded(after))).enumerate() {
            if people.len() >= limit.max(1) || looked_at >= LOOKED_AT {
                return Ok((people, last.map(|last| NameCursor::from_token(last.folded()))));
            }
            let user = UserId(number(&row?.1)?);
            let Some(person) = self.person_standing(user)? else { continue };
            last = Some(person.name.clone());
            if standing.is_none_or(|standing| standing == person.record.standing) {
                people.push(person);
            }
        }
        Ok((people, None))
    }

    /// All invitations, those that nobody can accept any more among them.
    pub fn invitations(
        &self,
        limit: usize,
    ) -> Result<Vec<(SecretCode, InvitationRecord)>, StateError> {
        let rows = self.moment().scan(keys::all(Table::Invitations)).take(limit);
        let invitation = |row: Result<super::moment::Row, StateError>| {
            let (key, row) = row?;
            Ok((network_records::code_of(&key)?, decode(&row)?))
        };
        rows.map(invitation).collect()
    }

    /// Reports before a number, the newest first.
    pub fn reports(
        &self,
        before: u64,
        limit: usize,
    ) -> Result<PageOfAdministration<ReportRecord>, StateError> {
        self.numbered(Table::Reports, before, limit)
    }

    /// Announcements, the newest first.
    pub fn announcements(
        &self,
        limit: usize,
    ) -> Result<PageOfAdministration<AnnouncementRecord>, StateError> {
        self.numbered(Table::Announcements, u64::MAX, limit)
    }

    /// What was done to run the network before a number, the newest first.
    pub fn logged(
        &self,
        before: u64,
        limit: usize,
    ) -> Result<PageOfAdministration<LoggedRecord>, StateError> {
        self.numbered(Table::Logged, before, limit)
    }

    /// Who has done something; none for an operator.
    pub fn name_of(&self, user: UserId) -> Result<Option<UserName>, StateError> {
        if user == OPERATOR {
            return Ok(None);
        }
        Ok(Some(records::known_user(self.moment(), user)?.name))
    }

    fn numbered<T: Record + serde::de::DeserializeOwned>(
        &self,
        table: Table,
        before: u64,
        limit: usize,
    ) -> Result<PageOfAdministration<T>, StateError> {
        let mut page = PageOfAdministration { rows: Vec::new(), more: false };
        for row in self.moment().scan_back(keys::numbered_before(table, before)) {
            let (key, row) = row?;
            if page.rows.len() >= limit {
                page.more = true;
                break;
            }
            page.rows.push((Parts::of(&key).number()?, decode(&row)?));
        }
        Ok(page)
    }
}
