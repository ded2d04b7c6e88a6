//! What belongs to people: that whom their rows are about is there, and that they were counted right.

use super::{Audit, agree, contradiction};
use crate::{
    domain::{PostId, UserId},
    social::{
        StateError,
        pictures::PicturePlace,
        sessions::SessionRecord,
        store::{
            keys::{self, Parts, Table},
            people_records::{
                self, NotificationRecord, NotificationState, ProfileRecord, StoredCounts,
            },
            post_records::{Body, PostRecord},
            records::{decode, known_user},
        },
    },
};

impl Audit<'_> {
    pub(super) fn relation(
        &mut self,
        table: Table,
        mut key: Parts<'_>,
        value: &[u8],
    ) -> Result<(), StateError> {
        let (user, name) = (key.user()?, key.text()?);
        known_user(self.moment, user)?;
        let other = people_records::whom_it_is_about(table, value)?
            .ok_or_else(|| contradiction("it is about nobody"))?;
        self.expect(Table::RowsAboutPeople);
        let by_other = self.moment.get(&keys::row_about(other, table, user))?;
        agree(by_other.is_some(), || format!("user {} does not lead to it", other.0))?;
        let other_name = known_user(self.moment, other)?.name.folded();
        agree(other_name == name, || format!("user {} is called otherwise", other.0))
    }

    pub(super) fn profile(&mut self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let user = key.user()?;
        key.end()?;
        let ProfileRecord { words, avatar, header, .. } = decode(value)?;
        // The pictures of somebody who is gone go before the profile.
        if known_user(self.moment, user)?.deleted_at.is_none() {
            let pictures: Vec<_> = [avatar, header].into_iter().flatten().collect();
            self.has_pictures(user, &pictures, |of| of == PicturePlace::Profile)?;
        }
        for word in words {
            self.expect(Table::ProfilesByWord);
            let row = self.moment.get(&keys::profile_by_word(&word, user))?;
            agree(row.is_some(), || format!("it is not found by {word}"))?;
        }
        Ok(())
    }

    /// Whether what there is of a person was counted right.
    pub(super) fn compare_person(&self, user: UserId) -> Result<(), StateError> {
        let mut counts = StoredCounts {
            posts: 0,
            followers: self.count_rows(keys::edges_after(Table::Followers, user, None))?,
            following: self.count_rows(keys::edges_after(Table::Following, user, None))?,
        };
        for row in self.moment.scan(keys::posts_between(user, PostId::NONE, None)) {
            let (_, row) = row?;
            // One that is damaged is told of itself.
            if let Ok(PostRecord { body: Body::Words(words), .. }) = decode(&row)
                && words.visibility.is_for_everybody()
            {
                counts.posts += 1;
            }
        }
        let counted = people_records::counts(self.moment, user)?;
        agree(counted == counts, || format!("{counted:?} were counted, and there are {counts:?}"))
    }

    pub(super) fn session(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (user, number) = (key.user()?, key.number()?);
        key.end()?;
        let SessionRecord { begun_at, .. } = decode(value)?;
        let begun = known_user(self.moment, user)?.sessions;
        agree((1..=begun).contains(&number), || format!("only {begun} were ever begun"))?;
        agree(begun_at <= self.meta.applied_at, || "it begins later than now".to_owned())
    }

    pub(super) fn counted_person(&self, mut key: Parts<'_>) -> Result<(), StateError> {
        let user = key.user()?;
        key.end()?;
        known_user(self.moment, user).map(drop)
    }

    pub(super) fn notification(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (user, position) = (key.user()?, key.post()?);
        key.end()?;
        let NotificationRecord { actor, .. } = decode(value)?;
        known_user(self.moment, user)?;
        known_user(self.moment, actor)?;
        agree(position <= self.meta.newest_post, || "no such position was given yet".to_owned())?;
        let state = people_records::notification_state(self.moment, user)?;
        agree(state.kept > 0, || "it was not counted".to_owned())
    }

    pub(super) fn notification_state(
        &self,
        mut key: Parts<'_>,
        value: &[u8],
    ) -> Result<(), StateError> {
        let user = key.user()?;
        key.end()?;
        let NotificationState { kept, oldest, .. } = decode(value)?;
        known_user(self.moment, user)?;
        let all = self.count_rows(keys::notifications_between(user, PostId::NONE, PostId::MAX))?;
        let known = self.count_rows(keys::notifications_between(user, oldest, PostId::MAX))?;
        agree(kept == all && kept == known, || format!("{kept} were counted, and there are {all}"))
    }
}
