//! Server-sent events, and those who read them.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{
    app::App,
    connection::{Connection, HttpError, Stream},
};
use crate::{
    bench::{PATIENCE, audience::Ear, load::LoadError, operation::TEXT},
    host::task,
};

const HOME: &str = "/api/v1/streaming/user";
/// Between two events.
const GAP: &[u8] = b"\n\n";
/// What stands around the text of a post: everybody posts plain words here.
const BEFORE: &str = "\"content\":\"<p>";
const AFTER: &str = "</p>";

/// An event with a post, of which another is made by replacing the text.
#[derive(Clone)]
pub struct EventTemplate {
    before: String,
    after: String,
}

impl EventTemplate {
    fn of(event: &str, text: &str) -> Option<Self> {
        let (before, after) = event.split_once(text)?;
        Some(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// The same event with another text.
    pub fn with(&self, text: &str) -> Bytes {
        [&self.before, text, &self.after].concat().into()
    }
}

/// Opens so many streams at one of the servers, shared among the readers.
pub async fn open(
    readers: &[App],
    address: &str,
    streams: usize,
) -> Result<Vec<Stream>, HttpError> {
    let mut opened = Vec::with_capacity(streams);
    for number in 0..streams {
        let reader = &readers[number % readers.len()];
        opened.push(Connection::open(address, &reader.token).await?.stream(HOME).await?);
    }
    Ok(opened)
}

/// Reads a stream until it ends.
pub fn read(mut stream: Stream, mut ear: Ear) -> AbortOnDropHandle<()> {
    task::spawn_owned(async move {
        let mut events = Events::default();
        let why = loop {
            match next(&mut stream).await {
                Ok(bytes) => events.take(&bytes, |event| {
                    if let Some(text) = text_of(event) {
                        ear.hears(text);
                    }
                }),
                Err(why) => break why,
            }
        };
        ear.is_cut_off(why.into());
    })
}

/// Posts, and returns the event by which a reader is told.
pub async fn one_of(reader: &App, author: &App) -> Result<EventTemplate, LoadError> {
    let mut stream = reader.connect().await?.stream(HOME).await?;
    author.published(TEXT).await?;
    let mut events = Events::default();
    let told = async {
        let mut template = None;
        while template.is_none() {
            let bytes = next(&mut stream).await?;
            events.take(&bytes, |event| {
                let whole = [event, "\n\n"].concat();
                template = template.take().or_else(|| EventTemplate::of(&whole, TEXT));
            });
        }
        Ok::<_, HttpError>(template)
    };
    let told =
        timeout(PATIENCE, told).await.map_err(|_late| LoadError::NotDelivered { missing: 1 })?;
    Ok(told?.expect("it was waited for"))
}

async fn next(stream: &mut Stream) -> Result<Bytes, HttpError> {
    let ended = || HttpError::NotUnderstood("a live stream has ended".to_owned());
    let frame = stream.body.frame().await.ok_or_else(ended)??;
    frame.into_data().map_err(|_| HttpError::NotUnderstood("a stream has trailers".to_owned()))
}

/// The text of the post that an event tells of.
fn text_of(event: &str) -> Option<&str> {
    let (_, rest) = event.split_once(BEFORE)?;
    Some(rest.split_once(AFTER)?.0)
}

/// What has come of events that are not whole yet.
#[derive(Default)]
struct Events {
    begun: Vec<u8>,
}

impl Events {
    /// Takes what comes, and hands over each event that is whole.
    fn take(&mut self, bytes: &[u8], mut hand_over: impl FnMut(&str)) {
        let mut rest = bytes;
        if self.begun.is_empty() {
            // Mostly, events come whole.
            while let Some(end) = end_of_event(rest) {
                hand_over_text(&rest[..end], &mut hand_over);
                rest = &rest[end + GAP.len()..];
            }
        }
        if rest.is_empty() {
            return;
        }
        self.begun.extend_from_slice(rest);
        while let Some(end) = end_of_event(&self.begun) {
            hand_over_text(&self.begun[..end], &mut hand_over);
            self.begun.drain(..end + GAP.len());
        }
    }
}

fn end_of_event(bytes: &[u8]) -> Option<usize> {
    bytes.windows(GAP.len()).position(|two| two == GAP)
}

fn hand_over_text(event: &[u8], hand_over: &mut impl FnMut(&str)) {
    if let Ok(event) = std::str::from_utf8(event) {
        hand_over(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str =
        "id: 7\nevent: update\ndata: {\"id\":\"7\",\"content\":\"<p>hello</p>\",\"x\":1}\n\n";

    #[test]
    fn events_are_whole_however_they_come() {
        let all = [":)\n", EVENT, ":thump\n", EVENT, EVENT].concat();
        for length in [1, 2, 7, EVENT.len(), all.len()] {
            let (mut events, mut texts) = (Events::default(), Vec::new());
            for part in all.as_bytes().chunks(length) {
                events.take(part, |event| texts.extend(text_of(event).map(str::to_owned)));
            }
            assert_eq!(texts, ["hello"; 3], "{length}");
            assert!(events.begun.is_empty());
        }
        assert_eq!(text_of("event: delete\ndata: 7"), None);
    }

    #[test]
    fn an_event_says_something_else_and_is_otherwise_the_same() {
        let template = EventTemplate::of(EVENT, "hello").expect("it says so");
        assert_eq!(template.with("hello"), EVENT);
        assert_eq!(template.with("other"), EVENT.replace("hello", "other"));
        assert!(EventTemplate::of(EVENT, "silence").is_none());
    }
}
