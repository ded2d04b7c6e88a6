//! What the network is, and what it is run with: rows, as they are read.

use super::{
    StateError,
    keys::{self, Parts, Table},
    moment::Moment,
    records::{Record, decode},
};
use crate::{
    domain::{NetworkSettings, SecretCode, Standing, UserId},
    envelope::Kind,
    social::administration::{
        AdministrationCounts, AnnouncementRecord, InvitationRecord, LoggedRecord, ReportRecord,
        StandingRecord,
    },
};

impl Record for NetworkSettings {
    const KIND: Kind = Kind::NetworkSettings;
}

impl Record for AdministrationCounts {
    const KIND: Kind = Kind::AdministrationCounts;
}

impl Record for StandingRecord {
    const KIND: Kind = Kind::Standing;
}

impl Record for InvitationRecord {
    const KIND: Kind = Kind::Invitation;
}

impl Record for ReportRecord {
    const KIND: Kind = Kind::Report;
}

impl Record for AnnouncementRecord {
    const KIND: Kind = Kind::Announcement;
}

impl Record for LoggedRecord {
    const KIND: Kind = Kind::Logged;
}

/// What the network is; the usual settings at first.
pub(super) fn settings(moment: &Moment) -> Result<NetworkSettings, StateError> {
    let row = moment.get(&keys::single(Table::NetworkSettings))?;
    row.map_or_else(|| Ok(NetworkSettings::default()), |row| decode(&row))
}

/// How much there is of what it is run with.
pub(super) fn counts(moment: &Moment) -> Result<AdministrationCounts, StateError> {
    let row = moment.get(&keys::single(Table::AdministrationCounts))?;
    row.map_or_else(|| Ok(AdministrationCounts::default()), |row| decode(&row))
}

/// What is known of somebody; no row means nothing out of the ordinary.
pub(super) fn standing(moment: &Moment, user: UserId) -> Result<StandingRecord, StateError> {
    let row = moment.get(&keys::of_user(Table::Standings, user))?;
    row.map_or_else(|| Ok(StandingRecord::default()), |row| decode(&row))
}

/// An invitation.
pub(super) fn invitation(
    moment: &Moment,
    code: &SecretCode,
) -> Result<Option<InvitationRecord>, StateError> {
    moment.get(&keys::invitation(code.expose()))?.map(|row| decode(&row)).transpose()
}

/// A report.
pub(super) fn report(moment: &Moment, number: u64) -> Result<Option<ReportRecord>, StateError> {
    moment.get(&keys::numbered(Table::Reports, number))?.map(|row| decode(&row)).transpose()
}

/// The code of an invitation, from its key.
pub(super) fn code_of(key: &[u8]) -> Result<SecretCode, StateError> {
    SecretCode::new(Parts::of(key).text()?)
        .map_err(|_| StateError::damaged("the key of an invitation is no code"))
}

/// Whether somebody of this standing counts among those of whom it is not the usual one.
pub fn is_limited(standing: Standing) -> bool {
    standing != Standing::Active
}

/// Whether nobody sees somebody of this standing.
pub fn is_out_of_sight(standing: Standing) -> bool {
    match standing {
        Standing::Active | Standing::Silenced => false,
        Standing::Pending | Standing::Rejected | Standing::Suspended | Standing::Deleted => true,
    }
}
