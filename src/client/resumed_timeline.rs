//! A live timeline that outlives its server: when its stream breaks, another is opened after the
//! last event, wherever the available server is then.
//!
//! It has no task and no buffer of its own: what its consumer does not take fills up HTTP/2's flow
//! control, then the server's queue, and then the server closes the stream, which is resumed.

use std::{pin::pin, task::Poll, time::Duration};

use futures::{poll, stream};
use tokio::{sync::watch, time::Instant};
use tonic::{Status, Streaming};

use super::{
    choice::{self, Attempts},
    known_cluster::{KnownCluster, Server},
    relayed::{Answered, Api, Relayed},
    retry_policy::{self, RetryDecision},
    route::Route,
};
use crate::{
    domain::{Post, PostId},
    grpc::messages::{self, WireEvent},
    network::{Call, FeedChange, Posts, Refusal, RefusalKind, StreamKind, Timeline, TimelineEvent},
    planted::{self, PlantedFault},
    wire::v1,
};

/// Posts that are there already are passed on together, at most so many: as many as a fast author's
/// callers make at a time, and some ten kilobytes.
const TOGETHER: usize = 64;

/// Opens a live timeline for the caller of `call` after `cursor`.
pub fn open(network: Relayed, call: Call, kind: StreamKind, cursor: PostId) -> Timeline {
    let feed = Feed { network, call, kind, cursor, attempts: Attempts::default(), stream: None };
    Box::pin(stream::unfold(Some(feed), async |feed| {
        let mut feed = feed?;
        match feed.next().await {
            Ok(event) => Some((Ok(event), Some(feed))),
            Err(refusal) => Some((Err(refusal), None)),
        }
    }))
}

struct Feed {
    network: Relayed,
    call: Call,
    kind: StreamKind,
    /// Everything up to this position was delivered.
    cursor: PostId,
    /// Failures since the last event.
    attempts: Attempts,
    /// None while one is to be opened.
    stream: Option<EventStream>,
}

/// What comes from one server.
struct EventStream {
    events: Streaming<v1::SubscribeEvent>,
    server: Server,
    /// By which route it comes.
    route: Route,
    views: watch::Receiver<KnownCluster>,
    /// What has come and is still to be looked at.
    next: Option<Arrival>,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it at a time")]
enum Arrival {
    /// None for one of a later version.
    Event(Option<WireEvent>),
    Unreadable(Refusal),
    Ended(End),
}

/// How a stream ends, which is no end of the timeline.
enum End {
    /// We were too slow, or the server is stopping.
    Orderly,
    Failure(Status),
    /// Another server has taken over, or the server is reached by another route.
    Superseded,
}

impl Feed {
    /// The next event of one stream after the other, or a refusal that is final.
    async fn next(&mut self) -> Result<TimelineEvent, Refusal> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.open().await?;
                continue;
            };
            match stream.next().await {
                Arrival::Event(event) => {
                    self.attempts = Attempts::default();
                    if let Some(event) = self.take(event).await {
                        return Ok(event);
                    }
                }
                Arrival::Unreadable(refusal) => return Err(refusal),
                Arrival::Ended(how) => self.close(&how),
            }
        }
    }

    /// Tries to open a stream.
    async fn open(&mut self) -> Result<(), Refusal> {
        let is_lost = planted::is(PlantedFault::CursorLostOnResume) && self.cursor > PostId::NONE;
        let after = (!is_lost).then_some(self.cursor);
        let request = messages::subscription_to_wire(&self.kind, after);
        let attempt = |mut api: Api, request| async move { api.subscribe(request).await };
        let (attempts, call) = (self.attempts.clone(), self.call.renewed(Instant::now()));
        match self.network.ask_from(attempts, &call, request, attempt).await {
            Ok(Answered { reply: events, server, route }) => {
                let views = self.network.known_cluster();
                self.stream = Some(EventStream { events, server, route, views, next: None });
                Ok(())
            }
            // An outage: subscribers wait until it is over.
            Err(Refusal { kind: RefusalKind::Unanswered, .. }) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// An event to pass on, unless it is nothing new.
    async fn take(&mut self, event: Option<WireEvent>) -> Option<TimelineEvent> {
        match event? {
            WireEvent::Post(post) => {
                let mut posts = vec![post];
                if let Some(stream) = &mut self.stream {
                    stream.add_those_at_hand(&mut posts).await;
                }
                posts.retain(|post| {
                    let is_new = post.id > self.cursor;
                    self.cursor = self.cursor.max(post.id);
                    is_new
                });
                Posts::new(posts).map(TimelineEvent::Posts)
            }
            WireEvent::Change(change) => self.take_change(change),
            WireEvent::Position(position) => {
                self.cursor = self.cursor.max(position);
                Some(TimelineEvent::Position(self.cursor))
            }
            // What was there before follows: this is no position after which to resume.
            WireEvent::ReadAgain(position) => Some(TimelineEvent::ReadAgain(position)),
        }
    }

    /// A change to pass on, unless it is nothing new.
    fn take_change(&mut self, change: FeedChange) -> Option<TimelineEvent> {
        if change.position <= self.cursor {
            return None;
        }
        self.cursor = change.position;
        Some(TimelineEvent::Change(change))
    }

    /// The stream has ended: records what is to be thought of its server.
    fn close(&mut self, how: &End) {
        let Some(EventStream { server, route, .. }) = self.stream.take() else { return };
        self.attempts.route = Some(route.clone());
        match how {
            End::Orderly => {
                self.attempts.asked_to_wait(&server, Duration::ZERO);
                return;
            }
            End::Superseded => self.attempts = Attempts::default(),
            End::Failure(status) => {
                self.network.pushbacks().note(status);
                match retry_policy::decide(status) {
                    RetryDecision::Elsewhere { available } => {
                        self.attempts.failed(&server, available);
                    }
                    RetryDecision::Lost => {
                        self.network.route_monitor().failed(&route);
                        self.attempts.failed(&server, None);
                    }
                    // A final refusal is repeated when asked again, and then reported.
                    RetryDecision::Never => self.attempts.asked_to_wait(&server, Duration::ZERO),
                    RetryDecision::Here { patience } => {
                        self.attempts.asked_to_wait(&server, patience);
                    }
                }
            }
        }
        self.network.active_server().failed(&server, Instant::now());
    }
}

impl EventStream {
    async fn next(&mut self) -> Arrival {
        if let Some(next) = self.next.take() {
            return next;
        }
        tokio::select! {
            biased;
            message = self.events.message() => message.into(),
            () = superseded(&mut self.views, &self.server, &self.route) => {
                Arrival::Ended(End::Superseded)
            }
        }
    }

    /// Adds the posts that have come by now, so that they are passed on together.
    async fn add_those_at_hand(&mut self, posts: &mut Vec<Post>) {
        while posts.len() < TOGETHER
            && let Poll::Ready(message) = poll!(pin!(self.events.message()))
        {
            match message.into() {
                Arrival::Event(Some(WireEvent::Post(post))) => posts.push(post),
                other => {
                    self.next = Some(other);
                    return;
                }
            }
        }
    }
}

/// Returns when another server has taken over from `server`, or is reached by another route than `route`: a timeline
/// may be open for days, so it also leaves a route that is no longer needed.
async fn superseded(views: &mut watch::Receiver<KnownCluster>, server: &Server, route: &Route) {
    let is_left =
        |view: &KnownCluster| choice::is_superseded(view, server, route) || view.route() != *route;
    if views.wait_for(is_left).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl From<Result<Option<v1::SubscribeEvent>, Status>> for Arrival {
    fn from(message: Result<Option<v1::SubscribeEvent>, Status>) -> Self {
        match message.map(|event| event.map(messages::event_from_wire)) {
            Ok(Some(Ok(event))) => Self::Event(event),
            Ok(Some(Err(refusal))) => Self::Unreadable(refusal),
            Ok(None) => Self::Ended(End::Orderly),
            Err(status) => Self::Ended(End::Failure(status)),
        }
    }
}
