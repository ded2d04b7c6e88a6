//! What people are told of what others do.

use super::{Graph, Outcome};
use crate::{
    domain::{
        Notification, NotificationChange, NotificationKind, Post, PostId, UnixMillis, UserId,
    },
    social::{
        Event, Reply,
        store::{NotificationRecord, Pair, StateError},
        visibility::{is_blocked, is_hidden},
    },
};

/// A post about which somebody is notified, and the first of its conversation.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub post: &'a Post,
    pub conversation: PostId,
}

impl Graph<'_> {
    /// Tells somebody what another has done, unless they do not want to know.
    pub(super) fn notify(
        &mut self,
        at: UnixMillis,
        user: UserId,
        actor: UserId,
        kind: NotificationKind,
        about: Option<About<'_>>,
    ) -> Result<(), StateError> {
        if !self.wants_to_know(at, user, actor, about)? {
            return Ok(());
        }
        let id = self.next_position()?;
        let post = about.map(|about| (about.post.id, about.post.author_id));
        self.tables.put_notification(user, id, &NotificationRecord { kind, at, actor, post })?;
        let name = self.tables.known_user(actor)?.name;
        let post = about.map(|about| about.post.clone());
        let notification = Notification { id, kind, at, actor_id: actor, actor: name, post };
        self.events.push(Event::Notified { user, notification });
        Ok(())
    }

    fn wants_to_know(
        &self,
        at: UnixMillis,
        user: UserId,
        actor: UserId,
        about: Option<About<'_>>,
    ) -> Result<bool, StateError> {
        if user == actor || self.decide(|people| is_blocked(user, actor, people))? {
            return Ok(false);
        }
        if self.decide(|people| is_hidden(Some(user), actor, people))? {
            return Ok(false);
        }
        let other_name = self.tables.known_user(actor)?.name.folded();
        let mute = self.tables.mute(&Pair { one: user, other: actor, other_name })?;
        if mute.is_some_and(|mute| mute.notifications && mute.lasts(at)) {
            return Ok(false);
        }
        let Some(About { conversation, .. }) = about else { return Ok(true) };
        let marks = self.tables.marks(user, conversation)?;
        Ok(marks.is_none_or(|marks| marks.muted.is_none()))
    }

    pub(super) fn change_notifications(
        &mut self,
        at: UnixMillis,
        user: UserId,
        change: NotificationChange,
    ) -> Result<Outcome, StateError> {
        match change {
            NotificationChange::ReadUpTo(up_to) => {
                self.tables.read_notifications(user, up_to.min(self.meta.newest_post))?;
                self.notifications_were_read(at, user)?;
            }
            NotificationChange::Dismiss(notification) => {
                self.tables.remove_notification(user, notification)?;
            }
            NotificationChange::Clear => self.tables.clear_notifications(user)?,
        }
        Ok(Ok(Reply::Done))
    }
}
