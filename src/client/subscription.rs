//! The caller's timeline as it grows, for as long as the caller listens: through failovers, which the
//! network hides, and through the end of a session, after which another is begun.

use std::{sync::Arc, vec};

use futures::StreamExt as _;

use super::{ClientError, Relayed, api::Core};
use crate::{
    domain::PostId,
    network::{Network, Post, Refusal, RefusalKind, SessionToken, Timeline, TimelineEvent},
};

/// The posts of the timeline, in order, each exactly once.
///
/// Outages only pause it, however long they last. It ends with an error if a server refuses it.
/// Dropping it ends its stream.
pub struct Subscription<N = Relayed> {
    core: Arc<Core<N>>,
    /// Everything up to this post was delivered, or waits.
    cursor: PostId,
    /// Posts that have come together, and are taken one by one.
    waiting: vec::IntoIter<Post>,
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

impl<N: Network> Subscription<N> {
    /// After `cursor`. Fails only if nobody has logged in: what a server refuses, the first
    /// [`Subscription::next`] tells.
    pub(super) async fn open(core: Arc<Core<N>>, cursor: PostId) -> Result<Self, ClientError> {
        let token = core.session.token()?;
        let opened = core.subscribe(&token, cursor).await;
        let state = match opened {
            Ok(events) => State::Open(events, token),
            Err(_met_again) => State::Closed,
        };
        Ok(Self { core, cursor, waiting: Vec::new().into_iter(), state, is_renewed: false })
    }

    /// The next post; `None` after an error. May be abandoned at any time, and called again.
    pub async fn next(&mut self) -> Option<Result<Post, ClientError>> {
        loop {
            if let Some(post) = self.waiting.next() {
                return Some(Ok(post));
            }
            if matches!(self.state, State::Over) {
                return None;
            }
            if let Err(error) = self.step().await {
                self.state = State::Over;
                return Some(Err(error));
            }
        }
    }

    /// Takes one event, or gets the timeline one step nearer to the next.
    async fn step(&mut self) -> Result<(), ClientError> {
        match &mut self.state {
            State::Open(events, token) => match events.next().await {
                Some(Ok(event)) => {
                    self.is_renewed = false;
                    self.take(event);
                }
                Some(Err(Refusal { kind: RefusalKind::SessionEnded, .. })) if !self.is_renewed => {
                    self.state = State::SessionEnded(token.clone());
                }
                Some(Err(refusal)) => return Err(refusal.into()),
                None => self.state = State::Over,
            },
            State::Closed => {
                let token = self.core.session.token()?;
                match self.core.subscribe(&token, self.cursor).await {
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
        Ok(())
    }

    fn take(&mut self, event: TimelineEvent) {
        let delivered = self.cursor;
        self.cursor = delivered.max(event.position());
        if let TimelineEvent::Posts(posts) = event
            && let Some(news) = posts.after(delivered)
        {
            drop(posts);
            self.waiting = news.into_vec().into_iter();
        }
    }
}
