//! Live timelines.

use std::sync::Arc;

use super::{
    notification_from_wire, notification_to_wire, personal::some_id, post_from_wire, post_to_wire,
    timelines::hashtag_from_wire, unreadable,
};
use crate::{
    domain::{Post, PostId},
    network::{Changed, FeedChange, Refusal, StreamKind},
    wire::v1::{self, subscribe_event::Event},
};

/// Which live timeline, and from where on.
pub fn subscription_to_wire(kind: &StreamKind, after: Option<PostId>) -> v1::SubscribeRequest {
    let none = String::new;
    let (kind, hashtag, list) = match kind {
        StreamKind::Followed => (v1::StreamKind::Followed, none(), 0),
        StreamKind::Home => (v1::StreamKind::Home, none(), 0),
        StreamKind::Local => (v1::StreamKind::Local, none(), 0),
        StreamKind::Hashtag(hashtag) => (v1::StreamKind::Hashtag, hashtag.to_string(), 0),
        StreamKind::List(list) => (v1::StreamKind::List, none(), list.get()),
        StreamKind::Direct => (v1::StreamKind::Direct, none(), 0),
    };
    v1::SubscribeRequest { after: after.map(PostId::get), kind: kind.into(), hashtag, list }
}

/// Which live timeline, and from where on.
pub fn subscription_from_wire(
    wire: v1::SubscribeRequest,
) -> Result<(StreamKind, Option<PostId>), Refusal> {
    let v1::SubscribeRequest { after, kind, hashtag, list } = wire;
    let kind = match v1::StreamKind::try_from(kind) {
        Ok(v1::StreamKind::Followed) => StreamKind::Followed,
        Ok(v1::StreamKind::Home) => StreamKind::Home,
        Ok(v1::StreamKind::Local) => StreamKind::Local,
        Ok(v1::StreamKind::Hashtag) => StreamKind::Hashtag(hashtag_from_wire(&hashtag)?),
        Ok(v1::StreamKind::List) => StreamKind::List(some_id(list)?),
        Ok(v1::StreamKind::Direct) => StreamKind::Direct,
        Err(_) => {
            return Err(Refusal::invalid(
                "kind must be FOLLOWED, HOME, LOCAL, HASHTAG, LIST or DIRECT",
            ));
        }
    };
    Ok((kind, after.map(PostId::new)))
}

/// An event of a live timeline as it is on the wire, where each post is one.
#[expect(clippy::large_enum_variant, reason = "nearly all events are posts")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireEvent {
    /// A post.
    Post(Post),
    /// Something other than a new post.
    Change(FeedChange),
    /// Everything up to here has been delivered.
    Position(PostId),
    /// Whatever is shown is to be read again.
    ReadAgain(PostId),
}

/// An event of a live timeline.
pub fn event_to_wire(event: WireEvent) -> v1::SubscribeEvent {
    let event = match event {
        WireEvent::Post(post) => Event::Post(post_to_wire(post)),
        WireEvent::Change(FeedChange { position, what }) => change_to_wire(position, what),
        WireEvent::Position(position) => Event::Position(position.get()),
        WireEvent::ReadAgain(position) => Event::ReadAgain(position.get()),
    };
    v1::SubscribeEvent { event: Some(event) }
}

fn change_to_wire(position: PostId, what: Changed) -> Event {
    let position = position.get();
    match what {
        Changed::Edited(post) => {
            let post = Some(post_to_wire(Arc::unwrap_or_clone(post)));
            Event::Edited(v1::Edited { position, post })
        }
        Changed::Deleted(id) => Event::Deleted(v1::Deleted { position, id: id.get() }),
        // Its id is its position.
        Changed::Notified(notification) => {
            Event::Notified(notification_to_wire(Arc::unwrap_or_clone(notification)))
        }
    }
}

/// An event of a live timeline; none for one of a later version, which is left out.
pub fn event_from_wire(wire: v1::SubscribeEvent) -> Result<Option<WireEvent>, Refusal> {
    Ok(match wire.event {
        Some(Event::Post(post)) => Some(WireEvent::Post(post_from_wire(post)?)),
        Some(Event::Position(position)) => Some(WireEvent::Position(PostId::new(position))),
        Some(Event::Edited(v1::Edited { position, post })) => {
            let post = post.ok_or_else(|| unreadable("an edited post is missing"))?;
            let what = Changed::Edited(Arc::new(post_from_wire(post)?));
            Some(WireEvent::Change(FeedChange { position: PostId::new(position), what }))
        }
        Some(Event::Deleted(v1::Deleted { position, id })) => {
            let what = Changed::Deleted(PostId::new(id));
            Some(WireEvent::Change(FeedChange { position: PostId::new(position), what }))
        }
        Some(Event::Notified(notification)) => {
            notification_from_wire(notification)?.map(|notification| {
                let position = notification.id;
                let what = Changed::Notified(Arc::new(notification));
                WireEvent::Change(FeedChange { position, what })
            })
        }
        Some(Event::ReadAgain(position)) => Some(WireEvent::ReadAgain(PostId::new(position))),
        None => None,
    })
}
