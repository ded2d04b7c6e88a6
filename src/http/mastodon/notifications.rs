//! Notifications, one by one and in groups.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use serde_json::json;

use super::entities::{
    NOTHING,
    notification::{GroupedNotifications, kind_name},
};
use crate::{
    domain::{FilterContext, Notification, NotificationChange, PostId},
    http::{
        api::Api,
        asked::{Answered, Asked, done, json as answer},
        fault::Fault,
        paging::{self, Neighbours},
    },
    network::Cursor,
};

/// So many pages of the network's are read at most for one page of what is asked for: where only one kind is asked
/// for, most may be left out.
const MOST_PAGES: usize = 10;
/// So many unread notifications are counted.
const MOST_UNREAD: u64 = 100;

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/notifications", get(notifications))
        .route("/api/v1/notifications/unread_count", get(unread_count))
        .route("/api/v1/notifications/clear", post(clear))
        .route("/api/v1/notifications/requests", get(async || answer(&NOTHING)))
        .route("/api/v1/notifications/{id}", get(notification))
        .route("/api/v1/notifications/{id}/dismiss", post(dismiss))
        .route("/api/v2/notifications", get(grouped))
        .route("/api/v2/notifications/unread_count", get(unread_count))
        .route("/api/v2/notifications/policy", get(policy).patch(policy))
        .route("/api/v2/notifications/{key}", get(group))
        .route("/api/v2/notifications/{key}/accounts", get(group_accounts))
        .route("/api/v2/notifications/{key}/dismiss", post(dismiss_group))
}

/// Which notifications are asked for.
struct Wanted {
    types: Vec<String>,
    excluded: Vec<String>,
    by: Option<u64>,
}

impl Wanted {
    fn of(asked: &Asked) -> Result<Self, Fault> {
        let names = |name: &str| -> Vec<String> {
            asked.parameters.list(name).into_iter().map(str::to_owned).collect()
        };
        let by = asked.parameters.number("account_id")?;
        Ok(Self { types: names("types"), excluded: names("exclude_types"), by })
    }

    fn has(&self, notification: &Notification) -> bool {
        let kind = kind_name(notification.kind);
        let is_named = |names: &[String]| names.iter().any(|name| name == kind);
        (self.types.is_empty() || is_named(&self.types))
            && !is_named(&self.excluded)
            && self.by.is_none_or(|by| by == notification.actor_id.0)
    }
}

impl Api {
    /// A page of what is asked for, the newest first.
    async fn notifications_page(
        &self,
        asked: &Asked,
    ) -> Result<(Vec<Notification>, Neighbours), Fault> {
        let paging = asked.paging(paging::PEOPLE)?;
        let wanted = Wanted::of(asked)?;
        let limit = paging.limit as usize;
        let (mut found, mut cursor, mut more) = (Vec::new(), paging.cursor(), true);
        for _ in 0..MOST_PAGES {
            let page = self.network.notifications(&asked.call, cursor, Some(paging.limit)).await?;
            more = page.more;
            let Some(last) = page.notifications.last().map(|last| last.id) else { break };
            cursor = match cursor {
                Cursor::After(_) => Cursor::After(last),
                Cursor::Newest | Cursor::Before(_) => Cursor::Before(last),
            };
            found.extend(page.notifications.into_iter().filter(|one| wanted.has(one)));
            let is_past = paging.since.is_some_and(|since| last.get() <= since);
            if found.len() >= limit || !more || is_past {
                break;
            }
        }
        more |= found.len() > limit;
        found.truncate(limit);
        let is_full = found.len() == limit;
        let shown = paging.shown(found, |notification| notification.id.get());
        let ids: Vec<u64> = shown.iter().map(|notification| notification.id.get()).collect();
        let neighbours = Neighbours::of(&ids, is_full && (more || paging.min.is_some()));
        Ok((shown, neighbours))
    }

    /// One notification; there is no call for it, but it is where its number says.
    async fn notification_of(&self, asked: &Asked, id: u64) -> Result<Notification, Fault> {
        let before = Cursor::Before(PostId::new(id).next().ok_or_else(Fault::not_found)?);
        let page = self.network.notifications(&asked.call, before, Some(1)).await?;
        let found = page.notifications.into_iter().next();
        found.filter(|found| found.id.get() == id).ok_or_else(Fault::not_found)
    }
}

fn posts_and_actors(
    page: &[Notification],
) -> (Vec<crate::domain::Post>, Vec<crate::domain::UserId>) {
    let posts = page.iter().filter_map(|notification| notification.post.clone()).collect();
    (posts, page.iter().map(|notification| notification.actor_id).collect())
}

async fn notifications(State(api): State<Api>, asked: Asked) -> Answered {
    let (page, neighbours) = api.notifications_page(&asked).await?;
    let (posts, actors) = posts_and_actors(&page);
    let reading = api.reading(&asked, &posts, &actors, FilterContext::Notifications).await?;
    let entities: Vec<_> = page.iter().filter_map(|one| reading.notification(one)).collect();
    Ok(asked.page(&entities, neighbours))
}

async fn notification(State(api): State<Api>, asked: Asked) -> Answered {
    let found = api.notification_of(&asked, asked.id()?).await?;
    let (posts, actors) = posts_and_actors(std::slice::from_ref(&found));
    let reading = api.reading(&asked, &posts, &actors, FilterContext::Notifications).await?;
    Ok(answer(&reading.notification(&found).ok_or_else(Fault::not_found)?))
}

async fn groups_of(
    api: &Api,
    asked: &Asked,
    mut page: Vec<Notification>,
    grouped: impl Fn(&'static str) -> bool,
) -> Result<GroupedNotifications, Fault> {
    let (posts, actors) = posts_and_actors(&page);
    let reading = api.reading(asked, &posts, &actors, FilterContext::Notifications).await?;
    // Whatever is named in a group is in the answer.
    page.retain(|one| reading.notification(one).is_some());
    let (posts, actors) = posts_and_actors(&page);
    let mut people = actors;
    people.extend(posts.iter().map(|post| post.author_id));
    people.sort_unstable();
    people.dedup();
    let mut statuses: Vec<_> = posts;
    statuses.sort_unstable_by_key(|post| post.id);
    statuses.dedup_by_key(|post| post.id);
    let accounts = people.into_iter().filter_map(|id| reading.account(id)).collect();
    let statuses = statuses.iter().filter_map(|post| reading.status(post)).collect();
    Ok(GroupedNotifications::of(&page, grouped, accounts, statuses))
}

async fn grouped(State(api): State<Api>, asked: Asked) -> Answered {
    let (page, neighbours) = api.notifications_page(&asked).await?;
    let named: Vec<String> =
        asked.parameters.list("grouped_types").into_iter().map(str::to_owned).collect();
    let is_grouped = move |kind: &'static str| {
        if named.is_empty() {
            ["favourite", "follow", "reblog"].contains(&kind)
        } else {
            named.iter().any(|name| name == kind)
        }
    };
    let groups = groups_of(&api, &asked, page, is_grouped).await?;
    Ok(asked.page(&groups, neighbours))
}

/// The newest notifications of the group in the path.
async fn members(api: &Api, asked: &Asked) -> Result<Vec<Notification>, Fault> {
    let key = asked.in_path("key")?;
    if let Some(id) = key.strip_prefix("ungrouped-") {
        let id = id.parse().map_err(|_| Fault::not_found())?;
        return Ok(vec![api.notification_of(asked, id).await?]);
    }
    let (kind, post) = match key.split_once('-') {
        Some((kind, post)) => (kind, Some(post.parse().map_err(|_| Fault::not_found())?)),
        None => (key, None),
    };
    let is_member = |one: &Notification| {
        kind_name(one.kind) == kind && one.post.as_ref().map(|post| post.id.get()) == post
    };
    let page =
        api.network.notifications(&asked.call, Cursor::Newest, Some(paging::PEOPLE.1)).await?;
    let members: Vec<_> = page.notifications.into_iter().filter(is_member).collect();
    if members.is_empty() { Err(Fault::not_found()) } else { Ok(members) }
}

async fn group(State(api): State<Api>, asked: Asked) -> Answered {
    let members = members(&api, &asked).await?;
    Ok(answer(&groups_of(&api, &asked, members, |_| true).await?))
}

async fn group_accounts(State(api): State<Api>, asked: Asked) -> Answered {
    let members = members(&api, &asked).await?;
    let actors: Vec<_> = members.iter().map(|one| one.actor_id).collect();
    let reading = api.reading(&asked, &[], &actors, FilterContext::Notifications).await?;
    let accounts: Vec<_> = actors.into_iter().filter_map(|id| reading.account(id)).collect();
    Ok(answer(&accounts))
}

async fn unread_count(State(api): State<Api>, asked: Asked) -> Answered {
    let page = api.network.notifications(&asked.call, Cursor::Newest, Some(1)).await?;
    let most = u32::try_from(MOST_UNREAD).expect("it is small");
    let unread = Cursor::After(page.read_up_to);
    let page = api.network.notifications(&asked.call, unread, Some(most)).await?;
    let wanted = Wanted::of(&asked)?;
    let count = page.notifications.iter().filter(|one| wanted.has(one)).count();
    Ok(answer(&json!({ "count": count })))
}

async fn clear(State(api): State<Api>, asked: Asked) -> Answered {
    let change = NotificationChange::Clear;
    api.network.change_notifications(&asked.call, &asked.key(), change).await?;
    Ok(done())
}

async fn dismiss(State(api): State<Api>, asked: Asked) -> Answered {
    let change = NotificationChange::Dismiss(asked.post()?);
    api.network.change_notifications(&asked.call, &asked.key(), change).await?;
    Ok(done())
}

async fn dismiss_group(State(api): State<Api>, asked: Asked) -> Answered {
    for member in members(&api, &asked).await? {
        let key = asked.key_of(&member.id.to_string());
        let change = NotificationChange::Dismiss(member.id);
        api.network.change_notifications(&asked.call, &key, change).await?;
    }
    Ok(done())
}

/// Everybody's notifications are taken, which cannot be changed here: whom one does not want to hear of, one mutes.
async fn policy(State(api): State<Api>, asked: Asked) -> Answered {
    api.network.me(&asked.call).await?;
    Ok(answer(&json!({
        "for_not_following": "accept",
        "for_not_followers": "accept",
        "for_new_accounts": "accept",
        "for_private_mentions": "accept",
        "for_limited_accounts": "accept",
        "summary": { "pending_requests_count": 0, "pending_notifications_count": 0 },
    })))
}
