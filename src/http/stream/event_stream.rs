//! One stream as server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! It has no task: what comes next is asked for when the connection has room for it.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    message::{GREETING, Message, SIGN_OF_LIFE},
    name::{Shows, StreamName},
    reader::Reader,
};
use crate::{
    domain::PostId,
    http::{
        api::Api,
        asked::{Answered, Asked},
        fault::Fault,
    },
    network::{Timeline, TimelineEvent},
};

/// How often a silent stream says that it is there.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);
/// After which event a client comes back.
const LAST_EVENT_ID: &str = "last-event-id";
/// Proxies pass it on as it comes.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

struct EventStream {
    reader: Reader,
    shows: Shows,
    timeline: Timeline,
    /// What was asked for before the answer began.
    first: Option<TimelineEvent>,
    /// What is sent next.
    waiting: VecDeque<Bytes>,
    stop: CancellationToken,
}

/// Answers with a stream, or with why it cannot be had.
pub async fn open(State(api): State<Api>, asked: Asked) -> Answered {
    let stream = wanted(&asked)?;
    let after = last_event(&asked)?;
    let stop = api.stop.clone();
    let reader = Reader::of(api, asked).await?;
    let shows = stream.shows().clone();
    let mut timeline = reader.open(&shows, after);
    let first = Some(reader.first(&mut timeline).await?);
    let waiting = VecDeque::from([Bytes::from_static(GREETING.as_bytes())]);
    Ok(EventStream { reader, shows, timeline, first, waiting, stop }.into_answer())
}

/// The stream in the path. Of pictures alone there is nothing.
fn wanted(asked: &Asked) -> Result<StreamName, Fault> {
    let mut name = asked.in_path("name")?.replace('/', ":");
    if name.starts_with("public") && asked.parameters.flag("only_media") == Some(true) {
        name.push_str(":media");
    }
    let (tag, list) = (asked.parameters.filled("tag"), asked.parameters.filled("list"));
    StreamName::of(&name, tag, list).map_err(|why| Fault::bad_request(why.to_string()))
}

fn last_event(asked: &Asked) -> Result<Option<PostId>, Fault> {
    let Some(last) = asked.headers.get(LAST_EVENT_ID).filter(|last| !last.is_empty()) else {
        return Ok(None);
    };
    let position = last.to_str().ok().and_then(|last| last.parse().ok());
    let position = position.ok_or_else(|| Fault::bad_request("there is no such last event"))?;
    Ok(Some(PostId::new(position)))
}

impl EventStream {
    fn into_answer(self) -> Response {
        let parts = stream::unfold(self, async |mut events| {
            let part = events.next().await?;
            Some((Ok::<_, Infallible>(part), events))
        });
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            UNBUFFERED,
        ];
        (headers, Body::from_stream(parts)).into_response()
    }

    /// What is sent next; none if the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(part) = self.waiting.pop_front() {
                return Some(part);
            }
            let event = match self.first.take() {
                Some(first) => first,
                None => match self.event().await? {
                    Some(event) => event,
                    None => return Some(Bytes::from_static(SIGN_OF_LIFE.as_bytes())),
                },
            };
            // Whoever comes back gets what could not be shown.
            let messages = self.reader.messages(&self.shows, event).await.ok()?;
            self.waiting.extend(messages.iter().map(Message::as_event).map(Bytes::from));
        }
    }

    /// The next event; or none if there is none for a while. None at all if the stream is over.
    async fn event(&mut self) -> Option<Option<TimelineEvent>> {
        let silent_at = Instant::now() + SIGN_OF_LIFE_EVERY;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            next = timeout_at(silent_at, self.timeline.next()) => match next {
                Ok(event) => event?.ok().map(Some),
                Err(_silent) => Some(None),
            },
        }
    }
}
