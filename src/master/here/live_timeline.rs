//! One live timeline: first what its reader has missed, from the state, then posts as they are
//! applied.
//!
//! It has no task: whoever sends it asks for the next event when there is room for it, and until then all that waits
//! is in the [`Inbox`], or what was read at a time while its reader catches up.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::stream;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    refusals::{broken, session_refusal, too_many_reads},
    scopes,
    turns::ReadTurns,
};
use crate::{
    domain::PostId,
    master::{
        delivery::{Delivers, Inbox},
        reader_queue::Delivered,
        sessions::StreamSession,
    },
    network::{Changed, FeedChange, Posts, Refusal, Timeline, TimelineEvent},
    planted::{self, PlantedFault},
    social::{Cursor, Event, FeedKind, StateReader},
};

/// Posts read at a time while a reader catches up.
const CATCH_UP_PAGE: usize = 100;
/// How often a silent stream sends its position.
const POSITION_EVERY: Duration = Duration::from_secs(20);

struct Subscription {
    stream_session: StreamSession,
    /// When the session is to be checked again.
    expires: Instant,
    delivers: Delivers,
    /// Whether its session may read notifications.
    hears_notifications: bool,
    cursor: PostId,
    /// What was read, and not sent yet.
    read: VecDeque<TimelineEvent>,
    inbox: Inbox,
    state: StateReader,
    turns: ReadTurns,
    phase: Phase,
}

/// Some of what the reader has missed.
struct Missed {
    events: VecDeque<TimelineEvent>,
    /// Everything up to here is among it.
    up_to: PostId,
    /// Whether there is more.
    more: bool,
}

enum Phase {
    /// Nothing was read yet.
    Begun,
    /// Reading what the reader has missed.
    CatchingUp,
    /// It has everything up to here that the state had.
    CaughtUp(PostId),
    /// Waiting for what is applied.
    Following,
}

/// Streams a user's timeline after `after`, for as long as the session of `stream_session` lasts.
/// `inbox` was opened before, so that nothing is missed between what is read and what is delivered.
pub fn start(
    stream_session: StreamSession,
    delivers: Delivers,
    after: PostId,
    inbox: Inbox,
    state: StateReader,
    turns: ReadTurns,
) -> Timeline {
    let expires = Instant::now() + stream_session.lifetime();
    let app = stream_session.session.app.as_ref();
    let hears_notifications =
        app.is_none_or(|app| scopes::READ_NOTIFICATIONS.are_met_by(&app.grant.scopes));
    let subscription = Subscription {
        stream_session,
        expires,
        delivers,
        hears_notifications,
        cursor: after,
        read: VecDeque::new(),
        inbox,
        state,
        turns,
        phase: Phase::Begun,
    };
    Box::pin(stream::unfold(Some(subscription), async |subscription| {
        let mut subscription = subscription?;
        match subscription.next().await {
            Ok(event) => Some((Ok(subscription.allowed(event)), Some(subscription))),
            Err(why) => Some((Err(why), None)),
        }
    }))
}

impl Subscription {
    /// An event, as far as an app may learn of it: of a notification otherwise nothing but that everything up to there
    /// was delivered.
    fn allowed(&self, event: TimelineEvent) -> TimelineEvent {
        match event {
            TimelineEvent::Change(FeedChange { position, what: Changed::Notified(_) })
                if !self.hears_notifications =>
            {
                TimelineEvent::Position(position)
            }
            event => event,
        }
    }

    /// The next event, or why the stream ends.
    async fn next(&mut self) -> Result<TimelineEvent, Refusal> {
        loop {
            if let Some(event) = self.read.pop_front() {
                self.cursor = event.position().unwrap_or(self.cursor);
                return Ok(event);
            }
            match self.phase {
                Phase::Begun => {
                    self.phase = Phase::CatchingUp;
                    if let Some(known_since) = self.is_too_old()? {
                        return Ok(TimelineEvent::ReadAgain(known_since));
                    }
                }
                Phase::CatchingUp => self.catch_up().await?,
                Phase::CaughtUp(newest) => {
                    if planted::is(PlantedFault::LostBetweenCatchUpAndLive) {
                        self.skip_what_comes_now().await;
                    }
                    self.cursor = self.cursor.max(newest);
                    self.phase = Phase::Following;
                    return Ok(TimelineEvent::Position(self.cursor));
                }
                Phase::Following => return self.follow().await,
            }
        }
    }

    /// Refuses to go on if the session is over or the inbox was closed.
    fn check_may_continue(&mut self) -> Result<(), Refusal> {
        let has_expired = Instant::now() >= self.expires;
        if !has_expired && !self.inbox.is_closed() {
            return Ok(());
        }
        let checked = self.stream_session.check();
        checked.map_err(|error| session_refusal(self.state.damage(), &error))?;
        if self.inbox.is_closed() {
            return Err(Refusal::interrupted());
        }
        // The clock was set back.
        self.expires = Instant::now() + self.stream_session.lifetime();
        Ok(())
    }

    /// Since when edits and deletions are known, if that is after the cursor and the reader wants to know of them.
    fn is_too_old(&self) -> Result<Option<PostId>, Refusal> {
        if self.delivers == Delivers::Followed {
            return Ok(None);
        }
        let view = self.state.view().map_err(|error| broken(self.state.damage(), &error))?;
        let known_since = view.changes_since();
        Ok((self.cursor < known_since).then_some(known_since))
    }

    /// Reads some of what the reader has missed.
    async fn catch_up(&mut self) -> Result<(), Refusal> {
        self.check_may_continue()?;
        let Missed { events, up_to, more } = self.read().await?;
        self.read = events;
        if !more {
            self.phase = Phase::CaughtUp(up_to);
        } else if self.read.is_empty() {
            self.cursor = up_to;
        }
        Ok(())
    }

    /// A planted fault: as if the inbox had been opened only now, a round trip after the state was
    /// read.
    async fn skip_what_comes_now(&mut self) {
        sleep(Duration::from_millis(5)).await;
        if let Ok(view) = self.state.view() {
            self.cursor = self.cursor.max(view.newest_post());
        }
    }

    async fn read(&self) -> Result<Missed, Refusal> {
        match &self.delivers {
            Delivers::Followed => self.read_followed().await,
            Delivers::Feed(kind) => self.read_feed(kind.clone()).await,
        }
    }

    async fn read_followed(&self) -> Result<Missed, Refusal> {
        let user = self.stream_session.session.account.user;
        let reading = self.turns.begin(user).await.map_err(too_many_reads)?;
        let failed = |error| broken(self.state.damage(), &error);
        let view = self.state.view().map_err(failed)?;
        let mut page = view.followed(user, Cursor::After(self.cursor), CATCH_UP_PAGE);
        let read = reading.steps(|| view.read_on(&mut page)).await.map_err(failed)?;
        let last = read.posts.last().map(|post| post.id);
        let up_to = last.filter(|_| read.more).unwrap_or_else(|| view.newest_post());
        let events = Posts::new(read.posts).map(TimelineEvent::Posts).into_iter().collect();
        Ok(Missed { events, up_to, more: read.more })
    }

    async fn read_feed(&self, kind: FeedKind) -> Result<Missed, Refusal> {
        let user = self.stream_session.session.account.user;
        let reading = self.turns.begin(user).await.map_err(too_many_reads)?;
        let failed = |error| broken(self.state.damage(), &error);
        let view = self.state.view().map_err(failed)?;
        let mut feed = view.feed(user, kind, self.cursor, CATCH_UP_PAGE).map_err(failed)?;
        let read = reading.steps(|| view.read_feed(&mut feed)).await.map_err(failed)?;
        let (events, up_to) = read;
        let events = events.into_iter().filter_map(timeline_event).collect();
        Ok(Missed { events, up_to, more: up_to < view.newest_post() })
    }

    async fn follow(&mut self) -> Result<TimelineEvent, Refusal> {
        loop {
            // A busy stream is never silent, but must end all the same.
            if Instant::now() >= self.expires {
                self.check_may_continue()?;
            }
            let silent_at = self.expires.min(Instant::now() + POSITION_EVERY);
            match timeout_at(silent_at, self.inbox.next()).await {
                // What was read while catching up may also be in the queue.
                Ok(Some(Delivered::Posts(posts))) => {
                    if let Some(posts) = posts.after(self.cursor) {
                        self.cursor = posts.position();
                        return Ok(TimelineEvent::Posts(posts));
                    }
                }
                Ok(Some(Delivered::Change(change))) => {
                    if change.position > self.cursor {
                        self.cursor = change.position;
                        return Ok(TimelineEvent::Change(change));
                    }
                }
                Ok(None) => self.check_may_continue()?,
                Err(_silent) => {
                    self.check_may_continue()?;
                    return Ok(self.position());
                }
            }
        }
    }

    fn position(&mut self) -> TimelineEvent {
        // Nothing runs between the commit of a post and its delivery ("one thread"); so anything
        // that the state has and the queue does not is not part of this timeline.
        if let (Ok(view), true) = (self.state.view(), self.inbox.is_empty()) {
            self.cursor = self.cursor.max(view.newest_post());
        }
        TimelineEvent::Position(self.cursor)
    }
}

/// What has happened, as its reader is told.
fn timeline_event(event: Event) -> Option<TimelineEvent> {
    let change = |position, what| Some(TimelineEvent::Change(FeedChange { position, what }));
    match event {
        Event::Published(post) => Some(TimelineEvent::Posts(post.into())),
        Event::Edited { position, post } => change(position, Changed::Edited(Arc::new(post))),
        Event::Deleted { position, deleted } => change(position, Changed::Deleted(deleted.id)),
        Event::Notified { user: _, notification } => {
            change(notification.id, Changed::Notified(Arc::new(notification)))
        }
        Event::Followed { .. }
        | Event::Unfollowed { .. }
        | Event::Muted { .. }
        | Event::Rearranged { .. }
        | Event::SessionsEnded { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use openraft::storage::RaftStateMachine as _;
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::{
        domain::UnixMillis,
        master::{
            delivery::{Delivery, StreamLimits},
            sessions::tests::Fixture,
        },
        network::RefusalKind,
        replication::{
            state_store::Applied,
            tests::entries::{batch, context, publish},
        },
        social::{Command, Source},
    };

    const DEADLINE: Duration = Duration::from_mins(1);

    /// A timeline of ann, who follows bob, with a clock of its own.
    struct Story {
        fixture: Fixture,
        delivery: Delivery,
        clock: Arc<AtomicI64>,
    }

    impl Story {
        async fn new() -> Self {
            let limits = StreamLimits { in_all: 8, of_account: 8 };
            let delivery = Delivery::new(8, limits);
            let deliver = delivery.clone();
            let fixture = Fixture::observed(Arc::new(move |applied: Applied<'_>| {
                if let Applied::Events(events, state) = applied {
                    deliver.dispatch(events, state);
                }
            }));
            Self { fixture: fixture.await, delivery, clock: Arc::default() }
        }

        fn stream_session(&self) -> StreamSession {
            let sessions = self.fixture.sessions.clone();
            let session =
                sessions.check(&self.fixture.token("ann"), UnixMillis::EPOCH).expect("good");
            let clock = Arc::clone(&self.clock);
            StreamSession {
                sessions,
                session,
                clock: Arc::new(move || UnixMillis::new(clock.load(Ordering::Relaxed))),
            }
        }

        fn subscribe(&self) -> Timeline {
            let bob = self.fixture.account("bob").user;
            let stream_session = self.stream_session();
            let inbox = self.delivery.open(stream_session.session.account.user, Delivers::Followed);
            let inbox = inbox.unwrap_or_else(|_| panic!("there is room"));
            inbox.add(vec![Source::all_of(bob)]);
            inbox.complete();
            let state = self.fixture.state.reader();
            let delivers = Delivers::Followed;
            start(stream_session, delivers, PostId::NONE, inbox, state, ReadTurns::default())
        }

        async fn apply(&mut self, index: u64, command: Command) {
            self.fixture.state.apply([batch(1, index, [command])]).await.expect("applied");
        }
    }

    /// The kind of refusal with which a stream ends, after this many events.
    async fn end(mut events: Timeline, after: usize) -> RefusalKind {
        for _ in 0..after {
            let event = tokio::time::timeout(DEADLINE, events.next()).await.expect("in time");
            event.expect("goes on").expect("an event");
        }
        let ended = tokio::time::timeout(DEADLINE, events.next()).await.expect("in time");
        ended.expect("a reason").expect_err("a refusal").kind
    }

    #[tokio::test]
    async fn a_stream_ends_when_its_session_is_ended_and_says_so() {
        let mut story = Story::new().await;
        let events = story.subscribe();
        let password_hash = Some("hash".to_owned());
        story.apply(2, Command::SetPassword { context: context(1, 1), password_hash }).await;
        story.apply(3, publish(2, 1)).await;
        assert_eq!(end(events, 0).await, RefusalKind::SessionEnded);

        let mut story = Story::new().await;
        let events = story.subscribe();
        story.apply(2, publish(2, 1)).await;
        story.delivery.close_all();
        assert_eq!(
            end(events, 0).await,
            RefusalKind::Interrupted,
            "its session continues elsewhere"
        );
    }

    #[tokio::test]
    async fn a_stream_ends_when_its_session_expires_even_if_it_is_never_silent() {
        let story = Story::new().await;
        // The session lasts a second, almost all of which is over.
        story.clock.store(990, Ordering::Relaxed);
        let events = story.subscribe();
        story.clock.store(1_000, Ordering::Relaxed);
        assert_eq!(end(events, 1).await, RefusalKind::SessionEnded);

        let mut story = Story::new().await;
        story.clock.store(1_000, Ordering::Relaxed);
        let events = story.subscribe();
        story.clock.store(0, Ordering::Relaxed);
        story.apply(2, publish(2, 1)).await;
        let mut events = events.take(2);
        for _ in 0..2 {
            let event = tokio::time::timeout(DEADLINE, events.next()).await.expect("in time");
            event.expect("goes on").expect("the clock was put back");
        }
    }
}
