//! What calls take and return, to the wire and from it: parsed once, where it enters the program.
//!
//! What a client has sent wrongly is refused as invalid. What a server has sent and this program
//! cannot understand is refused as a fault of that server.

use std::fmt::Display;

use crate::{
    domain::{ClientId, OpaqueKey, PostId, RequestKey, UnixMillis, UserName},
    network::{
        Cursor, ListKind, LoggedIn, Login, NamePage, NamePosition, PasswordChange, Post, PostPage,
        Published, Refusal, RefusalKind, SessionToken,
    },
    wire::v1::{self, posts_request, subscribe_event, timeline_request},
};

fn unreadable(error: impl Display) -> Refusal {
    Refusal::new(RefusalKind::Broken, format!("the server's answer cannot be understood: {error}"))
}

/// A request's key.
pub fn key_to_wire(key: &RequestKey) -> v1::RequestId {
    match key {
        RequestKey::Counted { client, sequence, answered_below } => v1::RequestId {
            client_id: client.0.to_be_bytes().to_vec(),
            sequence: *sequence,
            answered_below: *answered_below,
            opaque_key: Vec::new(),
        },
        RequestKey::Opaque(key) => {
            v1::RequestId { opaque_key: key.as_bytes().to_vec(), ..v1::RequestId::default() }
        }
    }
}

/// A request's key.
pub fn key_from_wire(wire: Option<v1::RequestId>) -> Result<RequestKey, Refusal> {
    let v1::RequestId { client_id, sequence, answered_below, opaque_key } =
        wire.ok_or_else(|| Refusal::invalid("request_id is missing"))?;
    if !opaque_key.is_empty() {
        if !client_id.is_empty() || sequence != 0 || answered_below != 0 {
            return Err(Refusal::invalid("request_id.opaque_key must stand alone"));
        }
        return Ok(RequestKey::Opaque(OpaqueKey::new(opaque_key)?));
    }
    let client: [u8; 16] = client_id
        .try_into()
        .map_err(|_| Refusal::invalid("request_id.client_id must have 16 bytes"))?;
    if sequence == 0 {
        return Err(Refusal::invalid("request_id.sequence must be at least 1"));
    }
    if answered_below > sequence {
        return Err(Refusal::invalid("request_id.answered_below must be at most sequence"));
    }
    let client = ClientId(u128::from_be_bytes(client));
    Ok(RequestKey::Counted { client, sequence, answered_below })
}

/// A login.
pub fn login_to_wire(Login { name, password, must_exist }: Login) -> v1::LogInRequest {
    v1::LogInRequest { username: name.into(), password, must_exist }
}

/// A login.
pub fn login_from_wire(wire: v1::LogInRequest) -> Result<Login, Refusal> {
    let v1::LogInRequest { username, password, must_exist } = wire;
    Ok(Login { name: UserName::new(username)?, password, must_exist })
}

/// The answer to a login.
pub fn logged_in_to_wire(logged_in: LoggedIn) -> v1::LogInReply {
    let LoggedIn { session, name, created, expires_at } = logged_in;
    v1::LogInReply {
        session_token: session.expose().to_owned(),
        username: name.into(),
        created,
        expires_at_ms: expires_at.get(),
    }
}

/// The answer to a login.
pub fn logged_in_from_wire(wire: v1::LogInReply) -> Result<LoggedIn, Refusal> {
    let v1::LogInReply { session_token, username, created, expires_at_ms } = wire;
    Ok(LoggedIn {
        session: SessionToken::new(session_token),
        name: UserName::new(username).map_err(unreadable)?,
        created,
        expires_at: UnixMillis::new(expires_at_ms),
    })
}

/// A change of password, under a key.
pub fn password_change_to_wire(key: &RequestKey, change: PasswordChange) -> v1::SetPasswordRequest {
    let PasswordChange { current, new } = change;
    v1::SetPasswordRequest {
        request_id: Some(key_to_wire(key)),
        current_password: current,
        new_password: new,
    }
}

/// A post that was made.
pub fn published_to_wire(Published { id, posted_at }: Published) -> v1::PublishReply {
    v1::PublishReply { post_id: id.get(), posted_at_ms: posted_at.get() }
}

/// A post that was made.
pub fn published_from_wire(
    v1::PublishReply { post_id, posted_at_ms }: v1::PublishReply,
) -> Published {
    Published { id: PostId::new(post_id), posted_at: UnixMillis::new(posted_at_ms) }
}

/// A post.
pub fn post_to_wire(Post { id, author, posted_at, text }: Post) -> v1::Post {
    v1::Post { id: id.get(), author: author.into(), posted_at_ms: posted_at.get(), text }
}

/// A post.
pub fn post_from_wire(wire: v1::Post) -> Result<Post, Refusal> {
    let v1::Post { id, author, posted_at_ms, text } = wire;
    Ok(Post {
        id: PostId::new(id),
        author: UserName::new(author).map_err(unreadable)?,
        posted_at: UnixMillis::new(posted_at_ms),
        text,
    })
}

/// A page of posts.
pub fn post_page_to_wire(PostPage { posts, as_of, more }: PostPage) -> v1::PostPage {
    let posts = posts.into_iter().map(post_to_wire).collect();
    v1::PostPage { posts, as_of: as_of.get(), more }
}

/// A page of posts.
pub fn post_page_from_wire(wire: v1::PostPage) -> Result<PostPage, Refusal> {
    let v1::PostPage { posts, as_of, more } = wire;
    let posts = posts.into_iter().map(post_from_wire).collect::<Result<_, _>>()?;
    Ok(PostPage { posts, as_of: PostId::new(as_of), more })
}

/// The two calls that read posts have a cursor of the same form, of a type of their own.
macro_rules! cursor_on_the_wire {
    ($wire:path) => {
        impl From<Option<$wire>> for Cursor {
            fn from(wire: Option<$wire>) -> Self {
                use $wire as Wire;
                match wire {
                    None => Self::Newest,
                    Some(Wire::Before(id)) => Self::Before(PostId::new(id)),
                    Some(Wire::After(id)) => Self::After(PostId::new(id)),
                }
            }
        }

        impl From<Cursor> for Option<$wire> {
            fn from(cursor: Cursor) -> Self {
                use $wire as Wire;
                match cursor {
                    Cursor::Newest => None,
                    Cursor::Before(id) => Some(Wire::Before(id.get())),
                    Cursor::After(id) => Some(Wire::After(id.get())),
                }
            }
        }
    };
}

cursor_on_the_wire!(timeline_request::Cursor);
cursor_on_the_wire!(posts_request::Cursor);

/// The most posts or names that a caller wants on a page; 0 leaves it to the server.
pub fn limit_from_wire(wanted: u32) -> Option<u32> {
    (wanted > 0).then_some(wanted)
}

/// The most posts or names that a caller wants on a page.
pub fn limit_to_wire(limit: Option<u32>) -> u32 {
    limit.unwrap_or(0)
}

/// Whom to list.
pub fn list_kind_to_wire(kind: ListKind) -> v1::ListKind {
    match kind {
        ListKind::Users => v1::ListKind::Users,
        ListKind::Following => v1::ListKind::Following,
        ListKind::Followers => v1::ListKind::Followers,
    }
}

/// Whom to list.
pub fn list_kind_from_wire(wire: i32) -> Result<ListKind, Refusal> {
    match v1::ListKind::try_from(wire) {
        Ok(v1::ListKind::Users) => Ok(ListKind::Users),
        Ok(v1::ListKind::Following) => Ok(ListKind::Following),
        Ok(v1::ListKind::Followers) => Ok(ListKind::Followers),
        Ok(v1::ListKind::Unspecified) | Err(_) => {
            Err(Refusal::invalid("kind must be USERS, FOLLOWING or FOLLOWERS"))
        }
    }
}

/// Where a page of names begins; none for the first page.
pub fn name_position_from_wire(token: String) -> Option<NamePosition> {
    (!token.is_empty()).then(|| NamePosition::new(token))
}

/// Where a page of names begins; none for the first page.
pub fn name_position_to_wire(position: Option<&NamePosition>) -> String {
    position.map(|position| position.as_str().to_owned()).unwrap_or_default()
}

/// A page of names.
pub fn name_page_to_wire(NamePage { names, next }: NamePage) -> v1::ListReply {
    v1::ListReply {
        usernames: names.into_iter().map(String::from).collect(),
        next_page_token: name_position_to_wire(next.as_ref()),
    }
}

/// A page of names.
pub fn name_page_from_wire(wire: v1::ListReply) -> Result<NamePage, Refusal> {
    let v1::ListReply { usernames, next_page_token } = wire;
    let names = usernames.into_iter().map(UserName::new).collect::<Result<_, _>>();
    Ok(NamePage {
        names: names.map_err(unreadable)?,
        next: name_position_from_wire(next_page_token),
    })
}

/// An event of a live timeline as it is on the wire, where each post is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireEvent {
    /// A post.
    Post(Post),
    /// Everything up to here has been delivered.
    Position(PostId),
}

/// An event of a live timeline.
pub fn event_to_wire(event: WireEvent) -> v1::SubscribeEvent {
    let event = match event {
        WireEvent::Post(post) => subscribe_event::Event::Post(post_to_wire(post)),
        WireEvent::Position(post) => subscribe_event::Event::Position(post.get()),
    };
    v1::SubscribeEvent { event: Some(event) }
}

/// An event of a live timeline; none for one of a later version, which is left out.
pub fn event_from_wire(wire: v1::SubscribeEvent) -> Result<Option<WireEvent>, Refusal> {
    Ok(match wire.event {
        Some(subscribe_event::Event::Post(post)) => Some(WireEvent::Post(post_from_wire(post)?)),
        Some(subscribe_event::Event::Position(position)) => {
            Some(WireEvent::Position(PostId::new(position)))
        }
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    #[test]
    fn a_request_needs_a_whole_id() {
        let whole = v1::RequestId {
            client_id: vec![1; 16],
            sequence: 2,
            answered_below: 2,
            opaque_key: Vec::new(),
        };
        assert!(key_from_wire(Some(whole.clone())).is_ok());
        for broken in [
            None,
            Some(v1::RequestId { sequence: 0, answered_below: 0, ..whole.clone() }),
            Some(v1::RequestId { answered_below: 3, ..whole.clone() }),
            Some(v1::RequestId { client_id: vec![1; 15], ..whole.clone() }),
            Some(v1::RequestId { opaque_key: vec![1], ..whole.clone() }),
            Some(v1::RequestId { opaque_key: vec![1; 65], ..v1::RequestId::default() }),
            Some(v1::RequestId::default()),
        ] {
            assert!(key_from_wire(broken.clone()).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn keys_arrive_as_they_were_sent() {
        let client = ClientId(u128::MAX - 1);
        for key in [
            RequestKey::Counted { client, sequence: 9, answered_below: 3 },
            RequestKey::Opaque(OpaqueKey::new(*b"a key").expect("valid")),
        ] {
            assert_eq!(key_from_wire(Some(key_to_wire(&key))), Ok(key));
        }
    }

    #[test]
    fn answers_arrive_as_they_were_sent() {
        let post = Post {
            id: PostId::new(3),
            author: name("ann"),
            posted_at: UnixMillis::new(-5),
            text: "two\nlines".to_owned(),
        };
        let page = PostPage { posts: vec![post.clone()], as_of: PostId::new(7), more: true };
        assert_eq!(post_page_from_wire(post_page_to_wire(page.clone())), Ok(page));
        for event in [WireEvent::Post(post), WireEvent::Position(PostId::new(7))] {
            assert_eq!(event_from_wire(event_to_wire(event.clone())), Ok(Some(event)));
        }
        let published = Published { id: PostId::new(8), posted_at: UnixMillis::new(9) };
        assert_eq!(published_from_wire(published_to_wire(published)), published);
        for next in [None, Some(NamePosition::new("ann"))] {
            let page = NamePage { names: vec![name("ann"), name("bob")], next };
            assert_eq!(name_page_from_wire(name_page_to_wire(page.clone())), Ok(page));
        }
        let logged_in = LoggedIn {
            session: SessionToken::new("token"),
            name: name("ann"),
            created: true,
            expires_at: UnixMillis::new(11),
        };
        assert_eq!(logged_in_from_wire(logged_in_to_wire(logged_in.clone())), Ok(logged_in));
    }

    #[test]
    fn requests_arrive_as_they_were_sent() {
        for kind in [ListKind::Users, ListKind::Following, ListKind::Followers] {
            assert_eq!(list_kind_from_wire(list_kind_to_wire(kind).into()), Ok(kind));
        }
        assert!(list_kind_from_wire(0).is_err() && list_kind_from_wire(99).is_err());
        let post = PostId::new(4);
        for cursor in [Cursor::Newest, Cursor::Before(post), Cursor::After(post)] {
            let timeline = Option::<timeline_request::Cursor>::from(cursor);
            let posts = Option::<posts_request::Cursor>::from(cursor);
            assert_eq!((Cursor::from(timeline), Cursor::from(posts)), (cursor, cursor));
        }
        for limit in [None, Some(1), Some(u32::MAX)] {
            assert_eq!(limit_from_wire(limit_to_wire(limit)), limit);
        }
    }

    #[test]
    fn an_answer_with_a_name_that_cannot_be_is_a_fault_of_the_server() {
        let post = v1::Post { author: "\u{1b}[2J".to_owned(), ..v1::Post::default() };
        let refused = post_from_wire(post).expect_err("refused");
        assert_eq!(refused.kind, RefusalKind::Broken);
    }
}
