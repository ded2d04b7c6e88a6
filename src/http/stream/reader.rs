//! What happens in the network, as one reader is told.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderMap, StatusCode};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::{
    message::{EventName, Message},
    name::Shows,
};
use crate::{
    domain::{FilterContext, Notification, Post, PostId, UserId, WordFilter, word_filter},
    host::clock,
    http::{api::Api, asked::Asked, fault::Fault, mastodon::conversations},
    network::{Changed, Cursor, FeedChange, Refusal, RefusalKind, Timeline, TimelineEvent},
};

/// For so long the filters of a reader are taken as they were; nobody tells of a change.
const FILTERS_LAST: Duration = Duration::from_secs(30);

/// Somebody who is told what happens.
pub struct Reader {
    api: Api,
    asked: Asked,
    /// Who it is; none if their app may not know.
    me: Option<UserId>,
    /// As of when.
    filters: Option<(Instant, Vec<WordFilter>)>,
    /// Whether their app may read notifications, once that was asked.
    may_read_notifications: Option<bool>,
}

impl Reader {
    /// Whoever asks, if it is somebody who is known.
    pub async fn of(api: Api, mut asked: Asked) -> Result<Self, Fault> {
        // They would be kept as long as the stream.
        asked.headers = HeaderMap::new();
        if asked.call.session.is_none() {
            return Err(Fault::unauthorised());
        }
        let me = match api.network.me(&asked.call).await {
            Ok(me) => Some(me.person.id),
            Err(refusal) if refusal.kind == RefusalKind::OutsideScope => None,
            Err(refusal) => return Err(stream_fault(refusal)),
        };
        Ok(Self { api, asked, me, filters: None, may_read_notifications: None })
    }

    /// The live timeline of what a stream shows. Nothing happens before it is asked for its first event.
    pub fn open(&self, shows: &Shows, after: Option<PostId>) -> Timeline {
        let (network, kind) = (self.api.network.clone(), shows.source());
        let call = self.asked.call.renewed(Instant::now());
        let opened = async move { network.subscribe(&call, &kind, after).await };
        Box::pin(stream::once(opened).try_flatten())
    }

    /// The first event of a timeline, or why it cannot be had.
    pub async fn first(&self, timeline: &mut Timeline) -> Result<TimelineEvent, Fault> {
        let first = timeout_at(self.asked.call.deadline.at(), timeline.next()).await;
        let first = first.unwrap_or_else(|_late| Some(Err(Refusal::interrupted())));
        first.unwrap_or_else(|| Err(Refusal::interrupted())).map_err(stream_fault)
    }

    /// What a stream says of an event; often nothing.
    pub async fn messages(
        &mut self,
        shows: &Shows,
        event: TimelineEvent,
    ) -> Result<Vec<Message>, Fault> {
        let mut messages = Vec::new();
        match event {
            TimelineEvent::Posts(posts) if shows.has_posts() => {
                for post in posts.iter().filter(|post| shows.includes(post)) {
                    let (event, payload) = if *shows == Shows::Direct {
                        (EventName::Conversation, self.conversation(post).await?)
                    } else {
                        (EventName::Update, self.status(shows.context(), post).await?)
                    };
                    let position = post.id;
                    messages.extend(payload.map(|payload| Message { position, event, payload }));
                }
            }
            TimelineEvent::Change(FeedChange { position, what }) => {
                let told = self.change(shows, what).await?;
                messages.extend(told.map(|(event, payload)| Message { position, event, payload }));
            }
            // Apps read their pages again by themselves when they have been away.
            TimelineEvent::Posts(_) | TimelineEvent::Position(_) | TimelineEvent::ReadAgain(_) => {}
        }
        Ok(messages)
    }

    async fn change(
        &mut self,
        shows: &Shows,
        what: Changed,
    ) -> Result<Option<(EventName, Arc<str>)>, Fault> {
        Ok(match what {
            Changed::Edited(post) if shows.has_posts() && shows.includes(&post) => {
                let payload = self.status(shows.context(), &post).await?;
                payload.map(|payload| (EventName::StatusUpdate, payload))
            }
            Changed::Deleted(post) if shows.has_posts() => {
                Some((EventName::Delete, post.to_string().into()))
            }
            Changed::Notified(notification)
                if shows.has_notifications() && self.may_read_notifications().await? =>
            {
                let payload = self.notification(&notification).await?;
                payload.map(|payload| (EventName::Notification, payload))
            }
            Changed::Edited(_) | Changed::Deleted(_) | Changed::Notified(_) => None,
        })
    }

    /// A post as the reader reads it there; none if its author is gone.
    async fn status(
        &mut self,
        context: FilterContext,
        post: &Post,
    ) -> Result<Option<Arc<str>>, Fault> {
        let filters = self.current_filters().await?;
        let (api, asked) = (&self.api, &self.asked);
        let now = clock::now();
        let is_filtered = !word_filter::matching(&filters, context, self.me, post, now).is_empty();
        let known = if is_filtered { (filters, self.me) } else { (Vec::new(), None) };
        let make = async {
            let posts = std::slice::from_ref(post);
            let reading = api.reading_with(asked, posts, &[], context, known).await?;
            Ok(reading.status(post).as_ref().map(in_json))
        };
        if is_filtered { make.await } else { api.shared.of(post, &asked.base, make).await }
    }

    async fn notification(
        &mut self,
        notification: &Notification,
    ) -> Result<Option<Arc<str>>, Fault> {
        let known = (self.current_filters().await?, self.me);
        let (actors, context) = ([notification.actor_id], FilterContext::Notifications);
        let posts = notification.post.as_slice();
        let reading = self.api.reading_with(&self.asked, posts, &actors, context, known).await?;
        Ok(reading.notification(notification).as_ref().map(in_json))
    }

    /// The conversation whose newest post this is; none for an app that may not know whose it is.
    async fn conversation(&mut self, newest: &Post) -> Result<Option<Arc<str>>, Fault> {
        let filters = self.current_filters().await?;
        let Some(me) = self.me else { return Ok(None) };
        let others = conversations::others(newest, me);
        let people: Vec<UserId> = others.iter().copied().collect();
        let (posts, context) = (std::slice::from_ref(newest), FilterContext::Thread);
        let known = (filters, self.me);
        let reading = self.api.reading_with(&self.asked, posts, &people, context, known).await?;
        Ok(conversations::entity(newest, &others, &reading).as_ref().map(in_json))
    }

    async fn current_filters(&mut self) -> Result<Vec<WordFilter>, Fault> {
        self.renew();
        if let Some((at, filters)) = &self.filters
            && at.elapsed() < FILTERS_LAST
        {
            return Ok(filters.clone());
        }
        let filters = self.api.applied_filters(&self.asked).await?;
        self.filters = Some((Instant::now(), filters.clone()));
        Ok(filters)
    }

    async fn may_read_notifications(&mut self) -> Result<bool, Fault> {
        if let Some(known) = self.may_read_notifications {
            return Ok(known);
        }
        self.renew();
        let asked = self.api.network.notifications(&self.asked.call, Cursor::Newest, Some(1)).await;
        let may = match asked {
            Ok(_) => true,
            Err(refusal) if refusal.kind == RefusalKind::OutsideScope => false,
            Err(refusal) => return Err(refusal.into()),
        };
        self.may_read_notifications = Some(may);
        Ok(may)
    }

    /// What is asked from now on is asked with as much patience as at first.
    fn renew(&mut self) {
        self.asked.call = self.asked.call.renewed(Instant::now());
    }
}

/// Why there is no such stream. A list of somebody else is not said to be there.
pub fn stream_fault(refusal: Refusal) -> Fault {
    match refusal.kind {
        RefusalKind::NotFound | RefusalKind::OutsideScope => {
            Fault::new(StatusCode::UNAUTHORIZED, refusal.message)
        }
        kind if ends_session(&kind) => Fault::new(StatusCode::UNAUTHORIZED, refusal.message),
        _ => refusal.into(),
    }
}

/// Whether whoever is refused like this gets no stream at all: also somebody whose account is gone, or kept out.
pub fn ends_session(kind: &RefusalKind) -> bool {
    matches!(
        kind,
        RefusalKind::SessionEnded
            | RefusalKind::SessionRevoked
            | RefusalKind::UserNeeded
            | RefusalKind::NotPossible
    )
}

fn in_json(entity: &impl Serialize) -> Arc<str> {
    serde_json::to_string(entity).expect("an entity is a JSON value").into()
}
