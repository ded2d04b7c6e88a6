//! A live timeline that outlives its server: when its stream breaks, another is opened after the
//! last event, wherever the available server is then.

use std::{
    ops::ControlFlow::{self, Break, Continue},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use tonic::Streaming;

use super::{
    choice::Attempts,
    known_cluster::Server,
    relayed::{Api, Relayed, superseded},
    retry_policy::{self, RetryDecision},
};
use crate::{
    domain::PostId,
    grpc::messages,
    host::task,
    network::{Call, Refusal, RefusalKind, Timeline, TimelineEvent},
    planted::{self, PlantedFault},
    wire::v1,
};

/// Events that wait here for a slow consumer; after that HTTP/2's flow control fills up, then the
/// server's queue, and then the server closes the stream, which is resumed.
const QUEUE: usize = 64;

/// Opens the timeline of the caller of `call` after `cursor`.
pub fn open(network: Relayed, call: Call, cursor: PostId) -> Timeline {
    let (sender, events) = mpsc::channel(QUEUE);
    let task = task::spawn_owned(async move {
        let attempts = Attempts::default();
        let mut feed = Feed { network, call, cursor, attempts, events: sender };
        if let Err(refusal) = feed.run().await {
            // Fails only if the receiver has gone.
            let _gone = feed.events.send(Err(refusal)).await;
        }
    });
    Box::pin(ResumedTimeline { events, _task: task })
}

struct ResumedTimeline {
    events: mpsc::Receiver<Result<TimelineEvent, Refusal>>,
    _task: AbortOnDropHandle<()>,
}

impl Stream for ResumedTimeline {
    type Item = Result<TimelineEvent, Refusal>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(context)
    }
}

struct Feed {
    network: Relayed,
    call: Call,
    /// Everything up to this post was delivered.
    cursor: PostId,
    /// Failures since the last event.
    attempts: Attempts,
    events: mpsc::Sender<Result<TimelineEvent, Refusal>>,
}

impl Feed {
    /// Opens one stream after another. Ends with a refusal that is final, or when the receiver has
    /// gone.
    async fn run(&mut self) -> Result<(), Refusal> {
        loop {
            let is_lost =
                planted::is(PlantedFault::CursorLostOnResume) && self.cursor > PostId::NONE;
            let after = (!is_lost).then_some(self.cursor.get());
            let request = v1::SubscribeRequest { after };
            let attempt = |mut api: Api, request| async move { api.subscribe(request).await };
            let (attempts, call) = (self.attempts.clone(), self.call.renewed(Instant::now()));
            match self.network.ask_from(attempts, &call, request, attempt).await {
                Ok(answered) => {
                    if self.deliver(answered.reply, &answered.server).await?.is_break() {
                        return Ok(());
                    }
                }
                // An outage: subscribers wait until it is over.
                Err(Refusal { kind: RefusalKind::Unanswered, .. }) => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Delivers one stream to its end, and records how it ended. Breaks if the receiver has gone.
    async fn deliver(
        &mut self,
        mut events: Streaming<v1::SubscribeEvent>,
        server: &Server,
    ) -> Result<ControlFlow<()>, Refusal> {
        let mut views = self.network.known_cluster();
        loop {
            let event = tokio::select! {
                biased;
                event = events.message() => event,
                () = superseded(&mut views, server) => {
                    self.network.active_server().failed(server, Instant::now());
                    self.attempts = Attempts::default();
                    return Ok(Continue(()));
                }
            };
            match event {
                Ok(Some(event)) => {
                    self.attempts = Attempts::default();
                    if self.take(event).await?.is_break() {
                        return Ok(Break(()));
                    }
                }
                // We were too slow, or the server is stopping.
                Ok(None) => {
                    self.attempts.asked_to_wait(server, Duration::ZERO);
                    return Ok(Continue(()));
                }
                Err(status) => {
                    self.network.pushbacks().note(&status);
                    match retry_policy::decide(&status) {
                        RetryDecision::Elsewhere { available } => {
                            self.attempts.failed(server, available);
                        }
                        RetryDecision::Lost => self.attempts.failed(server, None),
                        // A final refusal is repeated when asked again, and then reported.
                        RetryDecision::Never => {
                            self.attempts.asked_to_wait(server, Duration::ZERO);
                        }
                        RetryDecision::Here { patience } => {
                            self.attempts.asked_to_wait(server, patience);
                        }
                    }
                    self.network.active_server().failed(server, Instant::now());
                    return Ok(Continue(()));
                }
            }
        }
    }

    /// Passes an event on; breaks if the receiver has gone.
    async fn take(&mut self, event: v1::SubscribeEvent) -> Result<ControlFlow<()>, Refusal> {
        let event = match messages::event_from_wire(event)? {
            Some(TimelineEvent::Post(post)) if post.id > self.cursor => {
                self.cursor = post.id;
                TimelineEvent::Post(post)
            }
            Some(TimelineEvent::Position(position)) => {
                self.cursor = self.cursor.max(position);
                TimelineEvent::Position(self.cursor)
            }
            // Delivered already, or an event of a later version.
            Some(TimelineEvent::Post(_)) | None => return Ok(Continue(())),
        };
        Ok(match self.events.send(Ok(event)).await {
            Ok(()) => Continue(()),
            Err(_gone) => Break(()),
        })
    }
}
