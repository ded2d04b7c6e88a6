//! A timeline as it grows, across failovers: each stream continues after the cursor of the previous
//! one, so nothing is missed and nothing is delivered twice.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::Stream;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use tonic::Streaming;

use super::{
    ClientError, Post,
    call::{Api, Core, superseded},
    choice::Attempts,
    known_cluster::Server,
    retry_policy::{self, RetryDecision},
};
use crate::{domain::PostId, wire::v1};

/// Posts that wait here for a slow consumer; after that HTTP/2's flow control fills up, then the
/// server's queue, and then the server closes the stream, which is resumed.
const QUEUE: usize = 64;

/// The posts of the timeline, in order, each exactly once. Also a [`Stream`].
///
/// Outages only pause it, however long they last. It ends with an error if a server refuses it.
/// Dropping it ends its stream.
pub struct Subscription {
    posts: mpsc::Receiver<Result<Post, ClientError>>,
    _task: AbortOnDropHandle<()>,
}

impl Subscription {
    /// The next post; `None` after an error.
    pub async fn next(&mut self) -> Option<Result<Post, ClientError>> {
        self.posts.recv().await
    }
}

impl Stream for Subscription {
    type Item = Result<Post, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.posts.poll_recv(context)
    }
}

/// Subscribes after `cursor`.
pub fn open(core: Arc<Core>, cursor: PostId) -> Subscription {
    let (sender, posts) = mpsc::channel(QUEUE);
    let task = tokio::spawn(async move {
        let mut feed = Feed { core: &core, cursor, attempts: Attempts::default(), posts: &sender };
        if let Some(error) = feed.run().await {
            // Fails only if the receiver has gone.
            let _ = sender.send(Err(error)).await;
        }
    });
    Subscription { posts, _task: AbortOnDropHandle::new(task) }
}

struct Feed<'a> {
    core: &'a Core,
    /// Everything up to this post was delivered.
    cursor: PostId,
    /// Failures since the last event.
    attempts: Attempts,
    posts: &'a mpsc::Sender<Result<Post, ClientError>>,
}

impl Feed<'_> {
    /// Opens one stream after another. Ends with an error, or with none if the receiver has gone.
    async fn run(&mut self) -> Option<ClientError> {
        loop {
            let request = v1::SubscribeRequest { after: Some(self.cursor) };
            let attempt = |mut api: Api, request| async move { api.subscribe(request).await };
            match self.core.call(self.attempts.clone(), request, attempt).await {
                Ok(answered) => {
                    if self.deliver(answered.reply, &answered.server).await.is_break() {
                        return None;
                    }
                }
                // An outage: subscribers wait until it is over.
                Err(ClientError::Unanswered { .. }) => {}
                Err(error) => return Some(error),
            }
        }
    }

    /// Delivers one stream to its end, and records how it ended.
    async fn deliver(
        &mut self,
        mut events: Streaming<v1::SubscribeEvent>,
        server: &Server,
    ) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        let mut views = self.core.directory.watch();
        loop {
            let event = tokio::select! {
                biased;
                event = events.message() => event,
                () = superseded(&mut views, server) => {
                    self.core.active_server.failed(server, Instant::now());
                    self.attempts = Attempts::default();
                    return Continue(());
                }
            };
            match event {
                Ok(Some(event)) => {
                    self.attempts = Attempts::default();
                    if self.take(event).await.is_break() {
                        return Break(());
                    }
                }
                // We were too slow, or the server is stopping.
                Ok(None) => {
                    self.attempts.asked_to_wait(server);
                    return Continue(());
                }
                Err(status) => {
                    match retry_policy::decide(&status) {
                        RetryDecision::Elsewhere { available } => {
                            self.attempts.failed(server, available);
                        }
                        RetryDecision::Lost => self.attempts.failed(server, None),
                        // A final refusal is repeated when asked again, and then reported.
                        RetryDecision::Here | RetryDecision::Never => {
                            self.attempts.asked_to_wait(server);
                        }
                    }
                    self.core.active_server.failed(server, Instant::now());
                    return Continue(());
                }
            }
        }
    }

    /// Passes an event on; breaks if the receiver has gone.
    async fn take(&mut self, event: v1::SubscribeEvent) -> std::ops::ControlFlow<()> {
        use v1::subscribe_event::Event;
        match event.event {
            Some(Event::Post(post)) if post.id > self.cursor => {
                let id = post.id;
                if self.posts.send(Ok(post.into())).await.is_err() {
                    return std::ops::ControlFlow::Break(());
                }
                self.cursor = id;
            }
            Some(Event::Position(position)) => self.cursor = self.cursor.max(position),
            // Delivered already, or an event of a later version.
            Some(Event::Post(_)) | None => {}
        }
        std::ops::ControlFlow::Continue(())
    }
}
