//! Reading posts: timelines, conversations, and what a post said before.

use super::{
    invalid, limit_from_wire, limit_to_wire, name_from_wire,
    personal::some_id,
    pictures::{pictures_from_wire, pictures_to_wire},
    posts::{all_from_wire, all_to_wire},
    some_text,
};
use crate::{
    domain::{Hashtag, Revision, UnixMillis},
    network::{Cursor, Refusal, Thread, TimelineKind},
    wire::v1,
};

/// Which page of which timeline is read.
pub fn timeline_to_wire(
    kind: &TimelineKind,
    cursor: Cursor,
    limit: Option<u32>,
) -> v1::TimelineRequest {
    let wire = match kind {
        TimelineKind::Followed => of_kind(v1::TimelineKind::Followed),
        TimelineKind::Home => of_kind(v1::TimelineKind::Home),
        TimelineKind::Local => of_kind(v1::TimelineKind::Local),
        TimelineKind::Hashtag(hashtag) => v1::TimelineRequest {
            hashtag: hashtag.to_string(),
            ..of_kind(v1::TimelineKind::Hashtag)
        },
        TimelineKind::Of { author, replies, boosts } => v1::TimelineRequest {
            username: author.to_string(),
            replies: *replies,
            boosts: *boosts,
            ..of_kind(v1::TimelineKind::Of)
        },
        TimelineKind::PicturesOf(author) => v1::TimelineRequest {
            username: author.to_string(),
            ..of_kind(v1::TimelineKind::PicturesOf)
        },
        TimelineKind::Pinned(author) => v1::TimelineRequest {
            username: author.to_string(),
            ..of_kind(v1::TimelineKind::Pinned)
        },
        TimelineKind::Liked => of_kind(v1::TimelineKind::Liked),
        TimelineKind::Bookmarked => of_kind(v1::TimelineKind::Bookmarked),
        TimelineKind::Direct => of_kind(v1::TimelineKind::Direct),
        TimelineKind::List(list) => {
            v1::TimelineRequest { list: list.get(), ..of_kind(v1::TimelineKind::List) }
        }
    };
    v1::TimelineRequest { cursor: cursor.into(), page_size: limit_to_wire(limit), ..wire }
}

fn of_kind(kind: v1::TimelineKind) -> v1::TimelineRequest {
    v1::TimelineRequest { kind: kind.into(), ..v1::TimelineRequest::default() }
}

/// Which page of which timeline is read.
pub fn timeline_from_wire(
    wire: v1::TimelineRequest,
) -> Result<(TimelineKind, Cursor, Option<u32>), Refusal> {
    let v1::TimelineRequest { cursor, page_size, kind, hashtag, username, replies, boosts, list } =
        wire;
    let kind = match v1::TimelineKind::try_from(kind) {
        Ok(v1::TimelineKind::Followed) => TimelineKind::Followed,
        Ok(v1::TimelineKind::Home) => TimelineKind::Home,
        Ok(v1::TimelineKind::Local) => TimelineKind::Local,
        Ok(v1::TimelineKind::Hashtag) => TimelineKind::Hashtag(hashtag_from_wire(&hashtag)?),
        Ok(v1::TimelineKind::Of) => {
            TimelineKind::Of { author: name_from_wire(username)?, replies, boosts }
        }
        Ok(v1::TimelineKind::PicturesOf) => TimelineKind::PicturesOf(name_from_wire(username)?),
        Ok(v1::TimelineKind::Pinned) => TimelineKind::Pinned(name_from_wire(username)?),
        Ok(v1::TimelineKind::Liked) => TimelineKind::Liked,
        Ok(v1::TimelineKind::Bookmarked) => TimelineKind::Bookmarked,
        Ok(v1::TimelineKind::List) => TimelineKind::List(some_id(list)?),
        Ok(v1::TimelineKind::Direct) => TimelineKind::Direct,
        Err(_) => {
            return Err(Refusal::invalid(
                "kind must be FOLLOWED, HOME, LOCAL, HASHTAG, OF, PINNED, LIKED, BOOKMARKED, LIST, \
                 DIRECT or PICTURES_OF",
            ));
        }
    };
    Ok((kind, cursor.into(), limit_from_wire(page_size)))
}

/// A hashtag, as a caller writes it.
pub(super) fn hashtag_from_wire(hashtag: &str) -> Result<Hashtag, Refusal> {
    Hashtag::new(hashtag).map_err(invalid)
}

/// A conversation.
pub fn thread_to_wire(Thread { ancestors, descendants }: Thread) -> v1::ThreadReply {
    let [ancestors, descendants] = [ancestors, descendants].map(all_to_wire);
    v1::ThreadReply { ancestors, descendants }
}

/// A conversation.
pub fn thread_from_wire(wire: v1::ThreadReply) -> Result<Thread, Refusal> {
    let v1::ThreadReply { ancestors, descendants } = wire;
    Ok(Thread { ancestors: all_from_wire(ancestors)?, descendants: all_from_wire(descendants)? })
}

/// What a post has said.
pub fn history_to_wire(revisions: Vec<Revision>) -> v1::HistoryReply {
    let revision = |Revision { at, text, warning, sensitive, pictures }| v1::Revision {
        at_ms: at.get(),
        text,
        warning: warning.unwrap_or_default(),
        sensitive,
        pictures: pictures_to_wire(pictures),
    };
    v1::HistoryReply { revisions: revisions.into_iter().map(revision).collect() }
}

/// What a post has said.
pub fn history_from_wire(wire: v1::HistoryReply) -> Result<Vec<Revision>, Refusal> {
    let revision = |wire: v1::Revision| {
        let v1::Revision { at_ms, text, warning, sensitive, pictures } = wire;
        let (at, warning) = (UnixMillis::new(at_ms), some_text(warning));
        let pictures = pictures_from_wire(pictures)?;
        Ok(Revision { at, text, warning, sensitive, pictures })
    };
    wire.revisions.into_iter().map(revision).collect()
}
