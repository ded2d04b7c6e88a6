//! One live timeline: first what its reader missed, from the state, then posts as they are applied.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

use super::{refusal::Refused, service::wire_post};
use crate::{
    domain::{Post, PostId, UserId},
    master::delivery::Inbox,
    replication::state_store::StateReader,
    social::{Cursor, View},
    wire::v1::{SubscribeEvent, subscribe_event::Event},
};

/// What a subscriber receives.
pub type Events = Pin<Box<dyn Stream<Item = Result<SubscribeEvent, Status>> + Send>>;

/// Posts that are read at a time while a reader catches up.
const CATCH_UP_PAGE: usize = 100;
/// Events between the task and the connection's own buffers.
const EVENTS_WAITING: usize = 16;
/// How often a silent stream tells its position.
const POSITION_EVERY: Duration = Duration::from_secs(20);

struct Subscription {
    user: UserId,
    cursor: PostId,
    inbox: Inbox,
    state: StateReader,
    events: mpsc::Sender<Result<SubscribeEvent, Status>>,
}

/// The stream or its reader is gone.
struct Ended;

/// Streams `user`'s timeline after `after`. `inbox` was opened before, so that nothing falls
/// between what is read and what is delivered.
pub fn start(user: UserId, after: PostId, inbox: Inbox, state: StateReader) -> Events {
    let (events, receiver) = mpsc::channel(EVENTS_WAITING);
    let subscription = Subscription { user, cursor: after, inbox, state, events };
    tokio::spawn(subscription.run());
    Box::pin(ReceiverStream::new(receiver))
}

impl Subscription {
    async fn run(mut self) {
        if self.catch_up().await.is_ok() {
            let Ended = self.follow().await;
        }
    }

    async fn catch_up(&mut self) -> Result<(), Ended> {
        loop {
            let (posts, more, newest) = match self.read() {
                Ok(read) => read,
                Err(error) => {
                    let status = Status::from(Refused::broken(&error));
                    let _gone = self.events.send(Err(status)).await;
                    return Err(Ended);
                }
            };
            for post in posts {
                self.cursor = post.id;
                self.send(Event::Post(wire_post(post))).await?;
            }
            if !more {
                self.cursor = self.cursor.max(newest);
                return self.send(Event::Position(self.cursor)).await;
            }
        }
    }

    fn read(&self) -> Result<(Vec<Post>, bool, PostId), redb::Error> {
        let view = self.view()?;
        let (posts, more) = view.timeline(self.user, Cursor::After(self.cursor), CATCH_UP_PAGE)?;
        Ok((posts, more, view.newest_post()))
    }

    fn view(&self) -> Result<View, redb::Error> {
        View::open(&self.state.read()?)
    }

    async fn follow(&mut self) -> Ended {
        loop {
            let sent = tokio::select! {
                post = timeout(POSITION_EVERY, self.inbox.next()) => match post {
                    Ok(Some(post)) => self.deliver(post).await,
                    Ok(None) => {
                        let status = Status::from(Refused::Interrupted);
                        let _gone = self.events.send(Err(status)).await;
                        return Ended;
                    }
                    Err(_silent) => self.tell_position().await,
                },
                () = self.events.closed() => return Ended,
            };
            if sent.is_err() {
                return Ended;
            }
        }
    }

    async fn deliver(&mut self, post: Arc<Post>) -> Result<(), Ended> {
        // What was read while catching up is in the queue as well.
        if post.id <= self.cursor {
            return Ok(());
        }
        self.cursor = post.id;
        self.send(Event::Post(wire_post(Arc::unwrap_or_clone(post)))).await
    }

    async fn tell_position(&mut self) -> Result<(), Ended> {
        // A post is in the queue before its transaction is left by the thread that applied it; so
        // what the state counts and the queue does not hold is no part of this timeline.
        if let (Ok(view), true) = (self.view(), self.inbox.is_empty()) {
            self.cursor = self.cursor.max(view.newest_post());
        }
        self.send(Event::Position(self.cursor)).await
    }

    async fn send(&self, event: Event) -> Result<(), Ended> {
        self.events.send(Ok(SubscribeEvent { event: Some(event) })).await.map_err(|_| Ended)
    }
}
