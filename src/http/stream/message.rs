//! What is sent on a stream: as an event of a stream of events, or as a message on a socket. Pure.

use std::sync::Arc;

use serde_json::json;

use crate::domain::PostId;

/// What a stream of events begins with.
pub const GREETING: &str = ":)\n";
/// What it says while nothing happens.
pub const SIGN_OF_LIFE: &str = ":thump\n";

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When, in the feed of the network.
    pub position: PostId,
    /// What.
    pub event: EventName,
    /// An entity in JSON, or the number of what is gone.
    pub payload: Arc<str>,
}

/// What has happened, by the name that the API has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventName {
    /// There is a post.
    Update,
    /// There is a post in a conversation of few.
    Conversation,
    /// A post says something else.
    StatusUpdate,
    /// A post is gone.
    Delete,
    /// The reader is notified.
    Notification,
}

impl EventName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Conversation => "conversation",
            Self::StatusUpdate => "status.update",
            Self::Delete => "delete",
            Self::Notification => "notification",
        }
    }
}

impl Message {
    /// As an event, after whose id a client can come back.
    pub fn as_event(&self) -> String {
        debug_assert!(!self.payload.contains(['\n', '\r']), "JSON is on one line");
        let (position, event, payload) = (self.position, self.event.as_str(), &self.payload);
        format!("id: {position}\nevent: {event}\ndata: {payload}\n\n")
    }

    /// As a message of a stream that is called so.
    pub fn on_socket(&self, stream: &[String]) -> String {
        let (event, payload) = (self.event.as_str(), &*self.payload);
        json!({ "stream": stream, "event": event, "payload": payload }).to_string()
    }
}

/// What a client is told of something that it cannot have.
pub fn refusal(why: &str, status: u16) -> String {
    json!({ "error": why, "status": status }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update() -> Message {
        let payload = "{\"id\":\"7\",\"content\":\"two\\nlines\"}".into();
        Message { position: PostId::new(7), event: EventName::Update, payload }
    }

    #[test]
    fn an_event_has_its_position_and_stands_on_lines_of_its_own() {
        let expected = "id: 7\nevent: update\ndata: {\"id\":\"7\",\"content\":\"two\\nlines\"}\n\n";
        assert_eq!(update().as_event(), expected);
        let payload = "3".into();
        let gone = Message { position: PostId::new(9), event: EventName::Delete, payload };
        assert_eq!(gone.as_event(), "id: 9\nevent: delete\ndata: 3\n\n");
    }

    #[test]
    fn the_payload_on_a_socket_is_text_and_the_stream_is_a_list() {
        let label = ["hashtag".to_owned(), "Cats".to_owned()];
        let sent: serde_json::Value =
            serde_json::from_str(&update().on_socket(&label)).expect("JSON");
        assert_eq!(sent["stream"], json!(["hashtag", "Cats"]));
        assert_eq!(sent["event"], "update");
        assert_eq!(sent["payload"], "{\"id\":\"7\",\"content\":\"two\\nlines\"}");
    }

    #[test]
    fn all_events_have_the_names_of_the_api() {
        use EventName::{Conversation, Delete, Notification, StatusUpdate, Update};
        let names =
            [Update, StatusUpdate, Delete, Notification, Conversation].map(EventName::as_str);
        let expected = ["update", "status.update", "delete", "notification", "conversation"];
        assert_eq!(names, expected);
        let refused: serde_json::Value =
            serde_json::from_str(&refusal("Unknown \"stream\"", 400)).expect("JSON");
        assert_eq!(refused, json!({ "error": "Unknown \"stream\"", "status": 400 }));
    }
}
