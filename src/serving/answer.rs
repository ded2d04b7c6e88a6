//! The bodies of requests and of answers, counted as long as they wait.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tonic::Status;
use tower::BoxError;

use super::{admission::CallPermit, full};

/// Answers leave in parts of at most this many bytes. A part that was handed over waits in the
/// library for its caller to take it; the next one is handed over only then.
const PART: usize = 16 << 10;

/// A request that is being worked off.
pub struct Request {
    /// None once the answer has begun.
    call: Mutex<Option<CallPermit>>,
    has_arrived: AtomicBool,
}

impl Request {
    /// Of which nothing has been read yet.
    pub fn new(call: CallPermit, has_body: bool) -> Self {
        Self { call: Mutex::new(Some(call)), has_arrived: AtomicBool::new(!has_body) }
    }

    /// Whether all of it has arrived.
    pub fn has_arrived(&self) -> bool {
        self.has_arrived.load(Ordering::Relaxed)
    }

    /// The place of the call, from now on for its answer.
    pub fn begin_answer(&self) -> CallPermit {
        let mut call = self.call.lock().take().expect("it is answered once");
        call.is_answered();
        call
    }
}

/// The body of a request, counted until the answer begins.
pub struct Arriving<B> {
    body: B,
    request: Arc<Request>,
    most: usize,
    /// How many have arrived, if they do not count among those that wait.
    uncounted: Option<usize>,
}

impl<B> Arriving<B> {
    /// The `body` of `request`, which may have so many bytes until its answer begins.
    pub fn new(body: B, request: Arc<Request>, most: usize) -> Self {
        Self { body, request, most, uncounted: None }
    }

    /// The same, if somebody else counts what waits of it.
    #[must_use]
    pub fn uncounted(self) -> Self {
        Self { uncounted: Some(0), ..self }
    }

    /// So many more bytes have arrived.
    fn arrives(&mut self, bytes: usize) -> Result<(), Status> {
        if let Some(before) = &mut self.uncounted {
            *before += bytes;
            return if *before > self.most { Err(too_large(self.most)) } else { Ok(()) };
        }
        let mut call = self.request.call.lock();
        // What a stream brings after its answer has begun is worked off as it comes.
        let Some(call) = &mut *call else { return Ok(()) };
        if call.arrived() + bytes > self.most {
            return Err(too_large(self.most));
        }
        call.arrives(bytes).map_err(full)
    }
}

fn too_large(most: usize) -> Status {
    Status::resource_exhausted(format!("a request has at most {most} bytes"))
}

impl<B: Body<Data = Bytes> + Unpin> Body for Arriving<B>
where
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
            self.request.has_arrived.store(true, Ordering::Relaxed);
            return Poll::Ready(None);
        };
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        self.arrives(length(&frame))?;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, counted until it was taken.
pub struct Answer {
    body: tonic::body::Body,
    /// None for a call that was not let in.
    call: Option<CallPermit>,
    /// What comes next, if it is there.
    next: Option<Frame<Bytes>>,
    has_ended: bool,
}

impl Answer {
    /// The answer to a call that was not let in.
    pub fn refusal(body: tonic::body::Body) -> Self {
        Self::page(body, None)
    }

    /// A page, and the place of the request that it answers, unless that was not let in.
    pub fn page(body: tonic::body::Body, call: Option<CallPermit>) -> Self {
        Self { body, call, next: None, has_ended: false }
    }

    /// An answer whose first part is made at once, if that can be done, so that it counts even if its
    /// caller takes nothing.
    pub async fn new(body: tonic::body::Body, call: CallPermit) -> Result<Self, Status> {
        let mut answer = Self { body, call: Some(call), next: None, has_ended: false };
        let first = poll_fn(|context| Poll::Ready(answer.poll_next(context))).await;
        if let Poll::Ready(Some(first)) = first {
            let first = first?;
            answer.waits(length(&first));
            answer.next = Some(first);
        }
        Ok(answer)
    }

    fn waits(&mut self, bytes: usize) {
        if let Some(call) = &mut self.call {
            call.waits(bytes);
        }
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let next = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.has_ended = next.is_none();
        Poll::Ready(next)
    }
}

fn length(frame: &Frame<Bytes>) -> usize {
    frame.data_ref().map_or(0, Bytes::len)
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Status;

    /// Asked for only when all that was handed over before has been taken.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let next = match self.next.take() {
            Some(next) => next,
            None if self.has_ended => return Poll::Ready(None),
            None => {
                self.waits(0);
                match ready!(self.poll_next(context)) {
                    Some(next) => next?,
                    None => return Poll::Ready(None),
                }
            }
        };
        self.waits(length(&next));
        Poll::Ready(Some(Ok(match next.into_data() {
            Ok(mut data) if data.len() > PART => {
                let part = data.split_to(PART);
                self.next = Some(Frame::data(data));
                Frame::data(part)
            }
            Ok(data) => Frame::data(data),
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && (self.has_ended || self.body.is_end_stream())
    }
}
