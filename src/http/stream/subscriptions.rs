//! The streams of one socket, and what its client may ask for. Pure.

use serde::Deserialize;

use super::name::{NoSuchStream, StreamName};

/// So many streams one socket may have.
pub const MOST_STREAMS: usize = 16;
/// So many frames a client may send between two pings. One that subscribes to all it may and leaves them again sends
/// fewer.
pub const MOST_FRAMES: u32 = 64;
/// A client that has said nothing for so many pings is gone.
const MOST_MISSED: u32 = 2;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Another stream.
    Subscribe(StreamName),
    /// One stream less.
    Unsubscribe(StreamName),
}

/// What a client sends, in JSON.
#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    stream: String,
    tag: Option<String>,
    list: Option<Id>,
}

/// Numbers are mostly sent as texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

/// Why a client does not get what it wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwanted {
    /// It is not JSON, or something else than a demand.
    #[error("Expected a JSON object")]
    NoDemand,
    /// There is no such stream.
    #[error(transparent)]
    NoSuchStream(#[from] NoSuchStream),
    /// It has as many as it may.
    #[error("A connection has at most {MOST_STREAMS} streams")]
    TooMany,
}

/// What a client wants that has sent this; none if that means nothing here.
pub fn demand(text: &str) -> Result<Option<Demand>, Unwanted> {
    let sent: Sent = serde_json::from_str(text).map_err(|_| Unwanted::NoDemand)?;
    let list = sent.list.map(|list| match list {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    });
    let stream = || StreamName::of(&sent.stream, sent.tag.as_deref(), list.as_deref());
    Ok(match sent.kind.as_str() {
        "subscribe" => Some(Demand::Subscribe(stream()?)),
        "unsubscribe" => Some(Demand::Unsubscribe(stream()?)),
        _ => None,
    })
}

/// The streams of a socket, each with what is kept for it.
pub struct Subscriptions<T> {
    all: Vec<(StreamName, T)>,
}

impl<T> Default for Subscriptions<T> {
    fn default() -> Self {
        Self { all: Vec::new() }
    }
}

impl<T> Subscriptions<T> {
    /// Adds a stream, unless it is there.
    pub fn add(&mut self, name: StreamName, open: impl FnOnce() -> T) -> Result<(), Unwanted> {
        if self.all.iter().any(|(other, _)| other.is(&name)) {
            return Ok(());
        }
        if self.all.len() >= MOST_STREAMS {
            return Err(Unwanted::TooMany);
        }
        let opened = open();
        self.all.push((name, opened));
        Ok(())
    }

    /// Removes a stream, if it is there.
    pub fn remove(&mut self, name: &StreamName) {
        self.all.retain(|(other, _)| !other.is(name));
    }

    /// All of them. Whoever is served comes last from then on, so that none waits for ever.
    pub fn first_of(
        &mut self,
        mut is_next: impl FnMut(&mut T) -> bool,
    ) -> Option<&mut (StreamName, T)> {
        let at = self.all.iter_mut().position(|(_, kept)| is_next(kept))?;
        self.all[at..].rotate_left(1);
        self.all.last_mut()
    }
}

/// What a client has sent, and whether it is still there.
pub struct Presence {
    frames: u32,
    missed: u32,
}

impl Default for Presence {
    fn default() -> Self {
        Self { frames: MOST_FRAMES, missed: 0 }
    }
}

impl Presence {
    /// It has sent something; false if that was too much.
    pub fn sends(&mut self) -> bool {
        self.missed = 0;
        let left = self.frames.checked_sub(1);
        self.frames = left.unwrap_or_default();
        left.is_some()
    }

    /// It is pinged; false if it has not said anything for so long that it is gone.
    pub fn is_pinged(&mut self) -> bool {
        if self.missed >= MOST_MISSED {
            return false;
        }
        self.missed += 1;
        self.frames = MOST_FRAMES;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, tag: &str) -> StreamName {
        StreamName::of(name, Some(tag), Some("7")).expect("known")
    }

    #[test]
    fn demands_are_understood_as_apps_send_them() {
        for (text, expected) in [
            (r#"{"type":"subscribe","stream":"user"}"#, Demand::Subscribe(name("user", ""))),
            (
                r#"{"stream":"hashtag","tag":"cats","type":"unsubscribe"}"#,
                Demand::Unsubscribe(name("hashtag", "cats")),
            ),
            (
                r#"{"type":"subscribe","stream":"list","list":"7","extra":[1]}"#,
                Demand::Subscribe(name("list", "")),
            ),
            (
                r#"{"type":"subscribe","stream":"list","list":7}"#,
                Demand::Subscribe(name("list", "")),
            ),
        ] {
            assert_eq!(demand(text), Ok(Some(expected)), "{text}");
        }
        for nothing in [r#"{"type":"pong"}"#, "{}", r#"{"stream":"user"}"#] {
            assert_eq!(demand(nothing), Ok(None), "{nothing}");
        }
        for broken in ["", "user", "[]", "7", r#"{"type":7}"#, &"[".repeat(9_000)] {
            assert_eq!(demand(broken), Err(Unwanted::NoDemand), "{broken}");
        }
        let unknown = demand(r#"{"type":"subscribe","stream":"everything"}"#);
        assert_eq!(unknown, Err(NoSuchStream::Unknown.into()));
    }

    #[test]
    fn a_socket_has_each_stream_once_and_sixteen_at_most() {
        let mut all = Subscriptions::default();
        for number in 0..MOST_STREAMS {
            all.add(name("hashtag", &format!("tag{number}")), || number).expect("there is room");
        }
        all.add(name("hashtag", "TAG3"), || panic!("it is there")).expect("there already");
        assert_eq!(all.add(name("user", ""), || 99), Err(Unwanted::TooMany));
        all.remove(&name("hashtag", "tag3"));
        all.remove(&name("hashtag", "tag3"));
        all.add(name("user", ""), || 99).expect("there is room again");
        assert!(all.first_of(|number| *number == 3).is_none());
        assert!(all.first_of(|number| *number == 99).is_some());
    }

    #[test]
    fn no_stream_waits_for_another_that_is_always_busy() {
        let mut all = Subscriptions::default();
        for tag in ["a", "b", "c"] {
            all.add(name("hashtag", tag), || tag).expect("there is room");
        }
        let mut served = Vec::new();
        for _ in 0..6 {
            served.extend(all.first_of(|_| true).map(|(_, tag)| *tag));
        }
        assert_eq!(served, ["a", "b", "c", "a", "b", "c"]);
    }

    #[test]
    fn whoever_sends_too_much_or_nothing_is_told_apart() {
        let mut presence = Presence::default();
        assert!((0..MOST_FRAMES).all(|_| presence.sends()));
        assert!(!presence.sends());
        assert!(presence.is_pinged(), "the next time begins");
        assert!(presence.sends());
        assert!(presence.is_pinged());
        assert!(presence.is_pinged(), "one was missed");
        assert!(!presence.is_pinged(), "two were");
        let mut presence = Presence::default();
        for _ in 0..9 {
            assert!(presence.is_pinged() && presence.sends());
        }
    }
}
