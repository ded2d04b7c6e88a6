//! Live streams over HTTP (<https://docs.joinmastodon.org/methods/streaming/>): as server-sent events, of which each
//! connection has one stream, or over a WebSocket, which has many.
//!
//! | file | what it is |
//! | --- | --- |
//! | `name` | which streams there are, and what belongs to each |
//! | `subscriptions` | the streams of one socket, and what its client may ask for |
//! | `message` | what is sent |
//! | `handshake` | how a connection becomes a WebSocket |
//! | `reader` | what happens in the network, as its reader is told |
//! | `shared` | what many readers are told alike is made once |
//! | `event_stream` | server-sent events |
//! | `metered` | a connection of which only so much is read in a while |
//! | `socket` | many streams over one WebSocket |
//!
//! Streams are live timelines of the network, which go on by themselves through failovers; whoever reads too slowly
//! loses the connection. A stream of events also tells its positions, so that a client that comes back with the last
//! one, to whichever node, gets exactly what came after it.

mod event_stream;
mod handshake;
mod message;
mod metered;
mod name;
mod reader;
mod shared;
mod socket;
mod subscriptions;

use axum::{Router, routing::get};

pub use self::shared::SharedEntities;
use super::api::Api;

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/streaming", get(socket::open))
        .route("/api/v1/streaming/health", get(async || "OK"))
        .route("/api/v1/streaming/{*name}", get(event_stream::open))
}
