//! What the network is, and what it is run with: rows, for writing. Which of them happens is decided by
//! [`apply`](crate::social::apply).

use super::{
    StateError,
    keys::{self, Table},
    network_records::{self, is_limited},
    records::encode,
    writing::Tables,
};
use crate::{
    domain::{NetworkSettings, Role, SecretCode, UserId},
    social::administration::{
        AdministrationCounts, AnnouncementRecord, InvitationRecord, LoggedRecord, ReportRecord,
        StandingRecord,
    },
};

impl Tables<'_> {
    /// What the network is.
    pub fn network_settings(&self) -> Result<NetworkSettings, StateError> {
        network_records::settings(self.moment())
    }

    /// Replaces that.
    pub fn put_network_settings(&mut self, settings: &NetworkSettings) {
        self.change.put(&keys::single(Table::NetworkSettings), &encode(settings));
    }

    /// How much there is of what the network is run with.
    pub fn administration_counts(&self) -> Result<AdministrationCounts, StateError> {
        network_records::counts(self.moment())
    }

    fn count_administration(
        &mut self,
        count: impl FnOnce(&mut AdministrationCounts),
    ) -> Result<AdministrationCounts, StateError> {
        let mut counts = self.administration_counts()?;
        count(&mut counts);
        self.change.put(&keys::single(Table::AdministrationCounts), &encode(&counts));
        Ok(counts)
    }

    /// What is known of somebody.
    pub fn standing(&self, user: UserId) -> Result<StandingRecord, StateError> {
        network_records::standing(self.moment(), user)
    }

    /// Whether nobody sees somebody.
    pub fn is_out_of_sight(&self, user: UserId) -> Result<bool, StateError> {
        Ok(network_records::is_out_of_sight(self.standing(user)?.standing))
    }

    /// Replaces that.
    pub fn put_standing(
        &mut self,
        user: UserId,
        record: &StandingRecord,
    ) -> Result<(), StateError> {
        let before = self.standing(user)?;
        let key = keys::of_user(Table::Standings, user);
        if *record == StandingRecord::default() {
            self.change.remove(&key);
        } else {
            self.change.put(&key, &encode(record));
        }
        let counted = |record: &StandingRecord| {
            let limited = u64::from(is_limited(record.standing));
            (limited, u64::from(record.role == Role::Owner))
        };
        let (old, new) = (counted(&before), counted(record));
        if old != new {
            self.count_administration(|counts| {
                counts.limited = counts.limited.saturating_add(new.0).saturating_sub(old.0);
                counts.owners = counts.owners.saturating_add(new.1).saturating_sub(old.1);
            })?;
        }
        Ok(())
    }

    /// An invitation.
    pub fn invitation(&self, code: &SecretCode) -> Result<Option<InvitationRecord>, StateError> {
        network_records::invitation(self.moment(), code)
    }

    /// Adds or replaces an invitation.
    pub fn put_invitation(&mut self, code: &SecretCode, record: &InvitationRecord) {
        self.change.put(&keys::invitation(code.expose()), &encode(record));
    }

    /// Adds a report, and returns its number.
    pub fn add_report(&mut self, record: &ReportRecord) -> Result<u64, StateError> {
        let counts =
            self.count_administration(|counts| counts.reports = counts.reports.saturating_add(1))?;
        self.put_report(counts.reports, record);
        Ok(counts.reports)
    }

    /// A report.
    pub fn report(&self, number: u64) -> Result<Option<ReportRecord>, StateError> {
        network_records::report(self.moment(), number)
    }

    /// Replaces a report.
    pub fn put_report(&mut self, number: u64, record: &ReportRecord) {
        self.change.put(&keys::numbered(Table::Reports, number), &encode(record));
    }

    /// Adds an announcement, and returns its number.
    pub fn add_announcement(&mut self, record: &AnnouncementRecord) -> Result<u64, StateError> {
        let counts = self.count_administration(|counts| {
            counts.announcements = counts.announcements.saturating_add(1);
        })?;
        let number = counts.announcements;
        self.change.put(&keys::numbered(Table::Announcements, number), &encode(record));
        Ok(number)
    }

    /// Removes an announcement; false if there is none.
    pub fn remove_announcement(&mut self, number: u64) -> Result<bool, StateError> {
        let key = keys::numbered(Table::Announcements, number);
        let is_there = self.moment().get(&key)?.is_some();
        if is_there {
            self.change.remove(&key);
        }
        Ok(is_there)
    }

    /// Adds an entry to the log of those who run the network.
    pub fn add_logged(&mut self, record: &LoggedRecord) -> Result<(), StateError> {
        let counts =
            self.count_administration(|counts| counts.logged = counts.logged.saturating_add(1))?;
        self.change.put(&keys::numbered(Table::Logged, counts.logged), &encode(record));
        Ok(())
    }
}
