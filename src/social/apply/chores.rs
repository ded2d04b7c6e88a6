//! Work that goes on over many entries of the log. A step changes so few rows that it holds nobody up.

use super::{Graph, notifications::About};
use crate::{
    domain::{NotificationKind, PostId, UnixMillis, UserId},
    social::{
        Chore, Reply,
        store::{MOST_POSITIONS, StateError},
    },
};

/// After so many changed rows, a step is over.
const ROWS_OF_A_STEP: usize = 150;
/// After so many rows that were looked at, too, whatever came of it.
const LOOKED_AT_IN_A_STEP: usize = 1_000;

/// What a step may still do. At least one thing is always done.
pub(super) struct Allowance {
    rows_before: usize,
    position_before: PostId,
    looked_at: usize,
}

impl Graph<'_> {
    /// Notes work that begins now.
    pub(super) fn begin_chore(&mut self, chore: &Chore) -> Result<(), StateError> {
        let began = self.next_position()?;
        self.tables.put_chore(began, Some(chore));
        Ok(())
    }

    /// Does the next step of some work. Done if nothing is left of it, too: whoever asks may not know yet.
    pub(super) fn go_on(&mut self, at: UnixMillis, began: PostId) -> Result<Reply, StateError> {
        let Some(chore) = self.tables.chore(began)? else { return Ok(Reply::Done) };
        let mut allowance = self.allowance();
        let left = match chore {
            Chore::DeleteAccount { user, stage, after } => {
                self.delete_more(at, user, (stage, after), &mut allowance)?
            }
            Chore::TellOfEdit { author, post, after } => {
                self.tell_more_of_edit(at, (author, post), after, &mut allowance)?
            }
        };
        self.tables.put_chore(began, left.as_ref());
        Ok(Reply::Done)
    }

    fn allowance(&self) -> Allowance {
        Allowance {
            rows_before: self.tables.changed_rows(),
            position_before: self.meta.newest_post,
            looked_at: 0,
        }
    }

    /// Whether a step goes on after another row that it has looked at.
    pub(super) fn goes_on(&self, allowance: &mut Allowance) -> bool {
        allowance.looked_at += 1;
        let positions = self.meta.newest_post.get() - allowance.position_before.get();
        allowance.looked_at < LOOKED_AT_IN_A_STEP
            && self.tables.changed_rows() - allowance.rows_before < ROWS_OF_A_STEP
            // What comes next takes one.
            && positions < MOST_POSITIONS
    }

    fn tell_more_of_edit(
        &mut self,
        at: UnixMillis,
        (author, post): (UserId, PostId),
        after: UserId,
        allowance: &mut Allowance,
    ) -> Result<Option<Chore>, StateError> {
        // It may be gone by now, and then there is nothing to tell.
        let Some(conversation) = self.conversation(author, post)? else { return Ok(None) };
        let Some(edited) = self.tables.post(author, post)? else { return Ok(None) };
        let about = About { post: &edited, conversation };
        for booster in self.tables.boosters(post, after) {
            let booster = booster?;
            if self.is_visible(booster, post)? {
                self.notify(at, booster, author, NotificationKind::Edited, Some(about))?;
            }
            if !self.goes_on(allowance) {
                return Ok(Some(Chore::TellOfEdit { author, post, after: booster }));
            }
        }
        Ok(None)
    }
}
