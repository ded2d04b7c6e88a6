//! What requests have in common: keys, limits, cursors, names and the numbers of posts.

use crate::{
    domain::{ClientId, OpaqueKey, PostId, RequestKey, UserName},
    network::{Cursor, Refusal},
    wire::v1::{self, notifications_request, posts_request, timeline_request},
};

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

/// The name of a user, as a caller writes it.
pub fn name_from_wire(username: String) -> Result<UserName, Refusal> {
    Ok(UserName::new(username)?)
}

/// The number of a post, or of a notification, that a request is about.
pub fn post_id_from_wire(id: u64) -> Result<PostId, Refusal> {
    if id == 0 {
        return Err(Refusal::invalid("id is missing"));
    }
    Ok(PostId::new(id))
}

/// The most posts or names that a caller wants on a page; 0 leaves it to the server.
pub fn limit_from_wire(wanted: u32) -> Option<u32> {
    (wanted > 0).then_some(wanted)
}

/// The most posts or names that a caller wants on a page.
pub fn limit_to_wire(limit: Option<u32>) -> u32 {
    limit.unwrap_or(0)
}

/// The calls that read pages have a cursor of the same form, of a type of their own.
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
cursor_on_the_wire!(notifications_request::Cursor);
