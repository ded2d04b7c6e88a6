//! A timeline as it grows, for as long as the caller listens: through failovers, which the network
//! hides, and through the end of a session, after which another is begun.

use std::{sync::Arc, vec};

use futures::StreamExt as _;

use super::{ClientError, Relayed, api::Core};
use crate::{
    domain::{Post, PostId},
    network::{Network, Refusal, RefusalKind, SessionToken, StreamKind, Timeline, TimelineEvent},
};

/// The posts of the caller's timeline, in order, each exactly once.
///
/// Outages only pause it, however long they last. It ends with an error if a server refuses it.
/// Dropping it ends its stream.
pub struct Subscription<N = Relayed> {
    events: EventSubscription<N>,
    /// Posts that have come together, and are taken one by one.
    waiting: vec::IntoIter<Post>,
}

impl<N: Network> Subscription<N> {
    /// The posts among some events.
    pub(super) fn of(events: EventSubscription<N>) -> Self {
        Self { events, waiting: Vec::new().into_iter() }
    }

    /// The next post; `None` after an error. May be abandoned at any time, and called again.
    pub async fn next(&mut self) -> Option<Result<Post, ClientError>> {
        loop {
            if let Some(post) = self.waiting.next() {
                return Some(Ok(post));
            }
            match self.events.next().await? {
                Ok(TimelineEvent::Posts(posts)) => self.waiting = posts.into_vec().into_iter(),
                Ok(
                    TimelineEvent::Change(_)
                    | TimelineEvent::Position(_)
                    | TimelineEvent::ReadAgain(_),
                ) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The events of a timeline, in order, each exactly once. Posts that have come together are one event.
///
/// Outages only pause it, however long they last. It ends with an error if a server refuses it.
/// Dropping it ends its stream.
pub struct EventSubscription<N = Relayed> {
    core: Arc<Core<N>>,
    kind: StreamKind,
    /// Everything up to this position was delivered.
    cursor: PostId,
    state: State,
    /// A session was begun for this timeline, and nothing has come in it yet.
    is_renewed: bool,
}

enum State {
    /// Events come from here, in this session.
    Open(Timeline, SessionToken),
    /// A stream is to be opened.
    Closed,
    /// This session has ended; another is to be begun.
    SessionEnded(SessionToken),
    /// It has ended with an error.
    Over,
}

impl<N: Network> EventSubscription<N> {
    /// After `cursor`. Fails only if nobody has logged in: what a server refuses, the first
    /// [`EventSubscription::next`] tells.
    pub(super) async fn open(
        core: Arc<Core<N>>,
        kind: StreamKind,
        cursor: PostId,
    ) -> Result<Self, ClientError> {
        let token = core.session.token()?;
        let opened = core.subscribe(&token, &kind, cursor).await;
        let state = match opened {
            Ok(events) => State::Open(events, token),
            Err(_met_again) => State::Closed,
        };
        Ok(Self { core, kind, cursor, state, is_renewed: false })
    }

    /// The next event; `None` after an error. May be abandoned at any time, and called again.
    pub async fn next(&mut self) -> Option<Result<TimelineEvent, ClientError>> {
        loop {
            if matches!(self.state, State::Over) {
                return None;
            }
            match self.step().await {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {}
                Err(error) => {
                    self.state = State::Over;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Takes one event, or gets the timeline one step nearer to the next.
    async fn step(&mut self) -> Result<Option<TimelineEvent>, ClientError> {
        match &mut self.state {
            State::Open(events, token) => match events.next().await {
                Some(Ok(event)) => {
                    self.is_renewed = false;
                    return Ok(self.take(event));
                }
                Some(Err(Refusal { kind: RefusalKind::SessionEnded, .. })) if !self.is_renewed => {
                    self.state = State::SessionEnded(token.clone());
                }
                Some(Err(refusal)) => return Err(refusal.into()),
                None => self.state = State::Over,
            },
            State::Closed => {
                let token = self.core.session.token()?;
                match self.core.subscribe(&token, &self.kind, self.cursor).await {
                    Ok(events) => self.state = State::Open(events, token),
                    Err(Refusal { kind: RefusalKind::SessionEnded, .. }) if !self.is_renewed => {
                        self.state = State::SessionEnded(token);
                    }
                    Err(Refusal { kind: RefusalKind::Unanswered, .. }) => {}
                    Err(refusal) => return Err(refusal.into()),
                }
            }
            State::SessionEnded(token) => {
                let ended = token.clone();
                match Box::pin(self.core.renew(&ended, self.core.deadline())).await {
                    Ok(_begun) => {
                        self.is_renewed = true;
                        self.state = State::Closed;
                    }
                    Err(ClientError::Unanswered { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            State::Over => {}
        }
        Ok(None)
    }

    /// An event to pass on, unless it is nothing new.
    fn take(&mut self, event: TimelineEvent) -> Option<TimelineEvent> {
        let delivered = self.cursor;
        self.cursor = event.position().map_or(delivered, |position| delivered.max(position));
        match event {
            TimelineEvent::Posts(posts) => {
                let news = posts.after(delivered)?;
                // Only then may whoever takes them have them alone.
                drop(posts);
                Some(TimelineEvent::Posts(news))
            }
            TimelineEvent::Change(change) => {
                (change.position > delivered).then_some(TimelineEvent::Change(change))
            }
            TimelineEvent::Position(_) => Some(TimelineEvent::Position(self.cursor)),
            TimelineEvent::ReadAgain(position) => Some(TimelineEvent::ReadAgain(position)),
        }
    }
}
