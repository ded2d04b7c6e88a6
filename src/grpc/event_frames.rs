//! A live timeline as the body of an answer.
//!
//! What tonic generates would encode each post anew for every stream, into a buffer of that stream. Here
//! it is encoded once, with its length in front, and all streams get the same bytes. They are what tonic
//! would send.
//!
//! The generated server still parses the request and calls the [adapter](super::social_service), which
//! leaves the timeline beside its answer; [`WithEventFrames`] makes the body of it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes};
use futures::{TryFutureExt as _, future::MapOk};
use http_body::{Body, Frame};
use parking_lot::Mutex;
use prost::Message as _;
use tonic::{
    Response, Status,
    codegen::http::{self, HeaderMap},
    server::NamedService,
};
use tower::Service;

use super::messages::{self, WireEvent};
use crate::{
    domain::Post,
    network::{Timeline, TimelineEvent},
};

/// Frames have at most so many bytes, as much as HTTP/2 sends in one; small events that wait are sent
/// together.
const TOGETHER: usize = 16 << 10;

/// Beside an answer, for [`WithEventFrames`]: a timeline that has not been taken yet.
#[derive(Clone)]
struct Unsent(Arc<Mutex<Option<Timeline>>>);

/// An answer whose body is to be `timeline`, instead of what the generated server would make of `body`.
pub fn answer<T>(timeline: Timeline, body: T) -> Response<T> {
    let mut answer = Response::new(body);
    answer.extensions_mut().insert(Unsent(Arc::new(Mutex::new(Some(timeline)))));
    answer
}

/// A generated server, of whose answers those that are a timeline get their bodies here.
#[derive(Clone)]
pub struct WithEventFrames<S>(pub(super) S);

impl<S: NamedService> NamedService for WithEventFrames<S> {
    const NAME: &'static str = S::NAME;
}

type Answer = http::Response<tonic::body::Body>;

impl<S, Request> Service<Request> for WithEventFrames<S>
where
    S: Service<Request, Response = Answer>,
{
    type Response = Answer;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Answer) -> Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request).map_ok(with_body)
    }
}

fn with_body(mut answer: Answer) -> Answer {
    let unsent = answer.extensions_mut().remove::<Unsent>();
    match unsent.and_then(|Unsent(timeline)| timeline.lock().take()) {
        Some(timeline) => answer.map(|_empty| tonic::body::Body::new(EventFrames::of(timeline))),
        None => answer,
    }
}

/// The events of a timeline as gRPC frames them, and the status with which it ends.
struct EventFrames {
    state: State,
    /// What is to be sent next. If it is much, others share it.
    rest: Bytes,
}

enum State {
    Open(Timeline),
    Ended(Status),
    Over,
}

impl EventFrames {
    fn of(timeline: Timeline) -> Self {
        Self { state: State::Open(timeline), rest: Bytes::new() }
    }

    /// Takes what waits of the timeline, until it is enough for a frame.
    fn take_what_waits(&mut self, context: &mut Context<'_>) {
        let mut waiting = Vec::new();
        let mut bytes = 0;
        while let State::Open(timeline) = &mut self.state
            && bytes < TOGETHER
        {
            match timeline.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(event))) => {
                    let frames = frames(event);
                    bytes += frames.len();
                    waiting.push(frames);
                }
                Poll::Ready(Some(Err(refusal))) => self.state = State::Ended(refusal.into()),
                Poll::Ready(None) => self.state = State::Ended(Status::ok("")),
                Poll::Pending => break,
            }
        }
        self.rest = match waiting.len() {
            0 => Bytes::new(),
            1 => waiting.remove(0),
            _ => waiting.concat().into(),
        };
    }
}

impl Body for EventFrames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            self.take_what_waits(context);
        }
        if !self.rest.is_empty() {
            let most = self.rest.len().min(TOGETHER);
            return Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(most)))));
        }
        match &self.state {
            State::Open(_) => Poll::Pending,
            State::Ended(status) => {
                let mut trailers = HeaderMap::new();
                status.add_header(&mut trailers)?;
                self.state = State::Over;
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            State::Over => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }
}

fn frames(event: TimelineEvent) -> Bytes {
    match event {
        TimelineEvent::Posts(posts) => posts.encoded(add_post),
        TimelineEvent::Change(change) => frame(WireEvent::Change(change)),
        TimelineEvent::Position(position) => frame(WireEvent::Position(position)),
        TimelineEvent::ReadAgain(position) => frame(WireEvent::ReadAgain(position)),
    }
}

fn frame(event: WireEvent) -> Bytes {
    let mut frame = Vec::new();
    add_frame(event, &mut frame);
    frame.into()
}

fn add_post(post: &Post, bytes: &mut Vec<u8>) {
    add_frame(WireEvent::Post(post.clone()), bytes);
}

/// Adds a message as gRPC frames it: not compressed, and how long it is.
fn add_frame(event: WireEvent, bytes: &mut Vec<u8>) {
    let message = messages::event_to_wire(event);
    let length = message.encoded_len();
    bytes.reserve(1 + size_of::<u32>() + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).expect("a post is short"));
    message.encode(bytes).expect("a vector grows");
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;
    use tonic::codec::{EncodeBody, SingleMessageCompressionOverride};
    use tonic_prost::ProstEncoder;

    use super::*;
    use crate::{
        domain::{PostId, UnixMillis, UserId, UserName},
        network::{Changed, FeedChange, Posts, Refusal},
    };

    fn posts(texts: &[&str]) -> Posts {
        let author = UserName::new("ann").expect("valid");
        let post = |(id, text): (u64, &&str)| {
            let posted_at = UnixMillis::new(-3);
            Post::plain(PostId::new(id), UserId(7), author.clone(), posted_at, *text)
        };
        Posts::new((1..).zip(texts).map(post).collect()).expect("some")
    }

    async fn frames_of(
        mut body: impl Body<Data = Bytes, Error = Status> + Unpin,
    ) -> Vec<Frame<Bytes>> {
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            frames.push(frame.expect("readable"));
        }
        frames
    }

    /// The bytes of each frame, and the trailers.
    async fn sent(
        body: impl Body<Data = Bytes, Error = Status> + Unpin,
    ) -> (Vec<Bytes>, HeaderMap) {
        let mut frames = frames_of(body).await;
        let trailers = frames.pop().and_then(|frame| frame.into_trailers().ok());
        let data = frames.into_iter().filter_map(|frame| frame.into_data().ok()).collect();
        (data, trailers.expect("a status ends it"))
    }

    #[tokio::test]
    async fn the_bytes_are_those_that_tonic_would_send() {
        let text = "two\nlines 🙂".repeat(2_000);
        let position = PostId::new(300);
        let refusal = Refusal::interrupted();
        let some = posts(&["", "hi", &text]);
        let change = FeedChange { position, what: Changed::Deleted(PostId::new(2)) };
        let events: [Result<_, Refusal>; 5] = [
            Ok(TimelineEvent::Posts(some.after(PostId::new(1)).expect("some"))),
            Ok(TimelineEvent::Change(change.clone())),
            Ok(TimelineEvent::ReadAgain(position)),
            Ok(TimelineEvent::Position(position)),
            Err(refusal.clone()),
        ];
        let (ours, trailers) = sent(EventFrames::of(Box::pin(stream::iter(events)))).await;
        assert!(ours.len() > 1 && ours.iter().all(|frame| frame.len() <= TOGETHER));

        let events = some[1..].iter().cloned().map(WireEvent::Post);
        let others = [
            WireEvent::Change(change),
            WireEvent::ReadAgain(position),
            WireEvent::Position(position),
        ];
        let events = events.chain(others).map(messages::event_to_wire);
        let events = events.map(Ok).chain([Err(refusal.into())]);
        let (encoder, none) =
            (ProstEncoder::default(), SingleMessageCompressionOverride::default());
        let body = EncodeBody::new_server(encoder, stream::iter(events), None, none, None);
        let (theirs, their_trailers) = sent(Box::pin(body)).await;
        assert_eq!((ours.concat(), trailers), (theirs.concat(), their_trailers));
    }

    #[tokio::test]
    async fn what_waits_is_sent_together_and_posts_alone_as_they_were_encoded() {
        let shared = posts(&["one", "two"]);
        let encoded = shared.encoded(add_post);
        let event = |posts: &Posts| Ok(TimelineEvent::Posts(posts.clone()));
        let alone = EventFrames::of(Box::pin(stream::iter([event(&shared)])));
        let (frames, _) = sent(alone).await;
        assert_eq!(frames, std::slice::from_ref(&encoded));
        assert_eq!(frames[0].as_ptr(), encoded.as_ptr(), "the same bytes");

        let last = shared.after(PostId::new(1)).expect("some");
        let waiting = stream::iter([event(&shared), event(&last), event(&shared)]);
        let (frames, _) = sent(EventFrames::of(Box::pin(waiting))).await;
        assert_eq!(frames, [[encoded.clone(), last.encoded(add_post), encoded.clone()].concat()]);

        // Nobody waits for what is not there yet.
        let going_on = stream::iter([event(&shared)]).chain(stream::pending());
        let mut body = EventFrames::of(Box::pin(going_on));
        let frame = body.frame().await.expect("a frame").expect("readable");
        assert_eq!(frame.into_data().expect("data"), encoded);
        assert!(futures::poll!(body.frame()).is_pending());
    }
}
