//! Somebody deletes their account: at once nobody sees them any more, and then all that there was of them goes, step
//! by step.

use super::{Graph, Outcome, chores::Allowance};
use crate::{
    domain::{PostId, Role, Standing, UnixMillis, UserId, UserName},
    social::{
        Chore, CommandRefusal, DeletionStage, Reply,
        administration::StandingRecord,
        store::{Body, DeletedRow, MarkRecord, PostRecord, StateError, UserRecord, decode},
    },
};

/// For so long nobody else gets the name of somebody who is gone.
const RESERVED_FOR_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

impl Graph<'_> {
    pub(super) fn delete_account(
        &mut self,
        at: UnixMillis,
        user: UserId,
        record: UserRecord,
    ) -> Result<Outcome, StateError> {
        let is_owner = self.tables.standing(user)?.role == Role::Owner;
        if is_owner && self.tables.administration_counts()?.owners <= 1 {
            return Ok(Err(CommandRefusal::LastOwner));
        }
        self.tables.reserve_name(&record.name, Some(at.saturating_add_ms(RESERVED_FOR_MS)));
        self.tables.remove_name(&record.name);
        let gone = UserRecord { password_hash: None, deleted_at: Some(at), ..record };
        self.tables.put_user(user, &gone);
        let standing = StandingRecord { standing: Standing::Deleted, ..StandingRecord::default() };
        self.tables.put_standing(user, &standing)?;
        self.end_sessions(user)?;
        let (stage, after) = (DeletionStage::FIRST, Vec::new());
        self.begin_chore(&Chore::DeleteAccount { user, stage, after })?;
        Ok(Ok(Reply::Done))
    }

    /// Whether a name may be given to somebody new.
    pub(super) fn is_free(&mut self, at: UnixMillis, name: &UserName) -> Result<bool, StateError> {
        if name.stands_for_nobody() {
            return Ok(false);
        }
        let Some(until) = self.tables.reserved_until(name)? else { return Ok(true) };
        if at < until {
            return Ok(false);
        }
        self.tables.reserve_name(name, None);
        Ok(true)
    }

    /// Removes some more of what there was of somebody; gives what is left to do.
    pub(super) fn delete_more(
        &mut self,
        at: UnixMillis,
        user: UserId,
        (mut stage, mut after): (DeletionStage, Vec<u8>),
        allowance: &mut Allowance,
    ) -> Result<Option<Chore>, StateError> {
        self.words_were_removed();
        loop {
            if let Some(last) = self.delete_stage(at, user, (stage, &after), allowance)? {
                return Ok(Some(Chore::DeleteAccount { user, stage, after: last }));
            }
            let Some(next) = stage.next() else { return Ok(None) };
            (stage, after) = (next, Vec::new());
        }
    }

    /// Removes some more of one kind; gives the last key that was looked at, or none if all are gone.
    fn delete_stage(
        &mut self,
        at: UnixMillis,
        user: UserId,
        (stage, after): (DeletionStage, &[u8]),
        allowance: &mut Allowance,
    ) -> Result<Option<Vec<u8>>, StateError> {
        let Some(rows) = self.tables.rows_of(user, stage, after) else {
            self.tables.remove_person(user)?;
            return Ok(None);
        };
        for row in rows {
            let (key, row) = row?;
            match self.tables.row_of(user, stage, &key, &row)? {
                DeletedRow::Post(post) => self.delete_own_post(at, user, post, &row)?,
                DeletedRow::Picture(picture) => self.remove_picture(picture)?,
                DeletedRow::Mark(post, marks) => self.remove_marks(at, user, post, marks)?,
                DeletedRow::Follow(edge) => {
                    self.cease_to_follow(&edge)?;
                }
                DeletedRow::Notification(position) => {
                    self.tables.remove_notification(user, position)?;
                }
                DeletedRow::Personal => self.tables.remove_row(&key),
                DeletedRow::Relation(table, pair) => {
                    self.tables.set_relation(table, &pair, None);
                }
            }
            if !self.goes_on(allowance) {
                return Ok(Some(key.to_vec()));
            }
        }
        Ok(None)
    }

    fn delete_own_post(
        &mut self,
        at: UnixMillis,
        user: UserId,
        post: PostId,
        row: &[u8],
    ) -> Result<(), StateError> {
        match decode::<PostRecord<'_>>(row)?.body {
            Body::Words(_) | Body::Boost(_) => self.delete(at, user, post).map(drop),
            // What it was is gone already; that there was something keeps conversations sane.
            Body::Gone { .. } => Ok(()),
        }
    }

    fn remove_marks(
        &mut self,
        at: UnixMillis,
        user: UserId,
        post: PostId,
        marks: MarkRecord,
    ) -> Result<(), StateError> {
        if marks.boost.is_some() {
            // Its row is gone with the other posts, unless it was made in between.
            self.unboost(at, user, post).map(drop)?;
        }
        let Some(left) = self.tables.marks(user, post)? else { return Ok(()) };
        self.tables.change_marks(user, post, left, MarkRecord::none(left.author))
    }
}
