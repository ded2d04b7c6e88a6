//! Notification, and the groups of version 2.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{account::Account, moment::Moment, status::Status};
use crate::domain::{Notification, NotificationKind, PostId};

/// The name that the API has for a kind.
pub const fn kind_name(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Followed => "follow",
        NotificationKind::FollowRequested => "follow_request",
        NotificationKind::Mentioned => "mention",
        NotificationKind::Boosted => "reblog",
        NotificationKind::Liked => "favourite",
        NotificationKind::Edited => "update",
    }
}

/// Something that has happened.
#[derive(Clone, Debug, Serialize)]
pub struct NotificationEntity {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    created_at: Moment,
    group_key: String,
    account: Account,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

impl NotificationEntity {
    /// What `account` has done, with the post that it is about.
    pub fn of(notification: &Notification, account: Account, status: Option<Status>) -> Self {
        Self {
            id: notification.id.to_string(),
            kind: kind_name(notification.kind),
            created_at: Moment(notification.at),
            group_key: group_key(notification, false),
            account,
            status,
        }
    }
}

/// Notifications of one kind about one thing are one group.
fn group_key(notification: &Notification, grouped: bool) -> String {
    let kind = kind_name(notification.kind);
    match (&notification.post, notification.kind) {
        _ if !grouped => format!("ungrouped-{}", notification.id),
        (Some(post), NotificationKind::Boosted | NotificationKind::Liked) => {
            format!("{kind}-{}", post.id)
        }
        (None, NotificationKind::Followed) => kind.to_owned(),
        _ => format!("ungrouped-{}", notification.id),
    }
}

/// A page of notifications in groups. All ids are of something in it.
#[derive(Clone, Debug, Serialize)]
pub struct GroupedNotifications {
    accounts: Vec<Account>,
    statuses: Vec<Status>,
    notification_groups: Vec<Group>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the entity has them")]
struct Group {
    group_key: String,
    notifications_count: usize,
    #[serde(rename = "type")]
    kind: &'static str,
    /// A number, unlike all other ids.
    most_recent_notification_id: u64,
    page_min_id: String,
    page_max_id: String,
    latest_page_notification_at: Moment,
    sample_account_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_id: Option<String>,
}

/// So many of those who have done something are named in a group.
const SAMPLE: usize = 8;

impl GroupedNotifications {
    /// Of one page, the newest first, with the people and the posts in it; kinds for which `groups` is false stay
    /// alone.
    pub fn of(
        page: &[Notification],
        groups: impl Fn(&'static str) -> bool,
        accounts: Vec<Account>,
        statuses: Vec<Status>,
    ) -> Self {
        let mut order: Vec<Group> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for notification in page {
            let kind = kind_name(notification.kind);
            let key = group_key(notification, groups(kind));
            let place = *places.entry(key.clone()).or_insert_with(|| {
                order.push(Group::begun(notification, key));
                order.len() - 1
            });
            order[place].takes(notification);
        }
        Self { accounts, statuses, notification_groups: order }
    }
}

impl Group {
    fn begun(newest: &Notification, group_key: String) -> Self {
        Self {
            group_key,
            notifications_count: 0,
            kind: kind_name(newest.kind),
            most_recent_notification_id: newest.id.get(),
            page_min_id: newest.id.to_string(),
            page_max_id: newest.id.to_string(),
            latest_page_notification_at: Moment(newest.at),
            sample_account_ids: Vec::new(),
            status_id: newest.post.as_ref().map(|post| post.id).map(|id: PostId| id.to_string()),
        }
    }

    fn takes(&mut self, notification: &Notification) {
        self.notifications_count += 1;
        self.page_min_id = notification.id.to_string();
        let actor = notification.actor_id.0.to_string();
        if self.sample_account_ids.len() < SAMPLE && !self.sample_account_ids.contains(&actor) {
            self.sample_account_ids.push(actor);
        }
    }
}
