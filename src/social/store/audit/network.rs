//! What the network is run with: that whom its rows are about is there, and that they were counted right.

use super::{Audit, agree};
use crate::{
    domain::{NetworkSettings, Role, UserId},
    social::{
        StateError,
        administration::{
            AdministrationCounts, AnnouncementRecord, InvitationRecord, LoggedRecord, OPERATOR,
            ReportRecord, StandingRecord,
        },
        store::{
            keys::{self, Parts, Table},
            network_records::{self, is_limited},
            records::{decode, known_user},
        },
    },
};

impl Audit<'_> {
    /// A row of what the network is, or is run with.
    pub(super) fn administration(
        &self,
        table: Table,
        whole: &[u8],
        value: &[u8],
    ) -> Result<(), StateError> {
        let mut key = Parts::of(whole);
        match table {
            Table::NetworkSettings => {
                decode::<NetworkSettings>(value)?;
                key.end()
            }
            Table::AdministrationCounts => {
                key.end()?;
                self.compare_administration(decode(value)?)
            }
            Table::Standings => {
                let record: StandingRecord = decode(value)?;
                known_user(self.moment, key.user()?)?;
                key.end()?;
                agree(record != StandingRecord::default(), || "it says nothing".to_owned())
            }
            Table::Invitations => {
                let InvitationRecord { by, uses, used, .. } = decode(value)?;
                network_records::code_of(whole)?;
                agree(used <= uses, || format!("{used} have accepted it, of {uses}"))?;
                self.somebody(by)
            }
            Table::Reports => {
                let ReportRecord { by, about, resolved, .. } = decode(value)?;
                self.numbered(key, |counts| counts.reports)?;
                known_user(self.moment, by)?;
                known_user(self.moment, about)?;
                resolved.map_or(Ok(()), |resolved| self.somebody(resolved.by))
            }
            Table::Announcements => {
                let AnnouncementRecord { by, .. } = decode(value)?;
                self.numbered(key, |counts| counts.announcements)?;
                self.somebody(by)
            }
            _ => {
                let LoggedRecord { by, about, .. } = decode(value)?;
                self.numbered(key, |counts| counts.logged)?;
                self.somebody(by)?;
                about.map_or(Ok(()), |about| self.somebody(about))
            }
        }
    }

    fn somebody(&self, user: UserId) -> Result<(), StateError> {
        if user == OPERATOR { Ok(()) } else { known_user(self.moment, user).map(drop) }
    }

    fn numbered(
        &self,
        mut key: Parts<'_>,
        newest: impl FnOnce(&AdministrationCounts) -> u64,
    ) -> Result<(), StateError> {
        let number = key.number()?;
        key.end()?;
        let given = newest(&network_records::counts(self.moment)?);
        agree((1..=given).contains(&number), || "no such number was given yet".to_owned())
    }

    fn compare_administration(&self, counts: AdministrationCounts) -> Result<(), StateError> {
        let (mut limited, mut owners) = (0, 0);
        for row in self.moment.scan(keys::all(Table::Standings)) {
            // One that is damaged is told of itself.
            if let Ok(record) = decode::<StandingRecord>(&row?.1) {
                limited += u64::from(is_limited(record.standing));
                owners += u64::from(record.role == Role::Owner);
            }
        }
        let seen = AdministrationCounts {
            limited,
            owners,
            reports: self.count_rows(keys::all(Table::Reports))?,
            logged: self.count_rows(keys::all(Table::Logged))?,
            // Some may have been taken back.
            announcements: counts.announcements,
        };
        agree(counts == seen, || format!("{counts:?} were counted, and there are {seen:?}"))
    }
}
