//! Notifications.

use super::{
    key_from_wire, key_to_wire, limit_from_wire, limit_to_wire, post_from_wire, post_id_from_wire,
    post_to_wire, unreadable,
};
use crate::{
    domain::{
        Notification, NotificationChange, NotificationKind, PostId, RequestKey, UnixMillis, UserId,
        UserName,
    },
    network::{Cursor, NotificationPage, Refusal},
    wire::v1::{self, change_notifications_request},
};

/// What is to become of the caller's notifications, under a key.
pub fn notification_change_to_wire(
    key: &RequestKey,
    change: NotificationChange,
) -> v1::ChangeNotificationsRequest {
    use change_notifications_request::Change;
    let change = match change {
        NotificationChange::ReadUpTo(id) => Change::ReadUpTo(id.get()),
        NotificationChange::Dismiss(id) => Change::Dismiss(id.get()),
        NotificationChange::Clear => Change::Clear(true),
    };
    v1::ChangeNotificationsRequest { request_id: Some(key_to_wire(key)), change: Some(change) }
}

/// What is to become of the caller's notifications, under a key.
pub fn notification_change_from_wire(
    wire: v1::ChangeNotificationsRequest,
) -> Result<(RequestKey, NotificationChange), Refusal> {
    use change_notifications_request::Change;
    let v1::ChangeNotificationsRequest { request_id, change } = wire;
    let change = match change {
        Some(Change::ReadUpTo(id)) => NotificationChange::ReadUpTo(PostId::new(id)),
        Some(Change::Dismiss(id)) => NotificationChange::Dismiss(post_id_from_wire(id)?),
        Some(Change::Clear(true)) => NotificationChange::Clear,
        Some(Change::Clear(false)) => return Err(Refusal::invalid("clear must be true")),
        None => return Err(Refusal::invalid("change is missing")),
    };
    Ok((key_from_wire(request_id)?, change))
}

/// Which page of notifications is read.
pub fn notifications_to_wire(cursor: Cursor, limit: Option<u32>) -> v1::NotificationsRequest {
    v1::NotificationsRequest { cursor: cursor.into(), page_size: limit_to_wire(limit) }
}

/// Which page of notifications is read.
pub fn notifications_from_wire(wire: v1::NotificationsRequest) -> (Cursor, Option<u32>) {
    let v1::NotificationsRequest { cursor, page_size } = wire;
    (cursor.into(), limit_from_wire(page_size))
}

/// A notification.
pub fn notification_to_wire(notification: Notification) -> v1::Notification {
    let Notification { id, kind, at, actor_id, actor, post } = notification;
    v1::Notification {
        id: id.get(),
        kind: kind_to_wire(kind).into(),
        at_ms: at.get(),
        actor_id: actor_id.0,
        actor: actor.into(),
        post: post.map(post_to_wire),
    }
}

fn kind_to_wire(kind: NotificationKind) -> v1::NotificationKind {
    match kind {
        NotificationKind::Followed => v1::NotificationKind::Followed,
        NotificationKind::FollowRequested => v1::NotificationKind::FollowRequested,
        NotificationKind::Mentioned => v1::NotificationKind::Mentioned,
        NotificationKind::Boosted => v1::NotificationKind::Boosted,
        NotificationKind::Liked => v1::NotificationKind::Liked,
        NotificationKind::Edited => v1::NotificationKind::Edited,
    }
}

/// A notification; none for one of a kind of a later version, which is left out.
pub fn notification_from_wire(wire: v1::Notification) -> Result<Option<Notification>, Refusal> {
    let v1::Notification { id, kind, at_ms, actor_id, actor, post } = wire;
    let kind = match v1::NotificationKind::try_from(kind) {
        Ok(v1::NotificationKind::Followed) => NotificationKind::Followed,
        Ok(v1::NotificationKind::FollowRequested) => NotificationKind::FollowRequested,
        Ok(v1::NotificationKind::Mentioned) => NotificationKind::Mentioned,
        Ok(v1::NotificationKind::Boosted) => NotificationKind::Boosted,
        Ok(v1::NotificationKind::Liked) => NotificationKind::Liked,
        Ok(v1::NotificationKind::Edited) => NotificationKind::Edited,
        Ok(v1::NotificationKind::Unspecified) | Err(_) => return Ok(None),
    };
    Ok(Some(Notification {
        id: PostId::new(id),
        kind,
        at: UnixMillis::new(at_ms),
        actor_id: UserId(actor_id),
        actor: UserName::new(actor).map_err(unreadable)?,
        post: post.map(post_from_wire).transpose()?,
    }))
}

/// A page of notifications.
pub fn notification_page_to_wire(page: NotificationPage) -> v1::NotificationPage {
    let NotificationPage { notifications, as_of, more, read_up_to } = page;
    v1::NotificationPage {
        notifications: notifications.into_iter().map(notification_to_wire).collect(),
        as_of: as_of.get(),
        more,
        read_up_to: read_up_to.get(),
    }
}

/// A page of notifications, without those of a kind of a later version.
pub fn notification_page_from_wire(
    wire: v1::NotificationPage,
) -> Result<NotificationPage, Refusal> {
    let v1::NotificationPage { notifications, as_of, more, read_up_to } = wire;
    let known = notifications.into_iter().filter_map(|it| notification_from_wire(it).transpose());
    Ok(NotificationPage {
        notifications: known.collect::<Result<_, _>>()?,
        as_of: PostId::new(as_of),
        more,
        read_up_to: PostId::new(read_up_to),
    })
}
